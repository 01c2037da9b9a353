//! Everything that can be wrong with what a source sends: each has its own name, and changes nothing.

use crate::{
    behind,
    machine::{Machine, Told, folder, http, now},
    publish_second, publisher,
    publisher::{Publisher, VALIDITY, copy_tree, rule},
};
use booster_definitions::{Component, Version, full_target, manifest_target};
use booster_test_support::{Announce, Fault, FaultyServer};
use booster_trust::FreshnessPolicy;
use booster_update::{ErrorKind, Event, EventKind, Outcome};
use jiff::SignedDuration;
use std::{fs, path::Path, time::Duration};

const AV: Component = Component::Antivirus;

/// After a fault, the same machine updates as if nothing had been.
async fn recovers(machine: &Machine, publisher: &Publisher) {
    machine.update(publisher.path()).await.is(Outcome::Updated);
    assert_eq!(machine.version(AV), Some(2));
}

fn short(bytes: usize, announce: Announce) -> Fault {
    Fault::Short { bytes, announce }
}

#[tokio::test]
async fn each_fault_of_a_server_has_its_own_name_in_each_file_and_changes_nothing() {
    let (mut machine, publisher) = behind().await;
    machine.options.transfer.window = Duration::from_millis(300);
    machine.options.transfer.response_timeout = Duration::from_millis(150);
    machine.options.transfer.connect_timeout = Duration::from_millis(150);
    machine.options.transfer.minimum_bytes = 64 << 10;
    let server = FaultyServer::serve(publisher.path());
    let archive = publisher.archive_url(AV, 2);
    let manifest = publisher.target_url(&manifest_target(AV, Version([1, 2, 0, 0])));
    let metadata = ["/metadata/timestamp.json", "/metadata/3.snapshot.json", "/metadata/3.targets.json"];
    let files = metadata.into_iter().chain([manifest.as_str(), archive.as_str()]);
    let drip = Fault::Drip { bytes: 1, every: Duration::from_millis(20) };
    let faults = [
        (short(30, Announce::Whole), &[ErrorKind::Truncated, ErrorKind::Network][..]),
        (short(30, Announce::Nothing), &[ErrorKind::Truncated, ErrorKind::Untrusted]),
        // Network: the server then closes a connection that is about to be used again.
        (short(30, Announce::Short), &[ErrorKind::Truncated, ErrorKind::Untrusted, ErrorKind::Network]),
        (Fault::CutChunked(30), &[ErrorKind::Network, ErrorKind::Truncated]),
        (Fault::ResetAfter(30), &[ErrorKind::Network]),
        (Fault::Hangup, &[ErrorKind::Network]),
        (Fault::login_page(), &[ErrorKind::WebPage]),
        (drip, &[ErrorKind::TooSlow]),
        (Fault::StallAfter(30), &[ErrorKind::TooSlow, ErrorKind::Stalled]),
        (Fault::NeverAnswer, &[ErrorKind::Network]),
        (Fault::Endless { announce: None }, &[ErrorKind::TooLarge]),
        (Fault::Endless { announce: Some(1 << 40) }, &[ErrorKind::TooLarge, ErrorKind::Truncated]),
        (Fault::RedirectLoop, &[ErrorKind::Redirect]),
        (Fault::Redirect("file:///etc/passwd".into()), &[ErrorKind::Redirect]),
        (Fault::Status { code: 403, retry_after: None }, &[ErrorKind::HttpStatus]),
        (Fault::Status { code: 500, retry_after: None }, &[ErrorKind::HttpStatus]),
        (Fault::Status { code: 404, retry_after: None }, &[ErrorKind::NotFound]),
        (Fault::Encoded("gzip".into()), &[ErrorKind::Encoded]),
        (Fault::Garbage, &[ErrorKind::Network]),
        // Among the names of keys, a flipped bit makes a key that nobody knows.
        (
            Fault::FlipBit { offset: 25, bit: 3 },
            &[ErrorKind::Untrusted, ErrorKind::DigestMismatch, ErrorKind::OtherPublisher],
        ),
    ];
    for path in files {
        for (fault, kinds) in &faults {
            server.heal();
            server.misbehave(path, fault.clone());
            let told = machine.update_from(&[http(&server.url())]).await;
            told.is(Outcome::Failed);
            let kind = told.kind().unwrap();
            assert!(kinds.contains(&kind), "{path} {fault:?}: {}", told.report.error.unwrap());
            // What one fault has let through shall not help with the next.
            machine.forget_downloads();
        }
    }
    server.heal();
    assert_eq!(machine.version(AV), Some(1));
    recovers(&machine, &publisher).await;
}

