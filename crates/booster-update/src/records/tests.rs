use super::*;
use crate::{SourceTried, Stage};
use booster_sources::SourceKind;
use std::time::Duration;

const DAY: i64 = 24 * 3600;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn failure(cause: Cause) -> UpdateError {
    UpdateError::new(Stage::Search, None, cause)
}

fn unreachable() -> Cause {
    SourceError::NotFound { location: "timestamp.json".into() }.into()
}

fn cooling() -> Cause {
    SourceError::CoolingDown { location: "http://x/".into(), until: at(5) }.into()
}

fn backed_off() -> Cause {
    Cause::BackedOff { failures: 2, until: at(5) }
}

#[test]
fn a_pause_is_kept_until_its_end_unless_the_clock_makes_it_absurd() {
    let now = at(1_000_000);
    for (until, kept) in [
        (None, false),
        (Some(at(1_000_001)), true),
        (Some(at(1_000_000)), false),
        (Some(at(999_999)), false),
        (Some(at(1_000_000 + DAY)), true),
        (Some(at(1_000_001 + DAY)), false),
    ] {
        let wish = SourceCheck { retry_after: until, ..SourceCheck::default() };
        let failing = SourceCheck { backed_off_until: until, failures: 2, ..SourceCheck::default() };
        for (last, patient, kept) in
            [(&wish, false, kept), (&wish, true, kept), (&failing, false, false), (&failing, true, kept)]
        {
            let left = left_alone(last, "http://x/", now, patient);
            assert_eq!(left.is_some(), kept, "{last:?}, patient: {patient}");
            assert!(left.is_none_or(|cause| cause.is_left_alone()));
        }
    }
}

#[test]
fn a_source_is_left_alone_until_the_later_of_its_wish_and_its_back_off() {
    for (retry_after, backed_off_until, expected) in [
        (None, None, None),
        (Some(5), None, Some(5)),
        (None, Some(7), Some(7)),
        (Some(5), Some(7), Some(7)),
        (Some(9), Some(7), Some(9)),
        (Some(9 * DAY), Some(7), Some(7)),
    ] {
        let last = SourceCheck {
            retry_after: retry_after.map(at),
            backed_off_until: backed_off_until.map(at),
            ..SourceCheck::default()
        };
        assert_eq!(left_alone_until(&last, at(6)), expected.map(at), "{last:?}");
    }
}

#[test]
fn a_source_that_fails_again_is_left_alone_for_longer_and_a_fault_of_this_machine_is_not_counted() {
    let back_off = BackOff { first: Duration::from_secs(60), longest: Duration::from_secs(600) };
    let visit = |last: &SourceCheck, cause: Option<Cause>| {
        let error = cause.map(failure);
        source_check("x".into(), last, at(1000), error.as_ref(), back_off, u64::MAX >> 1).unwrap()
    };
    let once = visit(&SourceCheck::default(), Some(unreachable()));
    let twice = visit(&once, Some(unreachable()));
    let ahead = |check: &SourceCheck| check.backed_off_until.unwrap().duration_since(at(1000)).as_secs();
    assert_eq!((once.failures, ahead(&once)), (1, 44));
    assert_eq!((twice.failures, ahead(&twice)), (2, 89));
    let local = visit(&twice, Some(Cause::Internal("x".into())));
    assert_eq!((local.failures, local.backed_off_until), (2, None));
    let well = visit(&twice, None);
    assert_eq!((well.failures, well.backed_off_until, well.last_success), (0, None, Some(at(1000))));
    let cancelled = failure(Cause::Cancelled);
    assert_eq!(source_check("x".into(), &twice, at(1000), Some(&cancelled), back_off, 0), None);
}

#[test]
fn every_operation_that_asked_a_source_or_failed_before_that_is_an_attempt() {
    let last = Attempts {
        last: at(10),
        outcome: "failed".into(),
        error: Some("x".into()),
        last_success: Some(at(1)),
        failures: 2,
    };
    let tried = |causes: Vec<Cause>| -> Vec<SourceTried> {
        let tried =
            |cause| SourceTried { kind: SourceKind::Http, path: String::new(), error: Some(failure(cause)) };
        causes.into_iter().map(tried).collect()
    };
    let busy = booster_store::StoreError::Busy { what: "update".into(), pid: 1, since: at(1) };
    for (outcome, sources_tried, error, expected) in [
        (Outcome::Current, vec![], None, Some((Some(at(20)), 0))),
        (Outcome::Updated, tried(vec![unreachable()]), None, Some((Some(at(20)), 0))),
        (Outcome::RestartRequired, vec![], None, Some((Some(at(20)), 0))),
        (Outcome::SoftwareUpdateAvailable, vec![], None, Some((Some(at(20)), 0))),
        (Outcome::Cancelled, vec![], Some(Cause::Cancelled), Some((Some(at(1)), 2))),
        (Outcome::Failed, tried(vec![unreachable()]), Some(unreachable()), Some((Some(at(1)), 3))),
        (Outcome::Failed, tried(vec![cooling(), unreachable()]), Some(unreachable()), Some((Some(at(1)), 3))),
        (Outcome::Failed, vec![], Some(Cause::NoSource), Some((Some(at(1)), 3))),
        (Outcome::Failed, vec![], Some(busy.into()), None),
        (Outcome::Failed, tried(vec![cooling(), backed_off()]), Some(cooling()), None),
        (Outcome::Paused, vec![], None, None),
        (Outcome::Available, vec![], None, None),
    ] {
        let report = Report { sources_tried, ..Report::unasked(outcome, error.map(failure)) };
        let counted = attempted(Some(&last), &report, at(20));
        let shown = counted.as_ref().map(|attempts| (attempts.last_success, attempts.failures));
        assert_eq!(shown, expected, "{outcome}");
        assert!(counted.is_none_or(|attempts| attempts.last == at(20)));
    }
}
