//! A release: one version of one component, as published.

use crate::{Component, DefinitionPath, Digest, Version};
use serde::{Deserialize, Serialize};

/// The format number that this build writes and reads in manifests.
pub const MANIFEST_FORMAT: u32 = 1;

/// What a publisher says of a release. It travels as a signed target beside the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseManifest {
    /// Always [`MANIFEST_FORMAT`]; see [`ReleaseManifest::from_json`].
    pub format: u32,
    /// The component that this is a release of.
    pub component: Component,
    /// The release's version.
    pub version: Version,
    /// When the content was first published. Age is judged by this date.
    pub published: jiff::Timestamp,
    /// The archive that the release is.
    pub archive: ArchiveInfo,
    /// The archive compressed whole.
    pub full: FullPackage,
    /// What the release holds.
    pub counts: Counts,
    /// What a machine must have to use the release.
    #[serde(default)]
    pub requires: Requires,
    /// Whether the machine must be restarted before the release is in full use.
    #[serde(default)]
    pub restart_required: bool,
    /// The publisher's words for administrators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

/// The uncompressed archive: its digest names the content, whichever way it travelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveInfo {
    /// SHA-256 of the tar.
    pub sha256: Digest,
    /// Length of the tar in bytes.
    pub size: u64,
    /// Number of files in it.
    pub files: u64,
}

/// The archive compressed whole with zstd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FullPackage {
    /// The target's name in the repository, see [`full_target`](crate::full_target).
    pub target: String,
    /// Compressed length in bytes.
    pub size: u64,
}

/// What a set of definitions holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Files of every kind.
    pub files: u64,
    /// YARA rules.
    pub rules: u64,
    /// Hashes, of malware and of known-good files.
    pub hashes: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.files += other.files;
        self.rules += other.rules;
        self.hashes += other.hashes;
    }
}

/// What a machine must have to use a release.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requires {
    /// The oldest engine that understands the release.
    #[serde(default)]
    pub engine: Version,
}

/// One unpacked file, as it was read from a verified archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Path inside the release.
    pub path: DefinitionPath,
    /// Length in bytes.
    pub size: u64,
    /// [`Checksum`](crate::Checksum) of the content.
    pub crc32: u32,
}

/// A manifest that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON of the right shape.
    #[error("the release manifest cannot be read: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Written in a format that came after this build.
    #[error(
        "the release manifest has format {found}, this build reads {MANIFEST_FORMAT}: install a newer Booster"
    )]
    NewerFormat {
        /// The format number found.
        found: u32,
    },
    /// The signed name and the content contradict each other.
    #[error("the manifest of {expected} describes {found}")]
    WrongComponent {
        /// The component whose target was read.
        expected: Component,
        /// The component that the manifest names.
        found: Component,
    },
}

impl ReleaseManifest {
    /// Reads the manifest of a component; the bytes must have been verified before.
    pub fn from_json(bytes: &[u8], expected: Component) -> Result<Self, ManifestError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        // The number comes first: a newer format need not parse as this one.
        let found = serde_json::from_slice::<Format>(bytes)?.format;
        if found != MANIFEST_FORMAT {
            return Err(ManifestError::NewerFormat { found });
        }
        let manifest: Self = serde_json::from_slice(bytes)?;
        if manifest.component != expected {
            return Err(ManifestError::WrongComponent { expected, found: manifest.component });
        }
        Ok(manifest)
    }

    /// The bytes that are published: pretty JSON with a final newline, the same for equal manifests.
    pub fn to_json(&self) -> Result<Vec<u8>, ManifestError> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::full_target;

    fn manifest() -> ReleaseManifest {
        ReleaseManifest {
            format: MANIFEST_FORMAT,
            component: Component::Nis,
            version: Version([1, 2, 3, 4]),
            published: jiff::Timestamp::UNIX_EPOCH,
            archive: ArchiveInfo { sha256: Digest::of(b""), size: 1024, files: 0 },
            full: FullPackage { target: full_target(Component::Nis, Version([1, 2, 3, 4])), size: 20 },
            counts: Counts::default(),
            requires: Requires::default(),
            restart_required: false,
            notes: None,
        }
    }

    #[test]
    fn a_manifest_round_trips() {
        let bytes = manifest().to_json().unwrap();
        assert_eq!(ReleaseManifest::from_json(&bytes, Component::Nis).unwrap(), manifest());
    }

    #[test]
    fn another_components_manifest_is_refused() {
        let bytes = manifest().to_json().unwrap();
        let error = ReleaseManifest::from_json(&bytes, Component::Antivirus).unwrap_err();
        assert!(matches!(error, ManifestError::WrongComponent { found: Component::Nis, .. }), "{error}");
    }

    #[test]
    fn a_newer_format_is_named_before_its_fields_are_read() {
        let error = ReleaseManifest::from_json(br#"{"format": 2, "new": true}"#, Component::Nis).unwrap_err();
        assert!(matches!(error, ManifestError::NewerFormat { found: 2 }), "{error}");
    }
}
