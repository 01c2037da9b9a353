//! What is kept for readers that are a little behind, and what is deleted.

use super::{
    Published, Repository,
    layout::{METADATA, TARGETS, TIMESTAMP, Versioned, target_object},
    storage::{Listed, Stored},
};
use crate::{PublishError, Result};
use booster_trust::signing::{self, SnapshotRole, TargetsRole, TimestampRole};
use bytes::Bytes;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// The versions that are published now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Current {
    snapshot: u64,
    targets: u64,
}

/// What a timestamp leads to.
pub(crate) struct LedTo {
    /// The version of the snapshot.
    version: u64,
    /// Its bytes.
    pub snapshot: Bytes,
    /// The version of the targets that it names.
    pub targets: u64,
}

impl Repository {
    /// Deletes metadata that is newer than what is published: an interrupted change's, to which
    /// nothing refers and nothing will, because a new change takes higher versions.
    pub(crate) async fn delete_interrupted(&self, published: &Published) -> Result<()> {
        self.storage.delete_unfinished().await?;
        let current = Current { snapshot: published.snapshot.version, targets: published.targets.version };
        let left = self.old_enough(&published.listed).filter(|object| is_interrupted(&object.name, current));
        self.storage.delete(&left.map(|object| object.name.clone()).collect::<Vec<_>>()).await
    }

    /// Deletes what neither the current state nor the last few before it refer to. Runs after the
    /// commit, so nothing that a machine is told to fetch is touched.
    pub(crate) async fn clean(&self) -> Result<()> {
        let Some(current) = self.current().await? else { return Ok(()) };
        let listed = self.storage.list().await?;
        let mut kept = kept_versions(&listed, current, self.options.keep);
        let Some(referenced) = self.referenced(&mut kept, current).await? else { return Ok(()) };
        let doomed = self.old_enough(&listed).filter(|object| is_doomed(&object.name, &kept, &referenced));
        let doomed: Vec<String> = doomed.map(|object| object.name.clone()).collect();
        if !doomed.is_empty() {
            tracing::info!(objects = doomed.len(), "deleting what is no longer referred to");
        }
        self.storage.delete(&doomed).await
    }

    /// The objects that may be judged. In a bucket another publisher may just be writing.
    pub(crate) fn old_enough<'a>(&self, listed: &'a [Listed]) -> impl Iterator<Item = &'a Listed> + use<'a> {
        let cutoff = self.storage.is_shared().then(|| Timestamp::now() - self.options.debris_age);
        listed.iter().filter(move |object| cutoff.is_none_or(|cutoff| object.written < cutoff))
    }

    async fn current(&self) -> Result<Option<Current>> {
        let Some(timestamp) = self.storage.read(TIMESTAMP).await? else { return Ok(None) };
        let led = self.led_to(&timestamp).await?;
        Ok(led.map(|LedTo { version, targets, .. }| Current { snapshot: version, targets }))
    }

    /// What a timestamp leads to; nothing where it or the snapshot says nothing. Neither is verified.
    pub(crate) async fn led_to(&self, timestamp: &Stored) -> Result<Option<LedTo>> {
        let role: Option<TimestampRole> = signing::read_unverified(&timestamp.bytes).ok();
        let Some(version) = role.and_then(|role| role.snapshot().map(|entry| entry.version)) else {
            return Ok(None);
        };
        let Some(snapshot) = self.storage.read(&Versioned::Snapshot.object(version)).await? else {
            return Ok(None);
        };
        let role: Option<SnapshotRole> = signing::read_unverified(&snapshot.bytes).ok();
        let targets = role.and_then(|role| role.meta.get("targets.json").map(|entry| entry.version));
        Ok(targets.map(|targets| LedTo { version, snapshot: snapshot.bytes, targets }))
    }

    /// The target objects that kept targets metadata refers to. Kept metadata that cannot be read
    /// helps no reader: it is taken out of `kept`. `None` when that is the current one, and so
    /// nothing may be judged.
    async fn referenced(
        &self,
        kept: &mut BTreeSet<(Versioned, u64)>,
        current: Current,
    ) -> Result<Option<BTreeSet<String>>> {
        let mut referenced = BTreeSet::new();
        let versions: Vec<u64> = kept
            .iter()
            .filter(|(role, _)| *role == Versioned::Targets)
            .map(|(_, version)| *version)
            .collect();
        for version in versions {
            let stored = match self.storage.read(&Versioned::Targets.object(version)).await {
                Err(PublishError::TooLarge { .. }) => None,
                stored => stored?,
            };
            match stored.and_then(|stored| signing::read_unverified::<TargetsRole>(&stored.bytes).ok()) {
                Some(role) => referenced.extend(role.targets.iter().filter_map(|(target, entry)| {
                    entry.sha256().map(|digest| target_object(target, &digest))
                })),
                None if version == current.targets => return Ok(None),
                None => _ = kept.remove(&(Versioned::Targets, version)),
            }
        }
        Ok(Some(referenced))
    }
}

