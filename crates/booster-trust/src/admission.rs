//! Which of the files that the verifier accepted may be kept.
//!
//! A pure decision, from the state before, the verified files and a clock to the state after. Each
//! role is kept on its own checks, in the order of the workflow (TUF 1.0, section 5): a snapshot that
//! cannot be had does not undo the timestamp that was verified before it. What the verifier cannot
//! know, the floors and the signed clock, is checked here.

use crate::{
    error::{Result, TrustError},
    floors::{SnapshotFloor, TimestampFloor, not_older},
    overlay::Staged,
    roles::{check_fresh, check_signed, parse, signed_at},
    state::{Data, text},
};
use jiff::Timestamp;
use sigstore_tuf::{Metadata, Role, Root, Snapshot, Targets, Timestamp as TimestampRole};

/// The outcome: what to commit, and why the rest was refused.
#[derive(Debug)]
pub(crate) struct Admission {
    /// The state to commit; it may equal the one before.
    pub data: Data,
    /// The time that expiry is judged at, now that a newer signed time may be known.
    pub judged_at: Timestamp,
    /// The first refusal; what comes after it was not looked at.
    pub refused: Option<TrustError>,
}

/// Decides about the verified files of one refresh.
pub(crate) fn admit(before: &Data, staged: Staged, judged_at: Timestamp) -> Admission {
    let mut admission = Admission { data: before.clone(), judged_at, refused: None };
    admission.refused = admission.take(staged).err();
    admission
}

impl Admission {
    fn take(&mut self, staged: Staged) -> Result<()> {
        for (version, root) in staged.roots {
            self.take_root(version, root)?;
        }
        if let Some(bytes) = staged.timestamp {
            self.take_timestamp(bytes)?;
        }
        if let Some(bytes) = staged.snapshot {
            self.take_snapshot(bytes)?;
        }
        if let Some(bytes) = staged.targets {
            self.take_targets(bytes)?;
        }
        for (name, bytes) in staged.delegated {
            self.data.delegated.insert(name.clone(), text(&name, bytes)?);
        }
        Ok(())
    }

    /// Roots are kept even when they have expired: the next one may not be (section 5.3.10).
    fn take_root(&mut self, version: u64, bytes: Vec<u8>) -> Result<()> {
        if self.data.roots.contains_key(&version) {
            return Ok(());
        }
        not_older("root", self.data.floors.root, version)?;
        let root = parse::<Root>("root.json", &bytes)?.into_signed();
        self.data.roots.insert(version, text("root.json", bytes)?);
        self.data.floors.root = version;
        self.forget_revoked(&root)
    }

    /// Files that the new root's keys no longer vouch for go, and their floors with them: the way back
    /// from an attacker who signed absurdly high versions with a stolen key (section 5.3.11).
    fn forget_revoked(&mut self, root: &Root) -> Result<()> {
        let data = &mut self.data;
        if !vouched::<TimestampRole>(root, "timestamp", data.timestamp.as_deref())? {
            data.timestamp = None;
            data.floors.timestamp = None;
            data.signed_at = None;
        }
        if !vouched::<Snapshot>(root, "snapshot", data.snapshot.as_deref())? {
            data.snapshot = None;
            data.floors.snapshot = None;
        }
        if !vouched::<Targets>(root, "targets", data.targets.as_deref())? {
            data.targets = None;
            data.delegated.clear();
        }
        Ok(())
    }

    fn take_timestamp(&mut self, bytes: Vec<u8>) -> Result<()> {
        let timestamp = parse::<TimestampRole>("timestamp.json", &bytes)?.into_signed();
        let offered = TimestampFloor::of(&timestamp);
        self.data.floors.check_timestamp(&offered)?;
        let signed_at = signed_at(&timestamp)?;
        self.judged_at = signed_at.map_or(self.judged_at, |signed_at| signed_at.max(self.judged_at));
        let root = parse::<Root>("root.json", self.data.root()?.as_bytes())?.into_signed();
        check_fresh("root", &root, self.judged_at)?;
        check_fresh("timestamp", &timestamp, self.judged_at)?;
        self.data.timestamp = Some(text("timestamp.json", bytes)?);
        self.data.floors.timestamp = Some(offered);
        self.data.signed_at = self.data.signed_at.max(signed_at);
        Ok(())
    }

    fn take_snapshot(&mut self, bytes: Vec<u8>) -> Result<()> {
        let snapshot = parse::<Snapshot>("snapshot.json", &bytes)?.into_signed();
        let offered = SnapshotFloor::of(&snapshot);
        self.data.floors.check_snapshot(&offered)?;
        check_fresh("snapshot", &snapshot, self.judged_at)?;
        self.data.delegated.retain(|name, _| offered.lists(name));
        self.data.snapshot = Some(text("snapshot.json", bytes)?);
        self.data.floors.snapshot = Some(offered);
        Ok(())
    }

    fn take_targets(&mut self, bytes: Vec<u8>) -> Result<()> {
        let targets = parse::<Targets>("targets.json", &bytes)?.into_signed();
        check_fresh("targets", &targets, self.judged_at)?;
        self.data.targets = Some(text("targets.json", bytes)?);
        Ok(())
    }
}

/// The root's keys still sign for this file (a file that is not there has nothing to lose).
fn vouched<T: Role>(root: &Root, role: &str, file: Option<&str>) -> Result<bool> {
    let Some(file) = file else { return Ok(true) };
    let metadata: Metadata<T> = parse(role, file.as_bytes())?;
    Ok(check_signed(root, role, &metadata).is_ok())
}

#[cfg(test)]
mod tests;
