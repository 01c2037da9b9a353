//! Patches: the cheapest way where it works, and the whole in the same operation where it does not.

use crate::{
    machine::{Machine, Told, folder, http, now},
    publisher::{Publisher, rule},
};
use booster_definitions::{Component, Digest, Version, full_target, patch_target};
use booster_test_support::{Fault, FaultyServer};
use booster_update::{EventKind, How, Outcome, UpdateRequest};
use std::fs;

const AV: Component = Component::Antivirus;

/// Rules that do not compress to nothing; each version has one more.
fn rules(version: u16) -> Vec<u8> {
    let word = |n: u16| Digest::of(&n.to_le_bytes()).to_string();
    (0..80 + version).flat_map(|n| rule(&format!("r{n}"), &word(n))).collect()
}

fn publish(publisher: &mut Publisher, version: u16) {
    publisher.publish(AV, version, &[("a.yar", &rules(version)), ("b/notes.txt", b"stays")]);
}

/// A machine with release 1, and a publisher with release 2 and a patch to it.
async fn behind() -> (Machine, Publisher) {
    let mut publisher = Publisher::new(now());
    publish(&mut publisher, 1);
    let machine = Machine::new(&publisher);
    machine.update(publisher.path()).await.is(Outcome::Updated);
    publish(&mut publisher, 2);
    publisher.patch(AV, 1, 2);
    (machine, publisher)
}

fn how(told: &Told) -> How {
    told.report.components[0].how
}

fn patch_failed(told: &Told) -> &str {
    told.report.components[0].patch_failed.as_deref().unwrap_or_default()
}

/// The signed length of a target.
fn size(publisher: &Publisher, target: &str) -> u64 {
    fs::metadata(publisher.target_path(target)).unwrap().len()
}

fn version(number: u16) -> Version {
    Version([1, number, 0, 0])
}

/// The requests that asked for a patch, and those for a whole.
fn asked(server: &FaultyServer) -> (usize, usize) {
    let count = |ending: &str| server.log().iter().filter(|request| request.path().ends_with(ending)).count();
    (count(".patch"), count(".tar.zst"))
}

#[tokio::test]
async fn a_patch_is_taken_where_one_is_offered_and_the_result_is_the_signed_archive() {
    let (machine, publisher) = behind().await;
    let server = FaultyServer::serve(publisher.path());
    let looked = UpdateRequest { check_only: true, ..machine.request(&[folder(publisher.path())]) };
    let looked = machine.run(looked).await;
    assert_eq!(
        (looked.is(Outcome::Available).report.outcome, how(&looked)),
        (Outcome::Available, How::Patch)
    );
    let told = machine.update_from(&[http(&server.url())]).await;
    told.is(Outcome::Updated);
    assert_eq!((how(&told), patch_failed(&told), machine.version(AV)), (How::Patch, "", Some(2)));
    assert_eq!(asked(&server), (1, 0));
    let start = told.events.iter().find(|event| event.kind == EventKind::DownloadStart).unwrap();
    let patch = size(&publisher, &patch_target(AV, version(2), version(1)));
    assert_eq!(start.bytes, Some((0, patch)));
    assert!(patch * 5 < size(&publisher, &full_target(AV, version(2))));
    assert!(machine.store().failed_patches().unwrap().is_empty());
    machine.update(publisher.path()).await.is(Outcome::Current);
}

#[tokio::test]
async fn several_components_each_take_their_own_way() {
    let (machine, mut publisher) = behind().await;
    publisher.publish(Component::Nis, 1, &[("n.yar", &rule("n", "worm"))]);
    let told = machine.update(publisher.path()).await;
    told.is(Outcome::Updated);
    let ways: Vec<_> = told.report.components.iter().map(|change| (change.name, change.how)).collect();
    assert_eq!(ways, [(AV, How::Patch), (Component::Nis, How::Full)]);
}

#[tokio::test]
async fn a_patch_that_gives_something_else_is_tried_once_and_the_whole_is_taken_at_once() {
    let (machine, mut publisher) = behind().await;
    // For another base and another result, properly signed.
    publish(&mut publisher, 3);
    publish(&mut publisher, 4);
    publisher.patch(AV, 3, 4);
    let other = fs::read(publisher.target_path(&patch_target(AV, version(4), version(3)))).unwrap();
    for wrong in [&other[..], b"no patch at all", &[0; 2000], b"bpt\x01"] {
        let (machine, mut publisher) = behind().await;
        publisher.put_patch(AV, 1, 2, wrong);
        let server = FaultyServer::serve(publisher.path());
        let told = machine.update_from(&[http(&server.url())]).await;
        told.is(Outcome::Updated);
        assert_eq!((how(&told), machine.version(AV)), (How::Full, Some(2)));
        assert!(!patch_failed(&told).is_empty());
        assert_eq!(asked(&server), (1, 1));
        assert_eq!(told.count(EventKind::DownloadStart), 1, "one update is one download");
        let failed = machine.store().failed_patches().unwrap();
        assert_eq!(failed.len(), 1);
        assert_eq!(failed[0].reason, patch_failed(&told));
    }
    drop(machine);
}