/// Flips bits all over a file, one at a time, and updates from what results.
async fn flip(machine: &Machine, repository: &Path, file: &str, step: usize) {
    let path = repository.join(file.trim_start_matches('/'));
    let good = fs::read(&path).unwrap();
    for at in (0..good.len()).step_by(step) {
        let mut bad = good.clone();
        // Bit 5 is a letter's case, which means nothing in the digits of a signature.
        let bit = if at % 8 == 5 { 4 } else { at % 8 };
        bad[at] ^= 1 << bit;
        fs::write(&path, &bad).unwrap();
        // The machine checks that nothing has changed unless it reports an update.
        let told = machine.update(repository).await;
        assert_eq!(told.report.outcome, Outcome::Failed, "{file}, bit {bit} of byte {at}");
    }
    fs::write(&path, &good).unwrap();
}

#[tokio::test]
async fn one_flipped_bit_anywhere_in_the_metadata_is_refused() {
    let (machine, publisher) = behind().await;
    for file in ["metadata/timestamp.json", "metadata/3.snapshot.json", "metadata/3.targets.json"] {
        flip(&machine, publisher.path(), file, 7).await;
    }
    let manifest = publisher.target_url(&manifest_target(AV, Version([1, 2, 0, 0])));
    flip(&machine, publisher.path(), &manifest, 11).await;
    recovers(&machine, &publisher).await;
}

#[tokio::test]
async fn one_flipped_bit_anywhere_in_the_archive_is_refused() {
    let (machine, publisher) = behind().await;
    flip(&machine, publisher.path(), &publisher.archive_url(AV, 2), 1).await;
    recovers(&machine, &publisher).await;
}

/// Updates from a copy of the repository and expects this failure.
async fn refused(machine: &Machine, repository: &Path, kind: ErrorKind) -> Told {
    let told = machine.update(repository).await;
    told.failed_with(kind);
    told
}

#[tokio::test]
async fn another_publishers_repository_is_refused() {
    let (machine, publisher) = behind().await;
    let mut stranger = Publisher::new(now());
    for version in 1..=9 {
        stranger.publish(AV, version, &[("evil.yar", &rule("evil", "evil pattern"))]);
    }
    let told = refused(&machine, stranger.path(), ErrorKind::OtherPublisher).await;
    assert_eq!(told.report.security_failures().count(), 1);
    recovers(&machine, &publisher).await;
}

#[tokio::test]
async fn a_rolled_back_repository_is_refused_and_named() {
    let mut publisher = publisher();
    let old = publisher.copy();
    publish_second(&mut publisher);
    let machine = Machine::new(&publisher);
    machine.update(publisher.path()).await.is(Outcome::Updated);
    // The whole repository as it was: what a lagging cache, or a replay, looks like.
    refused(&machine, old.path(), ErrorKind::OlderThanKnown).await;
    assert_eq!(machine.version(AV), Some(2));
    machine.update(publisher.path()).await.is(Outcome::Current);
}

#[tokio::test]
async fn metadata_that_names_an_older_targets_file_is_a_rollback() {
    let mut publisher = publisher();
    publish_second(&mut publisher);
    let machine = Machine::new(&publisher);
    machine.update(publisher.path()).await.is(Outcome::Updated);
    publisher.sign_rolled_back(2);
    refused(&machine, publisher.path(), ErrorKind::Rollback).await;
    assert_eq!(machine.version(AV), Some(2));
}

#[tokio::test]
async fn expired_metadata_is_refused_until_the_publisher_renews_it() {
    let (machine, mut publisher) = behind().await;
    let late = now() + VALIDITY + SignedDuration::from_secs(1);
    machine.clock.jump_to(late);
    refused(&machine, publisher.path(), ErrorKind::Expired).await;
    publisher.renew(late);
    recovers(&machine, &publisher).await;
    // A machine that is current learns of the expiry too.
    machine.clock.jump_to(late + VALIDITY + SignedDuration::from_secs(1));
    refused(&machine, publisher.path(), ErrorKind::Expired).await;
}

#[tokio::test]
async fn a_clock_that_steps_back_brings_no_expired_repository_back() {
    let (machine, mut publisher) = behind().await;
    let old = publisher.copy();
    let late = now() + VALIDITY + SignedDuration::from_hours(1);
    publisher.renew(late);
    machine.clock.jump_to(late);
    recovers(&machine, &publisher).await;
    machine.clock.jump_to(now());
    let told = machine.update(old.path()).await;
    told.is(Outcome::Failed);
    assert!(
        matches!(told.kind(), Some(ErrorKind::OlderThanKnown | ErrorKind::ClockBehind | ErrorKind::Expired)),
        "{:?}",
        told.kind()
    );
    machine.update(publisher.path()).await.is(Outcome::Current);
}

#[tokio::test]
async fn a_clock_that_jumps_during_an_update_changes_nothing() {
    let years = SignedDuration::from_hours(24 * 365 * 3);
    for moment in [now() + years, now() - years] {
        let publisher = publisher();
        let machine = Machine::new(&publisher);
        for at in [EventKind::SearchStart, EventKind::DownloadStart, EventKind::InstallStart] {
            machine.clock.jump_to(now());
            let request = machine.request(&[folder(publisher.path())]);
            let jump = |event: &Event| {
                if event.kind == at {
                    machine.clock.jump_to(moment);
                }
                false
            };
            let told = machine.run_until(request, jump).await;
            assert!(matches!(told.report.outcome, Outcome::Updated | Outcome::Current), "{at:?} {moment}");
            assert!(told.report.duration_ms < 1000 * 60, "a jump is no duration");
        }
    }
}

