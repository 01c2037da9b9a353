//! What operations changed, in lines.

use crate::text;
use booster_store::HistoryEntry;
use std::time::Duration;

/// The entries in words, as given.
pub fn lines(entries: &[HistoryEntry]) -> Vec<String> {
    let rows: Vec<_> = entries.iter().map(row).collect();
    text::table(&rows, &[])
}

fn row(entry: &HistoryEntry) -> Vec<String> {
    let changes: Vec<_> = entry
        .changes
        .iter()
        .map(|change| match (change.from, change.to) {
            (Some(from), Some(to)) => format!("{} {from} -> {to}", change.component),
            (Some(from), None) => format!("{} {from} -> none", change.component),
            (None, Some(to)) => format!("{} {to}", change.component),
            (None, None) => change.component.to_string(),
        })
        .collect();
    vec![
        text::time(entry.time),
        entry.outcome.clone(),
        entry.source.clone().unwrap_or_default(),
        text::bytes(entry.bytes_downloaded),
        text::duration(Duration::from_millis(entry.duration_ms)),
        match (&entry.error, &entry.reason) {
            (Some(error), _) => error.clone(),
            (None, Some(reason)) => format!("{}: {reason}", changes.join(", ")),
            (None, None) => changes.join(", "),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_definitions::{Component, Version};
    use booster_store::Change;

    #[test]
    fn an_entry_says_when_what_and_from_where() {
        let entry = HistoryEntry {
            time: jiff::Timestamp::UNIX_EPOCH,
            outcome: "updated".into(),
            source: Some("http".into()),
            changes: vec![
                Change { component: Component::Antivirus, from: None, to: Some(Version([1, 0, 0, 0])) },
                Change {
                    component: Component::Nis,
                    from: Some(Version([1, 0, 0, 0])),
                    to: Some(Version([2, 0, 0, 0])),
                },
            ],
            bytes_downloaded: 1234,
            duration_ms: 400,
            error: None,
            reason: None,
        };
        let failed =
            HistoryEntry { error: Some("no answer".into()), outcome: "failed".into(), ..entry.clone() };
        let gone = Change { component: Component::Nis, from: Some(Version([2, 0, 0, 0])), to: None };
        let removed = HistoryEntry {
            outcome: "removed".into(),
            source: None,
            changes: vec![gone],
            bytes_downloaded: 0,
            duration_ms: 0,
            ..entry.clone()
        };
        let back = HistoryEntry {
            outcome: "rolled_back".into(),
            reason: Some("false alarms".into()),
            ..removed.clone()
        };
        assert_eq!(
            lines(&[entry, failed, removed, back]),
            [
                "1970-01-01 00:00:00 UTC  updated      http  1.2 kB  0.4 s  antivirus 1.0.0.0, nis 1.0.0.0 -> 2.0.0.0",
                "1970-01-01 00:00:00 UTC  failed       http  1.2 kB  0.4 s  no answer",
                "1970-01-01 00:00:00 UTC  removed            0 B     0.0 s  nis 2.0.0.0 -> none",
                "1970-01-01 00:00:00 UTC  rolled_back        0 B     0.0 s  nis 2.0.0.0 -> none: false alarms",
            ]
        );
    }
}
