//! `booster scan`: look for threats with what is installed.

use crate::{
    context::Context,
    exit::{CommandResult, Exit},
    output::Output,
    render::scan::{self as render, Finding},
    runtime,
    through::Through,
};
use booster_config::Settings;
use booster_definitions::{Component, Version};
use booster_engine::{ContentScanner, FileOutcome, ImageError, ScanSummary, Scanner, scan_paths};
use booster_service::{
    client::{Client, RemoteScanner},
    status::ComponentStatus,
};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    error::Error,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// What deaths while loading definitions are counted by.
const PROGRAM: &str = "scan";

/// Look for threats in files and folders with the installed definitions
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster scan ~/Downloads
  booster scan --json /srv/uploads | jq 'select(.result == \"detected\")'
  booster scan upload.bin && mv upload.bin /srv/accepted/

Exit codes: 0 clean, 1 a threat was detected, 2 something could not be scanned, 4 cancelled.")]
pub struct ScanArgs {
    /// Files, and folders with all that is in them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Print one JSON object for each file with a threat, an error or a skip, and a last one with the sum
    #[arg(long)]
    json: bool,
    /// Report clean files too
    #[arg(long)]
    all: bool,
    /// Update first, as `check_before_scan` under `[schedule]` says: for scans that a timer starts
    #[arg(long)]
    scheduled: bool,
    /// Print findings only, no sum and no progress
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    through: Through,
}

/// What looks for threats: definitions that this process has opened, or the service's.
#[derive(Clone)]
struct Definitions {
    scanner: Arc<dyn ContentScanner + Send + Sync>,
    components: BTreeMap<Component, Version>,
}

/// Scans.
pub fn run(args: &ScanArgs, context: &Context) -> CommandResult {
    let settings = context.settings()?.settings;
    let started = Instant::now();
    let scanned = runtime::run(async |cancel| {
        let definitions = match args.through.connect(&settings, context).await? {
            Some(client) => Some(of_service(args, client, &settings).await?),
            None if args.scheduled => {
                return Err("--scheduled has the antimalware service update first, and none answers".into());
            }
            None => open(&settings, &cancel).await?,
        };
        let Some(definitions) = definitions else { return Ok(None) };
        let summary = scan(args, &settings, context, &definitions, cancel).await?;
        Ok::<_, Box<dyn Error>>(Some((definitions, summary)))
    })??;
    let Some((definitions, summary)) = scanned else { return Ok(Exit::Cancelled) };
    tell(args, context, &definitions, &summary, started.elapsed());
    Ok(exit(&summary))
}

fn exit(summary: &ScanSummary) -> Exit {
    match summary {
        ScanSummary { cancelled: true, .. } => Exit::Cancelled,
        ScanSummary { detected: 1.., .. } => Exit::Found,
        ScanSummary { failed: 1.., .. } => Exit::Failed,
        _ => Exit::Success,
    }
}

/// The definitions that the service uses.
async fn of_service(
    args: &ScanArgs,
    mut client: Client,
    settings: &Settings,
) -> Result<Definitions, Box<dyn Error>> {
    if args.scheduled {
        match client.prepare_scan().await? {
            Ok(report) => tracing::info!(outcome = %report.outcome, "updated before the scan"),
            Err(reason) => tracing::info!(reason, "not updated before the scan"),
        }
    }
    let status = client.status().await?;
    let used = |component: ComponentStatus| Some((component.name, component.in_use?));
    let components: BTreeMap<_, _> = status.components.into_iter().filter_map(used).collect();
    if components.is_empty() {
        let problem = status.service.and_then(|service| service.engine_problem);
        return Err(problem
            .unwrap_or_else(|| "the service has no definitions: run `booster update`".into())
            .into());
    }
    let (socket, limits) = (client.socket().to_owned(), settings.scan_limits());
    let scanner = tokio::task::spawn_blocking(move || RemoteScanner::connect(vec![socket], limits)).await??;
    Ok(Definitions { scanner: Arc::new(scanner), components })
}

