//! `booster allow`: a rejected release may be installed again.

use crate::{
    context::Context,
    exit::{CommandResult, Exit, Usage},
    render::guard,
};
use booster_definitions::{Component, Version};
use booster_store::RejectedRelease;
use clap::Args;

/// Let updates take releases again that this machine has rejected
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster status                     shows what is rejected, and why
  booster allow 1.419.26.0
  booster allow --all --component nis

Nothing is installed by this; the next `booster update` may take the release again.")]
pub struct AllowArgs {
    /// The version that was rejected
    #[arg(value_name = "VERSION")]
    version: Option<Version>,
    /// Every rejected release
    #[arg(long, conflicts_with = "version")]
    all: bool,
    /// Only releases of this component
    #[arg(long, value_name = "COMPONENT")]
    component: Option<Component>,
    /// Print a JSON list of the releases that may be taken again
    #[arg(long)]
    json: bool,
}

/// Lifts rejections.
pub fn run(args: &AllowArgs, context: &Context) -> CommandResult {
    if args.version.is_none() && !args.all {
        return Err(Usage("name the version that updates may take again, or --all".to_owned()).into());
    }
    let store = context.settings()?.settings.store();
    let operation = store.begin("allow")?;
    let allowed = operation.allow(|release| {
        args.version.is_none_or(|version| release.version == version)
            && args.component.is_none_or(|component| release.component == component)
    })?;
    if let (Some(version), true) = (args.version, allowed.is_empty()) {
        return Err(not_rejected(version, &store.rejected()?).into());
    }
    if args.json {
        context.output.pretty_json(&allowed);
    } else if allowed.is_empty() {
        context.output.message("No release is rejected.");
    }
    for release in allowed.iter().filter(|_| !args.json) {
        context.output.line(format!("{} {} may be installed again", release.component, release.version));
    }
    Ok(Exit::Success)
}

fn not_rejected(version: Version, rejected: &[RejectedRelease]) -> String {
    if rejected.is_empty() {
        return format!("version {version} is not rejected; none is");
    }
    let rejected: Vec<_> = rejected.iter().map(guard::rejected).collect();
    format!("version {version} is not rejected; these are: {}", rejected.join("; "))
}
