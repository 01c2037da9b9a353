//! What machines fetch from a repository, for those who give it out by other ways than its folder.

use super::{Published, Repository, layout::Versioned, target_object};
use crate::Result;
use booster_definitions::{Availability, Digest};

/// A repository's content at one moment, verified as a machine would verify it.
#[derive(Debug, Clone)]
pub struct Publication {
    /// Signed metadata, the timestamp among it, and the whole chain of roots.
    pub metadata: Vec<PublishedFile>,
    /// Everything that the signed metadata lists.
    pub targets: Vec<PublishedTarget>,
}

/// A file of signed metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedFile {
    /// Its name, such as `timestamp.json`.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// A target and the object that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedTarget {
    /// Its name in the metadata.
    pub name: String,
    /// The object below the repository, such as `targets/nis/<sha256>.1.0.0.0.tar.zst`.
    pub object: String,
    /// Length in bytes.
    pub length: u64,
    /// The digest that was signed.
    pub sha256: Digest,
    /// How a release is given out, where this is its manifest and says so.
    pub availability: Option<Availability>,
}

impl Repository {
    /// What machines fetch now.
    pub async fn publication(&self) -> Result<Publication> {
        let published = self.published().await?;
        let mut metadata = Vec::new();
        for object in &published.listed {
            if matches!(Versioned::parse(&object.name), Some((Versioned::Root, version)) if version <= published.root.version)
                && let Some(stored) = self.storage.read(&object.name).await?
            {
                metadata.push(file(&object.name, stored.bytes.to_vec()));
            }
        }
        let Published { timestamp_bytes, snapshot, snapshot_bytes, targets, targets_bytes, .. } = published;
        metadata.push(file(&Versioned::Targets.object(targets.version), targets_bytes));
        metadata.push(file(&Versioned::Snapshot.object(snapshot.version), snapshot_bytes));
        metadata.push(file(super::layout::TIMESTAMP, timestamp_bytes));
        let targets = targets.targets.iter().filter_map(|(name, entry)| {
            // Without a SHA-256 there is no object of it.
            let sha256 = entry.sha256()?;
            let availability = entry.custom.as_ref().and_then(|json| Availability::from_json(json).ok());
            let object = target_object(name, &sha256);
            Some(PublishedTarget { name: name.clone(), object, length: entry.length, sha256, availability })
        });
        Ok(Publication { metadata, targets: targets.collect() })
    }
}

fn file(object: &str, bytes: Vec<u8>) -> PublishedFile {
    let name = object.rsplit('/').next().unwrap_or(object).to_owned();
    PublishedFile { name, bytes }
}
