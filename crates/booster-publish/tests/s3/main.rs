//! A repository in a bucket, behind a real server that speaks S3.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod cloud;
#[path = "../common/mod.rs"]
mod common;
mod mirrors;

use booster_definitions::Component::Antispyware;
use booster_publish::{KeySet, Outcome, PublishError, Repository, RepositoryOptions};
use cloud::{BUCKET, Cloud};
use common::{Machine, block, rule, versions};
use jiff::Timestamp;

#[test]
fn a_bucket_is_published_into_and_a_machine_sees_it() {
    let cloud = Cloud::start();
    let machine = Machine::with(&cloud.init(), &cloud.folder());
    let report = cloud.publish(&cloud.request("1.0.0.0", &[("a.yar", &rule("a", "evil"))])).unwrap();
    assert_eq!(report.outcome, Outcome::Published);
    assert_eq!(versions(&machine.see().unwrap()), ["antivirus 1.0.0.0"]);
    let again = cloud.publish(&cloud.request("1.0.0.1", &[("a.yar", &rule("a", "evil"))])).unwrap();
    assert_eq!(again.outcome, Outcome::Unchanged);

    let mut other = cloud.request("2.0.0.0", &[("a.yar", &rule("a", "spyware"))]);
    other.component = Antispyware;
    cloud.publish(&other).unwrap();
    assert_eq!(versions(&machine.see().unwrap()), ["antivirus 1.0.0.0", "antispyware 2.0.0.0"]);
    let status = block(cloud.repository().status(Timestamp::now())).unwrap();
    assert_eq!(status.releases.len(), 2);
    block(cloud.repository().rotate_root(&Default::default(), &cloud.keys(), Timestamp::now())).unwrap();
    assert_eq!(versions(&machine.see().unwrap()), ["antivirus 1.0.0.0", "antispyware 2.0.0.0"]);
    assert!(matches!(
        block(
            cloud
                .repository()
                .init(KeySet::in_folder(&cloud.dir.path().join("keys"), 3, 2).unwrap(), Timestamp::now())
        ),
        Err(PublishError::AlreadyInitialised { .. })
    ));
}

#[test]
fn a_large_archive_is_uploaded_in_parts() {
    let cloud = Cloud::start();
    let machine = Machine::with(&cloud.init(), &cloud.folder());
    // Incompressible, and more than two parts of 8 MiB.
    let mut state = 1u64;
    let bytes: String = (0..24_000_000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(33 + ((state >> 33) % 94) as u8)
        })
        .collect();
    let report = cloud.publish(&cloud.request("1.0.0.0", &[("data.bin", &bytes)])).unwrap();
    assert!(report.download_size > 16 << 20, "{}", report.download_size);
    assert_eq!(versions(&machine.see().unwrap()), ["antivirus 1.0.0.0"]);
}

#[test]
fn of_two_publishers_at_once_one_wins_and_the_other_is_told() {
    let cloud = Cloud::start();
    let machine = Machine::with(&cloud.init(), &cloud.folder());
    let requests: Vec<_> = (1..=4)
        .map(|n| cloud.request(&format!("1.0.0.{n}"), &[("a.yar", &rule("a", &format!("evil {n}")))]))
        .collect();
    let results: Vec<_> = std::thread::scope(|scope| {
        let publishers: Vec<_> =
            requests.iter().map(|request| scope.spawn(|| cloud.publish(request))).collect();
        publishers.into_iter().map(|publisher| publisher.join().unwrap()).collect()
    });
    let won = results.iter().filter(|result| result.is_ok()).count();
    assert!(won >= 1);
    for error in results.into_iter().filter_map(Result::err) {
        assert!(matches!(error, PublishError::Conflict { .. } | PublishError::NotNewer { .. }), "{error}");
    }
    machine.see().unwrap();
    cloud.publish(&cloud.request("2.0.0.0", &[("a.yar", &rule("a", "evil last"))])).unwrap();
    assert_eq!(versions(&machine.see().unwrap()), ["antivirus 2.0.0.0"]);
}

#[test]
fn what_a_crash_left_in_a_bucket_is_deleted_once_it_is_old_enough() {
    let cloud = Cloud::start();
    let machine = Machine::with(&cloud.init(), &cloud.folder());
    let debris = format!("targets/antivirus/{}.9.0.0.0.tar.zst", "e".repeat(64));
    for name in ["metadata/9.targets.json", debris.as_str()] {
        let path = cloud.folder().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "left behind").unwrap();
    }
    cloud.publish(&cloud.request("1.0.0.0", &[("a.yar", &rule("a", "evil"))])).unwrap();
    assert!(cloud.folder().join(&debris).exists(), "it may have been another publisher's work");
    let mut options = cloud.options();
    options.debris_age = jiff::SignedDuration::from_secs(-5);
    let repository = Repository::open(&format!("s3://{BUCKET}/site/a"), options).unwrap();
    block(repository.refresh(&cloud.keys(), Timestamp::now())).unwrap();
    assert!(!cloud.folder().join(&debris).exists());
    assert_eq!(versions(&machine.see().unwrap()), ["antivirus 1.0.0.0"]);
}

#[test]
fn wrong_credentials_are_named_and_not_shown() {
    let cloud = Cloud::start();
    cloud.init();
    let mut options = cloud.options();
    for (name, value) in options.variables.iter_mut().flatten() {
        if name == "AWS_SECRET_ACCESS_KEY" {
            *value = "wrong-secret-value".to_owned();
        }
    }
    let repository = Repository::open(&format!("s3://{BUCKET}/site/a"), options).unwrap();
    let error = block(repository.status(Timestamp::now())).unwrap_err();
    let printed = format!("{error} {error:?} {repository:?}");
    assert!(matches!(error, PublishError::Storage { .. }), "{error}");
    assert!(error.to_string().contains("metadata/timestamp.json"), "{error}");
    assert!(!printed.contains("wrong-secret-value"), "{printed}");
}

#[test]
fn places_that_are_none_are_refused_with_a_reason() {
    for (location, part) in [
        ("ftp://host/x", "ftp: is not known"),
        ("https://host/x", "https: is not known"),
        ("s3://user:password@bucket/x", "holds a password"),
    ] {
        let error = Repository::open(location, RepositoryOptions::default()).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
        assert!(!error.to_string().contains(":password"), "{error}");
    }
}