/// Opens the definitions in use, in a thread of its own: a signal meanwhile ends the command in good order
/// (`None`), and is not taken for a crash of the definitions.
async fn open(
    settings: &Settings,
    cancel: &CancellationToken,
) -> Result<Option<Definitions>, Box<dyn Error>> {
    let store = settings.store();
    let (installed, loading) = store.load_current(PROGRAM)?.ok_or_else(|| {
        format!("no definitions are installed in {}: run `booster update`", store.data_dir().display())
    })?;
    let limits = settings.scan_limits();
    let opening =
        tokio::task::spawn_blocking(move || Scanner::open(&installed.image_dir(), installed.dir(), limits));
    let opened = tokio::select! {
        // A panic there is this command's own, and a crash of the definitions.
        opened = opening => opened.map_err(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => error,
        })?,
        () = cancel.cancelled() => return Ok(None),
    };
    let scanner = opened.map_err(|error| match error {
        ImageError::OtherFormat(_) => error.to_string(),
        error => format!("the installed definitions cannot be used: {error}; run `booster verify`"),
    })?;
    loading.succeeded();
    let components = scanner.components().clone();
    Ok(Some(Definitions { scanner: Arc::new(scanner), components }))
}

/// Scans in threads of the scanner's own, while this one waits for them and for signals.
async fn scan(
    args: &ScanArgs,
    settings: &Settings,
    context: &Context,
    definitions: &Definitions,
    cancel: CancellationToken,
) -> Result<ScanSummary, Box<dyn Error>> {
    let printer = Printer::new(args, context);
    let bar = printer.bar.clone();
    if !bar.is_hidden() {
        count(&args.paths, bar.clone(), cancel.clone());
    }
    let (scanner, options) = (Arc::clone(&definitions.scanner), settings.scan_options());
    let paths = args.paths.clone();
    let work = move || scan_paths(&*scanner, &paths, &options, &|outcome| printer.show(outcome), &cancel);
    let summary = tokio::task::spawn_blocking(work).await?;
    bar.finish_and_clear();
    Ok(summary)
}

/// Prints what is found as it is found, from whichever thread finds it.
struct Printer {
    output: Arc<Output>,
    bar: ProgressBar,
    json: bool,
    all: bool,
}

impl Printer {
    fn new(args: &ScanArgs, context: &Context) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        if context.output.terminal().stderr && !args.quiet && !args.json {
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.set_style(of_files("{pos} files"));
        }
        Self { output: Arc::clone(&context.output), bar, json: args.json, all: args.all }
    }

    fn show(&self, outcome: &FileOutcome) {
        self.bar.inc(1);
        let finding = Finding::of(outcome);
        if matches!(finding, Finding::Clean { .. }) && !self.all {
            return;
        }
        self.bar.suspend(|| match &finding {
            _ if self.json => self.output.json(&finding),
            Finding::Error { path, error } => {
                self.output.message(format!("{}: {error}", path.display()));
            }
            finding => {
                if let Some(line) = finding.line(self.output.style()) {
                    self.output.line(line);
                }
            }
        });
    }
}

/// Counts the files ahead of the scan, so that the bar knows its end.
fn count(paths: &[PathBuf], bar: ProgressBar, cancel: CancellationToken) {
    let paths = paths.to_vec();
    // Nobody waits for it: it is only the bar's.
    std::thread::spawn(move || {
        let entries = paths.iter().flat_map(|path| walkdir::WalkDir::new(path).follow_root_links(true));
        let files = entries
            .take_while(|_| !cancel.is_cancelled() && !bar.is_finished())
            .filter(|entry| entry.as_ref().map_or(true, |entry| !entry.file_type().is_dir()))
            .count();
        bar.set_length(files as u64);
        bar.set_style(of_files("[{bar:28}] {pos} of {len} files, {eta} left"));
    });
}

fn of_files(template: &str) -> ProgressStyle {
    let template = format!("Scanning {template}, {{per_sec}}");
    ProgressStyle::with_template(&template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

/// The sum: an object in JSON, a line otherwise.
fn tell(
    args: &ScanArgs,
    context: &Context,
    definitions: &Definitions,
    summary: &ScanSummary,
    duration: Duration,
) {
    if args.json {
        let outcome = match exit(summary) {
            Exit::Success => "clean",
            Exit::Found => "detected",
            Exit::Cancelled => "cancelled",
            _ => "error",
        };
        context.output.json(&Sum {
            result: "summary",
            outcome,
            summary,
            definitions: &definitions.components,
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        });
    } else if !args.quiet {
        context.output.line(render::summary(summary, duration, context.output.style()));
    }
}

/// The last object of `scan --json`.
#[derive(Serialize)]
struct Sum<'a> {
    result: &'static str,
    outcome: &'static str,
    #[serde(flatten)]
    summary: &'a ScanSummary,
    definitions: &'a BTreeMap<Component, Version>,
    duration_ms: u64,
}
