//! The daily budget of bytes, and the loops that it ends.

use crate::{
    machine::{Machine, http},
    publisher,
    publisher::rule,
};
use booster_definitions::Component;
use booster_test_support::{Fault, FaultyServer};
use booster_update::{ErrorKind, EventKind, Outcome};
use std::{fs, time::Duration};

const AV: Component = Component::Antivirus;
const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test]
async fn a_release_that_fails_again_and_again_is_downloaded_only_until_the_budget_is_spent() {
    let publisher = publisher();
    let path = publisher.archive_url(AV, 1);
    let size = fs::metadata(publisher.path().join(path.trim_start_matches('/'))).unwrap().len();
    let server = FaultyServer::serve(publisher.path());
    let downloads = || server.log().iter().filter(|request| request.path() == path).count();
    let mut machine = Machine::new(&publisher);
    machine.worker.args.push("crash".into());
    machine.options.download.daily_budget = Some(2 * size + size / 2);

    for expected in 1..=2 {
        machine.update_from(&[http(&server.url())]).await.failed_with(ErrorKind::WorkerCrashed);
        assert_eq!(downloads(), expected);
    }
    for _ in 0..3 {
        let told = machine.update_from(&[http(&server.url())]).await;
        told.failed_with(ErrorKind::OverBudget);
        let message = told.report.error.as_ref().unwrap().to_string();
        for part in ["2026-11-23T12:00:00Z", "daily_budget", "--ignore-budget"] {
            assert!(message.contains(part), "{message}");
        }
        // It is told as the failure of a download, and no second source is asked.
        assert_eq!((told.count(EventKind::DownloadStart), told.report.sources_tried.len()), (1, 1));
    }
    assert_eq!(downloads(), 2, "not a byte more");

    // Whoever wants it all the same gets it, and the next day begins anew.
    let budget = machine.options.download.daily_budget.take();
    machine.update_from(&[http(&server.url())]).await.failed_with(ErrorKind::WorkerCrashed);
    machine.options.download.daily_budget = budget;
    machine.clock.advance(DAY - Duration::from_secs(1));
    machine.update_from(&[http(&server.url())]).await.failed_with(ErrorKind::OverBudget);
    machine.clock.advance(Duration::from_secs(1));
    machine.update_from(&[http(&server.url())]).await.failed_with(ErrorKind::WorkerCrashed);
    assert_eq!(downloads(), 4);
}

#[tokio::test]
async fn a_download_that_is_gone_on_with_costs_what_is_missing() {
    let mut publisher = publisher();
    publisher.publish(AV, 2, &[("b.yar", &rule("b", &"many different words ".repeat(7)))]);
    let path = publisher.archive_url(AV, 2);
    let size = fs::metadata(publisher.path().join(path.trim_start_matches('/'))).unwrap().len();
    let server = FaultyServer::serve(publisher.path());
    let mut machine = Machine::new(&publisher);
    machine.options.download.retries = 0;
    machine.options.download.daily_budget = Some(size);
    for half in [size as usize / 2, 10] {
        server.misbehave_times(&path, Fault::CutAfter(half), 1);
        machine.update_from(&[http(&server.url())]).await.failed_with(ErrorKind::Truncated);
    }
    // All of the budget is needed, to the last byte.
    machine.update_from(&[http(&server.url())]).await.is(Outcome::Updated);
    assert_eq!(machine.store().traffic().unwrap().map(|traffic| traffic.bytes), Some(size));
}

#[tokio::test]
async fn looking_and_metadata_cost_nothing() {
    let publisher = publisher();
    let mut machine = Machine::new(&publisher);
    machine.options.download.daily_budget = Some(1);
    let server = FaultyServer::serve(publisher.path());
    // The first download of a day is allowed, however large it is.
    machine.update_from(&[http(&server.url())]).await.is(Outcome::Updated);
    machine.update_from(&[http(&server.url())]).await.is(Outcome::Current);
    let mut request = machine.request(&[http(&server.url())]);
    request.check_only = true;
    machine.run(request).await.is(Outcome::Current);
}
