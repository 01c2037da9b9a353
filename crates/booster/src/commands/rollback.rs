//! `booster rollback`: back to an earlier set of definitions, without a network.

use crate::{
    context::Context,
    exit::{CommandResult, Exit},
    render::guard,
};
use booster_definitions::{Component, Version};
use booster_engine::Image;
use booster_store::{GenerationRecord, Installed, Operation, RolledBack, Verdict, Why, verify};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use std::error::Error;

/// Go back to definitions that were in use before, and do not take the ones that are left again
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster rollback --reason 'flags our mail client'
  booster rollback --to 1.419.25.0
  booster rollback --component nis     reject nothing of the other components
  booster allow 1.419.26.0             take it back: the next update may install it again

All components go back together to a set that is still on disk (see `keep` under [store]) and is checked
against the publisher's signature first. Components that only came along are updated again by the next
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
    let store = context.settings()?.settings.store();
    let operation = store.begin("rollback")?;
    let rolled_back = match operation.rolled_back() {
        // It has just happened by itself: one step further would be one too many.
        Some(already) => already.clone(),
        None => roll_back(&operation, args)?,
    };
    let generation = store.current()?.map_or(0, |current| current.record().number);
    if args.json {
        let outcome = "rolled_back";
        context.output.pretty_json(&Answer { outcome, generation, rolled_back: &rolled_back });
        return Ok(Exit::Success);
    }
    context.output.line(guard::rolled_back(&rolled_back, context.output.style()));
    for release in store.rejected()?.iter().filter(|release| release.since == rolled_back.time) {
        let (component, version) = (release.component, release.version);
        context.output.line(format!(
            "{component} {version} is not taken again, unless `booster allow {version}` says so"
        ));
    }
    Ok(Exit::Success)
}

fn roll_back(operation: &Operation, args: &RollbackArgs) -> Result<RolledBack, Box<dyn Error>> {
    let store = operation.store();
    let current = store.current()?.ok_or("no definitions are installed: there is nothing to go back from")?;
    let kept = store.earlier()?;
    let records: Vec<_> = kept.iter().map(Installed::record).collect();
    let chosen = choose(&records, current.record(), args.to, args.component)
        .ok_or_else(|| nothing_to_return_to(&records, args))?;
    let to = &kept[chosen];
    if let Some(problem) = verify::verify(to, &mut |_| {})?.problems.first() {
        let set = guard::kept(to.record());
        return Err(format!("the kept set {set} is damaged ({}): it is not used", problem.path).into());
    }
    Image::read(&to.image_dir())?;
    let verdict = Verdict { why: Why::RolledBack, reason: args.reason.clone(), time: Timestamp::now() };
    let only = args.component.as_ref().map(std::slice::from_ref);
    Ok(operation.roll_back(to, &verdict, only)?)
}

/// The newest of the kept sets that is meant.
fn choose(
    kept: &[&GenerationRecord],
    current: &GenerationRecord,
    to: Option<Version>,
    component: Option<Component>,
) -> Option<usize> {
    let version = |set: &GenerationRecord, name| set.components.get(&name).map(|one| one.manifest.version);
    kept.iter().position(|set| {
        let mut names = Component::ALL.into_iter().filter(|&name| component.is_none_or(|one| one == name));
        names.any(|name| {
            let (then, now) = (version(set, name), version(current, name));
            then != now && to.is_none_or(|to| then == Some(to))
        })
    })
}

fn nothing_to_return_to(kept: &[&GenerationRecord], args: &RollbackArgs) -> String {
    let name = args.component.map_or("", |component| component.as_str());
    let wanted = match args.to {
        Some(version) => {
            format!("no earlier set with {} {version}", if name.is_empty() { "version" } else { name })
        }
        None if name.is_empty() => "no earlier set".to_owned(),
        None => format!("no earlier set with another version of {name}"),
    };
    if kept.is_empty() {
        return format!("there is {wanted} on disk: nothing earlier is kept");
    }
    let kept: Vec<_> = kept.iter().map(|set| guard::kept(set)).collect();
    format!("there is {wanted} on disk; kept are: {}", kept.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_definitions::{
        ArchiveInfo, Counts, Digest, FullPackage, MANIFEST_FORMAT, ReleaseManifest, Requires,
    };
    use booster_store::InstalledComponent;

    /// A set with these versions of antivirus and nis; 0 for none.
    fn set(versions: [u16; 2]) -> GenerationRecord {
        let installed = |component, version| InstalledComponent {
            manifest: ReleaseManifest {
                format: MANIFEST_FORMAT,
                component,
                version: Version([1, version, 0, 0]),
                published: Timestamp::UNIX_EPOCH,
                archive: ArchiveInfo { sha256: Digest::of(b""), size: 0, files: 0 },
                full: FullPackage { target: String::new(), size: 0 },
                counts: Counts::default(),
                requires: Requires::default(),
                restart_required: false,
                notes: None,
            },
            counts: Counts::default(),
            installed: Timestamp::UNIX_EPOCH,
            source: String::new(),
            location: String::new(),
        };
        let named = [Component::Antivirus, Component::Nis].into_iter().zip(versions);
        let components = named.filter(|(_, version)| *version > 0);
        GenerationRecord {
            number: 1,
            installed: Timestamp::UNIX_EPOCH,
            components: components.map(|(name, version)| (name, installed(name, version))).collect(),
        }
    }

    #[test]
    fn the_newest_set_that_differs_as_asked_is_chosen() {
        let (av, nis) = (Some(Component::Antivirus), Some(Component::Nis));
        let current = set([5, 2]);
        // The newest was installed again after damage: it is no way back.
        let kept = [set([5, 2]), set([4, 2]), set([4, 1]), set([3, 0])];
        let kept: Vec<_> = kept.iter().collect();
        for (to, component, expected) in [
            (None, None, Some(1)),
            (None, av, Some(1)),
            (None, nis, Some(2)),
            (Some(4), None, Some(1)),
            (Some(3), av, Some(3)),
            (Some(1), None, Some(2)),
            (Some(4), nis, None),
            (Some(5), None, None),
            (Some(9), None, None),
        ] {
            let to = to.map(|minor| Version([1, minor, 0, 0]));
            assert_eq!(choose(&kept, &current, to, component), expected, "{to:?} {component:?}");
        }
        assert_eq!(choose(&[], &current, None, None), None);
    }
}
