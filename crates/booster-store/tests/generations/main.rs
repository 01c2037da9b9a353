//! Installing generations, and what is left after each way in which that can end.
#![allow(clippy::unwrap_used)]

mod removal;
mod rollback;
mod support;

use booster_definitions::{Component, Version};
use booster_store::{Change, HistoryEntry, SourceCheck, Store, StoreError, StoreOptions};
use std::fs;
use support::{add, install, listing, store, version_of};

#[test]
fn looking_at_a_store_that_is_not_there_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    assert!(store.current().unwrap().is_none());
    assert!(store.last_known_good().unwrap().is_none());
    assert!(store.history().unwrap().is_empty());
    assert!(store.checks().unwrap().is_empty());
    assert!(!store.data_dir().exists());
}

#[test]
fn a_committed_generation_is_current_and_the_one_before_it_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    for version in 1..=4 {
        let installed = install(&store, Component::Antivirus, version);
        assert_eq!(installed.record().number, u64::from(version));
        assert_eq!(version_of(&store, Component::Antivirus), Some(version));
    }
    let last = store.last_known_good().unwrap().unwrap();
    assert_eq!(last.component(Component::Antivirus).unwrap().manifest.version, Version([1, 3, 0, 0]));
    let kept: Vec<_> = listing(&store).into_iter().filter(|p| p.matches('/').count() == 1).collect();
    assert_eq!(kept, ["generations/00000003", "generations/00000004"]);
}

#[test]
fn staging_that_is_dropped_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    install(&store, Component::Antivirus, 1);
    let before = listing(&store);
    let operation = store.begin("test").unwrap();
    let mut staging = operation.stage().unwrap();
    add(&mut staging, Component::Antivirus, 2);
    fs::write(staging.scratch().join("half"), b"half").unwrap();
    drop(staging);
    drop(operation);
    assert_eq!(listing(&store), before);
    assert_eq!(version_of(&store, Component::Antivirus), Some(1));
}

#[test]
fn components_carry_over_and_switch_together() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let first = {
        let operation = store.begin("test").unwrap();
        let mut staging = operation.stage().unwrap();
        add(&mut staging, Component::Antivirus, 1);
        add(&mut staging, Component::Nis, 7);
        staging.commit(jiff::Timestamp::now()).unwrap()
    };
    let operation = store.begin("test").unwrap();
    let mut staging = operation.stage().unwrap();
    add(&mut staging, Component::Antivirus, 2);
    staging.carry_over(&first, Component::Nis).unwrap();
    let second = staging.commit(jiff::Timestamp::now()).unwrap();

    assert_eq!(version_of(&store, Component::Antivirus), Some(2));
    assert_eq!(second.component(Component::Nis), first.component(Component::Nis));
    assert_eq!(second.files(Component::Nis).unwrap(), first.files(Component::Nis).unwrap());
    assert_eq!(fs::read(second.component_dir(Component::Nis).join("rules/a.yar")).unwrap(), b"nis 7");
}

#[test]
fn a_second_operation_is_told_who_holds_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let running = store.begin("update").unwrap();
    match store.begin("update").unwrap_err() {
        StoreError::Busy { what, pid, since } => {
            assert_eq!((what.as_str(), pid), ("update", std::process::id()));
            assert!(since <= jiff::Timestamp::now());
        }
        other => panic!("{other}"),
    }
    drop(running);
    store.begin("update").unwrap();
}

#[test]
fn whatever_a_crash_leaves_is_gone_after_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    install(&store, Component::Antivirus, 1);
    install(&store, Component::Antivirus, 2);
    let before = listing(&store);

    let data = store.data_dir();
    fs::create_dir_all(data.join("staging/generation/antivirus")).unwrap();
    fs::write(data.join("staging/scratch"), b"half").unwrap();
    fs::write(data.join("current.new"), b"{\"gener").unwrap();
    fs::create_dir_all(store.trust_dir()).unwrap();
    fs::write(store.trust_dir().join("trusted.json.new"), b"").unwrap();
    // Placed, but the crash came before the switch.
    fs::create_dir(data.join("generations/00000003")).unwrap();
    assert_eq!(version_of(&store, Component::Antivirus), Some(2));

    drop(store.begin("update").unwrap());
    fs::remove_dir(store.trust_dir()).unwrap();
    assert_eq!(listing(&store), before);
    assert_eq!(version_of(&store, Component::Antivirus), Some(2));
}

#[test]
fn a_lost_or_damaged_pointer_is_set_to_the_newest_whole_generation() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    install(&store, Component::Antivirus, 1);
    install(&store, Component::Antivirus, 2);
    let current = store.data_dir().join("current");

    fs::write(&current, b"{").unwrap();
    assert!(matches!(store.current(), Err(StoreError::Damaged { .. })));
    drop(store.begin("update").unwrap());
    assert_eq!(version_of(&store, Component::Antivirus), Some(2));

    fs::remove_file(&current).unwrap();
    fs::write(store.data_dir().join("generations/00000002/generation.json"), b"").unwrap();
    drop(store.begin("update").unwrap());
    assert_eq!(version_of(&store, Component::Antivirus), Some(1));
}

#[test]
fn history_and_checks_are_kept_and_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let operation = store.begin("update").unwrap();
    let change = Change { component: Component::Nis, from: None, to: Some(Version([1, 0, 0, 0])) };
    for n in 0..502 {
        let entry = HistoryEntry {
            time: jiff::Timestamp::UNIX_EPOCH,
            outcome: "updated".into(),
            source: Some("http".into()),
            changes: vec![change.clone()],
            bytes_downloaded: n,
            duration_ms: 1,
            error: None,
            reason: None,
        };
        operation.record_history(entry).unwrap();
    }
    let history = store.history().unwrap();
    assert_eq!((history.len(), history[0].bytes_downloaded, history[499].bytes_downloaded), (500, 2, 501));

    let check = SourceCheck {
        location: "http://127.0.0.1/".into(),
        last_error: Some("refused".into()),
        ..SourceCheck::default()
    };
    operation.record_check("http", check.clone()).unwrap();
    assert_eq!(store.checks().unwrap().get("http"), Some(&check));
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_may_not_be_written_is_a_permission_error() {
    // Root may write anywhere but where the kernel says no.
    let store = Store::new("/proc/booster", StoreOptions::default());
    let error = store.begin("update").unwrap_err();
    assert!(matches!(error, StoreError::Permission { .. } | StoreError::Io { .. }), "{error}");
}