#[tokio::test]
async fn a_pair_that_has_failed_is_not_tried_again_even_where_the_whole_was_not_installed() {
    let (machine, mut publisher) = behind().await;
    publisher.put_patch(AV, 1, 2, b"no patch");
    let server = FaultyServer::serve(publisher.path());
    server.misbehave(&publisher.archive_url(AV, 2), Fault::Status { code: 503, retry_after: None });
    machine.update_from(&[http(&server.url())]).await.is(Outcome::Failed);
    assert_eq!(asked(&server).0, 1);
    server.heal();
    let told = machine.update_from(&[http(&server.url())]).await;
    told.is(Outcome::Updated);
    assert_eq!((asked(&server).0, how(&told), patch_failed(&told)), (1, How::Full, ""));
}

#[tokio::test]
async fn whichever_byte_of_a_patch_is_damaged_the_machine_is_updated() {
    let (_, publisher) = behind().await;
    let good = fs::read(publisher.target_path(&patch_target(AV, version(2), version(1)))).unwrap();
    for at in (0..good.len()).step_by(good.len() / 12) {
        let (machine, mut publisher) = behind().await;
        let mut damaged = good.clone();
        damaged[at] ^= 0x10;
        publisher.put_patch(AV, 1, 2, &damaged);
        machine.update(publisher.path()).await.is(Outcome::Updated);
        assert_eq!(machine.version(AV), Some(2), "byte {at}");
    }
}

#[tokio::test]
async fn a_patch_that_the_source_does_not_have_or_has_damaged_is_no_failure() {
    for fault in [Fault::Status { code: 404, retry_after: None }, Fault::FlipBit { offset: 20, bit: 1 }] {
        let (machine, publisher) = behind().await;
        let server = FaultyServer::serve(publisher.path());
        server.misbehave(&publisher.target_url(&patch_target(AV, version(2), version(1))), fault.clone());
        let told = machine.update_from(&[http(&server.url())]).await;
        told.is(Outcome::Updated);
        assert_eq!(how(&told), How::Full, "{fault:?}");
    }
}

#[tokio::test]
async fn a_base_that_is_damaged_on_disk_is_told_apart_and_installed_afresh() {
    for damage in ["changed", "gone", "added"] {
        let (machine, publisher) = behind().await;
        let base = machine.store().current().unwrap().unwrap().component_dir(AV);
        match damage {
            "changed" => fs::write(base.join("b/notes.txt"), "Stays").unwrap(),
            "gone" => fs::remove_file(base.join("b/notes.txt")).unwrap(),
            _ => fs::write(base.join("b/more.txt"), "more").unwrap(),
        }
        let told = machine.update(publisher.path()).await;
        told.is(Outcome::Updated);
        assert_eq!((how(&told), machine.version(AV)), (How::Full, Some(2)), "{damage}");
        assert!(patch_failed(&told).contains("damaged"), "{}", patch_failed(&told));
        // The patch is not to blame.
        assert!(machine.store().failed_patches().unwrap().is_empty());
        // What is damaged is no last known good.
        assert!(machine.store().last_known_good().unwrap().is_none());
    }
}

#[tokio::test]
async fn content_that_is_kept_costs_no_download() {
    let (machine, mut publisher) = behind().await;
    machine.update(publisher.path()).await.is(Outcome::Updated);
    // Release 2 is withdrawn: the content of release 1 comes again under a higher number.
    publisher.publish(AV, 3, &[("a.yar", &rules(1)), ("b/notes.txt", b"stays")]);
    let server = FaultyServer::serve(publisher.path());
    let told = machine.update_from(&[http(&server.url())]).await;
    told.is(Outcome::Updated);
    assert_eq!((how(&told), machine.version(AV), asked(&server)), (How::Installed, Some(3), (0, 0)));
}

#[tokio::test]
async fn content_that_is_kept_and_damaged_is_downloaded() {
    let (machine, mut publisher) = behind().await;
    let first = machine.store().current().unwrap().unwrap().component_dir(AV);
    machine.update(publisher.path()).await.is(Outcome::Updated);
    fs::write(first.join("a.yar"), "rule evil { condition: true }").unwrap();
    publisher.publish(AV, 3, &[("a.yar", &rules(1)), ("b/notes.txt", b"stays")]);
    let told = machine.update(publisher.path()).await;
    told.is(Outcome::Updated);
    assert_eq!((how(&told), machine.version(AV)), (How::Full, Some(3)));
}

#[tokio::test]
async fn a_cancellation_while_a_patch_is_taken_leaves_what_was() {
    let (machine, publisher) = behind().await;
    let request = machine.request(&[folder(publisher.path())]);
    let told = machine.run_until(request, |event| event.kind == EventKind::DownloadStart).await;
    told.is(Outcome::Cancelled);
    assert_eq!(machine.version(AV), Some(1));
    let told = machine.update(publisher.path()).await;
    assert_eq!(how(told.is(Outcome::Updated)), How::Patch);
}
