//! Several sources: which one is followed, and what is said of the others.

use crate::{
    machine::{Machine, Told, folder, http, managed, now},
    publish_second, publisher,
    publisher::{Publisher, rule},
};
use booster_definitions::{Component, full_target};
use booster_sources::{HttpOptions, Source, SourceKind, WsusOptions, WsusSource};
use booster_test_support::{Fault, FaultyServer};
use booster_update::{ErrorKind, EventKind, Outcome, UpdateRequest};
use jiff::SignedDuration;
use std::sync::Arc;

const AV: Component = Component::Antivirus;

#[tokio::test]
async fn a_source_that_fails_is_left_for_the_next_and_the_report_says_why() {
    let publisher = publisher();
    let machine = Machine::new(&publisher);
    let server = FaultyServer::serve(publisher.path());
    server.misbehave("/metadata/timestamp.json", Fault::Status { code: 500, retry_after: None });
    let empty = tempfile::tempdir().unwrap();
    let sources =
        [http("http://127.0.0.1:1/"), http(&server.url()), folder(empty.path()), folder(publisher.path())];
    let told = machine.update_from(&sources).await;
    told.is(Outcome::Updated);
    let tried: Vec<_> = told
        .report
        .sources_tried
        .iter()
        .map(|tried| (tried.kind, tried.error.as_ref().map(|e| e.kind())))
        .collect();
    assert_eq!(
        tried,
        [
            (SourceKind::Http, Some(ErrorKind::Network)),
            (SourceKind::Http, Some(ErrorKind::HttpStatus)),
            (SourceKind::Directory, Some(ErrorKind::NotFound)),
            (SourceKind::Directory, None),
        ]
    );
    assert_eq!(told.count(EventKind::SearchStart), 4);
    assert_eq!(told.report.source, Some(SourceKind::Directory));
    assert_eq!(told.report.path, Some(publisher.path().display().to_string()));
    assert!(told.report.error.is_none());
    let first = told.report.sources_tried[0].error.as_ref().unwrap().to_string();
    assert!(first.starts_with("search (http http://127.0.0.1:1/)"), "{first}");
}

#[tokio::test]
async fn a_source_is_left_in_the_middle_of_a_download_too() {
    let publisher = publisher();
    let machine = Machine::new(&publisher);
    let server = FaultyServer::serve(publisher.path());
    server.misbehave(&publisher.archive_url(AV, 1), Fault::ResetAfter(20));
    let told = machine.update_from(&[http(&server.url()), folder(publisher.path())]).await;
    told.is(Outcome::Updated);
    use EventKind::*;
    assert_eq!(
        told.story(),
        [
            Start,
            SearchStart,
            SearchComplete,
            DownloadStart,
            DownloadComplete,
            SearchStart,
            SearchComplete,
            DownloadStart,
            DownloadComplete,
            InstallStart,
            InstallComplete,
            RequestProcessed,
            Complete
        ]
    );
}

#[tokio::test]
async fn a_forged_source_stays_visible_when_the_next_one_helps() {
    let publisher = publisher();
    let machine = Machine::new(&publisher);
    let mut stranger = Publisher::new(now());
    stranger.publish(AV, 9, &[("evil.yar", &rule("evil", "evil pattern"))]);
    let told = machine.update_from(&[folder(stranger.path()), folder(publisher.path())]).await;
    told.is(Outcome::Updated);
    assert_eq!(machine.version(AV), Some(1));
    let failures: Vec<_> = told.report.security_failures().map(|error| error.kind()).collect();
    assert_eq!(failures, [ErrorKind::OtherPublisher]);
}

#[tokio::test]
async fn of_several_failures_the_security_failure_is_reported() {
    let publisher = publisher();
    let machine = Machine::new(&publisher);
    let stranger = Publisher::new(now());
    let sources = [folder(stranger.path()), http("http://127.0.0.1:1/")];
    let told = machine.update_from(&sources).await;
    told.failed_with(ErrorKind::OtherPublisher);
    assert_eq!(told.report.sources_tried.len(), 2);
    let error = told.report.error.as_ref().unwrap();
    assert_eq!(error.source.as_ref().unwrap().path, stranger.path().display().to_string());
}

