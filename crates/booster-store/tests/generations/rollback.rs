//! Going back with a reason: what was left is not taken again, and one file decides it all.

use crate::support::{add, add_as, install, listing, store, version_of};
use booster_definitions::{Component, Version};
use booster_store::{Installed, Operation, RejectedRelease, Store, StoreOptions, Verdict, Why};
use jiff::Timestamp;
use std::fs;

const AV: Component = Component::Antivirus;
const NIS: Component = Component::Nis;

fn verdict() -> Verdict {
    Verdict { why: Why::RolledBack, reason: "false alarms".into(), time: Timestamp::UNIX_EPOCH }
}

/// A component, and the second number of a version.
fn rejected(store: &Store) -> Vec<(Component, u16)> {
    store.rejected().unwrap().iter().map(|release| (release.component, release.version.0[1])).collect()
}

fn begin(store: &Store) -> Operation {
    store.begin("test").unwrap()
}

/// A store that keeps four generations: antivirus 1, 2, 3, and then nis 7 as well.
fn four(dir: &std::path::Path) -> Store {
    let store = Store::new(dir.join("data"), StoreOptions { keep_generations: 4, ..StoreOptions::default() });
    for version in 1..=3 {
        install(&store, AV, version);
    }
    let operation = begin(&store);
    let mut staging = operation.stage().unwrap();
    add(&mut staging, AV, 3);
    add(&mut staging, NIS, 7);
    staging.commit(Timestamp::now()).unwrap();
    store
}

fn earlier(store: &Store, number: u64) -> Installed {
    store.earlier().unwrap().into_iter().find(|set| set.record().number == number).unwrap()
}

#[test]
fn going_back_rejects_what_differs_in_every_set_that_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let store = four(dir.path());
    let operation = begin(&store);
    let told = operation.roll_back(&earlier(&store, 1), &verdict(), None).unwrap();
    assert_eq!((told.why, told.reason.as_str(), told.changes.len()), (Why::RolledBack, "false alarms", 2));
    drop(operation);
    assert_eq!(version_of(&store, AV), Some(1));
    assert_eq!(rejected(&store), [(AV, 2), (AV, 3), (NIS, 7)]);
    assert!(store.earlier().unwrap().is_empty() && store.last_known_good().unwrap().is_none());
    assert!(!listing(&store).contains("generations/00000004"), "what was left is still there");
    let entry = store.history().unwrap().pop().unwrap();
    assert_eq!((entry.outcome.as_str(), entry.reason.as_deref()), ("rolled_back", Some("false alarms")));
    assert_eq!((entry.changes, entry.error), (told.changes, None));
}

#[test]
fn only_a_named_component_is_rejected_and_what_came_before_is_the_last_known_good() {
    let dir = tempfile::tempdir().unwrap();
    let store = four(dir.path());
    begin(&store).roll_back(&earlier(&store, 2), &verdict(), Some(&[AV])).unwrap();
    assert_eq!(rejected(&store), [(AV, 3)]);
    assert_eq!(store.last_known_good().unwrap().unwrap().record().number, 1);
}

#[test]
fn rejections_outlive_updates_and_removals_and_end_only_when_they_are_lifted() {
    let dir = tempfile::tempdir().unwrap();
    let store = four(dir.path());
    begin(&store).roll_back(&earlier(&store, 2), &verdict(), None).unwrap();
    install(&store, AV, 4);
    begin(&store).restore_last_known_good(Timestamp::UNIX_EPOCH).unwrap();
    begin(&store).remove_all(Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(rejected(&store), [(AV, 3), (NIS, 7)]);

    let of_nis = |release: &RejectedRelease| release.component == NIS;
    assert_eq!(begin(&store).allow(of_nis).unwrap().len(), 1);
    assert_eq!(begin(&store).allow(of_nis).unwrap().len(), 0, "twice is once");
    assert_eq!(rejected(&store), [(AV, 3)]);
}

#[test]
fn a_release_is_known_by_its_number_and_by_its_content() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let one = install(&store, AV, 1).component(AV).unwrap().manifest.clone();
    let two = install(&store, AV, 2).component(AV).unwrap().manifest.clone();
    let release = RejectedRelease::new(&one, &verdict());
    let (old, new) = (one.archive.sha256, two.archive.sha256);
    assert!(release.is(AV, one.version, &old));
    assert!(release.is(AV, Version([9, 0, 0, 0]), &old), "the same content under another number");
    assert!(release.is(AV, one.version, &new));
    assert!(!release.is(AV, two.version, &new) && !release.is(NIS, one.version, &old));
}

#[test]
fn what_comes_back_is_not_rejected_under_the_number_that_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    install(&store, AV, 1);
    // A withdrawn release: the content of 1 under the number 2.
    let operation = begin(&store);
    let mut staging = operation.stage().unwrap();
    add_as(&mut staging, AV, 2, 1);
    staging.commit(Timestamp::now()).unwrap();
    operation.roll_back(&earlier(&store, 1), &verdict(), None).unwrap();
    drop(operation);
    assert_eq!((version_of(&store, AV), rejected(&store)), (Some(1), vec![]));
}

