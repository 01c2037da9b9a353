//! `booster verify`: every installed byte against what the publisher signed.

use crate::{
    context::Context,
    exit::{CommandResult, Exit},
    render::verification::lines,
};
use booster_store::{Installed, Store, StoreError, verify};
use clap::Args;

/// Check every byte that is installed against the publisher's signature
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster verify
  booster verify --json
  booster verify || booster update     damaged components are installed afresh

Exit codes: 0 whole, 1 damaged, 2 the check could not be made.")]
pub struct VerifyArgs {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Checks the current generation.
pub fn run(args: &VerifyArgs, context: &Context) -> CommandResult {
    let store = context.settings()?.settings.store();
    let (installed, found) = check(&store, context, args.json)?;
    if !found.is_whole() {
        remember(&store, &installed, &found, context);
    }
    if args.json {
        context.output.pretty_json(&found);
    } else {
        for line in lines(&found, context.output.style()) {
            context.output.line(line);
        }
        if !found.is_whole() {
            context.output.message("`booster update` installs what is damaged afresh.");
        }
    }
    Ok(if found.is_whole() { Exit::Success } else { Exit::Found })
}

/// Checks without the lock, so that anyone may. An update that switches and collects meanwhile can make
/// a whole set look damaged: then the check is made again, on what is current now.
fn check(
    store: &Store,
    context: &Context,
    quiet: bool,
) -> Result<(Installed, verify::Verification), Box<dyn std::error::Error>> {
    let bar = context.spinner("Verifying", quiet);
    loop {
        let installed = store.current()?.ok_or("no definitions are installed: run `booster update`")?;
        let found = verify::verify(&installed, &mut |file| {
            bar.set_message(format!("Verifying {file}"));
        })?;
        let current = store.current()?.map(|now| now.record().number);
        if found.is_whole() || current == Some(found.generation) {
            bar.finish_and_clear();
            return Ok((installed, found));
        }
    }
}

/// Leaves a note for the next update. Who may not write may still check.
fn remember(store: &Store, installed: &Installed, found: &verify::Verification, context: &Context) {
    let noted = store.begin("verify").and_then(|operation| operation.record_damage(installed, found));
    match noted {
        Ok(()) => {}
        Err(StoreError::Busy { .. }) => {
            context.output.message("An update is running, so the damage is not noted for the next one.");
        }
        Err(error) => {
            context.output.message(format!("The damage cannot be noted for the next update: {error}"));
        }
    }
}