#[tokio::test]
async fn releases_that_have_just_failed_are_not_tried_again_from_another_source() {
    let mut publisher = publisher();
    let files: &[(&str, &[u8])] = &[("a.yar", &rule("a", "pattern")), ("selftest/must-detect/x", b"clean")];
    publisher.publish(AV, 2, files);
    let copy = publisher.copy();
    let machine = Machine::new(&publisher);
    let told = machine.update_from(&[folder(publisher.path()), folder(copy.path())]).await;
    told.failed_with(ErrorKind::SelfTestFailed);
    assert_eq!(told.count(EventKind::SearchStart), 2);
    assert_eq!(told.count(EventKind::DownloadStart), 1);
}

#[tokio::test]
async fn a_fault_of_this_machine_ends_the_operation() {
    let publisher = publisher();
    let mut machine = Machine::new(&publisher);
    machine.worker.program = "/nowhere/engine".into();
    let told = machine.update_from(&[folder(publisher.path()), folder(publisher.path())]).await;
    told.failed_with(ErrorKind::WorkerCrashed);
    assert_eq!(told.count(EventKind::SearchStart), 1);
}

#[tokio::test]
async fn a_server_that_asks_to_be_left_alone_is_left_alone_also_by_later_operations() {
    let publisher = publisher();
    let machine = Machine::new(&publisher);
    let server = FaultyServer::serve(publisher.path());
    // The date of the header is that of the real clock, as the source reads it.
    machine.clock.jump_to(jiff::Timestamp::now());
    let busy = Fault::Status { code: 503, retry_after: Some("3600".into()) };
    server.misbehave("/metadata/timestamp.json", busy);
    machine.update_from(&[http(&server.url())]).await.failed_with(ErrorKind::RetryLater);
    assert_eq!(server.requests(), 1);
    server.heal();
    // A new source object, as a new process has it.
    machine.update_from(&[http(&server.url())]).await.failed_with(ErrorKind::RetryLater);
    assert_eq!(server.requests(), 1);
    let later = jiff::Timestamp::now() + SignedDuration::from_secs(3700);
    machine.clock.jump_to(later);
    let told = machine.update_from(&[http(&server.url())]).await;
    assert_ne!(told.kind(), Some(ErrorKind::RetryLater), "asked again after the pause");
    assert!(server.requests() > 1);
}

#[tokio::test]
async fn a_clock_that_was_set_back_does_not_lengthen_the_pause() {
    let publisher = publisher();
    let machine = Machine::new(&publisher);
    let server = FaultyServer::serve(publisher.path());
    machine.clock.jump_to(jiff::Timestamp::now());
    let busy = Fault::Status { code: 429, retry_after: Some("3600".into()) };
    server.misbehave("/metadata/timestamp.json", busy);
    machine.update_from(&[http(&server.url())]).await.failed_with(ErrorKind::RetryLater);
    machine.clock.jump_to(jiff::Timestamp::now() - SignedDuration::from_hours(48));
    server.heal();
    let told = machine.update_from(&[http(&server.url())]).await;
    assert_ne!(told.kind(), Some(ErrorKind::RetryLater));
}

#[tokio::test]
async fn each_source_has_its_last_check_and_last_error() {
    let mut publisher = publisher();
    let machine = Machine::new(&publisher);
    let empty = tempfile::tempdir().unwrap();
    machine.update_from(&[folder(empty.path()), folder(publisher.path())]).await.is(Outcome::Updated);
    let checks = machine.store().checks().unwrap();
    let of = |path: &std::path::Path| {
        let location = path.display().to_string();
        checks.values().find(|check| check.location == location).cloned().unwrap()
    };
    let (bad, good) = (of(empty.path()), of(publisher.path()));
    assert_eq!((bad.last_check, bad.last_success), (Some(now()), None));
    assert!(bad.last_error.unwrap().contains("timestamp.json"));
    assert_eq!((good.last_check, good.last_success, good.last_error), (Some(now()), Some(now()), None));

    // A failure keeps the time of the last success.
    publish_second(&mut publisher);
    std::fs::remove_file(publisher.target_path(&full_target(AV, booster_definitions::Version([1, 2, 0, 0]))))
        .unwrap();
    machine.clock.advance(std::time::Duration::from_secs(60));
    machine.update(publisher.path()).await.failed_with(ErrorKind::NotFound);
    let checks = machine.store().checks().unwrap();
    let after = checks.values().find(|check| check.location == good.location).unwrap();
    assert_eq!(after.last_success, Some(now()));
    assert!(after.last_check > after.last_success && after.last_error.is_some());
}

