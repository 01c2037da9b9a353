//! `booster pause` and `booster resume`: whether anything is updated at all.

use super::pin::change;
use crate::{
    context::Context,
    exit::{CommandResult, Exit},
    text,
};
use booster_config::Interval;
use booster_store::Pause;
use clap::Args;
use jiff::{SignedDuration, Timestamp};

/// Update nothing until a time, or until `booster resume`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster pause --for 7d --reason 'change freeze'
  booster pause --reason 'under investigation'
  booster resume

Definitions get old meanwhile: `booster status` says so, and shows the pause and its reason. Updates that
are asked for end with the outcome paused, and ask no source.")]
pub struct PauseArgs {
    /// For how long, such as 12h or 7d [default: until `booster resume`]
    #[arg(long = "for", value_name = "TIME")]
    time: Option<Interval>,
    /// Why, for whoever looks at the status
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Let updates go on after `booster pause`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster resume && booster update")]
pub struct ResumeArgs {}

/// Pauses.
pub fn pause(args: &PauseArgs, context: &Context) -> CommandResult {
    let since = Timestamp::now();
    let until = args.time.map(|time| {
        let time = SignedDuration::try_from(time.0).unwrap_or(SignedDuration::MAX);
        since.checked_add(time).unwrap_or(Timestamp::MAX)
    });
    let pause = Pause { since, until, reason: args.reason.clone() };
    let store = context.settings()?.settings.store();
    change(&store, "pausing", |decisions| decisions.pause = Some(pause.clone()))?;
    context.output.line(format!("Updates are paused{}", text::pause(&pause)));
    Ok(Exit::Success)
}

/// Resumes.
pub fn resume(_: &ResumeArgs, context: &Context) -> CommandResult {
    let store = context.settings()?.settings.store();
    let mut before = None;
    change(&store, "resuming", |decisions| before = decisions.pause.take())?;
    match before {
        Some(_) => context.output.line("Updates go on."),
        None => context.output.message("Updates were not paused."),
    }
    Ok(Exit::Success)
}
