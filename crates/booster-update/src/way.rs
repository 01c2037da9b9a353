//! The way in which a release comes to the machine: a pure decision for the cheapest.
//!
//! Whichever way it is, what counts is the digest of the archive that comes out, so any way is as
//! safe as the others.

use crate::InstalledRelease;
use booster_definitions::{ReleaseManifest, Version};
use booster_store::FailedPatch;

/// A way to a release's archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It is there already, in a generation that is kept: nothing is downloaded.
    Installed {
        /// The generation.
        generation: u64,
    },
    /// By a patch against the installed archive.
    Patch {
        /// The installed version.
        base: Version,
        /// The patch's signed length.
        size: u64,
    },
    /// Compressed whole.
    Full,
}

/// What there is besides the whole.
#[derive(Debug, Clone, Copy, Default)]
pub struct Means<'a> {
    /// What is installed.
    pub installed: Option<&'a InstalledRelease>,
    /// A kept generation that has this very archive and is not known to be damaged.
    pub kept: Option<u64>,
    /// The signed length of the patch from the installed version, where one is offered.
    pub patch: Option<u64>,
    /// The patches that have failed before.
    pub failed: &'a [FailedPatch],
}

/// The cheapest way that may lead to a release.
pub fn way(manifest: &ReleaseManifest, means: Means<'_>) -> Way {
    if let Some(generation) = means.kept {
        return Way::Installed { generation };
    }
    let (Some(base), Some(size)) = (means.installed.filter(|base| !base.damaged), means.patch) else {
        return Way::Full;
    };
    let pair = (base.archive.sha256, manifest.archive.sha256);
    let failed = means.failed.iter().any(|failed| (failed.base, failed.result) == pair);
    if failed || size >= manifest.full.size {
        return Way::Full;
    }
    Way::Patch { base: base.version, size }
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_definitions::{
        ArchiveInfo, Component, Counts, Digest, FullPackage, MANIFEST_FORMAT, Requires, full_target,
    };

    #[test]
    fn the_cheapest_way_that_has_not_failed_is_taken() {
        let archive = |content: &[u8]| ArchiveInfo { sha256: Digest::of(content), size: 1, files: 1 };
        let (component, version, old) = (Component::Nis, Version([1, 2, 0, 0]), Version([1, 1, 0, 0]));
        let manifest = ReleaseManifest {
            format: MANIFEST_FORMAT,
            component,
            version,
            published: jiff::Timestamp::UNIX_EPOCH,
            archive: archive(b"new"),
            full: FullPackage { target: full_target(component, version), size: 1000 },
            counts: Counts::default(),
            requires: Requires::default(),
            restart_required: false,
            notes: None,
        };
        let release = |damaged| InstalledRelease {
            version: old,
            published: jiff::Timestamp::UNIX_EPOCH,
            archive: archive(b"old"),
            damaged,
        };
        let (whole, damaged) = (release(false), release(true));
        let failure = |base: &[u8]| FailedPatch {
            component,
            base: Digest::of(base),
            result: manifest.archive.sha256,
            time: jiff::Timestamp::UNIX_EPOCH,
            reason: String::new(),
        };
        let (this, another) = ([failure(b"old")], [failure(b"older")]);
        let patch = Way::Patch { base: old, size: 999 };
        for (installed, kept, size, failed, expected) in [
            (None, None, None, &[][..], Way::Full),
            (None, None, Some(1), &[], Way::Full),
            (Some(&whole), None, None, &[], Way::Full),
            (Some(&whole), None, Some(999), &[], patch),
            (Some(&whole), None, Some(1000), &[], Way::Full),
            (Some(&whole), None, Some(999), &this, Way::Full),
            (Some(&whole), None, Some(999), &another, patch),
            (Some(&damaged), None, Some(999), &[], Way::Full),
            (Some(&whole), Some(7), Some(999), &[], Way::Installed { generation: 7 }),
            (Some(&damaged), Some(7), None, &[], Way::Installed { generation: 7 }),
        ] {
            assert_eq!(way(&manifest, Means { installed, kept, patch: size, failed }), expected);
        }
    }
}
