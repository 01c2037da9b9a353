//! `booster man`: manual pages.

use crate::{
    cli,
    context::Context,
    exit::{CommandResult, Exit},
};
use clap::Args;
use std::{fs, path::PathBuf};

/// Write the manual pages, one for each command
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster man /usr/local/share/man/man1
  booster man . && man ./booster-update.1")]
pub struct ManArgs {
    /// The folder to write them to; it is made where it is missing
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Writes the pages.
pub fn run(args: &ManArgs, context: &Context) -> CommandResult {
    let failed = |error| format!("the manual pages cannot be written to {}: {error}", args.dir.display());
    fs::create_dir_all(&args.dir).map_err(failed)?;
    let mut definition = cli::definition();
    definition.build();
    clap_mangen::generate_to(definition, &args.dir).map_err(failed)?;
    context.output.message(format!("The manual pages are in {}: man {0}/booster.1", args.dir.display()));
    Ok(Exit::Success)
}
