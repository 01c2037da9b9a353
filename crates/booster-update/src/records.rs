//! What is written down of an operation for later ones, and for people: how it went, when each source was
//! asked, what it said and until when it is left alone, and a line of history.

use crate::{BackOff, Cause, ErrorKind, How, Outcome, Report, UpdateError};
use booster_sources::{Source, SourceError};
use booster_store::{Attempts, Change, HistoryEntry, SourceCheck, StoreError};
use jiff::{SignedDuration, Timestamp};

/// What the record of checks knows a source by.
pub fn source_key(source: &dyn Source) -> String {
    format!("{} {}", source.kind(), source.location())
}

/// Until when a source is left alone, by its own wish or because it keeps failing: the moment may have passed.
pub fn left_alone_until(last: &SourceCheck, now: Timestamp) -> Option<Timestamp> {
    believed(last.retry_after, now).max(believed(last.backed_off_until, now))
}

/// Why a source is not asked now, if it is not. Its own wish counts for everyone, its failures for patient
/// requests.
pub(crate) fn left_alone(last: &SourceCheck, location: &str, now: Timestamp, patient: bool) -> Option<Cause> {
    let ahead = |until: &Timestamp| *until > now;
    if let Some(until) = believed(last.retry_after, now).filter(ahead) {
        return Some(SourceError::CoolingDown { location: location.to_owned(), until }.into());
    }
    let until = believed(last.backed_off_until, now).filter(|until| patient && ahead(until))?;
    Some(Cause::BackedOff { failures: last.failures, until })
}

/// A moment until which a source is left alone, unless it is absurd.
fn believed(until: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    // Nothing is left alone for longer than this. A later moment means that the clock was set back.
    const LONGEST: SignedDuration = SignedDuration::from_hours(24);
    until.filter(|until| until.duration_since(now) <= LONGEST)
}

/// What is remembered of a visit to a source: nothing, where the caller broke it off. A failure of this machine
/// says nothing against the source.
pub(crate) fn source_check(
    location: String,
    last: &SourceCheck,
    now: Timestamp,
    error: Option<&UpdateError>,
    back_off: BackOff,
    drawn: u64,
) -> Option<SourceCheck> {
    if error.is_some_and(|error| error.kind() == ErrorKind::Cancelled) {
        return None;
    }
    let failures = match error {
        None => 0,
        Some(error) if error.cause().is_local() => last.failures,
        Some(_) => last.failures.saturating_add(1),
    };
    let failed = error.is_some_and(|error| !error.cause().is_local());
    Some(SourceCheck {
        location,
        last_check: Some(now),
        last_success: if error.is_none() { Some(now) } else { last.last_success },
        last_error: error.map(ToString::to_string),
        retry_after: error.and_then(|error| error.cause().retry_after()),
        failures,
        backed_off_until: failed.then(|| later(now, back_off.pause(failures, drawn))),
    })
}

fn later(now: Timestamp, by: std::time::Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    now.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// How operations have gone when this one is counted: nothing, where it was none, because updates are paused,
/// another operation had the data folder, or no source was to be asked.
///
/// An operation that could not even begin leaves no record; a caller that counts it all the same does it with
/// this.
pub fn attempted(last: Option<&Attempts>, report: &Report, now: Timestamp) -> Option<Attempts> {
    let (last_success, failures) = last.map_or((None, 0), |last| (last.last_success, last.failures));
    let (last_success, failures) = match report.outcome {
        Outcome::Paused | Outcome::Available => return None,
        Outcome::Failed if nobody_was_asked(report) => return None,
        Outcome::Failed => (last_success, failures.saturating_add(1)),
        Outcome::Cancelled => (last_success, failures),
        Outcome::Updated | Outcome::Current | Outcome::RestartRequired | Outcome::SoftwareUpdateAvailable => {
            (Some(now), 0)
        }
    };
    let (outcome, error) = (report.outcome.to_string(), report.error.as_ref().map(ToString::to_string));
    Some(Attempts { last: now, outcome, error, last_success, failures })
}

fn nobody_was_asked(report: &Report) -> bool {
    let busy = report.error.as_ref().is_some_and(|error| error.kind() == ErrorKind::Busy);
    let mut tried = report.sources_tried.iter();
    let left_alone =
        tried.all(|tried| tried.error.as_ref().is_some_and(|error| error.cause().is_left_alone()));
    busy || left_alone && !report.sources_tried.is_empty()
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
mod tests;
