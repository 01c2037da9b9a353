//! A new repository: its first root, and empty signed metadata.

use super::{
    Repository, Signer,
    layout::{TIMESTAMP, Versioned},
    state::Prepared,
};
use crate::{KeySet, PublishError, Result, keys::ONLINE_ROLES};
use booster_trust::signing::{
    self, MetaEntry, RootRole, SigningKey, SnapshotRole, TargetsRole, TimestampRole, TopRole,
};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What a new repository is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct InitReport {
    /// Where it is.
    pub location: String,
    /// The first root: what machines are given to trust this publisher.
    #[serde(skip)]
    pub root: Vec<u8>,
    /// The ids of each role's keys.
    pub key_ids: BTreeMap<String, Vec<String>>,
    /// How many root keys must sign a root.
    pub root_threshold: u32,
    /// When the root has to be renewed.
    pub root_expires: Timestamp,
}

impl Repository {
    /// Makes a new repository with no releases. The keys stay with the caller.
    ///
    /// An init that was interrupted may be run again: before `timestamp.json` is there, there is no
    /// repository.
    pub async fn init(&self, keys: KeySet, now: Timestamp) -> Result<InitReport> {
        let _lock = self.storage.lock().await?;
        if self.storage.read(TIMESTAMP).await?.is_some() {
            return Err(PublishError::AlreadyInitialised { location: self.location().to_owned() });
        }
        let (root, root_bytes) = self.first_root(&keys, now)?;
        let root_threshold = keys.root_threshold;
        let ring = keys.into_ring();
        let signer =
            Signer { root: &root, next_root: None, keys: &ring, lifetimes: &self.options.lifetimes, now };
        let prepared = first_state(&signer, &root_bytes)?;
        self.remove_interrupted().await?;
        prepared.write(&self.storage, None).await?;
        let key_ids = root.roles.iter().map(|(role, keys)| (role.clone(), keys.keyids.clone())).collect();
        Ok(InitReport {
            location: self.location().to_owned(),
            root: root_bytes,
            key_ids,
            root_threshold,
            root_expires: root.expires,
        })
    }

    fn first_root(&self, keys: &KeySet, now: Timestamp) -> Result<(RootRole, Vec<u8>)> {
        let refuse = |reason: String| Err(PublishError::RootChange { reason });
        let threshold = keys.root_threshold as usize;
        if threshold == 0 || threshold > keys.root.len() {
            return refuse(format!("{} root keys cannot give {threshold} signatures", keys.root.len()));
        }
        let mut root = RootRole::new(1, now + self.options.lifetimes.root);
        for key in &keys.root {
            root.authorise(TopRole::Root, &key.public());
        }
        if root.role(TopRole::Root).is_some_and(|role| role.keyids.len() < keys.root.len()) {
            return refuse("the same root key was given twice".to_owned());
        }
        for (role, key) in ONLINE_ROLES.into_iter().zip(&keys.online) {
            root.authorise(role, &key.public());
        }
        root.set_threshold(TopRole::Root, keys.root_threshold);
        let signers: Vec<&SigningKey> = keys.root.iter().collect();
        let bytes = signing::sign(&root, &signers)?;
        Ok((root, bytes))
    }

    /// In a folder, under the lock, files without a timestamp are an interrupted init's.
    async fn remove_interrupted(&self) -> Result<()> {
        self.storage.delete_unfinished().await?;
        let metadata = self.storage.list().await?.into_iter().map(|object| object.name);
        let names: Vec<String> = metadata.filter(|name| Versioned::parse(name).is_some()).collect();
        self.storage.delete(&names).await
    }
}

/// The signed metadata of a repository with no releases.
fn first_state(signer: &Signer<'_>, root: &[u8]) -> Result<Prepared> {
    let targets = signer.sign(&TargetsRole::new(1, signer.expires(TopRole::Targets)))?;
    let entry = MetaEntry::of(1, &targets);
    let snapshot = signer.sign(&SnapshotRole::new(1, signer.expires(TopRole::Snapshot), entry))?;
    let entry = MetaEntry::of(1, &snapshot);
    let timestamp =
        signer.sign(&TimestampRole::new(1, signer.expires(TopRole::Timestamp), entry, signer.now))?;
    let object = |role: Versioned| role.object(1);
    Ok(Prepared {
        versioned: vec![
            (object(Versioned::Root), root.to_vec()),
            (object(Versioned::Targets), targets),
            (object(Versioned::Snapshot), snapshot),
        ],
        timestamp,
    })
}
