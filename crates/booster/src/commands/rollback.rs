//! `booster rollback`: back to an earlier set of definitions, without a network.

use crate::{
    context::Context,
    exit::{CommandResult, Exit},
    render::guard,
    runtime,
    through::Through,
};
use booster_definitions::{Component, Version};
use booster_engine::adapter::Adapter;
use booster_service::status::Status;
use booster_store::{Operation, RolledBack};
use booster_update::{ErrorKind, RollbackRequest, SystemClock, bring_engines, roll_back};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use std::error::Error;
use tokio_util::sync::CancellationToken;

/// Go back to definitions that were in use before, and do not take the ones that are left again
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster rollback --reason 'flags our mail client'
  booster rollback --to 1.419.25.0
  booster rollback --component nis     reject nothing of the other components
  booster allow 1.419.26.0             take it back: the next update may install it again

All components go back together, for every engine, to a set that is still on disk (see `keep` under
[store]) and is checked against the publisher's signature first. Components that only came along are updated again by the next
update; releases that are rejected are not, the ones after them are.

Exit codes: 0 done, 2 not possible; the message lists what is kept; 3 an update is running.")]
pub struct RollbackArgs {
    /// Go back to the newest set that has this version [default: the set before]
    #[arg(long, value_name = "VERSION")]
    to: Option<Version>,
    /// Go back because of this component: only its releases are rejected
    #[arg(long, value_name = "COMPONENT")]
    component: Option<Component>,
    /// Why, for the status and the history
    #[arg(long, value_name = "TEXT", default_value = "rolled back by hand")]
    reason: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    through: Through,
}

/// What is printed with `--json`.
#[derive(Serialize)]
struct Answer<'a> {
    outcome: &'static str,
    generation: u64,
    #[serde(flatten)]
    rolled_back: &'a RolledBack,
}

/// Goes back.
pub fn run(args: &RollbackArgs, context: &Context) -> CommandResult {
    let settings = context.settings()?.settings;
    let request = RollbackRequest { to: args.to, component: args.component, reason: args.reason.clone() };
    let (generation, rolled_back, status) = runtime::run(async |cancel| {
        let now = Timestamp::now();
        Ok::<_, Box<dyn Error>>(match args.through.connect(&settings, context).await? {
            Some(mut client) => {
                let (generation, rolled_back) = client.roll_back(&request).await?;
                (generation, rolled_back, client.status().await?)
            }
            None => {
                let (operation, generation, rolled_back) = roll_back(&settings.store(), &request)?;
                bring(&operation, &settings.adapters(), context, &cancel).await?;
                (generation, rolled_back, Status::read(&settings, now)?)
            }
        })
    })??;
    if args.json {
        let outcome = "rolled_back";
        context.output.pretty_json(&Answer { outcome, generation, rolled_back: &rolled_back });
        return Ok(Exit::Success);
    }
    context.output.line(guard::rolled_back(&rolled_back, context.output.style()));
    for release in status.guard.rejected.iter().filter(|release| release.since == rolled_back.time) {
        let (component, version) = (release.component, release.version);
        context.output.line(format!(
            "{component} {version} is not taken again, unless `booster allow {version}` says so"
        ));
    }
    Ok(Exit::Success)
}

/// Gives other engines what is in use now. The rollback stands whatever they say: it was asked for.
pub async fn bring(
    operation: &Operation,
    adapters: &[Adapter],
    context: &Context,
    cancel: &CancellationToken,
) -> Result<(), Box<dyn Error>> {
    match bring_engines(operation, adapters, &SystemClock::default(), cancel).await {
        Ok(errors) => {
            for error in errors {
                let style = context.output.message_style();
                context.output.message(format!("{} {error}", style.attention("warning:")));
            }
            Ok(())
        }
        Err(cause) if cause.kind() == ErrorKind::Cancelled => {
            context.output.message("Not waited for other engines: the next update asks them again.");
            Ok(())
        }
        Err(cause) => Err(Box::new(cause)),
    }
}
