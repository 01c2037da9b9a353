//! What definitions are: components, versions, releases, the archive that carries a release, and the
//! patch that carries it to who has an older one.
//!
//! This crate promises that the same files always give the same archive bytes and so the same
//! SHA-256, and that unpacking an archive can write nothing outside its folder. It does not know
//! where an archive comes from, who signed it, or what an engine makes of its files.
//!
//! ```
//! use booster_definitions::{Component, Version};
//!
//! let version: Version = "1.419.25.0".parse()?;
//! assert!(version > "1.419.3.0".parse()?);
//! assert_eq!(Component::Antivirus.to_string(), "antivirus");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

pub mod archive;
mod availability;
mod checksum;
mod component;
mod digest;
mod file_kind;
pub mod patch;
mod path;
mod release;
mod rollout;
mod target_name;
mod version;

pub use availability::{Availability, Halt, Turn};
pub use checksum::Checksum;
pub use component::{Component, UnknownComponent};
pub use digest::{Digest, DigestWriter, InvalidDigest};
pub use file_kind::{FileKind, SelfTest};
pub use path::{DefinitionPath, UnsafePath};
pub use release::{
    ArchiveInfo, Counts, FileEntry, FullPackage, MANIFEST_FORMAT, ManifestError, ReleaseManifest, Requires,
};
pub use rollout::{Channel, DELAY, InvalidSchedule, Place, Schedule, Share, Step, UnknownChannel};
pub use target_name::{ForeignTarget, TargetName, full_target, manifest_target, patch_target};
pub use version::{InvalidVersion, Version};
