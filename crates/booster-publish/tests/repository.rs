//! A publisher and a machine that meet in a folder.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod common;

use booster_definitions::Component::{Antispyware, Antivirus};
use booster_engine::{BuildError, OnInvalid};
use booster_publish::{Outcome, PublishError};
use common::{Machine, Site, block, rule, versions};
use jiff::{SignedDuration, Timestamp};

#[test]
fn a_release_is_published_and_a_machine_sees_it() {
    let site = Site::new();
    let machine = Machine::new(&site);
    assert_eq!(machine.see().unwrap().len(), 0);
    let files = [("rules/a.yar", rule("a", "evil")), ("list.rules", "alert tcp".to_owned())];
    let files: Vec<_> = files.iter().map(|(path, content)| (*path, content.as_str())).collect();
    let report = site.publish(Antivirus, "1.0.0.0", &files).unwrap();
    assert_eq!((report.outcome, report.counts.rules, report.counts.files), (Outcome::Published, 1, 2));
    let seen = machine.see().unwrap();
    assert_eq!(versions(&seen), ["antivirus 1.0.0.0"]);
    assert_eq!(seen[&Antivirus].1.keys().collect::<Vec<_>>(), ["list.rules", "rules/a.yar"]);

    let status = block(site.repository().status(Timestamp::now())).unwrap();
    assert_eq!(status.releases.len(), 1);
    assert_eq!(status.releases[0].version, "1.0.0.0".parse().unwrap());
    assert!(status.roles.iter().all(|role| !role.expired && !role.due));
}

#[test]
fn the_same_content_again_changes_nothing_but_the_freshness() {
    let site = Site::new();
    let files = [("a.yar", &*rule("a", "evil"))];
    site.publish(Antivirus, "1.0.0.0", &files).unwrap();
    let before = site.files();
    let report = site.publish(Antivirus, "1.0.0.1", &files).unwrap();
    assert_eq!((report.outcome, report.version), (Outcome::Unchanged, "1.0.0.0".parse().unwrap()));
    let after = site.files();
    let changed: Vec<_> = after.iter().filter(|(name, digest)| before.get(*name) != Some(digest)).collect();
    assert!(
        changed.iter().all(|(name, _)| ["metadata/timestamp.json", ".publish.lock"].contains(&name.as_str())),
        "{changed:?}"
    );
    assert!(before.keys().all(|name| after.contains_key(name)));
    assert_eq!(versions(&Machine::new(&site).see().unwrap()), ["antivirus 1.0.0.0"]);
}

#[test]
fn versions_must_grow() {
    let site = Site::new();
    site.publish(Antivirus, "1.10.0.0", &[("a.yar", &rule("a", "evil"))]).unwrap();
    for version in ["1.9.0.0", "1.10.0.0"] {
        let error = site.publish(Antivirus, version, &[("a.yar", &rule("b", "evil"))]).unwrap_err();
        assert!(matches!(error, PublishError::NotNewer { .. }), "{error}");
    }
    site.publish(Antispyware, "1.0.0.0", &[("a.yar", &rule("b", "spy"))]).unwrap();
    assert_eq!(versions(&Machine::new(&site).see().unwrap()), ["antivirus 1.10.0.0", "antispyware 1.0.0.0"]);
}

