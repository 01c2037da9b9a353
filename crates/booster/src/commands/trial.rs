//! `booster trial`: the definitions in use, tried on files of this machine.

use crate::{
    commands::rollback,
    context::{Context, worker_command},
    exit::{CommandResult, Exit},
    render::guard,
    runtime,
};
use booster_engine::TrialReport;
use booster_store::RolledBack;
use booster_update::{Cause, ErrorKind, Tried, try_installed};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use std::path::PathBuf;

/// Try the definitions in use on files of this machine, and go back if they flag too many
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster trial                       the files of [trial] in the configuration
  booster trial --random 500          that many system files, other ones each time
  booster trial /opt/app/bin/*        these, beside the configured ones
  booster trial --json | jq .report.flagged

Only files count that the set before does not flag. Where more than `max_share` of them are flagged, or the
process that tries them dies, the set before comes back, and the release is not taken again.

Exit codes: 0 nothing speaks against them, 1 something does, 2 the trial could not be made, 4 cancelled.")]
pub struct TrialArgs {
    /// Files to try them on as well
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How many files to draw at random from the configured folders
    #[arg(long, value_name = "N")]
    random: Option<usize>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What is printed with `--json`.
#[derive(Serialize)]
struct Answer<'a> {
    outcome: &'static str,
    report: &'a Option<TrialReport>,
    against: &'a Option<String>,
    rolled_back: &'a Option<RolledBack>,
}

/// Tries them.
pub fn run(args: &TrialArgs, context: &Context) -> CommandResult {
    let settings = context.settings()?.settings;
    let mut options = settings.trial.options();
    for file in &args.files {
        options.sample.files.push(std::path::absolute(file)?);
    }
    options.sample.random = args.random.unwrap_or(options.sample.random);
    let (program, arguments) = worker_command()?;
    let worker = settings.worker(program, arguments);
    let operation = settings.store().begin("trial")?;
    let tried = runtime::run(async |cancel| {
        try_installed(&operation, &worker, &options, &cancel, Timestamp::now()).await
    })?;
    let tried = match tried {
        Err(cause) if cause.kind() == ErrorKind::Cancelled => return Ok(Exit::Cancelled),
        tried => tried.map_err(Box::<Cause>::new)?,
    };
    if tried.rolled_back.is_some() {
        let adapters = settings.adapters();
        runtime::run(async |cancel| rollback::bring(&operation, &adapters, context, &cancel).await)??;
    }
    if options.sample.is_empty() {
        context.output.message("No file is named to try them on; they were only opened: see [trial].");
    }
    tell(args, context, &tried);
    Ok(if tried.against.is_some() { Exit::Found } else { Exit::Success })
}

fn tell(args: &TrialArgs, context: &Context, tried: &Tried) {
    let (output, style) = (&context.output, context.output.style());
    let Tried { report, against, rolled_back } = tried;
    if args.json {
        let outcome = match (against, rolled_back) {
            (None, _) => "passed",
            (Some(_), Some(_)) => "rolled_back",
            (Some(_), None) => "failed",
        };
        output.pretty_json(&Answer { outcome, report, against, rolled_back });
        return;
    }
    for line in report.iter().flat_map(guard::trial) {
        output.line(line);
    }
    match (against, rolled_back) {
        (None, _) => output.line(style.good("Nothing speaks against the definitions in use")),
        (Some(_), Some(back)) => output.line(guard::rolled_back(back, style)),
        (Some(against), None) => {
            output.line(style.bad(against));
            output.message("There is no earlier set to go back to, or it is damaged: nothing was changed.");
        }
    }
}
