//! `booster update`: look for newer definitions, and install them.

mod served;

use crate::{
    context::{Context, worker_command},
    exit::{CommandResult, Exit, story},
    output::Output,
    render::{bars::Bars, event, guard, report},
    runtime,
    through::Through,
};
use booster_config::{ConfigError, Flags, Settings, Size, SourceChoice, SourceSettings};
use booster_service::{Asked, client::ClientError};
use booster_sources::SourceKind;
use booster_store::{Operation, Store, StoreError};
use booster_trust::{STATE_FILE, TrustError};
use booster_update::{
    ErrorKind, Event, OPERATION, Observer, Outcome, Report, RootError, SystemClock, UpdateRequest,
    check_owner, pin_root, run_holding,
};
use clap::Args;
use std::{
    error::Error,
    path::{Path, PathBuf},
};
use tokio_util::sync::CancellationToken;

/// Look for newer definitions and install them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster update --from https://definitions.example/ --root root.json
                                   the first update: root.json comes from the publisher
  booster update                   every later one, with the sources of the configuration
  booster update --check           only look whether there is something new
  booster update --from /media/usb definitions from a medium or a folder
  booster update --source unc      only the configured file shares
  booster update --from '\\\\server\\share\\folder'
                                   a file share, signed in to as [unc] says
  booster update --max-rate 1MiB   leave some of the line to others
  booster update --json | tail -1 | jq .outcome

Exit codes: 0 updated or current, 2 failed, 3 another update is running, 4 cancelled. Whatever
happens, the definitions in use are either the old ones or the new ones, whole.")]
pub struct UpdateArgs {
    /// Ask only sources of this kind: http, unc, managed, unmanaged or directory
    #[arg(long, value_name = "KIND")]
    source: Option<SourceKind>,
    /// Ask this source instead of those configured: a URL, a share (\\server\share) or a folder
    #[arg(long, value_name = "URL|UNC|PATH")]
    from: Option<SourceSettings>,
    /// Trust the publisher with this root metadata, if none is trusted yet
    #[arg(long, value_name = "ROOT.json")]
    root: Option<PathBuf>,
    /// Fetch at most so many bytes a second, as in 512KiB, in place of the configured max_rate
    #[arg(long, value_name = "SIZE")]
    max_rate: Option<Size>,
    /// Download what is needed although the daily budget is spent
    #[arg(long)]
    ignore_budget: bool,
    /// Only look: install nothing
    #[arg(long)]
    check: bool,
    /// Take the newest release although its roll-out has not reached this machine
    #[arg(long)]
    now: bool,
    /// Print one JSON object for each event, and a last one with the outcome
    #[arg(long)]
    json: bool,
    /// Print errors only; with --json the last object only
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    through: Through,
}

/// Updates.
pub fn run(args: &UpdateArgs, context: &Context) -> CommandResult {
    match update(args, context) {
        Ok(report) => {
            tell(args, context, &report);
            Ok(exit(&report))
        }
        Err(error) if args.json => {
            context.output.json(&unable(&*error));
            Err(error)
        }
        Err(error) => Err(error),
    }
}

/// The exit code for an outcome.
fn exit(report: &Report) -> Exit {
    match (report.outcome, &report.error) {
        (Outcome::Cancelled, _) => Exit::Cancelled,
        (Outcome::Failed, Some(error)) if error.kind() == ErrorKind::Busy => Exit::Busy,
        (Outcome::Failed, _) => Exit::Failed,
        (
            Outcome::Updated
            | Outcome::Current
            | Outcome::Available
            | Outcome::Paused
            | Outcome::RestartRequired
            | Outcome::SoftwareUpdateAvailable,
            _,
        ) => Exit::Success,
    }
}

fn update(args: &UpdateArgs, context: &Context) -> Result<Report, Box<dyn Error>> {
    let flags = Flags { root: args.root.clone(), ..Flags::default() };
    let settings = context.settings_with(flags)?.settings;
    let observer = observer(args, context);
    runtime::run(async |cancel| {
        // Whom the service trusts stands in its own settings.
        let client = match args.root {
            Some(_) if !args.through.service => None,
            _ => args.through.connect(&settings, context).await?,
        };
        match client {
            Some(client) => {
                let asked = asked(args);
                let place = |place| tell_place(args, context, place);
                let listener = served::Listener { events: &*observer, place: &place };
                served::update(client, &asked, wants_progress(args, context), &listener, &cancel).await
            }
            None => embedded(args, settings, wants_progress(args, context), &*observer, &cancel).await,
        }
    })?
}

/// Where the request is among those of others.
fn tell_place(args: &UpdateArgs, context: &Context, place: served::Place) {
    match (args.quiet, args.json) {
        (true, _) => {}
        (false, true) => context.output.json(&place),
        (false, false) => context.output.message(place.to_string()),
    }
}

fn wants_progress(args: &UpdateArgs, context: &Context) -> bool {
    context.output.terminal().stderr || args.json
}

/// The same, to be asked of a service.
fn asked(args: &UpdateArgs) -> Asked {
    Asked {
        kinds: args.source.into_iter().collect(),
        from: args.from.as_ref().map(place),
        check_only: args.check,
        at_once: args.now,
        ignore_budget: args.ignore_budget,
        max_rate: args.max_rate.map(|rate| rate.0),
        patient: false,
    }
}

/// A source as another process finds it.
fn place(source: &SourceSettings) -> String {
    match (&source.url, &source.path) {
        (Some(url), _) => url.to_string(),
        (None, Some(path)) => {
            std::path::absolute(path).unwrap_or_else(|_| path.clone()).to_string_lossy().into_owned()
        }
        (None, None) => String::new(),
    }
}

