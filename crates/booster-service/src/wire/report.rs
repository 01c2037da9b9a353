//! What an update has done.

use super::{all_named, generated as proto, name, named};
use booster_update::{ComponentChange, Held, How, Outcome, Report, SourceRef, SourceTried};
use serde::{Serialize, de::DeserializeOwned};

impl From<&Report> for proto::Report {
    fn from(report: &Report) -> Self {
        let source = report.source.zip(report.path.clone());
        Self {
            outcome: name(&report.outcome),
            source: source.map(|(kind, path)| proto::Source { kind: name(&kind), path }),
            components: report.components.iter().map(proto::Change::from).collect(),
            bytes_downloaded: report.bytes_downloaded,
            requests: report.requests,
            duration_ms: report.duration_ms,
            failure: report.error.as_ref().map(proto::Failure::from),
            sources_tried: report.sources_tried.iter().map(proto::SourceTried::from).collect(),
            out_of_date: report.out_of_date.iter().map(name).collect(),
            rolled_back: report.rolled_back.as_ref().map(proto::RolledBack::from),
            undone: report.undone.iter().map(proto::RolledBack::from).collect(),
            pause_json: report.pause.as_ref().and_then(json),
            trial_json: report.trial.as_ref().and_then(json),
            engines_json: (!report.engines.is_empty()).then(|| json(&report.engines)).flatten(),
        }
    }
}

/// What is to be understood by programs that are written for it, and by nobody else, is told as JSON.
fn json(value: &impl Serialize) -> Option<String> {
    serde_json::to_string(value).ok()
}

fn parsed<T: DeserializeOwned>(text: Option<String>) -> Option<T> {
    text.and_then(|text| serde_json::from_str(&text).ok())
}

impl From<proto::Report> for Report {
    fn from(report: proto::Report) -> Self {
        let source = report.source.and_then(|source| SourceRef::try_from(source).ok());
        // An outcome that is not known here is one that the failure, or its absence, tells enough of.
        let known = named(&report.outcome);
        let outcome =
            known.unwrap_or(if report.failure.is_some() { Outcome::Failed } else { Outcome::Updated });
        Self {
            outcome,
            source: source.as_ref().map(|source| source.kind),
            path: source.map(|source| source.path),
            components: report.components.into_iter().filter_map(change).collect(),
            bytes_downloaded: report.bytes_downloaded,
            requests: report.requests,
            duration_ms: report.duration_ms,
            error: report.failure.map(Into::into),
            sources_tried: report.sources_tried.into_iter().filter_map(tried).collect(),
            pause: parsed(report.pause_json),
            out_of_date: all_named(&report.out_of_date),
            trial: parsed(report.trial_json),
            engines: parsed(report.engines_json).unwrap_or_default(),
            rolled_back: report.rolled_back.map(Into::into),
            undone: report.undone.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<&ComponentChange> for proto::Change {
    fn from(change: &ComponentChange) -> Self {
        let held = |held: &Held| proto::Held { text: held.to_string(), json: json(held).unwrap_or_default() };
        Self {
            name: name(&change.name),
            from_version: change.from.map(|version| version.to_string()),
            to_version: change.to.map(|version| version.to_string()),
            how: name(&change.how),
            held: change.held.as_ref().map(held),
            patch_failed: change.patch_failed.clone(),
        }
    }
}

fn change(change: proto::Change) -> Option<ComponentChange> {
    Some(ComponentChange {
        name: named(&change.name)?,
        from: change.from_version.as_deref().and_then(named),
        to: change.to_version.as_deref().and_then(named),
        how: named(&change.how).unwrap_or(How::Full),
        held: change.held.and_then(|held| parsed(Some(held.json))),
        patch_failed: change.patch_failed,
    })
}

impl From<&SourceTried> for proto::SourceTried {
    fn from(tried: &SourceTried) -> Self {
        let source = proto::Source { kind: name(&tried.kind), path: tried.path.clone() };
        Self { source: Some(source), failure: tried.error.as_ref().map(proto::Failure::from) }
    }
}

fn tried(tried: proto::SourceTried) -> Option<SourceTried> {
    let SourceRef { kind, path } = tried.source?.try_into().ok()?;
    Some(SourceTried { kind, path, error: tried.failure.map(Into::into) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_definitions::{Channel, Component, Version};
    use booster_engine::TrialReport;
    use booster_sources::SourceKind;
    use booster_store::{Pause, RolledBack, Why};
    use booster_update::{Cause, EngineStatus, Stage, UpdateError};
    use jiff::Timestamp;

    #[test]
    fn a_report_says_the_same_on_both_sides() {
        let version = Version([1, 2, 0, 0]);
        let held = Held::NotYet { offered: version, channel: Channel::Delayed, from: Timestamp::UNIX_EPOCH };
        let error = UpdateError::new(Stage::Search, None, Cause::NoSource);
        let report = Report {
            outcome: Outcome::Failed,
            source: Some(SourceKind::Http),
            path: Some("http://a/".into()),
            components: vec![ComponentChange {
                name: Component::Antivirus,
                from: None,
                to: Some(version),
                how: How::Patch,
                held: Some(held),
                patch_failed: Some("x".into()),
            }],
            bytes_downloaded: 1,
            requests: 2,
            duration_ms: 3,
            error: Some(error.clone()),
            sources_tried: vec![SourceTried {
                kind: SourceKind::Directory,
                path: "/a".into(),
                error: Some(error),
            }],
            pause: Some(Pause { since: Timestamp::UNIX_EPOCH, until: None, reason: Some("y".into()) }),
            out_of_date: vec![Component::Nis],
            trial: Some(TrialReport { files: 3, ..TrialReport::default() }),
            engines: vec![EngineStatus {
                name: "mail".into(),
                kind: "clamd".into(),
                placed: None,
                confirmed: None,
                problem: Some("z".into()),
            }],
            rolled_back: None,
            undone: vec![RolledBack {
                time: Timestamp::UNIX_EPOCH,
                why: Why::NotApproved,
                reason: "w".into(),
                changes: Vec::new(),
            }],
        };
        let told = Report::from(proto::Report::from(&report));
        // What `booster update --json` prints is all that there is to say.
        assert_eq!(serde_json::to_value(&told).unwrap(), serde_json::to_value(&report).unwrap());
    }

    #[test]
    fn an_outcome_of_tomorrow_is_told_by_whether_it_failed() {
        let outcome = |failure| {
            let report = proto::Report { outcome: "of_tomorrow".into(), failure, ..Default::default() };
            Report::from(report).outcome
        };
        assert_eq!(outcome(None), Outcome::Updated);
        assert_eq!(outcome(Some(proto::Failure::default())), Outcome::Failed);
    }
}
