//! What a publisher can still do to a release that is out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests fail by panicking")]

mod common;

use booster_definitions::{Availability, Component::Antivirus, TargetName};
use booster_publish::{PublishError, RolloutChange, Withdrawal};
use booster_trust::signing::{TargetsRole, read_unverified};
use common::{Machine, Site, block, rule, versions};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What the newest signed metadata says of each release.
fn availabilities(site: &Site) -> BTreeMap<String, Availability> {
    let number =
        |name: &String| name.strip_prefix("metadata/")?.strip_suffix(".targets.json")?.parse::<u64>().ok();
    let newest = site.files().keys().filter_map(number).max().unwrap();
    let bytes = std::fs::read(site.folder().join(format!("metadata/{newest}.targets.json"))).unwrap();
    let targets: TargetsRole = read_unverified(&bytes).unwrap();
    let manifests = targets.targets.iter().filter_map(|(name, entry)| match name.parse() {
        Ok(TargetName::Manifest(_, version)) => {
            Some((version.to_string(), Availability::from_json(entry.custom.as_ref().unwrap()).unwrap()))
        }
        _ => None,
    });
    manifests.collect()
}

fn change(site: &Site, version: Option<&str>, change: RolloutChange) -> Result<Availability, PublishError> {
    let version = version.map(|version| version.parse().unwrap());
    let (repository, keys) = (site.repository(), site.keys());
    let changed = repository.change_rollout(Antivirus, version, &change, &keys, Timestamp::now());
    block(changed).map(|report| report.availability)
}

fn halt() -> RolloutChange {
    RolloutChange::Halt { reason: "finds a system file".to_owned() }
}

#[test]
fn a_roll_out_is_signed_with_the_release_and_changed_without_changing_it() {
    let site = Site::new();
    let mut request =
        site.request(Antivirus, "1.0.0.1", &site.release("a", &[("a.yar", &rule("a", "evil"))]));
    request.schedule = "1%@0h,100%@1d".parse().unwrap();
    site.publish_request(&request).unwrap();
    let seen = Machine::new(&site).see().unwrap();
    assert_eq!(availabilities(&site)["1.0.0.1"].schedule, request.schedule);

    assert!(change(&site, None, halt()).unwrap().halted.is_some());
    assert_eq!(availabilities(&site)["1.0.0.1"].halted.as_ref().unwrap().reason, "finds a system file");
    assert!(change(&site, Some("1.0.0.1"), RolloutChange::Resume).unwrap().halted.is_none());
    let quick = change(&site, None, RolloutChange::Schedule("immediate".parse().unwrap())).unwrap();
    assert!(quick.schedule.is_immediate());
    assert!(change(&site, None, RolloutChange::Emergency).unwrap().emergency);
    assert_eq!(Machine::new(&site).see().unwrap(), seen, "the release itself is what it was");
}

#[test]
fn a_release_that_is_not_offered_cannot_be_changed() {
    let site = Site::new();
    assert!(matches!(change(&site, None, halt()), Err(PublishError::NotOffered { version: None, .. })));
    site.publish(Antivirus, "1.0.0.1", &[("a.yar", &rule("a", "evil"))]).unwrap();
    // The lock's file names who held it last.
    let files = || {
        let mut files = site.files();
        files.remove(".publish.lock");
        files
    };
    let before = files();
    let error = change(&site, Some("1.0.0.2"), halt()).unwrap_err();
    assert!(error.to_string().contains("antivirus 1.0.0.2 is not offered"), "{error}");
    assert_eq!(files(), before);
}

#[test]
fn a_withdrawal_offers_the_content_before_under_a_higher_version() {
    let site = Site::new();
    let withdraw = |version: Option<&str>| {
        let withdrawal = Withdrawal {
            component: Antivirus,
            version: version.map(|version| version.parse().unwrap()),
            reason: "finds a system file".to_owned(),
        };
        let settings = site.request(Antivirus, "0.0.0.0", std::path::Path::new(""));
        block(site.repository().withdraw(&withdrawal, &settings, &site.keys(), Timestamp::now()))
    };
    assert!(matches!(withdraw(None), Err(PublishError::NotOffered { .. })));
    let good = site.publish(Antivirus, "1.0.0.1", &[("a.yar", &rule("a", "evil"))]).unwrap();
    assert!(matches!(withdraw(None), Err(PublishError::NothingBefore { .. })));
    let (first, _) = Machine::new(&site).see().unwrap().remove(&Antivirus).unwrap();
    site.publish(Antivirus, "1.0.0.2", &[("a.yar", &rule("a", "the"))]).unwrap();

    let report = withdraw(None).unwrap();
    assert_eq!(report.version.to_string(), "1.0.0.3");
    assert_eq!(report.archive, good.archive, "the same content");
    let (manifest, _) = Machine::new(&site).see().unwrap().remove(&Antivirus).unwrap();
    assert_eq!(manifest.published, first.published, "its age is that of the content");
    assert_eq!(manifest.notes.as_deref(), Some("finds a system file"));
    let offered = availabilities(&site);
    assert_eq!(offered.keys().collect::<Vec<_>>(), ["1.0.0.1", "1.0.0.3"]);
    assert!(offered["1.0.0.3"].emergency);
    assert_eq!(offered["1.0.0.3"].sequence, 3);

    site.publish(Antivirus, "1.0.0.4", &[("a.yar", &rule("a", "worse"))]).unwrap();
    assert_eq!(withdraw(Some("1.0.9.0")).unwrap().version.to_string(), "1.0.9.0");
    assert_eq!(versions(&Machine::new(&site).see().unwrap()), ["antivirus 1.0.9.0"]);
}
