//! The published state: read, verified, and signed anew.

use super::{
    layout::{TIMESTAMP, Versioned},
    storage::{Listed, Storage, Stored},
};
use crate::{KeyRing, Lifetimes, PublishError, Result};
use booster_trust::{
    TrustError,
    signing::{
        self, MetaEntry, RoleData, RootRole, SigningError, SnapshotRole, TargetsRole, TimestampRole, TopRole,
    },
};
use jiff::Timestamp;
use object_store::UpdateVersion;

/// What a repository publishes now, verified as a machine would verify it.
#[derive(Debug)]
pub(crate) struct Published {
    pub root: RootRole,
    pub root_bytes: Vec<u8>,
    /// Whether a change of keys was interrupted, so that all has to be signed by the new ones.
    pub interrupted: bool,
    pub timestamp: TimestampRole,
    pub timestamp_bytes: Vec<u8>,
    /// The state of `timestamp.json` that a change is made upon.
    pub timestamp_state: UpdateVersion,
    pub snapshot: SnapshotRole,
    pub snapshot_bytes: Vec<u8>,
    pub targets: TargetsRole,
    pub targets_bytes: Vec<u8>,
    /// Everything that lies there, published or not.
    pub listed: Vec<Listed>,
}

impl Published {
    /// Reads the state. `None`: there is no `timestamp.json`, so nothing was ever published.
    pub async fn read(storage: &Storage) -> Result<Option<Self>> {
        let Some(Stored { bytes: timestamp_bytes, state }) = storage.read(TIMESTAMP).await? else {
            return Ok(None);
        };
        let timestamp: TimestampRole = parse(storage, TIMESTAMP, &timestamp_bytes)?;
        let named = timestamp.snapshot().map_or(0, |entry| entry.version);
        let snapshot_bytes = required(storage, &Versioned::Snapshot.object(named)).await?;
        let snapshot: SnapshotRole = parse(storage, &Versioned::Snapshot.object(named), &snapshot_bytes)?;
        let named = snapshot.meta.get("targets.json").map_or(0, |entry| entry.version);
        let targets_bytes = required(storage, &Versioned::Targets.object(named)).await?;
        let targets: TargetsRole = parse(storage, &Versioned::Targets.object(named), &targets_bytes)?;
        let listed = storage.list().await?;
        let version = highest(&listed, Versioned::Root);
        let root_bytes = required(storage, &Versioned::Root.object(version)).await?;
        let verify =
            |root: &[u8]| signing::verify_current(root, &timestamp_bytes, &snapshot_bytes, &targets_bytes);
        let (root, interrupted) = match verify(&root_bytes) {
            Ok(root) => (root, false),
            // A change of keys was interrupted behind its root: the rest is the old keys' still.
            Err(error) => {
                let Some(before) = storage.read(&Versioned::Root.object(version.saturating_sub(1))).await?
                else {
                    return Err(untrusted(storage, error));
                };
                let continues = verify(&before.bytes).and_then(|_| follows(&before.bytes, &root_bytes));
                continues.map_err(|_| untrusted(storage, error))?;
                (parse(storage, &Versioned::Root.object(version), &root_bytes)?, true)
            }
        };
        Ok(Some(Self {
            root,
            root_bytes,
            interrupted,
            timestamp,
            timestamp_bytes: timestamp_bytes.to_vec(),
            timestamp_state: state,
            snapshot,
            snapshot_bytes,
            targets,
            targets_bytes,
            listed,
        }))
    }

    /// The next free version of a role: names are never used twice, not even those that a crashed
    /// publisher left.
    pub fn next(&self, role: Versioned) -> u64 {
        let current = match role {
            Versioned::Root => self.root.version,
            Versioned::Snapshot => self.snapshot.version,
            Versioned::Targets => self.targets.version,
        };
        current.max(highest(&self.listed, role)) + 1
    }
}

/// Signed metadata that is not published yet.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    /// Versioned objects in the order in which they are written.
    pub versioned: Vec<(String, Vec<u8>)>,
    /// `timestamp.json`.
    pub timestamp: Vec<u8>,
}

/// Which keys sign, for how long, and when.
#[derive(Clone, Copy)]
pub(crate) struct Signer<'a> {
    pub root: &'a RootRole,
    /// The root that comes next, where the online keys are just being changed: both sign.
    pub next_root: Option<&'a RootRole>,
    pub keys: &'a KeyRing,
    pub lifetimes: &'a Lifetimes,
    pub now: Timestamp,
}

impl Signer<'_> {
    /// Fails early where a key is missing.
    pub fn check(&self) -> Result<()> {
        for role in [TopRole::Targets, TopRole::Snapshot, TopRole::Timestamp] {
            self.keys.signers(self.root, role)?;
        }
        Ok(())
    }

    /// Signs a role with the keys of its root, and of the next root where there is one.
    pub fn sign<R: RoleData>(&self, role: &R) -> Result<Vec<u8>> {
        let mut keys = self.keys.signers(self.root, R::ROLE)?;
        if let Some(next) = self.next_root {
            for key in self.keys.signers(next, R::ROLE)? {
                if !keys.iter().any(|known| known.key_id() == key.key_id()) {
                    keys.push(key);
                }
            }
        }
        Ok(signing::sign(role, &keys)?)
    }

    pub fn expires(&self, role: TopRole) -> Timestamp {
        self.now + self.lifetimes.of(role)
    }
}

