//! The top-level roles as a publisher fills them in (TUF 1.0, section 4).
//!
//! Fields that other tools added are kept, so that a repository may change hands between tools.

use super::PublicKey;
use crate::SIGNED_AT_FIELD;
use booster_definitions::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{collections::BTreeMap, fmt};

/// A top-level role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TopRole {
    /// Says which keys sign for which role.
    Root,
    /// Lists the targets.
    Targets,
    /// Names the version of all targets metadata.
    Snapshot,
    /// Names the newest snapshot, and how long it may be taken for the newest.
    Timestamp,
}

impl TopRole {
    /// All of them, in the order in which they are signed.
    pub const ALL: [Self; 4] = [Self::Root, Self::Targets, Self::Snapshot, Self::Timestamp];

    /// The name in metadata and in file names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Targets => "targets",
            Self::Snapshot => "snapshot",
            Self::Timestamp => "timestamp",
        }
    }
}

impl fmt::Display for TopRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The payload of a top-level role.
pub trait RoleData: Serialize + DeserializeOwned {
    /// Which role it is.
    const ROLE: TopRole;
    /// The version.
    fn version(&self) -> u64;
    /// When it expires.
    fn expires(&self) -> Timestamp;
}

/// `root`: the keys of every role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootRole {
    /// Increases by exactly one.
    pub version: u64,
    /// When it expires, in whole seconds.
    #[serde(with = "whole_seconds")]
    pub expires: Timestamp,
    /// Always true for repositories made here.
    pub consistent_snapshot: bool,
    /// All keys by key id.
    pub keys: BTreeMap<String, PublicKey>,
    /// Which keys sign for which role.
    pub roles: BTreeMap<String, RoleKeys>,
    /// Fields added by other tools.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// Who signs for a role, and how many of them are needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleKeys {
    /// The key ids.
    pub keyids: Vec<String>,
    /// How many distinct keys must sign, at least 1.
    pub threshold: u32,
    /// Fields added by other tools.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

impl RootRole {
    /// A root without keys; every role needs one key for now.
    pub fn new(version: u64, expires: Timestamp) -> Self {
        let keys = || RoleKeys { keyids: Vec::new(), threshold: 1, extra: BTreeMap::new() };
        let roles = TopRole::ALL.iter().map(|role| (role.to_string(), keys())).collect();
        Self {
            version,
            expires: whole_seconds::truncate(expires),
            consistent_snapshot: true,
            keys: BTreeMap::new(),
            roles,
            extra: BTreeMap::new(),
        }
    }

    /// Lets a key sign for a role.
    pub fn authorise(&mut self, role: TopRole, key: &PublicKey) {
        let key_id = key.key_id();
        let entry = self.role_mut(role);
        if !entry.keyids.contains(&key_id) {
            entry.keyids.push(key_id.clone());
        }
        self.keys.insert(key_id, key.clone());
    }

    /// Takes a key from a role, and out of the root when no role uses it any more.
    pub fn revoke(&mut self, role: TopRole, key_id: &str) {
        self.role_mut(role).keyids.retain(|known| known != key_id);
        if !self.roles.values().any(|role| role.keyids.iter().any(|known| known == key_id)) {
            self.keys.remove(key_id);
        }
    }

    /// Sets how many keys must sign for a role.
    pub fn set_threshold(&mut self, role: TopRole, threshold: u32) {
        self.role_mut(role).threshold = threshold;
    }

    /// The keys of a role.
    pub fn role(&self, role: TopRole) -> Option<&RoleKeys> {
        self.roles.get(role.as_str())
    }

    fn role_mut(&mut self, role: TopRole) -> &mut RoleKeys {
        let none = || RoleKeys { keyids: Vec::new(), threshold: 1, extra: BTreeMap::new() };
        self.roles.entry(role.to_string()).or_insert_with(none)
    }
}

/// `targets`: the files of the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetsRole {
    /// Increases with every change.
    pub version: u64,
    /// When it expires, in whole seconds.
    #[serde(with = "whole_seconds")]
    pub expires: Timestamp,
    /// The targets by path.
    pub targets: BTreeMap<String, TargetEntry>,
    /// Fields added by other tools, delegations among them.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

impl TargetsRole {
    /// A list without targets.
    pub fn new(version: u64, expires: Timestamp) -> Self {
        let expires = whole_seconds::truncate(expires);
        Self { version, expires, targets: BTreeMap::new(), extra: BTreeMap::new() }
    }
}