#[test]
fn rejections_are_bounded_and_each_release_stands_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let manifest = install(&store, AV, 1).component(AV).unwrap().manifest.clone();
    let operation = begin(&store);
    for n in [1, 1].into_iter().chain(2..=70) {
        let mut manifest = manifest.clone();
        manifest.version = Version([1, n, 0, 0]);
        operation.reject(vec![RejectedRelease::new(&manifest, &verdict())]).unwrap();
    }
    let all = rejected(&store);
    assert_eq!((all.len(), all[0], all[63]), (64, (AV, 7), (AV, 70)));
    assert_eq!(version_of(&store, AV), Some(1), "rejecting alone changes nothing that is installed");
}

#[test]
fn a_crash_while_going_back_leaves_the_new_set_or_the_old_one_and_its_rejections_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    install(&store, AV, 1);
    install(&store, AV, 2);
    let current = store.data_dir().join("current");
    let before = fs::read(&current).unwrap();
    let kept = dir.path().join("kept");
    fs::rename(store.data_dir().join("generations/00000002"), &kept).unwrap();
    fs::create_dir(store.data_dir().join("generations/00000002")).unwrap();
    fs::copy(kept.join("generation.json"), store.data_dir().join("generations/00000002/generation.json"))
        .unwrap();
    begin(&store).roll_back(&earlier(&store, 1), &verdict(), None).unwrap();
    let after = fs::read(&current).unwrap();
    let still_there = || {
        let to = store.data_dir().join("generations/00000002");
        fs::create_dir_all(&to).unwrap();
        fs::copy(kept.join("generation.json"), to.join("generation.json")).unwrap();
    };

    // After the switch, before the set that was left has been removed and the history written.
    still_there();
    drop(begin(&store));
    assert_eq!((version_of(&store, AV), rejected(&store)), (Some(1), vec![(AV, 2)]));
    assert!(!listing(&store).contains("generations/00000002"));

    // Before the switch: the pointer was written beside the old one.
    still_there();
    fs::write(&current, &before).unwrap();
    fs::write(store.data_dir().join("current.new"), &after).unwrap();
    drop(begin(&store));
    assert_eq!((version_of(&store, AV), rejected(&store)), (Some(2), vec![]));
}

/// Installs a version whose switch is still to be approved.
fn install_to_be_approved(store: &Store, version: u16) -> Operation {
    let operation = begin(store);
    let mut staging = operation.stage().unwrap();
    add(&mut staging, AV, version);
    staging.commit_to_be_approved(Timestamp::now()).unwrap();
    assert_eq!(version_of(store, AV), Some(version));
    assert!(store.awaits_approval().unwrap());
    operation
}

#[test]
fn an_undone_switch_gives_back_exactly_what_was() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    for (verdict, expected) in [(None, vec![]), (Some(verdict()), vec![(AV, 3)])] {
        install(&store, AV, 1);
        install(&store, AV, 2);
        let last_known_good = store.last_known_good().unwrap().unwrap().record().number;
        let operation = install_to_be_approved(&store, 3);
        operation.undo(verdict.as_ref(), None).unwrap();
        drop(operation);
        assert_eq!((version_of(&store, AV), rejected(&store)), (Some(2), expected));
        assert_eq!(store.last_known_good().unwrap().unwrap().record().number, last_known_good);
        assert!(!store.awaits_approval().unwrap());
        begin(&store).remove_all(Timestamp::UNIX_EPOCH).unwrap();
    }
}

#[test]
fn the_first_set_of_all_can_be_undone_to_none() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    install_to_be_approved(&store, 1).undo(Some(&verdict()), None).unwrap();
    assert!(store.current().unwrap().is_none());
    assert_eq!(rejected(&store), [(AV, 1)]);
    assert!(begin(&store).undo(None, None).is_ok(), "there is nothing to undo");
}

#[test]
fn an_approved_switch_is_as_any_other_and_what_was_kept_for_its_undoing_goes() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    install(&store, AV, 1);
    install(&store, AV, 2);
    let operation = install_to_be_approved(&store, 3);
    assert!(listing(&store).contains("generations/00000001"), "it may be needed yet");
    operation.approve().unwrap();
    drop(operation);
    assert!(!store.awaits_approval().unwrap() && !listing(&store).contains("generations/00000001"));
    assert_eq!(store.last_known_good().unwrap().unwrap().record().number, 2);
}

#[test]
fn after_a_crash_before_the_approval_the_question_is_still_open_and_a_new_set_settles_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    install(&store, AV, 1);
    drop(install_to_be_approved(&store, 2));
    drop(begin(&store));
    assert!(store.awaits_approval().unwrap());
    install(&store, AV, 3);
    assert!(!store.awaits_approval().unwrap());
    // What was never approved is nothing to return to.
    assert_eq!(store.last_known_good().unwrap().unwrap().record().number, 1);
}

#[test]
fn a_lost_set_takes_no_rejection_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = four(dir.path());
    begin(&store).roll_back(&earlier(&store, 2), &verdict(), Some(&[AV])).unwrap();
    fs::write(store.data_dir().join("generations/00000002/generation.json"), b"").unwrap();
    drop(begin(&store));
    assert_eq!((version_of(&store, AV), rejected(&store)), (Some(1), vec![(AV, 3)]));
}
