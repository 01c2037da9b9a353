//! `booster fleet`: the machines of a site's update server, and what they get.

use super::serve::open_fleet;
use crate::{
    context::Context,
    exit::{CommandResult, Exit},
    render::fleet as render,
    runtime,
};
use booster_config::Interval;
use booster_definitions::{Component, Version};
use booster_fleet::{Decision, Fleet, ReleaseKey};
use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use std::error::Error;

/// See the machines of an update server, and approve what they get
#[derive(Debug, Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  booster fleet list                                    every machine, and what it has
  booster fleet report                                  the whole in some lines
  booster fleet approve nis 1.4.0.0 --group pilots
  booster fleet decline nis 1.4.0.0
  booster fleet forget mail-1.example

The database is that of `booster serve --wsus`: see [fleet] in the configuration."
)]
pub struct FleetArgs {
    #[command(subcommand)]
    command: FleetCommand,
}

#[derive(Debug, Subcommand)]
enum FleetCommand {
    List(ListArgs),
    Show(ShowArgs),
    Approve(ApproveArgs),
    Decline(DeclineArgs),
    Forget(ForgetArgs),
    Report(ReportArgs),
}

/// List every machine: what it has, when it last asked, and what failed
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster fleet list
  booster fleet list --group Servers
  booster fleet list --json | jq '.[] | select(.failure != \"\")'")]
struct ListArgs {
    /// Only machines of this group
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Show one machine with its last reports
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster fleet show mail-1.example
  booster fleet show 6d0c1f0e                  by the beginning of its id
  booster fleet show mail-1.example --json")]
struct ShowArgs {
    /// The machine's name, its id, or the beginning of that
    #[arg(value_name = "MACHINE")]
    machine: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Let machines have a release
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster fleet approve nis 1.4.0.0
  booster fleet approve nis 1.4.0.0 --group pilots
  booster fleet approve nis 1.4.0.0 --deadline 2026-12-01T18:00:00Z
                               from then on machines take it although the publisher's roll-out
                               has not reached them")]
struct ApproveArgs {
    /// The component
    #[arg(value_name = "COMPONENT")]
    component: Component,
    /// The release's version
    #[arg(value_name = "VERSION")]
    version: Version,
    /// Only machines of this group [default: all that have no decision of their own]
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// By when machines are to have it
    #[arg(long, value_name = "TIME")]
    deadline: Option<Timestamp>,
}

/// Keep a release from machines
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster fleet decline nis 1.4.0.0
  booster fleet decline nis 1.4.0.0 --group Servers

Machines that have the release keep it; the others stay with what they have, or take an earlier one.")]
struct DeclineArgs {
    /// The component
    #[arg(value_name = "COMPONENT")]
    component: Component,
    /// The release's version
    #[arg(value_name = "VERSION")]
    version: Version,
    /// Only machines of this group [default: all that have no decision of their own]
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
}

/// Forget a machine that is gone, with its reports
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster fleet forget mail-1.example
  booster fleet forget 6d0c1f0e                by the beginning of its id

A machine that is not gone registers again when it asks the next time. Those that have not asked for
`forget_after` under [fleet] in the configuration, 90 days, are forgotten without being told to.")]
struct ForgetArgs {
    /// The machine's name, its id, or the beginning of that
    #[arg(value_name = "MACHINE")]
    machine: String,
}

/// Sum the fleet up: versions, failures, silent machines, and what was decided
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster fleet report
  booster fleet report --silent 2d
  booster fleet report --json | jq .failing")]
struct ReportArgs {
    /// Call machines silent that have not asked for this long
    #[arg(long, value_name = "TIME", default_value = "7d")]
    silent: Interval,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Answers or decides.
pub fn run(args: &FleetArgs, context: &Context) -> CommandResult {
    let settings = context.settings()?.settings;
    runtime::run(async |_| perform(&args.command, &open_fleet(&settings).await?, context).await)??;
    Ok(Exit::Success)
}

async fn perform(command: &FleetCommand, fleet: &Fleet, context: &Context) -> Result<(), Box<dyn Error>> {
    match command {
        FleetCommand::List(args) => list(args, fleet, context).await,
        FleetCommand::Show(args) => show(args, fleet, context).await,
        FleetCommand::Approve(args) => {
            let release = ReleaseKey { component: args.component, version: args.version };
            let decision = Decision::Approved { deadline: args.deadline };
            decide(release, args.group.as_deref(), decision, fleet, context).await
        }
        FleetCommand::Decline(args) => {
            let release = ReleaseKey { component: args.component, version: args.version };
            decide(release, args.group.as_deref(), Decision::Declined, fleet, context).await
        }
        FleetCommand::Forget(args) => {
            let machine = fleet.machine(&args.machine).await?;
            fleet.forget(machine.id).await?;
            context.output.line(format!("{} ({}): forgotten", machine.name, machine.id));
            Ok(())
        }
        FleetCommand::Report(args) => report(args, fleet, context).await,
    }
}

async fn list(args: &ListArgs, fleet: &Fleet, context: &Context) -> Result<(), Box<dyn Error>> {
    let mut machines = fleet.machines().await?;
    machines.retain(|machine| args.group.as_ref().is_none_or(|group| *group == machine.group));
    if args.json {
        context.output.pretty_json(&machines);
    } else if machines.is_empty() {
        context.output.message("No machine has registered.");
    } else {
        let lines = render::machines(&machines, Timestamp::now(), context.output.style());
        lines.into_iter().for_each(|line| context.output.line(line));
    }
    Ok(())
}

async fn show(args: &ShowArgs, fleet: &Fleet, context: &Context) -> Result<(), Box<dyn Error>> {
    let machine = fleet.machine(&args.machine).await?;
    let reports = fleet.reports(machine.id).await?;
    if args.json {
        context.output.pretty_json(&serde_json::json!({ "machine": machine, "reports": reports }));
        return Ok(());
    }
    let lines = render::machine(&machine, &reports, context.output.style());
    lines.into_iter().for_each(|line| context.output.line(line));
    Ok(())
}

async fn decide(
    release: ReleaseKey,
    group: Option<&str>,
    decision: Decision,
    fleet: &Fleet,
    context: &Context,
) -> Result<(), Box<dyn Error>> {
    fleet.decide(release, group, decision, Timestamp::now()).await?;
    context.output.line(render::decision(release, group, decision));
    Ok(())
}

async fn report(args: &ReportArgs, fleet: &Fleet, context: &Context) -> Result<(), Box<dyn Error>> {
    let (machines, approvals) = (fleet.machines().await?, fleet.approvals().await?);
    let silence = SignedDuration::try_from(args.silent.0).unwrap_or(SignedDuration::MAX);
    let summary = render::Summary::of(&machines, &approvals, Timestamp::now(), silence);
    if args.json {
        context.output.pretty_json(&summary);
    } else {
        summary.lines(context.output.style()).into_iter().for_each(|line| context.output.line(line));
    }
    Ok(())
}
