//! `booster status`: what is installed, and how old it is.

use crate::{
    context::Context,
    exit::{CommandResult, Exit},
    render::{
        guard::{Guard, RollbackStatus},
        status::{Facts, Status, lines},
    },
};
use clap::Args;

/// Show what is installed, how old it is, and whether that is too old
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster status
  booster status --json | jq '.components[] | {name, version, age_days}'
  booster status --check > /dev/null || echo 'definitions are out of date'

Age is counted from the signed date of publication, not from the download. From which age on
definitions are out of date is set by out_of_date_after under [freshness]; 7 days by default.")]
pub struct StatusArgs {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Return 1 when nothing is installed or something is out of date
    #[arg(long)]
    check: bool,
}

/// Shows it.
pub fn run(args: &StatusArgs, context: &Context) -> CommandResult {
    let settings = context.settings()?.settings;
    let store = settings.store();
    let current = store.current()?;
    let now = jiff::Timestamp::now();
    let watched = settings.probation.watched();
    let until = current.as_ref().map(|installed| watched.until(installed.record().installed));
    let guard = Guard {
        probation_until: until.filter(|&until| watched.crashes > 0 && until > now),
        awaits_approval: store.awaits_approval()?,
        rejected: store.rejected()?,
        // Shown beside other things: a damaged history is no reason to show nothing.
        rolled_back: RollbackStatus::last(&store.history().unwrap_or_default()),
    };
    let facts = Facts {
        data_dir: std::path::absolute(store.data_dir())?,
        current: current.map(|installed| installed.record().clone()),
        checks: store.checks()?,
        damaged: store.damaged_components()?,
        decisions: store.decisions()?,
        channel: settings.rollout.channel,
        place: settings.rollout.place.map_or_else(|| store.place(), |place| Ok(Some(place)))?,
        guard,
    };
    let status = Status::of(facts, now, settings.freshness.out_of_date_after);
    if args.json {
        context.output.pretty_json(&status);
    } else {
        for line in lines(&status, context.output.style()) {
            context.output.line(line);
        }
    }
    Ok(if args.check && status.out_of_date { Exit::Found } else { Exit::Success })
}
