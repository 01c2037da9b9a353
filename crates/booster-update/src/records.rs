//! What is written down of an operation for later ones, and for people: when each source was asked
//! and what it said, and a line of history.

use crate::{ErrorKind, How, Outcome, Report, UpdateError};
use booster_store::{Change, HistoryEntry, SourceCheck, StoreError};
use jiff::Timestamp;

/// Until when a source wants to be left alone, if it does.
pub(crate) fn cooling_down(last: &SourceCheck, now: Timestamp) -> Option<Timestamp> {
    // Sources take no longer wish than this. A later moment means that the clock was set back.
    const LONGEST: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);
    last.retry_after.filter(|&until| until > now && until.duration_since(now) <= LONGEST)
}

/// What is remembered of a visit to a source: nothing, where the caller broke it off.
pub(crate) fn source_check(
    location: String,
    last: &SourceCheck,
    now: Timestamp,
    error: Option<&UpdateError>,
) -> Option<SourceCheck> {
    if error.is_some_and(|error| error.kind() == ErrorKind::Cancelled) {
        return None;
    }
    Some(SourceCheck {
        location,
        last_check: Some(now),
        last_success: if error.is_none() { Some(now) } else { last.last_success },
        last_error: error.map(ToString::to_string),
        retry_after: error.and_then(|error| error.cause().retry_after()),
    })
}

/// What the history keeps of an operation: nothing, where nothing changed and nothing failed.
pub(crate) fn history_entry(report: &Report, now: Timestamp) -> Option<HistoryEntry> {
    let changes: Vec<_> = report
        .components
        .iter()
        .filter_map(|change| {
            let to = change.to.filter(|_| change.how != How::None)?;
            Some(Change { component: change.name, from: change.from, to: Some(to) })
        })
        .collect();
    let quiet =
        matches!(report.outcome, Outcome::Current | Outcome::Available | Outcome::SoftwareUpdateAvailable);
    if report.outcome == Outcome::Paused
        || quiet && (changes.is_empty() || report.outcome == Outcome::Available)
    {
        return None;
    }
    Some(HistoryEntry {
        time: now,
        outcome: report.outcome.to_string(),
        source: report.source.map(|kind| kind.to_string()),
        changes,
        bytes_downloaded: report.bytes_downloaded,
        duration_ms: report.duration_ms,
        error: report.error.as_ref().map(ToString::to_string),
        reason: None,
    })
}

/// Records are for people: one that cannot be written fails no operation.
pub(crate) fn record(what: &str, written: Result<(), StoreError>) {
    if let Err(error) = written {
        tracing::warn!(%error, "{what} could not be recorded");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_kept_until_its_end_unless_the_clock_makes_it_absurd() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let day = 24 * 3600;
        for (retry_after, kept) in [
            (None, false),
            (Some(at(1_000_001)), true),
            (Some(at(1_000_000)), false),
            (Some(at(999_999)), false),
            (Some(at(1_000_000 + day)), true),
            (Some(at(1_000_001 + day)), false),
        ] {
            let last = SourceCheck { retry_after, ..SourceCheck::default() };
            assert_eq!(cooling_down(&last, at(1_000_000)).is_some(), kept, "{retry_after:?}");
        }
    }
}
