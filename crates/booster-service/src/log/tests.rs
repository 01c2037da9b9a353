use super::*;
use booster_definitions::Channel;
use booster_sources::{SourceError, SourceKind};
use booster_store::{Change, Why};
use booster_update::{Cause, SourceRef, Stage};
use jiff::Timestamp;

const OLD: Version = Version([1, 0, 0, 0]);
const NEW: Version = Version([1, 1, 0, 0]);

fn error(cause: Cause) -> UpdateError {
    let source = SourceRef { kind: SourceKind::Http, path: "http://a/".into() };
    UpdateError::new(Stage::Download, Some(source), cause)
}

fn status_502() -> UpdateError {
    error(Cause::Source(SourceError::Status { location: "http://a/x".into(), status: 502 }))
}

fn untrusted() -> UpdateError {
    error(Cause::Told { kind: ErrorKind::Untrusted, detail: None, reason: "not signed".into() })
}

fn tried(error: Option<UpdateError>) -> SourceTried {
    SourceTried { kind: SourceKind::Http, path: "http://a/".into(), error }
}

fn change(how: How, held: Option<Held>) -> ComponentChange {
    let to = if how == How::None { OLD } else { NEW };
    ComponentChange {
        name: Component::Antivirus,
        from: Some(OLD),
        to: Some(to),
        how,
        held,
        patch_failed: None,
    }
}

fn report(outcome: Outcome) -> Report {
    Report {
        source: Some(SourceKind::Http),
        path: Some("http://a/".into()),
        ..Report::unasked(outcome, None)
    }
}

/// The lines of an update but the last, which every update has.
fn lines(report: &Report) -> Vec<Record> {
    let mut records = update(7, By::Schedule, report);
    let last = records.pop().unwrap();
    assert_eq!((last.id, last.fields.outcome), (None, Some(report.outcome.as_str())));
    assert!(
        records
            .iter()
            .all(|record| record.fields.update == Some(7) && record.fields.by.as_deref() == Some("schedule"))
    );
    records
}

#[test]
fn every_case_has_its_id_and_its_level() {
    let newer = Held::NeedsNewerEngine { offered: NEW, required: NEW, engine: OLD };
    let waits = Held::NotYet { offered: NEW, channel: Channel::Broad, from: Timestamp::UNIX_EPOCH };
    let back = RolledBack {
        time: Timestamp::UNIX_EPOCH,
        why: Why::Crashed,
        reason: "died twice".into(),
        changes: vec![Change { component: Component::Nis, from: Some(NEW), to: Some(OLD) }],
    };
    let cancelled = || error(Cause::Cancelled);
    use EventId::{Reverted, SoftwareTooOld, UpdateFailed, Updated};
    let cases = [
        (report(Outcome::Current), vec![]),
        (Report { components: vec![change(How::None, Some(waits))], ..report(Outcome::Current) }, vec![]),
        (Report { components: vec![change(How::Full, None)], ..report(Outcome::Available) }, vec![]),
        (
            Report { components: vec![change(How::Full, None)], ..report(Outcome::Updated) },
            vec![(Updated, Level::INFO)],
        ),
        (
            Report {
                components: vec![change(How::Patch, None), change(How::None, Some(newer))],
                ..report(Outcome::SoftwareUpdateAvailable)
            },
            vec![(Updated, Level::INFO), (SoftwareTooOld, Level::WARN)],
        ),
        // Another source has helped: a warning, unless somebody offered what must not be believed.
        (
            Report {
                sources_tried: vec![tried(Some(status_502())), tried(Some(untrusted())), tried(None)],
                ..report(Outcome::Current)
            },
            vec![(UpdateFailed, Level::WARN), (UpdateFailed, Level::ERROR)],
        ),
        // What a source's failure has said already is not said again.
        (
            Report {
                sources_tried: vec![tried(Some(status_502()))],
                error: Some(status_502()),
                ..report(Outcome::Failed)
            },
            vec![(UpdateFailed, Level::ERROR)],
        ),
        (
            Report { error: Some(error(Cause::NoSource)), ..report(Outcome::Failed) },
            vec![(UpdateFailed, Level::ERROR)],
        ),
        (
            Report { error: Some(cancelled()), ..report(Outcome::Cancelled) },
            vec![(UpdateFailed, Level::INFO)],
        ),
        (Report { rolled_back: Some(back), ..report(Outcome::Current) }, vec![(Reverted, Level::WARN)]),
    ];
    for (report, expected) in cases {
        let found: Vec<_> = lines(&report).iter().map(|record| (record.id.unwrap(), record.level)).collect();
        assert_eq!(found, expected, "{report:?}");
    }
}

#[test]
fn a_new_component_is_told_with_both_versions_and_how_it_came() {
    for (how, update_type) in [(How::Full, "Full"), (How::Patch, "Delta"), (How::Installed, "Local")] {
        let report = Report { components: vec![change(how, None)], ..report(Outcome::Updated) };
        let fields = lines(&report).remove(0).fields;
        assert_eq!(fields.component, Some("antivirus"));
        assert_eq!(
            (fields.version_before.as_deref(), fields.version.as_deref()),
            (Some("1.0.0.0"), Some("1.1.0.0"))
        );
        assert_eq!((fields.update_type, fields.source), (Some(update_type), Some("http")));
    }
}

#[test]
fn a_failure_is_told_with_its_source_stage_kind_and_detail() {
    let report = Report { sources_tried: vec![tried(Some(status_502()))], ..report(Outcome::Failed) };
    let fields = lines(&report).remove(0).fields;
    assert_eq!((fields.source, fields.path.as_deref()), (Some("http"), Some("http://a/")));
    assert_eq!((fields.stage, fields.error_kind), (Some("download"), Some("http_status")));
    assert_eq!(fields.error_detail.as_deref(), Some("http_status:502"));
    assert!(fields.error.unwrap().contains("502"));
}

#[test]
fn a_swap_tells_what_is_in_use_and_a_failed_one_why() {
    let swapped = Swapped {
        time: Timestamp::UNIX_EPOCH,
        generation: 3,
        components: [(Component::Antivirus, NEW), (Component::Nis, OLD)].into(),
        failed: None,
    };
    let record = swap(&swapped);
    assert_eq!((record.id, record.level), (Some(EventId::EngineSwapped), Level::INFO));
    assert_eq!(record.fields.version.as_deref(), Some("antivirus 1.1.0.0, nis 1.0.0.0"));
    let record = swap(&Swapped { failed: Some("damaged".into()), ..swapped });
    assert_eq!((record.id, record.level), (Some(EventId::EngineSwapFailed), Level::ERROR));
    assert_eq!((record.fields.error.as_deref(), record.fields.generation), (Some("damaged"), Some(3)));
}

#[test]
fn health_is_one_line_where_all_is_well_and_says_what_is_not() {
    let ids = |records: &[Record]| {
        records.iter().map(|record| (record.id.unwrap(), record.level)).collect::<Vec<_>>()
    };
    assert_eq!(ids(&health(None, &[])), [(EventId::Healthy, Level::INFO)]);
    let sick = health(None, &["no definitions are installed".into()]);
    assert_eq!(ids(&sick), [(EventId::HealthReport, Level::WARN)]);
    assert_eq!(sick[0].fields.error.as_deref(), Some("no definitions are installed"));
}
