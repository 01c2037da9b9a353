//! The client workflow when nobody attacks.

use crate::support::{Folder, Machine, Publisher, Scripted, days, hours, start};
use booster_trust::{Check, RoleVersions, TrustError, signing::TopRole};
use std::{
    fs,
    sync::{Arc, Mutex},
};

#[tokio::test]
async fn a_refresh_trusts_what_was_published_and_a_check_then_costs_one_request() {
    let mut publisher = Publisher::new();
    let machine = Machine::new(&publisher);
    let folder = publisher.folder();

    let mut client = machine.client(folder.clone());
    assert_eq!(client.check(start()).await.unwrap(), Check::Changed);
    client.refresh(start()).await.unwrap();
    let target = client.target("antivirus/release.json", start()).await.unwrap();
    target.verify(b"release 1").unwrap();
    assert_eq!(target.location(), format!("antivirus/{}.release.json", target.sha256().unwrap()));

    folder.requests();
    let mut client = machine.client(folder.clone());
    assert_eq!(client.check(start()).await.unwrap(), Check::Unchanged);
    assert_eq!(folder.requests(), ["timestamp.json"]);

    publisher.put("antivirus/release.json", b"release 2");
    publisher.publish();
    assert_eq!(client.check(start()).await.unwrap(), Check::Changed);
    client.refresh(start()).await.unwrap();
    client.target("antivirus/release.json", start()).await.unwrap().verify(b"release 2").unwrap();
    let missing = client.target("nis/release.json", start()).await;
    assert!(matches!(missing, Err(TrustError::NoSuchTarget { .. })), "{missing:?}");
}

#[tokio::test]
async fn an_unchanged_repository_is_refreshed_with_two_requests_and_no_write() {
    let publisher = Publisher::new();
    let machine = Machine::new(&publisher);
    machine.refresh(&publisher, start()).await.unwrap();
    let written = fs::metadata(machine.path().join("trusted.json")).unwrap().modified().unwrap();

    let folder = publisher.folder();
    machine.client(folder.clone()).refresh(start() + hours(1)).await.unwrap();
    assert_eq!(folder.requests(), ["2.root.json", "timestamp.json"]);
    assert_eq!(fs::metadata(machine.path().join("trusted.json")).unwrap().modified().unwrap(), written);
}

#[tokio::test]
async fn a_check_changes_nothing_and_does_not_trust_what_it_saw() {
    let mut publisher = Publisher::new();
    let machine = Machine::new(&publisher);
    machine.refresh(&publisher, start()).await.unwrap();
    let before = machine.state_bytes();
    publisher.publish();
    let mut client = machine.client(publisher.folder());
    assert_eq!(client.check(start()).await.unwrap(), Check::Changed);
    assert_eq!(machine.state_bytes(), before);
    assert!(matches!(client.target("antivirus/release.json", start()).await, Err(TrustError::NotRefreshed)));
}

#[tokio::test]
async fn a_check_is_not_content_with_what_has_expired_or_was_cut_off() {
    let mut publisher = Publisher::new();
    let machine = Machine::new(&publisher);
    machine.refresh(&publisher, start()).await.unwrap();
    let mut client = machine.client(publisher.folder());
    assert_eq!(client.check(start() + days(6)).await.unwrap(), Check::Unchanged);
    assert_eq!(client.check(start() + days(8)).await.unwrap(), Check::Changed);

    publisher.publish();
    let lost = publisher.metadata().join("2.targets.json");
    let kept = fs::read(&lost).unwrap();
    fs::remove_file(&lost).unwrap();
    let failed = machine.refresh(&publisher, start()).await;
    assert!(matches!(&failed, Err(TrustError::Missing { file }) if file == "2.targets.json"), "{failed:?}");
    let mut client = machine.client(publisher.folder());
    assert_eq!(client.check(start()).await.unwrap(), Check::Changed, "the timestamp alone is not enough");
    fs::write(&lost, kept).unwrap();
    client.refresh(start()).await.unwrap();
    assert_eq!(client.check(start()).await.unwrap(), Check::Unchanged);
}

#[tokio::test]
async fn what_was_verified_before_a_failure_is_kept() {
    let mut publisher = Publisher::new();
    let machine = Machine::new(&publisher);
    machine.refresh(&publisher, start()).await.unwrap();
    publisher.publish();
    fs::remove_file(publisher.metadata().join("2.snapshot.json")).unwrap();
    let failed = machine.refresh(&publisher, start()).await;
    assert!(matches!(&failed, Err(TrustError::Missing { file }) if file == "2.snapshot.json"), "{failed:?}");
    let expected = RoleVersions { root: 1, timestamp: Some(2), snapshot: Some(1), targets: Some(1) };
    assert_eq!(machine.state().versions(), expected);
}

