//! The releases that a repository offers: the newest, and earlier ones that thin out with age.
//!
//! Earlier releases are there for machines whose turn for the newest has not come, for those that
//! are pinned, and as the bases of patches.

use super::{layout::target_object, state::Published, storage::Storage};
use crate::{PublishError, Result};
use booster_definitions::{Availability, Component, Digest, ReleaseManifest, TargetName, Version};
use booster_trust::signing::{TargetEntry, TargetsRole};

/// Ages up to which every release, every second, every fourth and every eighth one is offered. A publisher
/// that releases daily offers two months in twenty releases.
const SPACING: [(u64, u64); 4] = [(8, 1), (16, 2), (32, 4), (64, 8)];

/// A release that the metadata offers.
#[derive(Debug, Clone)]
pub(crate) struct OfferedRelease {
    pub component: Component,
    pub version: Version,
    /// What is signed about its giving out. An entry that another tool wrote may have nothing.
    pub availability: Option<Availability>,
    /// The manifest's entry.
    pub entry: TargetEntry,
}

impl OfferedRelease {
    pub fn sequence(&self) -> u64 {
        self.availability.as_ref().map_or(0, |availability| availability.sequence)
    }
}

/// The releases of a component, newest first.
pub(crate) fn offered(targets: &TargetsRole, component: Component) -> Vec<OfferedRelease> {
    let mut releases: Vec<_> = targets
        .targets
        .iter()
        .filter_map(|(name, entry)| match name.parse() {
            Ok(TargetName::Manifest(of, version)) if of == component => {
                let availability = entry.custom.as_ref().and_then(|json| Availability::from_json(json).ok());
                Some(OfferedRelease { component, version, availability, entry: entry.clone() })
            }
            _ => None,
        })
        .collect();
    releases.sort_by_key(|release| std::cmp::Reverse(release.version));
    releases
}

/// Takes releases out that are too old to be offered beside the newest.
pub(crate) fn thin_out(targets: &mut TargetsRole, component: Component) {
    let releases = offered(targets, component);
    let newest = releases.iter().map(OfferedRelease::sequence).max().unwrap_or(0);
    for release in releases.iter().filter(|release| !is_kept(release.sequence(), newest)) {
        remove(targets, component, release.version);
    }
    drop_patches(targets, &releases);
}

/// Takes the patches out that lead to releases that few machines take any more: those to the newest
/// stay, and while it is given out by and by, those to the one before.
fn drop_patches(targets: &mut TargetsRole, releases: &[OfferedRelease]) {
    let Some(newest) = releases.first() else { return };
    let everybody = newest.availability.as_ref().is_none_or(|it| it.emergency || it.schedule.is_immediate());
    let wanted = &releases[..releases.len().min(if everybody { 1 } else { 2 })];
    targets.targets.retain(|name, _| match name.parse() {
        Ok(TargetName::Patch { component, version, .. }) => {
            component != newest.component || wanted.iter().any(|release| release.version == version)
        }
        _ => true,
    });
}

/// Takes a release out, with everything that belongs to it or leads from it.
pub(crate) fn remove(targets: &mut TargetsRole, component: Component, version: Version) {
    targets.targets.retain(|name, _| match name.parse() {
        Ok(TargetName::Patch { component: of, version: to, base }) => {
            of != component || (to != version && base != version)
        }
        Ok(name) => (name.component(), name.version()) != (component, version),
        Err(_) => true,
    });
}

/// Whether a release of this age is still offered. One that is has been at every younger age.
pub(crate) fn is_kept(sequence: u64, newest: u64) -> bool {
    let age = newest.saturating_sub(sequence);
    SPACING
        .iter()
        .find(|(until, _)| age < *until)
        .is_some_and(|(_, spacing)| sequence.is_multiple_of(*spacing))
}

impl Published {
    /// The manifest of a component's newest release.
    pub async fn manifest(&self, storage: &Storage, component: Component) -> Result<Option<ReleaseManifest>> {
        match offered(&self.targets, component).first() {
            Some(newest) => manifest_of(storage, newest).await.map(Some),
            None => Ok(None),
        }
    }
}

/// The manifest of a release that is offered.
pub(crate) async fn manifest_of(storage: &Storage, release: &OfferedRelease) -> Result<ReleaseManifest> {
    let target = TargetName::Manifest(release.component, release.version).to_string();
    let damaged = |object: &str, reason: &str| PublishError::Damaged {
        location: storage.location().to_owned(),
        object: object.to_owned(),
        reason: reason.to_owned(),
    };
    let Some(digest) = release.entry.sha256() else {
        return Err(damaged(&target, "its signed entry has no SHA-256"));
    };
    let object = target_object(&target, &digest);
    let bytes = super::state::required(storage, &object).await?;
    if Digest::of(&bytes) != digest {
        return Err(damaged(&object, "its SHA-256 is not the signed one"));
    }
    Ok(ReleaseManifest::from_json(&bytes, release.component)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_definitions::{Schedule, full_target, manifest_target, patch_target};
    use jiff::Timestamp;

    const AV: Component = Component::Antivirus;

    fn version(sequence: u64) -> Version {
        Version([1, sequence as u16, 0, 0])
    }

    fn publish(targets: &mut TargetsRole, sequence: u64) {
        let entry = TargetEntry::of(b"");
        let availability = Availability::new(sequence, Timestamp::UNIX_EPOCH, Schedule::immediate());
        let manifest = TargetEntry { custom: availability.to_json().ok(), ..entry.clone() };
        targets.targets.insert(manifest_target(AV, version(sequence)), manifest);
        targets.targets.insert(full_target(AV, version(sequence)), entry.clone());
        for base in sequence.saturating_sub(3)..sequence {
            targets.targets.insert(patch_target(AV, version(sequence), version(base)), entry.clone());
        }
        thin_out(targets, AV);
    }

    #[test]
    fn releases_thin_out_with_age_and_those_that_stay_were_never_gone() {
        let mut targets = TargetsRole::new(1, Timestamp::UNIX_EPOCH);
        targets.targets.insert("antivirus/README".to_owned(), TargetEntry::of(b""));
        for sequence in 1..=200 {
            publish(&mut targets, sequence);
            assert!(offered(&targets, AV).len() <= 20, "at {sequence}");
        }
        let sequences: Vec<_> = offered(&targets, AV).iter().map(OfferedRelease::sequence).collect();
        assert_eq!(
            sequences,
            [
                200, 199, 198, 197, 196, 195, 194, 193, 192, 190, 188, 186, 184, 180, 176, 172, 168, 160,
                152, 144
            ]
        );
        for name in targets.targets.keys() {
            match name.parse() {
                Ok(TargetName::Patch { version: to, base, .. }) => {
                    assert_eq!(to, version(200), "{name}");
                    assert!(targets.targets.contains_key(&full_target(AV, to)), "{name}");
                    assert!(targets.targets.contains_key(&full_target(AV, base)), "{name}");
                }
                Ok(of) => assert!(sequences.iter().any(|&n| version(n) == of.version()), "{name}"),
                Err(_) => assert_eq!(name, "antivirus/README"),
            }
        }
    }
}
