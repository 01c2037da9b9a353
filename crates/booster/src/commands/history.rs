//! `booster history`: what updates changed.

use crate::{
    context::Context,
    exit::{CommandResult, Exit},
    render::history::lines,
    runtime,
    through::Through,
};
use clap::Args;
use std::error::Error;

/// Show what updates changed, and which of them failed
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster history
  booster history --last 100
  booster history --json | jq '.[] | select(.outcome == \"failed\")'")]
pub struct HistoryArgs {
    /// How many entries to show, counted from the newest
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
    last: usize,
    /// Print a JSON list, oldest first
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    through: Through,
}

/// Shows it.
pub fn run(args: &HistoryArgs, context: &Context) -> CommandResult {
    let settings = context.settings()?.settings;
    let entries = runtime::run(async |_| match args.through.connect(&settings, context).await? {
        Some(mut client) => Ok::<_, Box<dyn Error>>(client.history(args.last).await?),
        None => Ok(settings.store().history()?),
    })??;
    let shown = &entries[entries.len().saturating_sub(args.last)..];
    if args.json {
        context.output.pretty_json(&shown);
    } else if shown.is_empty() {
        context.output.message("No update has changed anything yet.");
    } else {
        for line in lines(shown) {
            context.output.line(line);
        }
    }
    Ok(Exit::Success)
}
