//! Changing who signs: new roots.
//!
//! A root is visible to machines as soon as it is written, so a change has its own order. Where
//! online keys change, metadata signed by the old and the new keys is published first: it is valid
//! under both roots. Then the new root is written, and last a timestamp by the new keys alone, so
//! that machines, which look at the timestamp only, notice the root. A crash between the steps
//! leaves a state that verifies, and the next refresh finishes the work.

use super::{
    Prepared, Published, Repository, Signer,
    layout::Versioned,
    prepare,
    state::{follows, untrusted},
};
use crate::{KeyRing, PublishError, Result, keys::ONLINE_ROLES};
use booster_trust::signing::{self, PublicKey, RoleKeys, RootRole, SigningKey, TopRole};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// A change of who signs. An empty one renews the root with the keys that it has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RootChange {
    /// Keys that sign for a role from now on.
    pub add: Vec<(TopRole, PublicKey)>,
    /// Ids of keys that no longer sign for a role.
    pub remove: Vec<(TopRole, String)>,
    /// How many keys of a role must sign.
    pub thresholds: Vec<(TopRole, u32)>,
}

/// The root after a change.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RootReport {
    /// Its version.
    pub version: u64,
    /// When it expires.
    pub expires: Timestamp,
    /// The keys of each role.
    pub key_ids: BTreeMap<String, Vec<String>>,
    /// The root itself: what new machines are given.
    #[serde(skip)]
    pub root: Vec<u8>,
}

impl RootChange {
    /// Replaces all keys of a role by others.
    pub fn replace(root: &RootRole, role: TopRole, keys: &[PublicKey]) -> Self {
        let old = root.role(role).map(|keys| keys.keyids.clone()).unwrap_or_default();
        Self {
            add: keys.iter().map(|key| (role, key.clone())).collect(),
            remove: old.into_iter().map(|id| (role, id)).collect(),
            thresholds: Vec::new(),
        }
    }

    /// The next root, or why the change cannot be.
    pub fn apply(&self, root: &RootRole, expires: Timestamp) -> Result<RootRole> {
        let refuse = |reason: String| Err(PublishError::RootChange { reason });
        let mut next = root.clone();
        next.version += 1;
        next.expires = Timestamp::from_second(expires.as_second()).unwrap_or(expires);
        for (role, id) in &self.remove {
            if !root.role(*role).is_some_and(|keys| keys.keyids.contains(id)) {
                return refuse(format!("{id} is not a key of {role}"));
            }
            next.revoke(*role, id);
        }
        for (role, key) in &self.add {
            if next.role(*role).is_some_and(|keys| keys.keyids.contains(&key.key_id())) {
                return refuse(format!("{} is a key of {role} already", key.key_id()));
            }
            next.authorise(*role, key);
        }
        for (role, threshold) in &self.thresholds {
            next.set_threshold(*role, *threshold);
        }
        for role in TopRole::ALL {
            let (keys, threshold) =
                next.role(role).map_or((0, 0), |k| (k.keyids.len(), k.threshold as usize));
            if threshold == 0 || keys < threshold {
                return refuse(format!("{role} would have {keys} keys and need {threshold} signatures"));
            }
        }
        Ok(next)
    }
}

impl Repository {
    /// The current root.
    pub async fn root(&self) -> Result<RootRole> {
        Ok(self.published().await?.root)
    }

    /// Lets one more key sign for a role.
    pub async fn add_key(
        &self,
        role: TopRole,
        key: &PublicKey,
        keys: &KeyRing,
        now: Timestamp,
    ) -> Result<RootReport> {
        let change = RootChange { add: vec![(role, key.clone())], ..RootChange::default() };
        self.rotate_root(&change, keys, now).await
    }

    /// Signs and publishes a changed root with the keys at hand: enough of the old and of the new
    /// root's keys. See [`Repository::draft_root`] for keys that are held in different places.
    pub async fn rotate_root(
        &self,
        change: &RootChange,
        keys: &KeyRing,
        now: Timestamp,
    ) -> Result<RootReport> {
        let published = self.published().await?;
        let next = change.apply(&published.root, now + self.options.lifetimes.root)?;
        keys.signers(&published.root, TopRole::Root)?;
        keys.signers(&next, TopRole::Root)?;
        let draft = sign_root(&published.root, &next, keys)?;
        self.install_root(&draft, keys, now).await
    }

    /// Signs a changed root with whichever of its keys are at hand, to be carried to those who hold
    /// the others ([`sign_draft`]), and back to [`Repository::install_root`].
    pub async fn draft_root(&self, change: &RootChange, keys: &KeyRing, now: Timestamp) -> Result<Vec<u8>> {
        let published = self.published().await?;
        let next = change.apply(&published.root, now + self.options.lifetimes.root)?;
        sign_root(&published.root, &next, keys)
    }

