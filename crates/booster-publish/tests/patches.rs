//! Patches beside the whole: from every release that is offered, where they pay.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod common;

use booster_definitions::{
    Component::Antivirus, Component::Nis, Digest, TargetName, Version, full_target, patch,
};
use booster_publish::PublishReport;
use common::{Machine, Site, rule};
use std::{collections::BTreeMap, io::Read as _};

/// A release of many rules, of which one is new in each version.
fn rules(version: usize) -> String {
    (0..200 + version)
        .map(|n| rule(&format!("r{n}"), &format!("evil word number {}", n * n * 7919)))
        .collect()
}

fn publish(site: &Site, version: usize) -> PublishReport {
    site.publish(Antivirus, &format!("1.0.0.{version}"), &[("a.yar", &rules(version))]).unwrap()
}

fn bases(report: &PublishReport) -> Vec<u16> {
    report.patches.iter().map(|patch| patch.base.0[3]).collect()
}

fn whole(targets: &BTreeMap<String, Vec<u8>>, version: Version) -> Vec<u8> {
    zstd::decode_all(targets[&full_target(Antivirus, version)].as_slice()).unwrap()
}

#[test]
fn every_release_that_stays_offered_has_a_patch_to_the_newest() {
    let site = Site::new();
    assert!(bases(&publish(&site, 1)).is_empty());
    for version in 2..=11 {
        let report = publish(&site, version);
        // All of the last eight; of the older ones those with an even number.
        let offered = (1..version).filter(|base| version - base < 8 || base % 2 == 0);
        let offered: Vec<u16> = offered.rev().map(|base| u16::try_from(base).unwrap()).collect();
        assert_eq!(bases(&report), offered, "to {version}");
    }
    let targets = Machine::new(&site).targets();
    let patches: Vec<_> = targets
        .keys()
        .filter_map(|name| match name.parse() {
            Ok(TargetName::Patch { version, base, .. }) => Some((name, version, base)),
            _ => None,
        })
        .collect();
    assert_eq!(patches.len(), 8, "{patches:?}");
    for (name, version, base) in patches {
        assert_eq!(version, Version([1, 0, 0, 11]), "{name}");
        let (base, new) = (whole(&targets, base), whole(&targets, version));
        let mut applied = Vec::new();
        patch::apply(&base, &targets[name], new.len() as u64).unwrap().read_to_end(&mut applied).unwrap();
        assert!(applied == new, "{name}");
        assert!(targets[name].len() < 400, "{name} has {} bytes", targets[name].len());
    }
}

#[test]
fn a_release_of_one_component_leaves_the_patches_of_the_others() {
    let site = Site::new();
    publish(&site, 1);
    publish(&site, 2);
    site.publish(Nis, "1.0.0.1", &[("n.yar", &rule("n", "worm"))]).unwrap();
    let names: Vec<_> = Machine::new(&site).targets().into_keys().collect();
    assert!(names.contains(&"antivirus/1.0.0.2.from-1.0.0.1.patch".to_owned()), "{names:?}");
}

#[test]
fn a_patch_that_is_nearly_as_large_as_the_whole_is_not_published() {
    let site = Site::new();
    publish(&site, 1);
    let word = |n: u32| Digest::of(&n.to_le_bytes()).to_string();
    let other: String = (0..300).map(|n| rule(&format!("other{n}"), &word(n))).collect();
    let report = site.publish(Antivirus, "1.0.0.2", &[("b.yar", &other)]).unwrap();
    assert!(bases(&report).is_empty());
}

#[test]
fn patches_can_be_left_out() {
    let site = Site::new();
    publish(&site, 1);
    let folder = site.release("second", &[("a.yar", &rules(2))]);
    let mut request = site.request(Antivirus, "1.0.0.2", &folder);
    request.patches = false;
    assert!(bases(&site.publish_request(&request).unwrap()).is_empty());
    assert!(Machine::new(&site).targets().keys().all(|name| !name.ends_with(".patch")));
}

#[test]
fn a_damaged_base_costs_its_patch_and_not_the_release() {
    let site = Site::new();
    publish(&site, 1);
    publish(&site, 2);
    let damaged = site.files().into_keys().find(|name| name.ends_with("1.0.0.1.tar.zst")).unwrap();
    let path = site.folder().join(damaged);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(bases(&publish(&site, 3)), [2]);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(bases(&publish(&site, 4)), [3, 2]);
}

#[test]
fn status_counts_the_patches_and_their_bytes() {
    let site = Site::new();
    (1..=3).for_each(|version| drop(publish(&site, version)));
    let status = common::block(site.repository().status(jiff::Timestamp::now())).unwrap();
    let targets = Machine::new(&site).targets();
    let bytes: usize =
        targets.iter().filter(|(name, _)| name.ends_with(".patch")).map(|(_, bytes)| bytes.len()).sum();
    let release = &status.releases[0];
    assert_eq!((release.offered, release.patches, release.patch_bytes), (3, 2, bytes as u64));
}
