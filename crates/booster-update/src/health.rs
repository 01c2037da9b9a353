//! The health command: whether the machine is well with the definitions that it has just switched to.
//!
//! It is a program of the administrator's, run without a shell, that ends with 0 where all is well. The
//! switch is made to be approved: until the command has said yes, everything that was in use before is kept,
//! and whatever happens to this process, the next operation finds the question open and asks again.

use crate::{Cause, context::Context};
use booster_store::{HistoryEntry, Installed, Operation, RolledBack, Verdict, Why};
use std::{io, path::PathBuf, process::ExitStatus, process::Stdio, sync::Arc, sync::Mutex, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::{Child, Command},
};

/// How much of the end of what a command writes is kept for the report.
const KEPT: usize = 2 << 10;
/// How long what a command wrote last may take to arrive after its end. Something that it started may hold
/// the pipe for ever.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A command that says whether the machine is well.
///
/// It gets this process's environment without the variables `BOOSTER_*`, which may hold secrets, and
/// `BOOSTER_DATA_DIR` and `BOOSTER_GENERATION`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// How long it may take.
    pub timeout: Duration,
}

/// What a health command said, if it did not say that all is well.
#[derive(Debug, thiserror::Error)]
pub enum Unhealthy {
    /// It ended with a failure.
    #[error("the health command {program} failed with these definitions ({status}){}", so_it_said(.said))]
    Failed {
        /// The program.
        program: PathBuf,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it wrote.
        said: String,
    },
    /// It did not end in time.
    #[error(
        "the health command {program} took longer than {} s with these definitions{}",
        limit.as_secs_f64(), so_it_said(.said)
    )]
    TimedOut {
        /// The program.
        program: PathBuf,
        /// How long it may take.
        limit: Duration,
        /// The end of what it wrote.
        said: String,
    },
    /// It could not be run: that says nothing about the definitions.
    #[error("the health command {program} cannot be run: {source}; see [health] in the configuration")]
    NotRun {
        /// The program.
        program: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
}

fn so_it_said(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(": {words}") }
}

impl Unhealthy {
    /// Whether it speaks against the definitions.
    pub const fn is_about_content(&self) -> bool {
        !matches!(self, Self::NotRun { .. })
    }
}

/// Has the switch that was just made approved, or undoes it.
pub(crate) async fn approve(
    context: &Context<'_>,
    operation: &Operation,
    installed: &Installed,
) -> Result<(), Cause> {
    let Some(command) = &context.request.options.health else { return Ok(operation.approve()?) };
    let asked = context.unless_cancelled(command.ask(context, installed)).await;
    let (cause, verdict) = match asked {
        Ok(Ok(())) => return Ok(operation.approve()?),
        Ok(Err(unhealthy)) => {
            let verdict = verdict(context, &unhealthy);
            (Cause::Unhealthy(unhealthy), verdict)
        }
        Err(cancelled) => (cancelled, None),
    };
    operation.undo(verdict.as_ref())?;
    Err(cause)
}

/// Asks again about a switch that nobody has approved yet, and says what was undone then.
pub(crate) async fn settle(
    context: &Context<'_>,
    operation: &Operation,
) -> Result<Option<RolledBack>, Cause> {
    if !operation.store().awaits_approval()? {
        return Ok(None);
    }
    let (command, current) = (&context.request.options.health, operation.store().current()?);
    let (Some(command), Some(current)) = (command, current) else {
        operation.approve()?;
        return Ok(None);
    };
    tracing::info!("the last switch was not approved before its operation ended: it is asked for again");
    let unhealthy = match context.unless_cancelled(command.ask(context, &current)).await? {
        Ok(()) => {
            operation.approve()?;
            return Ok(None);
        }
        Err(unhealthy) => unhealthy,
    };
    let verdict = verdict(context, &unhealthy);
    let changes = operation.undo(verdict.as_ref())?;
    let Some(verdict) = verdict else { return Err(Cause::Unhealthy(unhealthy)) };
    let Verdict { why, reason, time } = verdict;
    let entry = HistoryEntry {
        time,
        outcome: "rolled_back".to_owned(),
        source: None,
        changes: changes.clone(),
        bytes_downloaded: 0,
        duration_ms: 0,
        error: None,
        reason: Some(reason.clone()),
    };
    crate::records::record("the history", operation.record_history(entry));
    Ok(Some(RolledBack { time, why, reason, changes }))
}

fn verdict(context: &Context<'_>, unhealthy: &Unhealthy) -> Option<Verdict> {
    let (reason, time) = (unhealthy.to_string(), context.clock.now());
    unhealthy.is_about_content().then_some(Verdict { why: Why::Unhealthy, reason, time })
}

impl HealthCommand {
    /// Runs the command to its end, or to the end of its time. Dropped, it is killed.
    async fn ask(&self, context: &Context<'_>, installed: &Installed) -> Result<(), Unhealthy> {
        let program = || self.program.clone();
        let not_run = |source| Unhealthy::NotRun { program: program(), source };
        let data = std::path::absolute(context.store.data_dir()).map_err(not_run)?;
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let secret = |name: &std::ffi::OsString| name.to_string_lossy().starts_with("BOOSTER_");
        for (name, _) in std::env::vars_os().filter(|(name, _)| secret(name)) {
            command.env_remove(name);
        }
        command.env("BOOSTER_DATA_DIR", data);
        command.env("BOOSTER_GENERATION", installed.record().number.to_string());
        let mut child = command.spawn().map_err(not_run)?;
        let words = Words::of(&mut child);
        match tokio::time::timeout(self.timeout, child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(Unhealthy::Failed { program: program(), status, said: words.last().await }),
            Ok(Err(source)) => Err(not_run(source)),
            Err(_) => {
                // Killed and reaped; an error means that it is gone already.
                _ = child.kill().await;
                let said = words.last().await;
                Err(Unhealthy::TimedOut { program: program(), limit: self.timeout, said })
            }
        }
    }
}

/// What a command writes, while it writes it.
struct Words {
    kept: Arc<Mutex<Vec<u8>>>,
    readers: tokio::task::JoinSet<()>,
}

impl Words {
    fn of(child: &mut Child) -> Self {
        let kept = Arc::default();
        let mut readers = tokio::task::JoinSet::new();
        if let Some(out) = child.stdout.take() {
            readers.spawn(keep_last(out, Arc::clone(&kept)));
        }
        if let Some(err) = child.stderr.take() {
            readers.spawn(keep_last(err, Arc::clone(&kept)));
        }
        Self { kept, readers }
    }

    /// The end of it, in one line.
    async fn last(mut self) -> String {
        let all = async { while self.readers.join_next().await.is_some() {} };
        // What has not come by then is not waited for.
        _ = tokio::time::timeout(LAST_WORDS, all).await;
        let kept = self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        String::from_utf8_lossy(&kept).lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
    }
}

async fn keep_last(mut pipe: impl AsyncRead + Unpin, kept: Arc<Mutex<Vec<u8>>>) {
    let mut chunk = [0; 4096];
    // What cannot be read is not worth failing for.
    while let Ok(read @ 1..) = pipe.read(&mut chunk).await {
        let mut kept = kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        kept.extend_from_slice(&chunk[..read]);
        let surplus = kept.len().saturating_sub(KEPT);
        kept.drain(..surplus);
    }
}