    /// Publishes a root that enough keys have signed. Needs the online keys of the new root, and
    /// those of the old one for a change without a gap.
    pub async fn install_root(&self, file: &[u8], keys: &KeyRing, now: Timestamp) -> Result<RootReport> {
        let _lock = self.storage.lock().await?;
        let published = self.begin().await?;
        let next: RootRole = signing::read_unverified(file)?;
        follows(&published.root_bytes, file).map_err(|error| PublishError::RootChange {
            reason: format!("the new root is not signed as it must be: {error}"),
        })?;
        let new_signer =
            Signer { root: &next, next_root: None, keys, lifetimes: &self.options.lifetimes, now };
        new_signer.check()?;
        if online_keys_differ(&published.root, &next) {
            self.change_online_keys(&published, &next, file, keys, now).await?;
        } else {
            self.storage.write_versioned(&Versioned::Root.object(next.version), file).await?;
        }
        // A timestamp that is new, and by the new keys alone.
        let published = self.published().await?;
        self.refresh_published(&published, keys, now).await?;
        let key_ids = next.roles.iter().map(|(role, keys)| (role.clone(), keys.keyids.clone())).collect();
        Ok(RootReport { version: next.version, expires: next.expires, key_ids, root: file.to_vec() })
    }

    /// Publishes metadata that is valid under both roots, then the new root. Where the old keys are
    /// lost that cannot be: then the root comes first, and machines that come before the next
    /// write refuse the repository for that moment.
    async fn change_online_keys(
        &self,
        published: &Published,
        next: &RootRole,
        file: &[u8],
        keys: &KeyRing,
        now: Timestamp,
    ) -> Result<()> {
        let object = Versioned::Root.object(next.version);
        let both = Signer {
            root: &published.root,
            next_root: Some(next),
            keys,
            lifetimes: &self.options.lifetimes,
            now,
        };
        if let Err(error) = both.check() {
            tracing::warn!(%error, "the old online keys are not at hand: machines refuse the repository for a moment");
            return self.storage.write_versioned(&object, file).await;
        }
        let prepared: Prepared = prepare(published, None, &both)?;
        let valid = |root: &[u8]| prepared.verify(root, published);
        valid(&published.root_bytes)
            .and_then(|()| valid(file))
            .map_err(|error| untrusted(&self.storage, error))?;
        prepared.write(&self.storage, Some(&published.timestamp_state)).await?;
        self.storage.write_versioned(&object, file).await
    }
}

/// Adds the signatures of the keys at hand to a root that is carried around.
pub fn sign_draft(file: &[u8], current: &RootRole, keys: &KeyRing) -> Result<Vec<u8>> {
    let next: RootRole = signing::read_unverified(file)?;
    let signers = root_signers(current, &next, keys)?;
    Ok(signing::add_signatures(file, &signers)?)
}

fn sign_root(current: &RootRole, next: &RootRole, keys: &KeyRing) -> Result<Vec<u8>> {
    Ok(signing::sign(next, &root_signers(current, next, keys)?)?)
}

/// The keys at hand that the old or the new root asks for.
fn root_signers<'a>(current: &RootRole, next: &RootRole, keys: &'a KeyRing) -> Result<Vec<&'a SigningKey>> {
    let mut signers = keys.for_role(current, TopRole::Root);
    for key in keys.for_role(next, TopRole::Root) {
        if !signers.iter().any(|known| known.key_id() == key.key_id()) {
            signers.push(key);
        }
    }
    if signers.is_empty() {
        let key_ids = current.role(TopRole::Root).map(|keys| keys.keyids.clone()).unwrap_or_default();
        return Err(PublishError::MissingKeys { role: TopRole::Root, needed: 1, found: 0, key_ids });
    }
    Ok(signers)
}

/// Whether a key that signs publications changes: then one state has to be valid under both roots.
fn online_keys_differ(current: &RootRole, next: &RootRole) -> bool {
    let facts = |keys: Option<&RoleKeys>| keys.map(|keys| (keys.keyids.clone(), keys.threshold));
    ONLINE_ROLES.into_iter().any(|role| facts(current.role(role)) != facts(next.role(role)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> (RootRole, Vec<SigningKey>) {
        let mut root = RootRole::new(1, Timestamp::UNIX_EPOCH);
        let keys: Vec<_> = (0..3).map(|_| SigningKey::generate().unwrap()).collect();
        for role in TopRole::ALL {
            root.authorise(role, &keys[0].public());
        }
        (root, keys)
    }

    #[test]
    fn a_change_that_leaves_a_role_unable_to_sign_is_refused() {
        let (root, keys) = root();
        let change = |change: RootChange| change.apply(&root, Timestamp::MAX);
        let (own, other) = (keys[0].key_id(), keys[1].public());
        let refused = [
            RootChange { remove: vec![(TopRole::Root, own.clone())], ..RootChange::default() },
            RootChange { remove: vec![(TopRole::Root, other.key_id())], ..RootChange::default() },
            RootChange { thresholds: vec![(TopRole::Root, 2)], ..RootChange::default() },
            RootChange { thresholds: vec![(TopRole::Targets, 0)], ..RootChange::default() },
            RootChange { add: vec![(TopRole::Root, keys[0].public())], ..RootChange::default() },
        ];
        for refused in refused {
            assert!(matches!(change(refused.clone()), Err(PublishError::RootChange { .. })), "{refused:?}");
        }
        let next =
            change(RootChange::replace(&root, TopRole::Timestamp, std::slice::from_ref(&other))).unwrap();
        assert_eq!(
            (next.version, next.role(TopRole::Timestamp).unwrap().keyids.clone()),
            (2, vec![other.key_id()])
        );
        assert_eq!(next.role(TopRole::Root).unwrap().keyids, [own]);
        assert!(online_keys_differ(&root, &next));
        assert!(!online_keys_differ(&root, &change(RootChange::default()).unwrap()));
    }
}
