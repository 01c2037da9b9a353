use super::{Admission, admit};
use crate::{
    error::TrustError,
    overlay::Staged,
    signing::{self, MetaEntry, RootRole, SigningKey, SnapshotRole, TargetsRole, TimestampRole, TopRole},
    state::Data,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

fn day(days: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap() + SignedDuration::from_hours(24 * days)
}

/// One key signs for every role: keys are the verifier's business, and it has done its work.
struct Files {
    key: SigningKey,
    expires: BTreeMap<TopRole, Timestamp>,
    signed_at: Timestamp,
}

impl Files {
    fn new() -> Self {
        let expires = TopRole::ALL.map(|role| (role, day(100)));
        Self { key: SigningKey::generate().unwrap(), expires: expires.into(), signed_at: day(0) }
    }

    fn root(&self, version: u64) -> Vec<u8> {
        let mut root = RootRole::new(version, self.expires[&TopRole::Root]);
        for role in TopRole::ALL {
            root.authorise(role, &self.key.public());
        }
        signing::sign(&root, &[&self.key]).unwrap()
    }

    /// A machine that has pinned this root and seen nothing else.
    fn pinned(&self) -> Data {
        Data {
            roots: BTreeMap::from([(1, String::from_utf8(self.root(1)).unwrap())]),
            timestamp: None,
            snapshot: None,
            targets: None,
            delegated: BTreeMap::new(),
            floors: crate::floors::Floors { root: 1, ..Default::default() },
            signed_at: None,
        }
    }

    /// Timestamp, snapshot and targets, all of one version.
    fn staged(&self, version: u64) -> Staged {
        let targets = TargetsRole::new(version, self.expires[&TopRole::Targets]);
        let targets = signing::sign(&targets, &[&self.key]).unwrap();
        let entry = MetaEntry::of(version, &targets);
        let snapshot = SnapshotRole::new(version, self.expires[&TopRole::Snapshot], entry);
        let snapshot = signing::sign(&snapshot, &[&self.key]).unwrap();
        let (expires, entry) = (self.expires[&TopRole::Timestamp], MetaEntry::of(version, &snapshot));
        let timestamp = TimestampRole::new(version, expires, entry, self.signed_at);
        let timestamp = signing::sign(&timestamp, &[&self.key]).unwrap();
        Staged {
            roots: BTreeMap::new(),
            timestamp: Some(timestamp),
            snapshot: Some(snapshot),
            targets: Some(targets),
            delegated: BTreeMap::new(),
        }
    }
}

/// Which of timestamp, snapshot and targets are there.
fn kept(data: &Data) -> [bool; 3] {
    [data.timestamp.is_some(), data.snapshot.is_some(), data.targets.is_some()]
}

#[test]
fn a_newer_signed_time_decides_about_every_role_that_came_with_it() {
    // Each role expires on the tenth day. The clock says the fifth, the publisher signed on the twentieth.
    let cases = [
        (TopRole::Root, [false, false, false]),
        (TopRole::Timestamp, [false, false, false]),
        (TopRole::Snapshot, [true, false, false]),
        (TopRole::Targets, [true, true, false]),
    ];
    for (role, expected) in cases {
        let mut files = Files::new();
        files.expires.insert(role, day(10));
        files.signed_at = day(20);
        let Admission { data, judged_at, refused } = admit(&files.pinned(), files.staged(1), day(5));
        assert_eq!(kept(&data), expected, "{role}");
        assert_eq!(judged_at, day(20), "{role}");
        assert!(
            matches!(&refused, Some(TrustError::Expired { role: named, .. }) if *named == role.as_str()),
            "{role}: {refused:?}"
        );
        // Signed before it expired, all of it is kept.
        files.signed_at = day(9);
        let Admission { data, refused, .. } = admit(&files.pinned(), files.staged(1), day(5));
        assert_eq!((kept(&data), refused.is_some()), ([true; 3], false), "{role}");
    }
}

#[test]
fn nothing_falls_below_a_floor_whatever_the_verifier_let_through() {
    let files = Files::new();
    let known = admit(&files.pinned(), files.staged(5), day(1)).data;
    let only = |part: fn(Staged) -> Staged, version| admit(&known, part(files.staged(version)), day(1));
    let timestamp: fn(Staged) -> Staged = |all| Staged { timestamp: all.timestamp, ..Staged::default() };
    let snapshot: fn(Staged) -> Staged = |all| Staged { snapshot: all.snapshot, ..Staged::default() };

    let older = only(timestamp, 4);
    assert!(matches!(older.refused, Some(TrustError::OlderThanKnown { known: 5, offered: 4, .. })));
    assert_eq!(older.data, known);
    let older = only(snapshot, 4);
    assert!(matches!(older.refused, Some(TrustError::Rollback { known: 5, offered: 4, .. })));
    assert_eq!(older.data, known);
    let same = admit(&known, files.staged(5), day(1));
    assert!(same.refused.is_none());
    let newer = admit(&known, files.staged(6), day(1));
    assert!(newer.refused.is_none());
    assert_eq!(newer.data.floors.timestamp.map(|floor| floor.version), Some(6));
}

#[test]
fn a_file_that_vanishes_from_the_snapshot_is_noticed() {
    let files = Files::new();
    let mut known = admit(&files.pinned(), files.staged(1), day(1)).data;
    let floor = known.floors.snapshot.as_mut().unwrap();
    floor.targets.insert("delegated.json".to_owned(), 1);
    let refused = admit(&known, files.staged(2), day(1)).refused;
    assert!(
        matches!(&refused, Some(TrustError::Mismatch { reason, .. }) if reason.contains("delegated.json"))
    );
}

#[test]
fn a_root_that_keeps_the_keys_keeps_the_floors_and_one_that_takes_them_frees_them() {
    let files = Files::new();
    let known = admit(&files.pinned(), files.staged(5), day(1)).data;
    let with_root = |root| Staged { roots: BTreeMap::from([(2, root)]), ..Staged::default() };
    let same_keys = admit(&known, with_root(files.root(2)), day(1)).data;
    assert_eq!(kept(&same_keys), [true; 3]);
    assert!(same_keys.floors.timestamp.is_some() && same_keys.floors.snapshot.is_some());

    let other_keys = admit(&known, with_root(Files::new().root(2)), day(1)).data;
    assert_eq!(kept(&other_keys), [false; 3]);
    assert!(other_keys.floors.timestamp.is_none() && other_keys.floors.snapshot.is_none());
    assert_eq!((other_keys.floors.root, other_keys.signed_at), (2, None));
}

#[test]
fn nothing_new_changes_nothing() {
    let files = Files::new();
    let known = admit(&files.pinned(), files.staged(5), day(1)).data;
    assert_eq!(admit(&known, Staged::default(), day(1)).data, known);
}
