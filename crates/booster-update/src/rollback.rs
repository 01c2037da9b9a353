//! Back to an earlier set of definitions by hand, without a network.

use booster_definitions::{Component, Version};
use booster_engine::{Image, ImageError};
use booster_store::{
    GenerationRecord, Installed, InstalledComponent, Operation, RolledBack, Store, StoreError, Verdict, Why,
    verify,
};
use jiff::Timestamp;

/// Where to go back to, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RollbackRequest {
    /// The newest earlier set that has this version; without it, the set before.
    pub to: Option<Version>,
    /// The component because of which: only its releases are rejected.
    pub component: Option<Component>,
    /// Why, for the status and the history.
    pub reason: String,
}

/// Why there is no way back.
#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    /// The data folder.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing is installed.
    #[error("no definitions are installed: there is nothing to go back from")]
    NothingInstalled,
    /// No kept set is what was asked for.
    #[error("there is {wanted} on disk{}", kept_are(.kept))]
    NoSuchSet {
        /// What was asked for.
        wanted: String,
        /// The sets that are kept, newest first.
        kept: Vec<String>,
    },
    /// The set is not what was installed once.
    #[error("the kept set {set} is damaged ({path}): it is not used")]
    Damaged {
        /// The set.
        set: String,
        /// The first file that is not as it was.
        path: String,
    },
    /// The engine cannot use the set.
    #[error(transparent)]
    Image(#[from] ImageError),
}

fn kept_are(kept: &[String]) -> String {
    if kept.is_empty() {
        ": nothing earlier is kept".to_owned()
    } else {
        format!("; kept are: {}", kept.join("; "))
    }
}

/// Goes back to an earlier set that is still on disk, and rejects what is left.
///
/// All components go back together. Returns the number of the set that is in use then, and the operation, for
/// other engines to be brought along ([`bring_engines`](crate::bring_engines)) before anybody else begins one.
///
/// # Errors
/// There is no such set, it is damaged, or another operation runs.
pub fn roll_back(
    store: &Store,
    request: &RollbackRequest,
) -> Result<(Operation, u64, RolledBack), RollbackError> {
    let operation = store.begin("rollback")?;
    let rolled_back = match operation.rolled_back() {
        // It has just happened by itself: one step further would be one too many.
        Some(already) => already.clone(),
        None => go_back(&operation, request)?,
    };
    let generation = store.current()?.map_or(0, |current| current.record().number);
    Ok((operation, generation, rolled_back))
}

fn go_back(operation: &Operation, request: &RollbackRequest) -> Result<RolledBack, RollbackError> {
    let store = operation.store();
    let current = store.current()?.ok_or(RollbackError::NothingInstalled)?;
    let kept = store.earlier()?;
    let records: Vec<_> = kept.iter().map(Installed::record).collect();
    let chosen = choose(&records, current.record(), request.to, request.component)
        .ok_or_else(|| nothing_to_return_to(&records, request))?;
    let to = &kept[chosen];
    if let Some(problem) = verify::verify(to, &mut |_| {})?.problems.first() {
        return Err(RollbackError::Damaged { set: name(to.record()), path: problem.path.clone() });
    }
    Image::read(&to.image_dir())?;
    let verdict = Verdict { why: Why::RolledBack, reason: request.reason.clone(), time: Timestamp::now() };
    let only = request.component.as_ref().map(std::slice::from_ref);
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

fn nothing_to_return_to(kept: &[&GenerationRecord], request: &RollbackRequest) -> RollbackError {
    let component = request.component.map(Component::as_str);
    let wanted = match (request.to, component) {
        (Some(version), component) => {
            format!("no earlier set with {} {version}", component.unwrap_or("version"))
        }
        (None, None) => "no earlier set".to_owned(),
        (None, Some(component)) => format!("no earlier set with another version of {component}"),
    };
    RollbackError::NoSuchSet { wanted, kept: kept.iter().map(|set| name(set)).collect() }
}

/// A set in words.
fn name(set: &GenerationRecord) -> String {
    let component = |(name, installed): (&Component, &InstalledComponent)| {
        format!("{name} {}", installed.manifest.version)
    };
    let components: Vec<_> = set.components.iter().map(component).collect();
    format!("{} (installed {})", components.join(", "), set.installed.strftime("%Y-%m-%d %H:%M:%S UTC"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_definitions::{
        ArchiveInfo, Counts, Digest, FullPackage, MANIFEST_FORMAT, ReleaseManifest, Requires,
    };

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
