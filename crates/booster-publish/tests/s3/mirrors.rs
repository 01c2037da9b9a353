//! Mirrors in a bucket, looked at by machines after each file that is written.

use crate::{
    cloud::{Cloud, Watcher},
    common::{Machine, Site, block, files_below, rule, versions},
};
use booster_definitions::Component::Antivirus;
use booster_publish::{
    KeyRing, MirrorError, MirrorReport, PublishError, Repository, RepositoryOptions, RootChange,
};
use booster_sources::DirectorySource;
use booster_trust::signing::{self, SigningKey, TimestampRole, TopRole};
use jiff::{SignedDuration, Timestamp};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A publisher, and a bucket with a mirror.
struct World {
    site: Site,
    cloud: Cloud,
    work: TempDir,
}

impl World {
    /// With one release, and a mirror of it.
    fn new() -> Self {
        let site = Site::with(RepositoryOptions::default());
        site.publish(Antivirus, "1.0.0.0", &[("a.yar", &rule("a", "first"))]).unwrap();
        let world = Self { site, cloud: Cloud::start(), work: tempfile::tempdir().unwrap() };
        world.mirror(&world.site.folder()).unwrap();
        world
    }

    fn mirror(&self, from: &Path) -> Result<MirrorReport, MirrorError> {
        // Nobody else works here, so nothing is too young to be judged.
        let options = RepositoryOptions { debris_age: SignedDuration::from_secs(-5), ..self.cloud.options() };
        self.mirror_to(&self.cloud.repository_with(options), from)
    }

    fn mirror_to(&self, place: &Repository, from: &Path) -> Result<MirrorReport, MirrorError> {
        let source = Arc::new(DirectorySource::new(from));
        let request = self.site.mirror_request(source, self.work.path().join("work"));
        block(place.mirror(&request, Timestamp::now(), &CancellationToken::new(), &|_| {}))
    }

    /// Replaces the key that signs timestamps, and gives all keys that there were.
    fn rotate(&self) -> (KeyRing, [String; 2]) {
        let mut keys = self.site.keys();
        let root = block(self.site.repository().root()).unwrap();
        let old = root.role(TopRole::Timestamp).unwrap().keyids[0].clone();
        let key = SigningKey::generate().unwrap();
        let new = key.key_id();
        let change = RootChange::replace(&root, TopRole::Timestamp, &[key.public()]);
        keys.add(key);
        block(self.site.repository().rotate_root(&change, &keys, Timestamp::now())).unwrap();
        (keys, [old, new])
    }

    /// A copy of the publisher's folder.
    fn copy(&self, name: &str) -> PathBuf {
        let copy = self.work.path().join(name);
        let copied = std::process::Command::new("cp").arg("-r").arg(self.site.folder()).arg(&copy).status();
        assert!(copied.unwrap().success());
        copy
    }

    /// What machines saw after each write from now on.
    fn watch(&self) -> Arc<Machines> {
        let machines = Machines {
            newcomer: (self.site.root.clone(), self.cloud.folder()),
            old_hand: Machine::with(&self.site.root, &self.cloud.folder()),
            seen: Mutex::default(),
            refuses: AtomicBool::default(),
        };
        machines.old_hand.see().unwrap();
        let machines = Arc::new(machines);
        self.cloud.watch(machines.clone());
        machines
    }
}

/// Machines that look after every write: one that was never here before, and one that has seen what was there.
struct Machines {
    newcomer: (Vec<u8>, PathBuf),
    old_hand: Machine,
    /// The objects, and whether both were served.
    seen: Mutex<Vec<(String, bool)>>,
    /// Whether the next `timestamp.json` is refused.
    refuses: AtomicBool,
}

impl Watcher for Machines {
    fn allows(&self, object: &str) -> bool {
        object != "metadata/timestamp.json" || !self.refuses.swap(false, Ordering::SeqCst)
    }

    fn written(&self, object: &str) {
        let newcomer = Machine::with(&self.newcomer.0, &self.newcomer.1);
        let served = newcomer.see().is_ok() && self.old_hand.see().is_ok();
        self.seen.lock().unwrap().push((object.to_owned(), served));
    }
}

impl Machines {
    /// The metadata that was written, in its order, and whether machines were served behind it.
    fn metadata(&self) -> Vec<(String, bool)> {
        let seen = self.seen.lock().unwrap();
        let metadata =
            |(object, served): &(String, bool)| Some((object.strip_prefix("metadata/")?.to_owned(), *served));
        seen.iter().filter_map(metadata).collect()
    }
}

fn written(files: &[(&str, bool)]) -> Vec<(String, bool)> {
    files.iter().map(|(name, served)| ((*name).to_owned(), *served)).collect()
}

#[test]
fn a_mirror_in_a_bucket_is_the_original_and_goes_with_it() {
    let world = World::new();
    let machine = Machine::with(&world.site.root, &world.cloud.folder());
    assert_eq!(versions(&machine.see().unwrap()), ["antivirus 1.0.0.0"]);
    let again = world.mirror(&world.site.folder()).unwrap();
    assert!(!again.changed, "{again:?}");
    let machines = world.watch();
    world.site.publish(Antivirus, "1.1.0.0", &[("a.yar", &rule("a", "second"))]).unwrap();
    world.mirror(&world.site.folder()).unwrap();
    assert_eq!(versions(&machine.see().unwrap()), ["antivirus 1.1.0.0"]);
    assert!(machines.seen.lock().unwrap().iter().all(|(_, served)| *served), "{:?}", machines.metadata());
    let original = files_below(&world.site.folder());
    for (name, digest) in files_below(&world.cloud.folder()) {
        assert_eq!(original.get(&name), Some(&digest), "{name}");
    }
}