/// Prepares the next state: targets and snapshot where they changed, the timestamp always.
pub(crate) fn prepare(
    published: &Published,
    targets: Option<TargetsRole>,
    signer: &Signer<'_>,
) -> Result<Prepared> {
    let mut prepared = Prepared::default();
    let targets_due = signer.lifetimes.is_due(TopRole::Targets, published.targets.expires, signer.now);
    let changing_keys = signer.next_root.is_some() || published.interrupted;
    let targets = targets.or_else(|| (targets_due || changing_keys).then(|| published.targets.clone()));
    let (targets_entry, targets_changed) = match targets {
        Some(mut role) => {
            role.version = published.next(Versioned::Targets);
            role.expires = signer.expires(TopRole::Targets);
            let bytes = signer.sign(&role)?;
            let entry = MetaEntry::of(role.version, &bytes);
            prepared.versioned.push((Versioned::Targets.object(role.version), bytes));
            (entry, true)
        }
        None => (MetaEntry::of(published.targets.version, &published.targets_bytes), false),
    };
    let snapshot_due = signer.lifetimes.is_due(TopRole::Snapshot, published.snapshot.expires, signer.now);
    let snapshot_entry = if targets_changed || snapshot_due {
        let mut role = published.snapshot.clone();
        role.version = published.next(Versioned::Snapshot);
        role.expires = signer.expires(TopRole::Snapshot);
        role.meta.insert("targets.json".to_owned(), targets_entry);
        let bytes = signer.sign(&role)?;
        let entry = MetaEntry::of(role.version, &bytes);
        prepared.versioned.push((Versioned::Snapshot.object(role.version), bytes));
        entry
    } else {
        MetaEntry::of(published.snapshot.version, &published.snapshot_bytes)
    };
    let timestamp = TimestampRole::new(
        published.timestamp.version + 1,
        signer.expires(TopRole::Timestamp),
        snapshot_entry,
        // The signed time never goes back, whatever this machine's clock does.
        published.timestamp.signed_at().map_or(signer.now, |before| before.max(signer.now)),
    );
    prepared.timestamp = signer.sign(&timestamp)?;
    Ok(prepared)
}

impl Prepared {
    /// The bytes that the new state has for a role: prepared ones, or those that stay.
    fn bytes<'a>(&'a self, role: Versioned, stays: &'a [u8]) -> &'a [u8] {
        let prepared = self
            .versioned
            .iter()
            .find(|(object, _)| Versioned::parse(object).is_some_and(|(r, _)| r == role));
        prepared.map_or(stays, |(_, bytes)| bytes)
    }

    /// Verifies the new state as a machine with this root would.
    pub fn verify(&self, root: &[u8], published: &Published) -> Result<(), TrustError> {
        let snapshot = self.bytes(Versioned::Snapshot, &published.snapshot_bytes);
        let targets = self.bytes(Versioned::Targets, &published.targets_bytes);
        signing::verify_current(root, &self.timestamp, snapshot, targets).map(drop)
    }

    /// Writes the new state: what the timestamp names first, the timestamp last.
    pub async fn write(&self, storage: &Storage, before: Option<&UpdateVersion>) -> Result<()> {
        let mut written = Vec::new();
        for (object, bytes) in &self.versioned {
            storage.write_versioned(object, bytes).await?;
            written.push(object.clone());
        }
        let committed = storage.commit(&self.timestamp, before).await;
        if matches!(committed, Err(PublishError::Conflict { .. })) {
            // Nobody refers to them and nobody will: the names were ours alone.
            if let Err(error) = storage.delete(&written).await {
                tracing::warn!(%error, "metadata of the lost change is left behind");
            }
        }
        committed
    }
}

/// The highest version of a role that lies there.
pub(crate) fn highest(listed: &[Listed], role: Versioned) -> u64 {
    let versions = listed.iter().filter_map(|object| Versioned::parse(&object.name));
    versions.filter(|(found, _)| *found == role).map(|(_, version)| version).max().unwrap_or(0)
}

pub(super) async fn required(storage: &Storage, object: &str) -> Result<Vec<u8>> {
    let stored = storage.read(object).await?;
    stored.map(|stored| stored.bytes.to_vec()).ok_or_else(|| PublishError::Damaged {
        location: storage.location().to_owned(),
        object: object.to_owned(),
        reason: "it is missing".to_owned(),
    })
}

fn parse<R: RoleData>(storage: &Storage, object: &str, bytes: &[u8]) -> Result<R> {
    signing::read_unverified(bytes).map_err(|error: SigningError| PublishError::Damaged {
        location: storage.location().to_owned(),
        object: object.to_owned(),
        reason: error.to_string(),
    })
}

/// Checks that a root is the next one after another, as a machine checks it (TUF 1.0, section 5.3).
pub(crate) fn follows(root: &[u8], next: &[u8]) -> Result<(), TrustError> {
    let malformed = |error: sigstore_tuf::Error| TrustError::Malformed {
        file: "root.json".to_owned(),
        reason: error.to_string(),
    };
    let mut set = sigstore_tuf::TrustedMetadataSet::from_root(root).map_err(malformed)?;
    set.update_root(next).map_err(malformed)
}

pub(crate) fn untrusted(storage: &Storage, error: TrustError) -> PublishError {
    PublishError::Untrusted { location: storage.location().to_owned(), source: Box::new(error) }
}
