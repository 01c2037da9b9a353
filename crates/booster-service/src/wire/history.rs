//! What updates changed.

use super::{event::change, generated as proto, time, timestamp};
use booster_store::HistoryEntry;

impl From<&HistoryEntry> for proto::HistoryEntry {
    fn from(entry: &HistoryEntry) -> Self {
        Self {
            time: Some(time(entry.time)),
            outcome: entry.outcome.clone(),
            source: entry.source.clone(),
            changes: entry.changes.iter().map(proto::ComponentChange::from).collect(),
            bytes_downloaded: entry.bytes_downloaded,
            duration_ms: entry.duration_ms,
            error: entry.error.clone(),
            reason: entry.reason.clone(),
        }
    }
}

impl From<proto::HistoryEntry> for HistoryEntry {
    fn from(entry: proto::HistoryEntry) -> Self {
        Self {
            time: timestamp(entry.time),
            outcome: entry.outcome,
            source: entry.source,
            changes: entry.changes.into_iter().filter_map(change).collect(),
            bytes_downloaded: entry.bytes_downloaded,
            duration_ms: entry.duration_ms,
            error: entry.error,
            reason: entry.reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_definitions::{Component, Version};
    use booster_store::Change;

    #[test]
    fn an_entry_is_the_same_on_both_sides() {
        let to = Some(Version([1, 0, 0, 0]));
        let entry = HistoryEntry {
            time: jiff::Timestamp::UNIX_EPOCH,
            outcome: "updated".into(),
            source: Some("http".into()),
            changes: vec![Change { component: Component::Nis, from: None, to }],
            bytes_downloaded: 1,
            duration_ms: 2,
            error: None,
            reason: Some("x".into()),
        };
        assert_eq!(HistoryEntry::from(proto::HistoryEntry::from(&entry)), entry);
    }
}