#[test]
fn damaged_metadata_in_a_bucket_is_repaired() {
    let world = World::new();
    let names: Vec<String> = files_below(&world.cloud.folder())
        .into_keys()
        .filter(|name| name.ends_with(".snapshot.json") || name.ends_with(".targets.json"))
        .collect();
    assert!(names.len() >= 2, "{names:?}");
    for (name, damage) in names.iter().zip([b"{}".to_vec(), vec![b' '; 9 << 20]]) {
        let path = world.cloud.folder().join(name);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, damage).unwrap();
        assert!(world.mirror(&world.site.folder()).unwrap().changed, "{name}");
        assert_eq!(fs::read(&path).unwrap(), whole, "{name}");
    }
}

#[test]
fn new_roots_of_the_same_online_keys_disturb_nobody() {
    let world = World::new();
    for _ in 0..2 {
        let repository = world.site.repository();
        block(repository.rotate_root(&RootChange::default(), &world.site.keys(), Timestamp::now())).unwrap();
    }
    let machines = world.watch();
    world.mirror(&world.site.folder()).unwrap();
    let order = written(&[("2.root.json", true), ("3.root.json", true), ("timestamp.json", true)]);
    assert_eq!(machines.metadata(), order);
}

#[test]
fn a_timestamp_that_both_keys_signed_comes_before_the_root_that_needs_it() {
    let world = World::new();
    let (keys, [old, new]) = world.rotate();
    // The publisher's state between the two: a moment there, and for ever where it ended then.
    let between = world.copy("between");
    let timestamp = between.join("metadata/timestamp.json");
    let mut role: TimestampRole = signing::read_unverified(&fs::read(&timestamp).unwrap()).unwrap();
    role.version -= 1;
    let signers = [keys.get(&old).unwrap(), keys.get(&new).unwrap()];
    fs::write(&timestamp, signing::sign(&role, &signers).unwrap()).unwrap();

    let machines = world.watch();
    world.mirror(&between).unwrap();
    let [.., timestamp, root] = &machines.metadata()[..] else { panic!("{:?}", machines.metadata()) };
    assert_eq!((timestamp.0.as_str(), root.0.as_str()), ("timestamp.json", "2.root.json"));
    world.mirror(&world.site.folder()).unwrap();
    assert!(machines.metadata().iter().all(|(_, served)| *served), "{:?}", machines.metadata());
}

#[test]
fn where_no_state_is_between_a_root_stands_alone_for_one_write_only() {
    let world = World::new();
    // Renewed first: this root accepts what is there.
    let repository = world.site.repository();
    block(repository.rotate_root(&RootChange::default(), &world.site.keys(), Timestamp::now())).unwrap();
    world.rotate();
    let machines = world.watch();
    world.mirror(&world.site.folder()).unwrap();
    let metadata = machines.metadata();
    let [first, .., alone, timestamp] = &metadata[..] else { panic!("{metadata:?}") };
    assert!(first.1, "{metadata:?}");
    assert_eq!((alone.0.as_str(), alone.1), ("3.root.json", false));
    assert_eq!((timestamp.0.as_str(), timestamp.1), ("timestamp.json", true));
    let refused = metadata.iter().filter(|(_, served)| !served).count();
    assert_eq!(refused, 1, "{metadata:?}");
}

#[test]
fn a_refused_timestamp_takes_the_root_with_it() {
    let world = World::new();
    world.rotate();
    let machines = world.watch();
    machines.refuses.store(true, Ordering::SeqCst);
    let refused = world.mirror(&world.site.folder());
    assert!(matches!(refused, Err(MirrorError::Place(PublishError::Storage { .. }))), "{refused:?}");
    assert!(!world.cloud.folder().join("metadata/2.root.json").exists());
    let newcomer = || Machine::with(&world.site.root, &world.cloud.folder());
    assert_eq!(versions(&newcomer().see().unwrap()), ["antivirus 1.0.0.0"]);
    world.mirror(&world.site.folder()).unwrap();
    assert_eq!(versions(&newcomer().see().unwrap()), ["antivirus 1.0.0.0"]);
    assert_eq!(versions(&machines.old_hand.see().unwrap()), ["antivirus 1.0.0.0"]);
}

#[test]
fn what_a_run_left_that_was_killed_behind_its_root_is_taken_back_by_the_next_whatever_becomes_of_it() {
    let world = World::new();
    let folder = world.work.path().join("mirror");
    let place = Repository::open(folder.to_str().unwrap(), RepositoryOptions::default()).unwrap();
    world.mirror_to(&place, &world.site.folder()).unwrap();
    world.rotate();
    let left = folder.join("metadata/2.root.json");
    fs::copy(world.site.folder().join("metadata/2.root.json"), &left).unwrap();
    let newcomer = || Machine::with(&world.site.root, &folder);
    newcomer().see().unwrap_err();

    world.mirror_to(&place, &world.work.path().join("nothing")).unwrap_err();
    assert!(!left.exists());
    newcomer().see().unwrap();
    world.mirror_to(&place, &world.site.folder()).unwrap();
    assert!(left.exists());
    newcomer().see().unwrap();
}

#[test]
fn in_a_bucket_a_young_root_may_be_anothers() {
    let world = World::new();
    world.rotate();
    let left = world.cloud.folder().join("metadata/2.root.json");
    fs::copy(world.site.folder().join("metadata/2.root.json"), &left).unwrap();
    let place = world.cloud.repository();
    world.mirror_to(&place, &world.work.path().join("nothing")).unwrap_err();
    assert!(left.exists());
    world.mirror_to(&place, &world.site.folder()).unwrap();
    Machine::with(&world.site.root, &world.cloud.folder()).see().unwrap();
}