#[tokio::test]
async fn a_refresh_that_is_dropped_half_way_changes_nothing() {
    let mut publisher = Publisher::new();
    let machine = Machine::new(&publisher);
    machine.refresh(&publisher, start()).await.unwrap();
    let before = machine.state_bytes();
    publisher.publish();

    let mut client = machine.client(HangsAt { folder: publisher.folder(), name: "2.targets.json" });
    let refresh = client.refresh(start());
    let hung = tokio::time::timeout(std::time::Duration::from_millis(50), refresh).await;
    assert!(hung.is_err());
    assert_eq!(machine.state_bytes(), before);
}

/// A source that never answers about one file.
struct HangsAt {
    folder: Folder,
    name: &'static str,
}

impl booster_trust::Repository for HangsAt {
    fn fetch_metadata<'a>(&'a self, name: &'a str, limit: u64) -> sigstore_tuf::transport::FetchFuture<'a> {
        if name == self.name {
            return Box::pin(std::future::pending());
        }
        self.folder.fetch_metadata(name, limit)
    }

    fn fetch_target<'a>(&'a self, path: &'a str, limit: u64) -> sigstore_tuf::transport::FetchFuture<'a> {
        self.folder.fetch_target(path, limit)
    }
}

#[tokio::test]
async fn roots_are_walked_one_by_one_and_every_key_can_be_rotated() {
    let mut publisher = Publisher::new();
    let machine = Machine::new(&publisher);
    machine.refresh(&publisher, start()).await.unwrap();
    for role in TopRole::ALL {
        publisher.rotate(role);
    }
    publisher.publish();
    machine.refresh(&publisher, start()).await.unwrap();
    let expected = RoleVersions { root: 5, timestamp: Some(2), snapshot: Some(2), targets: Some(2) };
    assert_eq!(machine.state().versions(), expected);
    assert_eq!(machine.client(publisher.folder()).check(start()).await.unwrap(), Check::Unchanged);
}

#[tokio::test]
async fn a_timestamp_by_a_revoked_key_is_no_longer_current() {
    let mut publisher = Publisher::new();
    let machine = Machine::new(&publisher);
    machine.refresh(&publisher, start()).await.unwrap();
    // The root has rotated the key, but the timestamp has not been signed with the new one.
    publisher.rotate(TopRole::Timestamp);
    let failed = machine.refresh(&publisher, start()).await;
    assert!(matches!(failed, Err(TrustError::OtherPublisher { .. })), "{failed:?}");
    assert_eq!(machine.state().versions().root, 2);
    assert_eq!(machine.state().versions().timestamp, None);
    assert_eq!(machine.client(publisher.folder()).check(start()).await.unwrap(), Check::Changed);
    publisher.renew_timestamp();
    machine.refresh(&publisher, start()).await.unwrap();
}

#[tokio::test]
async fn a_failing_transport_is_told_from_an_absent_file_and_keeps_its_error() {
    #[derive(Debug, thiserror::Error)]
    #[error("the wire is cut")]
    struct Cut;

    let publisher = Publisher::new();
    let machine = Machine::new(&publisher);
    let cut = Scripted(|_: &str| Err(sigstore_tuf::Error::transport_with_source("sending", Cut)));
    let failed = machine.client(cut).refresh(start()).await;
    let Err(TrustError::Transport { file, source }) = failed else { panic!("{failed:?}") };
    assert_eq!(file, "2.root.json");
    assert!(source.downcast_ref::<Cut>().is_some());

    let empty = Scripted(|_: &str| Ok(None));
    let failed = machine.client(empty).refresh(start()).await;
    assert!(matches!(&failed, Err(TrustError::Missing { file }) if file == "timestamp.json"), "{failed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_cache_one_version_behind_is_asked_again_with_growing_pauses() {
    let mut publisher = Publisher::new();
    let mut machine = Machine::new(&publisher);
    machine.options.retries = 3;
    machine.options.retry_pause = std::time::Duration::from_secs(1);
    let stale = publisher.read("timestamp.json");
    publisher.renew_timestamp();
    machine.refresh(&publisher, start()).await.unwrap();

    // This edge answers with the old version three times, then catches up.
    let (folder, asked) = (publisher.folder(), Arc::new(Mutex::new(0)));
    let counter = asked.clone();
    let edge = Scripted(move |name: &str| {
        if name == "timestamp.json" {
            let mut asked = counter.lock().unwrap();
            *asked += 1;
            if *asked <= 3 {
                return Ok(Some(stale.clone()));
            }
        }
        Ok(fs::read(folder.dir.join(name)).ok())
    });
    let began = tokio::time::Instant::now();
    machine.client(edge).refresh(start()).await.unwrap();
    assert_eq!(*asked.lock().unwrap(), 4);
    assert_eq!(began.elapsed().as_secs(), 1 + 2 + 4);
}