#[test]
fn a_rule_that_the_engine_cannot_take_refuses_the_release_or_is_left_out() {
    let site = Site::new();
    let before = site.files();
    let (good, bad) = (rule("good", "evil"), "\n\nrule bad { condition: no_such_thing }\n");
    let files = [("good.yar", &*good), ("bad.yar", bad)];
    let error = site.publish(Antivirus, "1.0.0.0", &files).unwrap_err();
    assert!(matches!(error, PublishError::Build(BuildError::Rejected { .. })), "{error}");
    assert!(error.to_string().contains("antivirus/bad.yar:3:"), "{error}");
    let unlocked = |files: std::collections::BTreeMap<_, _>| {
        files.into_iter().filter(|(name, _)| name != ".publish.lock").collect::<Vec<_>>()
    };
    assert_eq!(unlocked(site.files()), unlocked(before));

    let mut request = site.request(Antivirus, "1.0.0.0", &site.dir.path().join("releases/antivirus-1.0.0.0"));
    request.on_invalid = OnInvalid::LeaveOut;
    let report = site.publish_request(&request).unwrap();
    assert_eq!(report.left_out.iter().collect::<Vec<_>>(), ["bad.yar"]);
    assert_eq!(report.rejected.len(), 1);
    assert_eq!(report.counts.rules, 1);
    let seen = Machine::new(&site).see().unwrap();
    assert_eq!(seen[&Antivirus].1.keys().collect::<Vec<_>>(), ["good.yar"]);
    assert_eq!(site.publish_request(&request).unwrap().outcome, Outcome::Unchanged);
}

#[test]
fn self_tests_are_run_over_the_merged_set_of_all_components() {
    let site = Site::new();
    site.publish(
        Antivirus,
        "1.0.0.0",
        &[("a.yar", &rule("a", "evil")), ("selftest/must-not-detect/letter.txt", "spyglass")],
    )
    .unwrap();
    let error = site.publish(Antispyware, "1.0.0.0", &[("b.yar", &rule("b", "spy"))]).unwrap_err();
    assert!(error.to_string().contains("antivirus/selftest/must-not-detect/letter.txt"), "{error}");
    let report = site
        .publish(
            Antispyware,
            "1.0.0.0",
            &[("b.yar", &rule("b", "spyware")), ("selftest/must-detect/x", "an evil thing")],
        )
        .unwrap();
    assert_eq!(report.self_tests, 2);
}

#[test]
fn a_refresh_renews_the_timestamp_and_what_is_half_through_its_life() {
    let site = Site::new();
    site.publish(Antivirus, "1.0.0.0", &[("a.yar", &rule("a", "evil"))]).unwrap();
    let refresh = |days: i64| {
        let now = Timestamp::now() + SignedDuration::from_hours(24 * days);
        block(site.repository().refresh(&site.keys(), now)).unwrap()
    };
    let report = refresh(1);
    assert!(!report.snapshot_renewed && !report.targets_renewed);
    let report = refresh(20);
    assert!(report.snapshot_renewed && !report.targets_renewed);
    let report = refresh(60);
    assert!(report.snapshot_renewed && report.targets_renewed);
    let later = Timestamp::now() + SignedDuration::from_hours(24 * 61);
    assert_eq!(versions(&Machine::new(&site).see_at(later).unwrap()), ["antivirus 1.0.0.0"]);
}

#[test]
fn metadata_of_the_last_publications_is_kept_and_older_releases_are_thinned_out() {
    let mut site = Site::new();
    site.options.keep = 3;
    for n in 1..=12 {
        site.publish(Antivirus, &format!("1.0.0.{n}"), &[("a.yar", &rule("a", &format!("evil{n}")))])
            .unwrap();
    }
    let files = site.files();
    let archives = files.keys().filter(|name| name.ends_with(".tar.zst")).count();
    let targets = files.keys().filter(|name| name.ends_with(".targets.json")).count();
    let snapshots = files.keys().filter(|name| name.ends_with(".snapshot.json")).count();
    // The last eight and every second before them, and 3 of which the metadata before still speaks.
    assert_eq!((archives, targets, snapshots), (8 + 2 + 1, 3, 3), "{files:#?}");
    assert_eq!(versions(&Machine::new(&site).see().unwrap()), ["antivirus 1.0.0.12"]);
}

#[test]
fn a_repository_is_made_once_and_needs_to_be_there() {
    let site = Site::new();
    assert!(matches!(site.init(), Err(PublishError::AlreadyInitialised { .. })));
    std::fs::remove_dir_all(site.folder()).unwrap();
    let error = site.publish(Antivirus, "1.0.0.0", &[("a.yar", &rule("a", "evil"))]).unwrap_err();
    assert!(matches!(error, PublishError::NotARepository { .. }), "{error}");
}
