//! What a repository holds, for its publisher.

use super::{Published, Repository, offered};
use crate::Result;
use booster_definitions::{Component, Counts, Digest, TargetName, Version};
use booster_trust::signing::{TargetEntry, TargetsRole, TopRole};
use jiff::Timestamp;

/// A repository as its publisher sees it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RepositoryStatus {
    /// Where it is.
    pub location: String,
    /// The top-level roles.
    pub roles: Vec<RoleStatus>,
    /// When the timestamp was signed.
    pub signed_at: Option<Timestamp>,
    /// The current releases.
    pub releases: Vec<ReleaseStatus>,
    /// Objects that lie there, those kept for late readers included.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A role as it is published.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RoleStatus {
    /// `root`, `targets`, `snapshot` or `timestamp`.
    pub role: String,
    /// Its version.
    pub version: u64,
    /// When it expires.
    pub expires: Timestamp,
    /// Whether that time has passed: machines refuse it.
    pub expired: bool,
    /// Whether half of its life has passed: refresh, or rotate the root.
    pub due: bool,
    /// Keys that must sign.
    pub threshold: u32,
    /// The ids of its keys.
    pub key_ids: Vec<String>,
}

/// A component's current release.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ReleaseStatus {
    /// The component.
    pub component: Component,
    /// The version.
    pub version: Version,
    /// When its content was first published.
    pub published: Timestamp,
    /// SHA-256 of its archive.
    pub archive: Digest,
    /// Bytes of its archive.
    pub archive_size: u64,
    /// Bytes that a machine downloads that has nothing.
    pub download_size: u64,
    /// Releases that are offered, this one included.
    pub offered: u64,
    /// Patches that are offered.
    pub patches: u64,
    /// Their bytes.
    pub patch_bytes: u64,
    /// What it holds.
    pub counts: Counts,
}

impl Repository {
    /// Roles, releases and sizes.
    pub async fn status(&self, now: Timestamp) -> Result<RepositoryStatus> {
        let published = self.published().await?;
        let mut releases = Vec::new();
        for component in Component::ALL {
            if let Some(manifest) = published.manifest(&self.storage, component).await? {
                let patches = patches(&published.targets, component);
                releases.push(ReleaseStatus {
                    component,
                    version: manifest.version,
                    published: manifest.published,
                    archive: manifest.archive.sha256,
                    archive_size: manifest.archive.size,
                    download_size: manifest.full.size,
                    offered: offered(&published.targets, component).len() as u64,
                    patches: patches.len() as u64,
                    patch_bytes: patches.iter().map(|entry| entry.length).sum(),
                    counts: manifest.counts,
                });
            }
        }
        Ok(RepositoryStatus {
            location: self.location().to_owned(),
            roles: self.roles(&published, now),
            signed_at: published.timestamp.signed_at(),
            releases,
            objects: published.listed.len() as u64,
            bytes: published.listed.iter().map(|object| object.size).sum(),
        })
    }

    fn roles(&self, published: &Published, now: Timestamp) -> Vec<RoleStatus> {
        let facts = [
            (TopRole::Root, published.root.version, published.root.expires),
            (TopRole::Targets, published.targets.version, published.targets.expires),
            (TopRole::Snapshot, published.snapshot.version, published.snapshot.expires),
            (TopRole::Timestamp, published.timestamp.version, published.timestamp.expires),
        ];
        let status = |(role, version, expires): (TopRole, u64, Timestamp)| RoleStatus {
            role: role.to_string(),
            version,
            expires,
            expired: expires <= now,
            due: self.options.lifetimes.is_due(role, expires, now),
            threshold: published.root.role(role).map_or(0, |keys| keys.threshold),
            key_ids: published.root.role(role).map(|keys| keys.keyids.clone()).unwrap_or_default(),
        };
        facts.into_iter().map(status).collect()
    }
}

/// The patches of a component.
fn patches(targets: &TargetsRole, component: Component) -> Vec<&TargetEntry> {
    let ours =
        |name: &str| matches!(name.parse(), Ok(TargetName::Patch { component: of, .. }) if of == component);
    targets.targets.iter().filter(|(name, _)| ours(name)).map(|(_, entry)| entry).collect()
}
