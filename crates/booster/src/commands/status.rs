//! `booster status`: what is installed, and how old it is.

use crate::{
    context::Context,
    exit::{CommandResult, Exit},
    render::status::lines,
    runtime,
    through::Through,
};
use booster_service::status::Status;
use clap::Args;
use std::error::Error;

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
    #[command(flatten)]
    through: Through,
}

/// Shows it.
pub fn run(args: &StatusArgs, context: &Context) -> CommandResult {
    let settings = context.settings()?.settings;
    let status = runtime::run(async |_| match args.through.connect(&settings, context).await? {
        Some(mut client) => Ok::<_, Box<dyn Error>>(client.status().await?),
        None => Ok(Status::read(&settings, jiff::Timestamp::now())?),
    })??;
    if args.json {
        context.output.pretty_json(&status);
    } else {
        for line in lines(&status, context.output.style()) {
            context.output.line(line);
        }
    }
    Ok(if args.check && status.out_of_date { Exit::Found } else { Exit::Success })
}
