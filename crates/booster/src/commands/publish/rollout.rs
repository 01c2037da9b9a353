//! How a release is given out: with its publication, and afterwards.

use super::{PublishArgs, publish, request};
use crate::{
    context::Context,
    exit::{CommandResult, Exit, Usage},
    render::publication,
    runtime,
};
use booster_config::Settings;
use booster_definitions::{Schedule, Version};
use booster_publish::{KeyRing, RolloutChange, Withdrawal};
use clap::Args;
use std::path::Path;

/// How a release is given out.
#[derive(Debug, Args)]
pub struct RolloutArgs {
    /// Who gets it when: immediate, gradual, or shares and times
    #[arg(long, value_name = "SCHEDULE")]
    rollout: Option<Schedule>,
    /// Give it to everybody at once, whatever channel they are in
    #[arg(long, conflicts_with = "rollout")]
    pub(super) emergency: bool,
    /// Stop the roll-out: nobody takes the release who has not taken it yet
    #[arg(long, conflicts_with_all = ["folder", "resume", "withdraw", "rollout", "emergency"])]
    halt: bool,
    /// Let a halted roll-out go on where it was
    #[arg(long, conflicts_with_all = ["folder", "withdraw", "rollout", "emergency", "reason"])]
    resume: bool,
    /// Make machines go back to the release before; VERSION is then the number that it gets
    #[arg(long, conflicts_with_all = ["folder", "rollout", "emergency"])]
    withdraw: bool,
    /// Why, for administrators
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl RolloutArgs {
    pub(super) fn schedule(&self) -> Schedule {
        self.rollout.clone().unwrap_or_default()
    }

    fn reason(&self) -> Result<String, Usage> {
        self.reason.clone().ok_or_else(|| Usage("say why, with --reason: machines show it".to_owned()))
    }

    fn change(&self) -> Result<RolloutChange, Usage> {
        if self.halt {
            return Ok(RolloutChange::Halt { reason: self.reason()? });
        }
        match &self.rollout {
            _ if self.resume => Ok(RolloutChange::Resume),
            _ if self.emergency => Ok(RolloutChange::Emergency),
            Some(schedule) => Ok(RolloutChange::Schedule(schedule.clone())),
            None => Err(Usage("name the version and the folder to publish".to_owned())),
        }
    }
}

/// Changes how a release that is out is given out, or withdraws it.
pub(super) fn change(
    args: &PublishArgs,
    settings: &Settings,
    keys: &KeyRing,
    context: &Context,
) -> CommandResult {
    let (repository, now) = (settings.repository()?, jiff::Timestamp::now());
    if args.rollout.withdraw {
        let reason = args.rollout.reason()?;
        let withdrawal = Withdrawal { component: args.component, version: args.version, reason };
        // The content is that of the release before: what the request names is not looked at.
        let request = request(args, Version::default(), Path::new(""), settings, context)?;
        let what = format!("Withdrawing the newest release of {}", args.component);
        return publish(args, &what, context, async || {
            repository.withdraw(&withdrawal, &request, keys, now).await
        });
    }
    let change = args.rollout.change()?;
    let changed = async |_| repository.change_rollout(args.component, args.version, &change, keys, now).await;
    let report = runtime::run(changed)??;
    if args.json {
        context.output.pretty_json(&report);
    } else {
        for line in publication::rollout(&report, &repository.location(), context.output.style()) {
            context.output.line(line);
        }
    }
    Ok(Exit::Success)
}