/// Whether an object is metadata of a change that was never published.
fn is_interrupted(name: &str, current: Current) -> bool {
    match Versioned::parse(name) {
        Some((Versioned::Snapshot, version)) => version > current.snapshot,
        Some((Versioned::Targets, version)) => version > current.targets,
        _ => false,
    }
}

/// The current versions of snapshot and targets and the last few before them. What is newer than
/// current was never published.
fn kept_versions(listed: &[Listed], current: Current, keep: usize) -> BTreeSet<(Versioned, u64)> {
    let mut kept = BTreeSet::new();
    for (role, current) in [(Versioned::Snapshot, current.snapshot), (Versioned::Targets, current.targets)] {
        let mut versions: Vec<u64> = listed
            .iter()
            .filter_map(|object| Versioned::parse(&object.name))
            .filter(|(found, version)| *found == role && *version <= current)
            .map(|(_, version)| version)
            .collect();
        versions.sort_unstable_by(|a, b| b.cmp(a));
        kept.extend(versions.into_iter().take(keep.max(1)).map(|version| (role, version)));
        kept.insert((role, current));
    }
    kept
}

/// Whether an object is ours and no longer needed. Names that a publisher never writes are left alone.
fn is_doomed(name: &str, kept: &BTreeSet<(Versioned, u64)>, referenced: &BTreeSet<String>) -> bool {
    if name.starts_with(METADATA) {
        return Versioned::parse(name)
            .is_some_and(|version| version.0 != Versioned::Root && !kept.contains(&version));
    }
    name.starts_with(TARGETS) && is_hash_named(name) && !referenced.contains(name)
}

/// `<64 hexadecimal digits>.<name>` below `targets/`.
fn is_hash_named(name: &str) -> bool {
    let file = name.rsplit_once('/').map_or(name, |(_, file)| file);
    let hash = file.split_once('.').map_or("", |(hash, _)| hash);
    hash.parse::<booster_definitions::Digest>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_definitions::Digest;

    fn listed(names: &[&str]) -> Vec<Listed> {
        let object =
            |name: &&str| Listed { name: (*name).to_owned(), size: 1, written: Timestamp::UNIX_EPOCH };
        names.iter().map(object).collect()
    }

    #[test]
    fn the_current_state_and_the_last_few_are_kept_and_newer_debris_is_not() {
        let names = [
            "metadata/1.targets.json",
            "metadata/2.targets.json",
            "metadata/4.targets.json",
            "metadata/5.targets.json",
            "metadata/7.snapshot.json",
            "metadata/8.snapshot.json",
            "metadata/1.root.json",
        ];
        let kept = kept_versions(&listed(&names), Current { snapshot: 7, targets: 4 }, 2);
        let doomed: Vec<_> = names.iter().filter(|name| is_doomed(name, &kept, &BTreeSet::new())).collect();
        assert_eq!(
            doomed,
            [&"metadata/1.targets.json", &"metadata/5.targets.json", &"metadata/8.snapshot.json"]
        );
    }

    #[test]
    fn only_hash_named_targets_that_nothing_refers_to_are_deleted() {
        let (used, unused) =
            (target_object("nis/a", &Digest::of(b"1")), target_object("nis/a", &Digest::of(b"2")));
        let referenced = BTreeSet::from([used.clone()]);
        for (name, doomed) in [
            (used.as_str(), false),
            (unused.as_str(), true),
            ("targets/README", false),
            ("targets/nis/notes.txt", false),
            ("metadata/timestamp.json", false),
            ("metadata/mirrors.json", false),
        ] {
            assert_eq!(is_doomed(name, &BTreeSet::new(), &referenced), doomed, "{name}");
        }
    }
}
