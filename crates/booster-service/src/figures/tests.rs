use super::*;
use booster_sources::{SourceError, SourceKind};
use booster_update::{
    Cause, Event, EventKind, EventResult, Outcome, Report, SourceTried, Stage, UpdateError,
};
use std::sync::Arc;

pub(super) fn event(stage: Stage, second: i64) -> Event {
    Event {
        kind: EventKind::Start,
        time: Timestamp::from_second(second).unwrap(),
        stage,
        source: None,
        path: None,
        percent: 0,
        total: 0,
        index: 0,
        component: None,
        result: EventResult::Ok,
        bytes: None,
        out_of_date: Vec::new(),
        rolled_back: None,
    }
}

fn text(figures: &Figures) -> String {
    figures.text(None, 3, Timestamp::UNIX_EPOCH)
}

#[track_caller]
fn expect(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|found| found == *line), "{line} is missing in\n{text}");
    }
}

#[test]
fn an_update_is_counted_with_its_outcome_failures_bytes_and_stages() {
    let figures = Figures::default();
    let failure = || {
        let cause = Cause::Source(SourceError::Status { location: "http://a/x".into(), status: 502 });
        UpdateError::new(Stage::Search, None, cause)
    };
    let tried = |error| SourceTried { kind: SourceKind::Http, path: "http://a/".into(), error };
    let report = Report {
        bytes_downloaded: 1000,
        requests: 5,
        // What the report repeats is one failure.
        error: Some(failure()),
        sources_tried: vec![tried(Some(failure())), tried(None)],
        ..Report::unasked(Outcome::Failed, None)
    };
    for _ in 0..2 {
        figures.note(&Notice::Started {
            update: 1,
            by: crate::desk::By::Schedule,
            time: Timestamp::UNIX_EPOCH,
        });
        for (stage, second) in [(Stage::Search, 0), (Stage::Download, 2), (Stage::Download, 9)] {
            figures.note(&Notice::Event { update: 1, event: Arc::new(event(stage, second)) });
        }
        figures.note(&Notice::Report { update: 1, report: Arc::new(report.clone()) });
    }
    expect(
        &text(&figures),
        &[
            "booster_updates_total{outcome=\"failed\"} 2",
            "booster_update_failures_total{kind=\"http_status\"} 2",
            "booster_downloaded_bytes_total 2000",
            "booster_requests_total 10",
            "booster_update_stage_seconds_sum{stage=\"search\"} 4.0",
            "booster_update_stage_seconds_count{stage=\"download\"} 2",
            "booster_update_stage_seconds_sum{stage=\"download\"} 14.0",
            "booster_reversions_total 0",
            "booster_connections 3",
            "booster_data_folder_readable 0",
            "# EOF",
        ],
    );
}

#[test]
fn swaps_and_scans_are_counted_by_what_came_of_them() {
    let figures = Figures::default();
    let swapped = crate::engine::Swapped {
        time: Timestamp::UNIX_EPOCH,
        generation: 1,
        components: [].into(),
        failed: None,
    };
    let failed = crate::engine::Swapped { failed: Some("x".into()), ..swapped.clone() };
    for swapped in [swapped, failed] {
        figures.note(&Notice::Engine(Arc::new(swapped)));
    }
    let clean = proto::ScanReply::default();
    let detection = proto::Detection::default();
    let found = proto::ScanReply { detections: vec![detection.clone(), detection], ..clean.clone() };
    let too_large = proto::ScanReply { failed: Some("too_large".into()), ..clean.clone() };
    for reply in [&clean, &clean, &found, &too_large] {
        figures.scanned(reply);
    }
    expect(
        &text(&figures),
        &[
            "booster_engine_swaps_total{result=\"ok\"} 1",
            "booster_engine_swaps_total{result=\"failed\"} 1",
            "booster_scans_total{result=\"clean\"} 2",
            "booster_scans_total{result=\"detected\"} 1",
            "booster_scans_total{result=\"incomplete\"} 0",
            "booster_scans_total{result=\"failed\"} 1",
            "booster_detections_total 2",
        ],
    );
}
