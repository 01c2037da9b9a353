//! The trusted roles, parsed, and what can be asked of them without any I/O.

use crate::{
    SIGNED_AT_FIELD,
    error::{Result, TrustError},
    state::Data,
};
use jiff::Timestamp;
use sigstore_tuf::{Metadata, Role, Root, Snapshot, Targets, Timestamp as TimestampRole};

/// The versions of the trusted top-level roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RoleVersions {
    /// Of `root`; 0 when no root is pinned.
    pub root: u64,
    /// Of `timestamp`, when one has been verified.
    pub timestamp: Option<u64>,
    /// Of `snapshot`, when one has been verified.
    pub snapshot: Option<u64>,
    /// Of the top-level `targets`, when one has been verified.
    pub targets: Option<u64>,
}

/// The parsed payloads of a state's role files.
#[derive(Debug, Clone)]
pub(crate) struct Roles {
    pub root: Root,
    pub timestamp: Option<TimestampRole>,
    pub snapshot: Option<Snapshot>,
    pub targets: Option<Targets>,
}

impl Roles {
    pub(crate) fn parse(data: &Data) -> Result<Self> {
        fn optional<T: Role>(file: &str, text: Option<&String>) -> Result<Option<T>> {
            text.map(|text| parse(file, text.as_bytes()).map(Metadata::into_signed)).transpose()
        }
        Ok(Self {
            root: parse("root.json", data.root()?.as_bytes())?.into_signed(),
            timestamp: optional("timestamp.json", data.timestamp.as_ref())?,
            snapshot: optional("snapshot.json", data.snapshot.as_ref())?,
            targets: optional("targets.json", data.targets.as_ref())?,
        })
    }

    pub(crate) fn versions(&self) -> RoleVersions {
        RoleVersions {
            root: self.root.version,
            timestamp: self.timestamp.as_ref().map(|role| role.version),
            snapshot: self.snapshot.as_ref().map(|role| role.version),
            targets: self.targets.as_ref().map(|role| role.version),
        }
    }

    /// All four roles are there, and each is the version that the one above it names: the last
    /// refresh was not cut off half-way.
    pub(crate) fn complete(&self) -> bool {
        let (Some(timestamp), Some(snapshot), Some(targets)) =
            (&self.timestamp, &self.snapshot, &self.targets)
        else {
            return false;
        };
        timestamp.snapshot_meta().is_some_and(|meta| meta.version == snapshot.version)
            && snapshot.meta.get("targets.json").is_some_and(|meta| meta.version == targets.version)
    }

    /// No role that is there has expired at that time.
    pub(crate) fn check_fresh(&self, at: Timestamp) -> Result<()> {
        check_fresh("root", &self.root, at)?;
        self.timestamp.as_ref().map_or(Ok(()), |role| check_fresh("timestamp", role, at))?;
        self.snapshot.as_ref().map_or(Ok(()), |role| check_fresh("snapshot", role, at))?;
        self.targets.as_ref().map_or(Ok(()), |role| check_fresh("targets", role, at))
    }
}

/// Parses an envelope; its signatures are not looked at.
pub(crate) fn parse<T: Role>(file: &str, bytes: &[u8]) -> Result<Metadata<T>> {
    Metadata::from_slice(bytes).map_err(|error| TrustError::verdict(file, error))
}

/// Refuses a role that has expired at that time.
pub(crate) fn check_fresh<T: Role>(name: &str, role: &T, at: Timestamp) -> Result<()> {
    if role.is_expired(at) {
        return Err(TrustError::Expired { role: name.to_owned(), expired_at: role.expires() });
    }
    Ok(())
}

/// Refuses a file that too few of the root's keys for the role have signed.
pub(crate) fn check_signed<T: Role>(root: &Root, role: &str, metadata: &Metadata<T>) -> Result<()> {
    let unknown = || TrustError::malformed("root.json", format!("it names no keys for {role}"));
    let keys = root.role(role).ok_or_else(unknown)?;
    metadata
        .verify_threshold(&root.keys, keys, role)
        .map_err(|error| TrustError::verdict(format!("{role}.json"), error))
}

/// The publisher's signed time, where the timestamp carries one.
pub(crate) fn signed_at(timestamp: &TimestampRole) -> Result<Option<Timestamp>> {
    let Some(value) = timestamp.extra.get(SIGNED_AT_FIELD) else { return Ok(None) };
    let parsed = value.as_str().and_then(|text| text.parse().ok());
    parsed.map(Some).ok_or_else(|| {
        TrustError::malformed("timestamp.json", format!("{SIGNED_AT_FIELD} is {value}, not an RFC 3339 time"))
    })
}

/// An error with its causes, in one line.
pub(crate) fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
