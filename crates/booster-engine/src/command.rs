//! Commands of the administrator's, run safely: without a shell, without secrets, and for a bounded time.
//!
//! What a command writes is kept up to a limit for whoever has to say why it failed. What it started and left
//! behind is not waited for.

use std::{
    ffi::{OsStr, OsString},
    io,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::{Child, Command},
    task::JoinSet,
};

/// How much of the end of what a command writes is kept.
const KEPT: usize = 2 << 10;
/// How long what a command wrote last may take to arrive after its end. Something that it started may hold
/// the pipe for ever.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A program with its arguments, and how long it may take.
///
/// It gets this process's environment without the variables `BOOSTER_*`, which may hold secrets, and those that
/// it is run with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// How long it may take.
    pub timeout: Duration,
}

/// Why a command did not do what it was to do.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It ended with a failure.
    #[error("{program} failed with these definitions ({status}){}", so_it_said(.said))]
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
        "{program} took longer than {} s with these definitions{}", limit.as_secs_f64(), so_it_said(.said)
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
    #[error("{program} cannot be run: {source}")]
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

impl CommandError {
    /// Whether it speaks against the definitions.
    pub const fn is_about_content(&self) -> bool {
        !matches!(self, Self::NotRun { .. })
    }
}

impl CommandLine {
    /// Runs the command to its end, or to the end of its time; it must end with 0. Dropped, it is killed.
    ///
    /// # Errors
    /// It did not end well, or could not be run.
    pub async fn run(&self, environment: &[(&str, &OsStr)]) -> Result<(), CommandError> {
        self.run_to(environment, ExitStatus::success).await
    }

    /// As [`CommandLine::run`], where other ends than with 0 may be good ones.
    pub(crate) async fn run_to(
        &self,
        environment: &[(&str, &OsStr)],
        is_good: impl Fn(&ExitStatus) -> bool,
    ) -> Result<(), CommandError> {
        let program = || self.program.clone();
        let not_run = |source| CommandError::NotRun { program: program(), source };
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let secret = |name: &OsString| name.to_string_lossy().starts_with("BOOSTER_");
        for (name, _) in std::env::vars_os().filter(|(name, _)| secret(name)) {
            command.env_remove(name);
        }
        command.envs(environment.iter().copied());
        let mut child = command.spawn().map_err(not_run)?;
        let words = Words::of(&mut child);
        match tokio::time::timeout(self.timeout, child.wait()).await {
            Ok(Ok(status)) if is_good(&status) => Ok(()),
            Ok(Ok(status)) => {
                Err(CommandError::Failed { program: program(), status, said: words.last().await })
            }
            Ok(Err(source)) => Err(not_run(source)),
            Err(_) => {
                // Killed and reaped; an error means that it is gone already.
                _ = child.kill().await;
                let said = words.last().await;
                Err(CommandError::TimedOut { program: program(), limit: self.timeout, said })
            }
        }
    }
}

/// What a command writes, while it writes it.
struct Words {
    kept: Arc<Mutex<Vec<u8>>>,
    readers: JoinSet<()>,
}

impl Words {
    fn of(child: &mut Child) -> Self {
        let kept = Arc::default();
        let mut readers = JoinSet::new();
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
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept).lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
    }
}

async fn keep_last(mut pipe: impl AsyncRead + Unpin, kept: Arc<Mutex<Vec<u8>>>) {
    let mut chunk = [0; 4096];
    // What cannot be read is not worth failing for.
    while let Ok(read @ 1..) = pipe.read(&mut chunk).await {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(&chunk[..read]);
        let surplus = kept.len().saturating_sub(KEPT);
        kept.drain(..surplus);
    }
}
