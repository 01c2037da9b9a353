//! Going back to an earlier generation, or to none.

use crate::support::{add, install, listing, store, version_of};
use booster_definitions::{Component, Version};
use booster_store::{Installed, RestoreError, Store, StoreError, verify};
use std::{fs, path::Path};

fn restore(store: &Store) -> Result<Installed, RestoreError> {
    store.begin("test").unwrap().restore_last_known_good(jiff::Timestamp::UNIX_EPOCH)
}

fn remove_all(store: &Store) -> bool {
    store.begin("test").unwrap().remove_all(jiff::Timestamp::UNIX_EPOCH).unwrap()
}

/// The folders of generations.
fn generations(store: &Store) -> Vec<String> {
    listing(store)
        .into_iter()
        .filter_map(|p| p.strip_prefix("generations/").map(str::to_owned))
        .filter(|p| !p.contains('/'))
        .collect()
}

/// A component, and its version before and after.
type Step = (Component, Option<u16>, Option<u16>);

/// What the last entry of the history says.
fn last_change(store: &Store) -> (String, Vec<Step>) {
    let entry = store.history().unwrap().pop().unwrap();
    let minor = |version: Option<Version>| version.map(|version| version.0[1]);
    let changes = entry.changes.iter().map(|c| (c.component, minor(c.from), minor(c.to))).collect();
    (entry.outcome, changes)
}

#[test]
fn the_last_known_good_generation_comes_back_and_the_newer_one_goes() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    install(&store, Component::Antivirus, 1);
    let operation = store.begin("test").unwrap();
    let mut staging = operation.stage().unwrap();
    add(&mut staging, Component::Antivirus, 2);
    add(&mut staging, Component::Nis, 7);
    staging.commit(jiff::Timestamp::now()).unwrap();
    drop(operation);

    let restored = restore(&store).unwrap();
    assert_eq!(restored.record().number, 1);
    assert_eq!(version_of(&store, Component::Antivirus), Some(1));
    assert_eq!(generations(&store), ["00000001"]);
    let changes = vec![(Component::Antivirus, Some(2), Some(1)), (Component::Nis, Some(7), None)];
    assert_eq!(last_change(&store), ("restored".to_owned(), changes));
}

#[test]
fn there_is_one_step_back_and_none_where_nothing_came_before() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    assert!(matches!(restore(&store), Err(RestoreError::NothingToRestore)));
    install(&store, Component::Antivirus, 1);
    assert!(matches!(restore(&store), Err(RestoreError::NothingToRestore)));
    install(&store, Component::Antivirus, 2);
    restore(&store).unwrap();
    assert!(matches!(restore(&store), Err(RestoreError::NothingToRestore)));
    assert_eq!((version_of(&store, Component::Antivirus), store.history().unwrap().len()), (Some(1), 1));
}

#[test]
fn an_earlier_generation_that_cannot_be_read_is_not_restored() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    install(&store, Component::Antivirus, 1);
    install(&store, Component::Antivirus, 2);
    fs::write(store.data_dir().join("generations/00000001/generation.json"), b"{").unwrap();
    assert!(matches!(restore(&store), Err(RestoreError::Store(StoreError::Damaged { .. }))));
    assert_eq!(version_of(&store, Component::Antivirus), Some(2));
}

#[test]
fn all_definitions_can_be_removed_and_installed_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    assert!(!remove_all(&store), "there was nothing");
    install(&store, Component::Antivirus, 1);
    install(&store, Component::Antivirus, 2);
    assert!(remove_all(&store));
    assert!(store.current().unwrap().is_none() && store.last_known_good().unwrap().is_none());
    assert!(generations(&store).is_empty());
    let removed = ("removed".to_owned(), vec![(Component::Antivirus, Some(2), None)]);
    assert_eq!(last_change(&store), removed);
    assert!(!remove_all(&store), "twice is once");

    install(&store, Component::Antivirus, 2);
    assert_eq!(version_of(&store, Component::Antivirus), Some(2));
    assert!(store.last_known_good().unwrap().is_none());
}

#[test]
fn the_number_of_a_removed_generation_is_not_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    install(&store, Component::Antivirus, 1);
    let second = install(&store, Component::Antivirus, 2);
    let operation = store.begin("test").unwrap();
    let problem = verify::Problem { component: None, path: "a".into(), fault: verify::Fault::Missing };
    let found = verify::Verification { generation: 2, problems: vec![problem], ..Default::default() };
    operation.record_damage(&second, &found).unwrap();
    drop(operation);
    restore(&store).unwrap();
    // What was noted of the old one does not concern the new one.
    assert_eq!(install(&store, Component::Antivirus, 2).record().number, 3);
    assert!(store.damaged_components().unwrap().is_empty());
    remove_all(&store);
    assert_eq!(install(&store, Component::Antivirus, 2).record().number, 4);
}

#[test]
fn a_crash_while_definitions_are_removed_leaves_all_of_them_or_none() {
    for all in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        install(&store, Component::Antivirus, 1);
        install(&store, Component::Antivirus, 2);
        let current = store.data_dir().join("current");
        let before = fs::read(&current).unwrap();
        let kept = dir.path().join("kept");
        copy_tree(&store.data_dir().join("generations"), &kept);
        match all {
            true => assert!(remove_all(&store)),
            false => assert!(restore(&store).is_ok()),
        }
        let after = fs::read(&current).unwrap();
        let still_there = || copy_tree(&kept, &store.data_dir().join("generations"));

        // After the switch, before anything was removed.
        still_there();
        drop(store.begin("update").unwrap());
        let expected = if all { None } else { Some(1) };
        assert_eq!(version_of(&store, Component::Antivirus), expected, "all: {all}");
        assert_eq!(generations(&store).len(), usize::from(!all));

        // Before the switch: the pointer was written beside the old one.
        still_there();
        fs::write(&current, &before).unwrap();
        fs::write(store.data_dir().join("current.new"), &after).unwrap();
        drop(store.begin("update").unwrap());
        assert_eq!(version_of(&store, Component::Antivirus), Some(2), "all: {all}");
        assert_eq!(generations(&store), ["00000001", "00000002"]);
    }
}

#[test]
fn a_pointer_that_does_not_say_what_is_current_removes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    install(&store, Component::Antivirus, 1);
    fs::write(store.data_dir().join("current"), b"{}").unwrap();
    assert!(matches!(store.current(), Err(StoreError::Damaged { .. })));
    drop(store.begin("update").unwrap());
    assert_eq!(version_of(&store, Component::Antivirus), Some(1));
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