#[tokio::test]
async fn an_air_gapped_site_judges_by_the_signed_time_up_to_its_age() {
    let (mut machine, publisher) = behind().await;
    machine.clock.jump_to(now() + SignedDuration::from_hours(24 * 10));
    machine.options.trust.freshness =
        FreshnessPolicy::SignedTime { max_age: SignedDuration::from_hours(24 * 9) };
    refused(&machine, publisher.path(), ErrorKind::Expired).await;
    machine.options.trust.freshness =
        FreshnessPolicy::SignedTime { max_age: SignedDuration::from_hours(24 * 30) };
    recovers(&machine, &publisher).await;
}

#[tokio::test]
async fn a_damaged_trusted_state_is_an_error_and_never_a_fresh_start() {
    let (machine, publisher) = behind().await;
    let state = machine.store().trust_dir().join(booster_trust::STATE_FILE);
    let good = fs::read(&state).unwrap();
    for bad in [Vec::new(), b"{}".to_vec(), good[..good.len() / 2].to_vec()] {
        fs::write(&state, bad).unwrap();
        let told = machine.update_from(&[folder(publisher.path()), folder(publisher.path())]).await;
        told.failed_with(ErrorKind::TrustDamaged);
        assert_eq!(told.report.sources_tried.len(), 1, "no other source can help");
    }
    fs::write(&state, good).unwrap();
    recovers(&machine, &publisher).await;
}

/// Signed and wrong all the same: what only a publisher can do.
mod signed_mistakes {
    use super::*;

    #[tokio::test]
    async fn a_manifest_that_contradicts_its_archive_is_refused() {
        let (machine, mut publisher) = behind().await;
        let files: &[(&str, &[u8])] = &[("a.yar", &rule("a", "pattern"))];
        type Edit = fn(&mut booster_definitions::ReleaseManifest);
        let edits: [(Edit, ErrorKind); 6] = [
            (|m| m.archive.sha256 = booster_definitions::Digest::of(b"other"), ErrorKind::DigestMismatch),
            (|m| m.archive.size += 512, ErrorKind::DigestMismatch),
            (|m| m.archive.size -= 512, ErrorKind::DigestMismatch),
            (|m| m.archive.files += 1, ErrorKind::DigestMismatch),
            (|m| m.full.size += 1, ErrorKind::BadManifest),
            (|m| m.full.target = "antivirus/none.tar.zst".into(), ErrorKind::NotFound),
        ];
        for (edit, kind) in edits {
            publisher.publish_as(AV, 3, files, edit);
            refused(&machine, publisher.path(), kind).await;
        }
        publisher.put(&manifest_target(AV, Version([1, 3, 0, 0])), b"{}");
        publisher.sign_all();
        refused(&machine, publisher.path(), ErrorKind::BadManifest).await;
        publisher.put(&manifest_target(AV, Version([1, 3, 0, 0])), &vec![b' '; (1 << 20) + 1]);
        publisher.sign_all();
        refused(&machine, publisher.path(), ErrorKind::TooLarge).await;
    }

    #[tokio::test]
    async fn an_archive_that_is_none_or_grows_without_end_is_refused() {
        let (machine, mut publisher) = behind().await;
        let target = full_target(AV, Version([1, 3, 0, 0]));
        let bomb = zstd::encode_all(std::io::repeat(0).take(64 << 20), 1).unwrap();
        let wide = {
            let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
            encoder.window_log(27).unwrap();
            std::io::Write::write_all(&mut encoder, &[1; 1000]).unwrap();
            encoder.finish().unwrap()
        };
        for package in [b"not zstd".to_vec(), bomb, wide] {
            publisher.publish_as(AV, 3, &[("a.yar", &rule("a", "pattern"))], |m| {
                m.full.size = package.len() as u64;
            });
            publisher.put(&target, &package);
            publisher.sign_all();
            refused(&machine, publisher.path(), ErrorKind::BadArchive).await;
        }
    }

    use std::io::Read as _;
}

#[tokio::test]
async fn a_repository_that_changes_between_two_requests_is_refused_and_then_taken() {
    let (machine, mut publisher) = behind().await;
    // The timestamp of one moment, the rest of another: a copy that was made while publishing.
    let torn = publisher.copy();
    publisher.publish(AV, 3, &[("a.yar", &rule("a", "pattern"))]);
    fs::copy(publisher.path().join("metadata/timestamp.json"), torn.path().join("metadata/timestamp.json"))
        .unwrap();
    refused(&machine, torn.path(), ErrorKind::NotFound).await;
    copy_tree(publisher.path(), torn.path());
    machine.update(torn.path()).await.is(Outcome::Updated);
    assert_eq!(machine.version(AV), Some(3));
}
