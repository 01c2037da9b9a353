//! Floors: the lowest versions that this machine will ever take again.
//!
//! The verifier compares a new file with the trusted one that it has loaded. After a refresh that
//! failed half-way the trusted timestamp names a snapshot that was never fetched; the older trusted
//! snapshot then no longer loads under it, and with it the comparison would be gone. Floors do not
//! depend on what loads. They fall only with the keys that signed them (TUF 1.0, section 5.3.11:
//! recovery from a fast-forward attack).

use crate::error::{Result, TrustError};
use serde::{Deserialize, Serialize};
use sigstore_tuf::{Snapshot, Timestamp as TimestampRole};
use std::collections::BTreeMap;

/// The versions that were verified, by the role file that proved them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Floors {
    pub root: u64,
    pub timestamp: Option<TimestampFloor>,
    pub snapshot: Option<SnapshotFloor>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimestampFloor {
    pub version: u64,
    /// The version of the snapshot that the timestamp names.
    pub snapshot: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SnapshotFloor {
    pub version: u64,
    /// The version of each targets file that the snapshot names, as `targets.json`.
    pub targets: BTreeMap<String, u64>,
}

impl TimestampFloor {
    pub(crate) fn of(timestamp: &TimestampRole) -> Self {
        let snapshot = timestamp.snapshot_meta().map_or(0, |meta| meta.version);
        Self { version: timestamp.version, snapshot }
    }
}

impl SnapshotFloor {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let targets = snapshot.meta.iter().map(|(name, meta)| (name.clone(), meta.version)).collect();
        Self { version: snapshot.version, targets }
    }

    /// The snapshot lists a targets file, given its file name in the repository (where the role's name
    /// is percent-encoded).
    pub(crate) fn lists(&self, file: &str) -> bool {
        self.targets.keys().any(|name| encode_role(name) == file)
    }
}

/// A role's file name as it stands in URLs: every byte outside RFC 3986's unreserved set is escaped.
fn encode_role(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

impl Floors {
    /// TUF 1.0, section 5.4.3, steps 1 and 2.
    pub(crate) fn check_timestamp(&self, offered: &TimestampFloor) -> Result<()> {
        let Some(known) = &self.timestamp else { return Ok(()) };
        if offered.version < known.version {
            return Err(TrustError::OlderThanKnown {
                known: known.version,
                offered: offered.version,
                attempts: 1,
            });
        }
        not_older("snapshot (named by timestamp)", known.snapshot, offered.snapshot)
    }

    /// TUF 1.0, section 5.5.5: nothing that was listed may vanish or go back.
    pub(crate) fn check_snapshot(&self, offered: &SnapshotFloor) -> Result<()> {
        let Some(known) = &self.snapshot else { return Ok(()) };
        not_older("snapshot", known.version, offered.version)?;
        for (name, version) in &known.targets {
            let Some(new) = offered.targets.get(name) else {
                return Err(TrustError::Mismatch {
                    file: "snapshot.json".to_owned(),
                    reason: format!("it no longer lists {name}, which version {} listed", known.version),
                });
            };
            not_older(&format!("{name} (named by snapshot)"), *version, *new)?;
        }
        Ok(())
    }
}

/// Refuses a version below its floor.
pub(crate) fn not_older(role: &str, known: u64, offered: u64) -> Result<()> {
    if offered < known {
        return Err(TrustError::Rollback { role: role.to_owned(), known, offered });
    }
    Ok(())
}
