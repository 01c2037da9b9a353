//! Cancellation: in every stage it ends the operation, changes nothing and leaves nothing behind.
//!
//! That it takes effect soon is shown by structure: the operation ends although what it waits for
//! never comes, and after the event at which it was cancelled nothing new begins.

use crate::{
    machine::{Machine, Told, folder, http},
    publish_second, publisher,
    publisher::{Publisher, rule},
};
use booster_definitions::Component;
use booster_sources::Source;
use booster_test_support::{Fault, FaultyServer};
use booster_update::{ErrorKind, EventKind, EventKind::*, Outcome, UpdateRequest};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

const AV: Component = Component::Antivirus;

/// Cancels an operation at the first event of a kind, and checks what follows.
async fn cancel_at(machine: &Machine, source: Arc<dyn Source>, kind: EventKind) -> Told {
    let request = UpdateRequest { progress: true, ..machine.request(&[source.clone(), source]) };
    let told = machine.run_until(request, |event| event.kind == kind).await;
    told.is(Outcome::Cancelled);
    assert_eq!(told.kind(), Some(ErrorKind::Cancelled));
    let at = told.events.iter().position(|event| event.kind == kind).unwrap();
    let begun = told.events[at + 1..].iter().filter(|event| {
        matches!(event.kind, SearchStart | DownloadStart | InstallStart | DownloadProgress | InstallProgress)
    });
    assert_eq!(begun.count(), 0, "{kind:?}: something went on: {:?}", told.story());
    told
}

/// A publisher with a release of some megabytes, so that there is something to be cancelled in.
fn large() -> Publisher {
    let mut publisher = publisher();
    // Digits that do not repeat, so that they do not compress to nothing.
    let mut state = 1u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    })
    .take(4 << 20)
    .collect();
    publisher.publish(AV, 2, &[("a.yar", &rule("a", "pattern")), ("noise.bin", &noise)]);
    publisher
}

#[tokio::test]
async fn a_cancellation_takes_effect_in_every_stage() {
    let publisher = large();
    let machine = Machine::new(&publisher);
    for kind in
        [Start, SearchStart, SearchComplete, DownloadStart, DownloadProgress, DownloadComplete, InstallStart]
    {
        cancel_at(&machine, folder(publisher.path()), kind).await;
        assert!(machine.versions().is_empty());
    }
    machine.update(publisher.path()).await.is(Outcome::Updated);
    assert_eq!(machine.version(AV), Some(2));
}

#[tokio::test]
async fn unpacking_stops_between_two_reads() {
    let publisher = large();
    let machine = Machine::new(&publisher);
    let request = UpdateRequest { progress: true, ..machine.request(&[folder(publisher.path())]) };
    let told = machine.run_until(request, |event| event.kind == InstallProgress).await;
    told.is(Outcome::Cancelled);
    assert_eq!(told.events.iter().filter(|event| event.kind == InstallComplete).count(), 1);
}

#[tokio::test]
async fn an_operation_that_was_cancelled_before_it_began_asks_nobody() {
    let publisher = publisher();
    let machine = Machine::new(&publisher);
    let told = cancel_at(&machine, folder(publisher.path()), Start).await;
    assert_eq!(told.story(), [Start, RequestProcessed, Complete]);
    assert_eq!(told.report.requests, 0);
}

#[tokio::test]
async fn a_server_that_never_answers_or_stalls_holds_no_cancelled_operation() {
    let mut publisher = publisher();
    let machine = Machine::new(&publisher);
    machine.update(publisher.path()).await.is(Outcome::Updated);
    publish_second(&mut publisher);
    let server = FaultyServer::serve(publisher.path());
    for (path, fault, kind) in [
        ("/metadata/timestamp.json".to_owned(), Fault::NeverAnswer, SearchStart),
        ("/metadata/timestamp.json".to_owned(), Fault::StallAfter(10), SearchStart),
        ("/metadata/3.targets.json".to_owned(), Fault::NeverAnswer, SearchStart),
        (publisher.archive_url(AV, 2), Fault::NeverAnswer, DownloadStart),
        (publisher.archive_url(AV, 2), Fault::StallAfter(100), DownloadProgress),
    ] {
        server.heal();
        server.misbehave(&path, fault);
        cancel_at(&machine, http(&server.url()), kind).await;
    }
    assert_eq!(machine.version(AV), Some(1));
}

#[tokio::test]
async fn a_pause_before_a_lagging_cache_is_asked_again_ends_with_the_cancellation() {
    let mut publisher = publisher();
    let old = publisher.copy();
    publish_second(&mut publisher);
    let mut machine = Machine::new(&publisher);
    machine.update(publisher.path()).await.is(Outcome::Updated);
    machine.options.trust.retry_pause = Duration::from_secs(3600);
    cancel_at(&machine, folder(old.path()), SearchStart).await;
}

#[tokio::test]
async fn a_build_that_hangs_is_killed_with_the_cancellation() {
    let publisher = publisher();
    let mut machine = Machine::new(&publisher);
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("pid");
    machine.worker.args.extend(["hang".into(), file.clone().into()]);
    let cancel = CancellationToken::new();
    let cancel_when_it_hangs = async {
        for _ in 0..6000 {
            if let Ok(pid) = std::fs::read_to_string(&file) {
                cancel.cancel();
                return pid;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the build did not begin");
    };
    let request = UpdateRequest { progress: true, ..machine.request(&[folder(publisher.path())]) };
    let (told, pid) =
        tokio::join!(machine.run_with(request, cancel.clone(), |_| false), cancel_when_it_hangs);
    told.is(Outcome::Cancelled);
    assert_eq!(told.count(InstallComplete), 1);
    if cfg!(target_os = "linux") {
        assert!(!std::path::Path::new("/proc").join(pid).exists(), "the child lives on");
    }
}

#[tokio::test]
async fn after_the_switch_it_is_too_late_to_cancel() {
    let publisher = publisher();
    let machine = Machine::new(&publisher);
    let request = machine.request(&[folder(publisher.path())]);
    let told = machine.run_until(request, |event| event.kind == InstallComplete).await;
    told.is(Outcome::Updated);
    assert_eq!(machine.version(AV), Some(1));
}