/// One file of the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetEntry {
    /// Its exact length in bytes.
    pub length: u64,
    /// Its digests in hexadecimal by algorithm.
    pub hashes: BTreeMap<String, String>,
    /// What the publisher adds about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<Value>,
    /// Fields added by other tools.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

impl TargetEntry {
    /// The entry of a file of known length and digest.
    pub fn new(length: u64, sha256: Digest) -> Self {
        let hashes = BTreeMap::from([("sha256".to_owned(), sha256.to_string())]);
        Self { length, hashes, custom: None, extra: BTreeMap::new() }
    }

    /// The entry of a file in memory.
    pub fn of(bytes: &[u8]) -> Self {
        Self::new(bytes.len() as u64, Digest::of(bytes))
    }

    /// The file's SHA-256, where the entry has one.
    pub fn sha256(&self) -> Option<Digest> {
        self.hashes.get("sha256")?.parse().ok()
    }
}

/// `snapshot`: the versions of all targets metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotRole {
    /// Increases with every change.
    pub version: u64,
    /// When it expires, in whole seconds.
    #[serde(with = "whole_seconds")]
    pub expires: Timestamp,
    /// The files, as `targets.json`.
    pub meta: BTreeMap<String, MetaEntry>,
    /// Fields added by other tools.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

impl SnapshotRole {
    /// A snapshot of the top-level targets role alone.
    pub fn new(version: u64, expires: Timestamp, targets: MetaEntry) -> Self {
        let meta = BTreeMap::from([("targets.json".to_owned(), targets)]);
        Self { version, expires: whole_seconds::truncate(expires), meta, extra: BTreeMap::new() }
    }
}

/// `timestamp`: the newest snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimestampRole {
    /// Increases with every signing.
    pub version: u64,
    /// When it expires, in whole seconds.
    #[serde(with = "whole_seconds")]
    pub expires: Timestamp,
    /// Exactly one file, `snapshot.json`.
    pub meta: BTreeMap<String, MetaEntry>,
    /// Fields added by other tools, and the signed time.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

impl TimestampRole {
    /// A timestamp of this snapshot, signed at that time.
    pub fn new(version: u64, expires: Timestamp, snapshot: MetaEntry, signed_at: Timestamp) -> Self {
        let signed_at = whole_seconds::truncate(signed_at).to_string();
        Self {
            version,
            expires: whole_seconds::truncate(expires),
            meta: BTreeMap::from([("snapshot.json".to_owned(), snapshot)]),
            extra: BTreeMap::from([(SIGNED_AT_FIELD.to_owned(), Value::String(signed_at))]),
        }
    }

    /// The signed time.
    pub fn signed_at(&self) -> Option<Timestamp> {
        self.extra.get(SIGNED_AT_FIELD)?.as_str()?.parse().ok()
    }

    /// The snapshot that it names.
    pub fn snapshot(&self) -> Option<&MetaEntry> {
        self.meta.get("snapshot.json")
    }
}

/// A metadata file that another one names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetaEntry {
    /// Its version.
    pub version: u64,
    /// Its length in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
    /// Its digests in hexadecimal by algorithm.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hashes: BTreeMap<String, String>,
    /// Fields added by other tools.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

impl MetaEntry {
    /// The entry of a signed file.
    pub fn of(version: u64, bytes: &[u8]) -> Self {
        let hashes = BTreeMap::from([("sha256".to_owned(), Digest::of(bytes).to_string())]);
        Self { version, length: Some(bytes.len() as u64), hashes, extra: BTreeMap::new() }
    }
}

macro_rules! role_data {
    ($($type:ty => $role:expr),*) => {$(
        impl RoleData for $type {
            const ROLE: TopRole = $role;
            fn version(&self) -> u64 {
                self.version
            }
            fn expires(&self) -> Timestamp {
                self.expires
            }
        }
    )*};
}
role_data!(
    RootRole => TopRole::Root,
    TargetsRole => TopRole::Targets,
    SnapshotRole => TopRole::Snapshot,
    TimestampRole => TopRole::Timestamp
);

/// TUF 1.0, section 4.1: times are `YYYY-MM-DDTHH:MM:SSZ`, without fractions of a second.
pub(super) mod whole_seconds {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn truncate(time: Timestamp) -> Timestamp {
        Timestamp::from_second(time.as_second()).unwrap_or(time)
    }

    pub(crate) fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&truncate(*time))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        Timestamp::deserialize(deserializer)
    }
}
