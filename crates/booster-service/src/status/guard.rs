//! What was left, and what is not taken again.

use booster_store::{Change, HistoryEntry, RejectedRelease};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What is known of new definitions that turned out bad, for the status.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Guard {
    /// Until when the current set is watched, if it still is.
    pub probation_until: Option<Timestamp>,
    /// Whether another engine or the health command has still to say something about the current set.
    pub awaits_approval: bool,
    /// The releases that this machine does not take, oldest first.
    pub rejected: Vec<RejectedRelease>,
    /// The last return to an earlier set, where no update came after it.
    pub rolled_back: Option<RollbackStatus>,
}

/// A return to an earlier set.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RollbackStatus {
    /// When.
    pub time: Timestamp,
    /// Why, if a reason was given.
    pub reason: Option<String>,
    /// What changed.
    pub changes: Vec<Change>,
}

impl RollbackStatus {
    /// Finds it in the history: what an update installed after it has made it past.
    pub fn last(history: &[HistoryEntry]) -> Option<Self> {
        let last = history.iter().rev().find(|entry| !entry.changes.is_empty())?;
        (last.outcome == "rolled_back").then(|| Self {
            time: last.time,
            reason: last.reason.clone(),
            changes: last.changes.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_definitions::{Component, Version};

    fn change() -> Change {
        let version = |n| Some(Version([1, n, 0, 0]));
        Change { component: Component::Antivirus, from: version(2), to: version(1) }
    }

    fn entry(outcome: &str, changes: Vec<Change>) -> HistoryEntry {
        HistoryEntry {
            time: Timestamp::UNIX_EPOCH,
            outcome: outcome.into(),
            source: None,
            changes,
            bytes_downloaded: 0,
            duration_ms: 0,
            error: None,
            reason: Some("false alarms".into()),
        }
    }

    #[test]
    fn a_return_is_told_until_an_update_installs_something() {
        let back = || entry("rolled_back", vec![change()]);
        for (history, told) in [
            (vec![], false),
            (vec![back()], true),
            (vec![back(), entry("failed", vec![])], true),
            (vec![back(), entry("updated", vec![change()])], false),
            (vec![entry("updated", vec![change()]), back()], true),
        ] {
            assert_eq!(RollbackStatus::last(&history).is_some(), told, "{history:?}");
        }
    }
}