#[tokio::test]
async fn a_source_that_keeps_failing_is_left_alone_by_patient_operations_only() {
    let publisher = publisher();
    let machine = Machine::new(&publisher);
    let server = FaultyServer::serve(publisher.path());
    server.misbehave("/metadata/timestamp.json", Fault::Status { code: 500, retry_after: None });
    let sources = [http(&server.url()), folder(publisher.path())];
    let patient = || UpdateRequest { patient: true, progress: true, ..machine.request(&sources) };

    machine.run(patient()).await.is(Outcome::Updated);
    let asked = server.requests();
    assert!(asked > 0, "the first source was asked");
    let told = machine.run(patient()).await;
    told.is(Outcome::Current);
    assert_eq!(server.requests(), asked, "the source that failed was asked again at once");
    let left = told.report.sources_tried[0].error.as_ref().unwrap();
    assert_eq!(left.kind(), ErrorKind::RetryLater);
    assert!(left.to_string().contains("failed 1 times in a row"), "{left}");

    // A person wants to know now.
    machine.update_from(&sources).await.is(Outcome::Current);
    assert!(server.requests() > asked, "an operation that is not patient asks");
    machine.clock.advance(machine.options.back_off.longest);
    server.heal();
    machine.run(patient()).await.is(Outcome::Current);
    let checks = machine.store().checks().unwrap();
    assert!(checks.values().all(|check| check.failures == 0), "{checks:?}");
}

#[tokio::test]
async fn every_operation_is_counted_but_one_that_only_looks() {
    let publisher = publisher();
    let machine = Machine::new(&publisher);
    let empty = tempfile::tempdir().unwrap();
    let attempts = || machine.store().attempts().unwrap();
    let look = UpdateRequest { check_only: true, ..machine.request(&[folder(publisher.path())]) };
    machine.run(look).await.is(Outcome::Available);
    assert_eq!(attempts(), None);
    for failures in 1..=2 {
        machine.update(empty.path()).await.failed_with(ErrorKind::NotFound);
        let counted = attempts().unwrap();
        assert_eq!((counted.failures, counted.last_success), (failures, None));
        assert!(counted.error.unwrap().contains("timestamp.json"));
    }
    // A damaged record starts again.
    std::fs::write(machine.data.path().join("attempts.json"), "{").unwrap();
    machine.update(publisher.path()).await.is(Outcome::Updated);
    let counted = attempts().unwrap();
    assert_eq!((counted.failures, counted.last_success, counted.error), (0, Some(now()), None));
    assert_eq!(counted.outcome, "updated");
}

/// A publisher whose first release is ten days old, and a machine that leaves sources after seven.
fn quiet_publisher() -> (Machine, Publisher) {
    let mut publisher = Publisher::new(now());
    let long_ago = now() - SignedDuration::from_hours(240);
    publisher.publish_as(AV, 1, &[("one.yar", &rule("one", "first pattern"))], |it| it.published = long_ago);
    let mut machine = Machine::new(&publisher);
    machine.options.stale_after = Some(std::time::Duration::from_secs(7 * 86_400));
    (machine, publisher)
}