/// Updates in this process.
async fn embedded(
    args: &UpdateArgs,
    mut settings: Settings,
    progress: bool,
    observer: &Observer<'_>,
    cancel: &CancellationToken,
) -> Result<Report, Box<dyn Error>> {
    let transfer = &mut settings.transfer;
    transfer.max_rate = args.max_rate.unwrap_or(transfer.max_rate);
    if args.ignore_budget {
        transfer.daily_budget = Size(0);
    }
    let choice = SourceChoice { kind: args.source, from: args.from.clone() };
    let (program, arguments) = worker_command()?;
    let worker = settings.worker(program, arguments);
    let request = UpdateRequest {
        sources: settings.sources(&choice)?,
        check_only: args.check,
        at_once: args.now,
        patient: false,
        progress,
        components: settings.wanted_components(),
        options: settings.update_options(),
    };
    let store = settings.store();
    // A folder of another user's is left as it is; the operation says why.
    let held = match check_owner(&store) {
        Ok(()) => trust(&store, settings.root.as_deref(), args.root.is_some())?,
        Err(_) => None,
    };
    let clock = SystemClock::default();
    Ok(match held {
        Some(held) => run_holding(held, &worker, request, observer, cancel, &clock).await,
        None => booster_update::run(&store, &worker, request, observer, cancel, &clock).await,
    })
}

/// Trusts the named root where no publisher is trusted yet. A root that was named on the command line
/// is compared with the trusted publisher even so. The data folder that was held for it goes on to the
/// update: what the beginning of an operation has put in order belongs into the update's report.
fn trust(store: &Store, root: Option<&Path>, named: bool) -> Result<Option<Operation>, Box<dyn Error>> {
    let Some(root) = root else { return Ok(None) };
    // With a publisher to trust there is nothing to do, and no reason to wait for another operation.
    if !named && store.trust_dir().join(STATE_FILE).exists() {
        return Ok(None);
    }
    let operation = store.begin(OPERATION)?;
    pin_root(&operation, root, named)?;
    Ok(Some(operation))
}

/// Who is told of events: JSON lines, a bar, plain lines, or nobody.
fn observer<'a>(args: &UpdateArgs, context: &'a Context) -> Box<dyn Fn(&Event) + Send + Sync + 'a> {
    let output = &context.output;
    match (args.quiet, args.json) {
        (true, _) => Box::new(|_| {}),
        (false, true) => Box::new(move |event| output.json(event)),
        (false, false) if output.terminal().stderr => {
            let bars = Bars::new();
            Box::new(move |event| bars.show(event))
        }
        (false, false) => Box::new(move |event| {
            if let Some(line) = event::line(event) {
                output.message(line);
            }
        }),
    }
}

fn tell(args: &UpdateArgs, context: &Context, report: &Report) {
    let output: &Output = &context.output;
    if args.json {
        output.json(report);
    } else if !args.quiet && !matches!(report.outcome, Outcome::Failed | Outcome::Cancelled) {
        for line in report::lines(report, output.style()) {
            output.line(line);
        }
    }
    let style = output.message_style();
    if let Some(back) = &report.rolled_back {
        output.message(guard::rolled_back(back, style));
    }
    match &report.error {
        Some(error) => {
            output.message(format!("{} {error}", style.bad("error:")));
            if let Some(advice) = report::advice(error.kind()) {
                output.message(format!("       {advice}"));
            }
        }
        // Another source has helped, and still somebody should know.
        None => {
            for error in report.security_failures() {
                output.message(format!("{} {error}", style.attention("warning:")));
            }
        }
    }
}

/// The last object of `--json` when the operation could not even begin.
fn unable(error: &(dyn Error + 'static)) -> serde_json::Value {
    let kind = match Exit::of(error) {
        Exit::Busy => ErrorKind::Busy,
        _ => kind_of(error),
    };
    serde_json::json!({
        "outcome": Outcome::Failed,
        "source": null,
        "path": null,
        "components": [],
        "bytes_downloaded": 0,
        "requests": 0,
        "duration_ms": 0,
        "error": { "kind": kind, "step": "start", "source": null, "message": story(error) },
        "sources_tried": [],
    })
}

fn kind_of(error: &(dyn Error + 'static)) -> ErrorKind {
    if let Some(error) = error.downcast_ref::<ClientError>() {
        return error.kind();
    }
    if let Some(error) = error.downcast_ref::<ConfigError>() {
        return error.kind();
    }
    let refused = match error.downcast_ref() {
        Some(RootError::Refused { source, .. }) => Some(source),
        _ => None,
    };
    match (refused.or_else(|| error.downcast_ref()), error.downcast_ref::<StoreError>()) {
        (Some(TrustError::OtherPublisher { .. }), _) => ErrorKind::OtherPublisher,
        (Some(TrustError::Damaged { .. }), _) => ErrorKind::TrustDamaged,
        (Some(TrustError::Io { .. }), _) => ErrorKind::Io,
        (Some(_), _) => ErrorKind::Untrusted,
        (_, Some(StoreError::Permission { .. })) => ErrorKind::Permission,
        (_, Some(StoreError::NoSpace { .. })) => ErrorKind::DiskFull,
        (_, Some(StoreError::Damaged { .. })) => ErrorKind::StoreDamaged,
        (_, Some(_)) => ErrorKind::Io,
        (None, None) => ErrorKind::Configuration,
    }
}
