//! Where things lie in a repository.
//!
//! The layout is TUF 1.0 with consistent snapshots (specification, section 6.2):
//!
//! ```text
//! metadata/timestamp.json               written last; the only name with changing content
//! metadata/<version>.<role>.json        root, snapshot, targets: never written twice
//! targets/<component>/<sha256>.<name>   archives and manifests: named by their content
//! ```

use booster_definitions::Digest;
use booster_trust::Limits;

/// The folder of metadata.
pub(crate) const METADATA: &str = "metadata";
/// The folder of targets.
pub(crate) const TARGETS: &str = "targets";
/// The commit point of every change but a change of root keys.
pub(crate) const TIMESTAMP: &str = "metadata/timestamp.json";

/// Bytes of a release's manifest: what machines take, if nothing else is asked of them.
const MANIFEST: u64 = 1 << 20;

/// The most bytes of a file that is read as a whole, or written to be: as many as machines take.
pub(crate) fn limit(object: &str) -> u64 {
    let limits = Limits::default();
    match Versioned::parse(object) {
        Some((Versioned::Root, _)) => limits.root,
        Some((Versioned::Snapshot, _)) => limits.snapshot,
        Some((Versioned::Targets, _)) => limits.targets,
        None if object == TIMESTAMP => limits.timestamp,
        None => MANIFEST,
    }
}

/// A role whose metadata carries its version in its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Versioned {
    Root,
    Snapshot,
    Targets,
}

impl Versioned {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Snapshot => "snapshot",
            Self::Targets => "targets",
        }
    }

    /// The object of a version of this role.
    pub fn object(self, version: u64) -> String {
        format!("{METADATA}/{version}.{}.json", self.as_str())
    }

    /// Reads an object's name back.
    pub fn parse(object: &str) -> Option<(Self, u64)> {
        let file = object.strip_prefix("metadata/")?.strip_suffix(".json")?;
        let (version, role) = file.split_once('.')?;
        let role = [Self::Root, Self::Snapshot, Self::Targets].into_iter().find(|r| r.as_str() == role)?;
        let version = version.parse().ok()?;
        (role.object(version) == object).then_some((role, version))
    }
}

/// The object of a target: the digest stands before the file's name, below its folder.
pub(crate) fn target_object(target: &str, digest: &Digest) -> String {
    match target.rsplit_once('/') {
        Some((folder, file)) => format!("{TARGETS}/{folder}/{digest}.{file}"),
        None => format!("{TARGETS}/{digest}.{target}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versioned_names_read_back_and_others_do_not() {
        for role in [Versioned::Root, Versioned::Snapshot, Versioned::Targets] {
            assert_eq!(Versioned::parse(&role.object(12)), Some((role, 12)));
        }
        for name in [
            "metadata/timestamp.json",
            "metadata/01.root.json",
            "metadata/x.root.json",
            "metadata/1.mirrors.json",
            "targets/1.root.json",
            "metadata/1.root.json#1",
            "metadata/+1.root.json",
        ] {
            assert_eq!(Versioned::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_targets_digest_stands_before_the_files_name() {
        let digest = Digest::of(b"");
        assert_eq!(target_object("a/b.json", &digest), format!("targets/a/{digest}.b.json"));
        assert_eq!(target_object("b.json", &digest), format!("targets/{digest}.b.json"));
    }
}