#[tokio::test]
async fn a_source_without_anything_new_enough_is_left_for_a_fresher_one() {
    let (machine, mut publisher) = quiet_publisher();
    let behind = publisher.copy();
    publish_second(&mut publisher);
    let told = machine.update_from(&[folder(behind.path()), folder(publisher.path())]).await;
    told.is(Outcome::Updated);
    let [left, followed] = told.report.sources_tried.as_slice() else { panic!() };
    assert_eq!(left.error.as_ref().map(|error| error.kind()), Some(ErrorKind::Stale));
    assert!(followed.error.is_none());
    assert_eq!(told.report.components[0].to.map(|version| version.0[1]), Some(2));
    use EventKind::*;
    assert_eq!(told.count(SearchStart), 2);
    assert!(
        told.events
            .iter()
            .any(|event| event.kind == SearchComplete && event.result != booster_update::EventResult::Ok)
    );
}

#[tokio::test]
async fn where_no_source_is_fresh_the_freshest_is_come_back_to() {
    let (machine, publisher) = quiet_publisher();
    let copy = publisher.copy();
    let sources = [folder(copy.path()), http("http://127.0.0.1:1/"), folder(publisher.path())];
    for outcome in [Outcome::Updated, Outcome::Current] {
        let told = machine.update_from(&sources).await;
        told.is(outcome);
        let tried: Vec<_> = told
            .report
            .sources_tried
            .iter()
            .map(|tried| tried.error.as_ref().map(|error| error.kind()))
            .collect();
        let stale = Some(ErrorKind::Stale);
        assert_eq!(tried, [stale, Some(ErrorKind::Network), stale, None]);
        assert_eq!(told.report.path, Some(copy.path().display().to_string()));
    }
    // Alone, a source is followed however old it is.
    machine.update(publisher.path()).await.is(Outcome::Current);
}

/// An update server at an address where nobody answers.
fn absent_update_server(state: &std::path::Path) -> Arc<dyn Source> {
    let http = HttpOptions::new("http://127.0.0.1:1/".parse().unwrap());
    let options = WsusOptions { plain_http: true, ..WsusOptions::new(SourceKind::Managed, http, state) };
    Arc::new(WsusSource::new(options).unwrap())
}

/// Each source that was tried: its kind, and why it was left.
fn tried(told: &Told) -> Vec<(SourceKind, Option<ErrorKind>)> {
    let tried = told.report.sources_tried.iter();
    tried.map(|tried| (tried.kind, tried.error.as_ref().map(|error| error.kind()))).collect()
}

#[tokio::test]
async fn an_update_server_that_does_not_answer_is_left_for_the_next_source() {
    let publisher = publisher();
    let machine = Machine::new(&publisher);
    let state = tempfile::tempdir().unwrap();
    let sources = [absent_update_server(state.path()), folder(publisher.path())];
    let told = machine.update_from(&sources).await;
    told.is(Outcome::Updated);
    assert_eq!(
        tried(&told),
        [(SourceKind::Managed, Some(ErrorKind::Network)), (SourceKind::Directory, None)]
    );
    let left = told.report.sources_tried[0].error.as_ref().unwrap().to_string();
    assert!(left.starts_with("search (managed http://127.0.0.1:1/)"), "{left}");
}

#[tokio::test]
async fn an_update_server_that_gives_nothing_new_enough_is_left_and_come_back_to_where_none_is_fresher() {
    let (machine, mut publisher) = quiet_publisher();
    let behind = publisher.copy();
    let stale = (SourceKind::Managed, Some(ErrorKind::Stale));
    // It is the freshest of those that answer.
    let sources = [managed(behind.path()), http("http://127.0.0.1:1/")];
    let told = machine.update_from(&sources).await;
    told.is(Outcome::Updated);
    assert_eq!(
        tried(&told),
        [stale, (SourceKind::Http, Some(ErrorKind::Network)), (SourceKind::Managed, None)]
    );
    publish_second(&mut publisher);
    let told = machine.update_from(&[managed(behind.path()), folder(publisher.path())]).await;
    told.is(Outcome::Updated);
    assert_eq!(tried(&told), [stale, (SourceKind::Directory, None)]);
    assert_eq!(machine.version(AV), Some(2));
}
