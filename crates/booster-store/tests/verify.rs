//! Verification of an installed generation against the signed metadata that it came with.
#![allow(clippy::unwrap_used)]

use booster_definitions::{
    Checksum, Component, Counts, FullPackage, MANIFEST_FORMAT, ReleaseManifest, Requires, Version,
    archive::{FileSet, Limits, Source, unpack},
    full_target, manifest_target,
};
use booster_store::{
    Installed, NewComponent, Store, StoreOptions,
    verify::{Fault, Verification, verify},
};
use booster_trust::{
    Client, ClientOptions, FetchFuture, Repository, TrustedState,
    signing::{
        MetaEntry, RootRole, SigningKey, SnapshotRole, TargetEntry, TargetsRole, TimestampRole, TopRole, sign,
    },
};
use std::{collections::BTreeMap, fs, path::Path};

/// A repository in memory: metadata files by name.
struct Memory(BTreeMap<String, Vec<u8>>);

impl Repository for Memory {
    fn fetch_metadata<'a>(&'a self, name: &'a str, _max_length: u64) -> FetchFuture<'a> {
        let bytes = self.0.get(name).cloned();
        Box::pin(async move { Ok(bytes) })
    }

    fn fetch_target<'a>(&'a self, _path: &'a str, _max_length: u64) -> FetchFuture<'a> {
        Box::pin(async move { Ok(None) })
    }
}

const VERSION: Version = Version([1, 0, 0, 0]);

/// Signs a repository that offers one manifest, and gives the state of a machine that trusts it.
fn trusted(dir: &Path, manifest: &[u8]) -> TrustedState {
    let now = jiff::Timestamp::now();
    let expires = now + jiff::SignedDuration::from_hours(1);
    let key = SigningKey::generate().unwrap();
    let mut root = RootRole::new(1, expires);
    for role in TopRole::ALL {
        root.authorise(role, &key.public());
    }
    let mut targets = TargetsRole::new(1, expires);
    targets.targets.insert(manifest_target(Component::Antivirus, VERSION), TargetEntry::of(manifest));
    let targets = sign(&targets, &[&key]).unwrap();
    let snapshot = sign(&SnapshotRole::new(1, expires, MetaEntry::of(1, &targets)), &[&key]).unwrap();
    let timestamp = sign(&TimestampRole::new(1, expires, MetaEntry::of(1, &snapshot), now), &[&key]).unwrap();
    let root = sign(&root, &[&key]).unwrap();

    let mut state = TrustedState::open(dir).unwrap();
    state.pin(&root).unwrap();
    let files = [("1.targets.json", targets), ("1.snapshot.json", snapshot), ("timestamp.json", timestamp)];
    let repository = Memory(files.map(|(name, bytes)| (name.to_owned(), bytes)).into());
    let mut client = Client::new(repository, state, ClientOptions::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(client.refresh(now)).unwrap();
    TrustedState::open(dir).unwrap()
}

/// Installs a signed release of two files and an image.
fn install(dir: &Path) -> Installed {
    let mut set = FileSet::new(Limits::default());
    for (path, bytes) in [("rules/a.yar", "rule a"), ("b.hsb", "hashes")] {
        set.insert(path.parse().unwrap(), Source::Bytes(bytes.into())).unwrap();
    }
    let mut archive = Vec::new();
    let manifest = ReleaseManifest {
        format: MANIFEST_FORMAT,
        component: Component::Antivirus,
        version: VERSION,
        published: jiff::Timestamp::UNIX_EPOCH,
        archive: set.write(&mut archive).unwrap(),
        full: FullPackage { target: full_target(Component::Antivirus, VERSION), size: 0 },
        counts: Counts::default(),
        requires: Requires::default(),
        restart_required: false,
        notes: None,
    };
    let manifest_bytes = manifest.to_json().unwrap();

    let store = Store::new(dir.join("data"), StoreOptions::default());
    let operation = store.begin("test").unwrap();
    fs::create_dir_all(store.trust_dir()).unwrap();
    let state = trusted(&store.trust_dir(), &manifest_bytes);
    let mut staging = operation.stage().unwrap();
    let folder = staging.component_dir(Component::Antivirus);
    let unpacked = unpack(archive.as_slice(), &folder, Limits::default(), &mut |_| Ok(())).unwrap();
    state.save_copy(&staging.authority_dir(Component::Antivirus).unwrap()).unwrap();
    fs::create_dir(staging.image_dir()).unwrap();
    fs::write(staging.image_dir().join("index"), "image").unwrap();
    let new = NewComponent {
        manifest_bytes,
        manifest,
        files: unpacked.files,
        source: "directory".into(),
        location: "/media".into(),
    };
    staging.add(new).unwrap();
    staging.commit(jiff::Timestamp::now()).unwrap()
}

fn check(installed: &Installed) -> Verification {
    verify(installed, &mut |_| {}).unwrap()
}

/// The one problem that is found, in short.
fn only_problem(installed: &Installed) -> (Option<Component>, String, Fault) {
    let mut found = check(installed);
    assert_eq!(found.problems.len(), 1, "{:?}", found.problems);
    let problem = found.problems.remove(0);
    (problem.component, problem.path, problem.fault)
}

#[test]
fn an_untouched_generation_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let found = check(&install(dir.path()));
    assert!(found.is_whole(), "{:?}", found.problems);
    assert_eq!((found.files, found.bytes), (3, 17));
}

#[test]
fn every_change_to_the_files_is_named() {
    let antivirus = Some(Component::Antivirus);
    type Damage = fn(&Path);
    let cases: [(Damage, &str, Fault); 4] = [
        (|dir| fs::write(dir.join("rules/a.yar"), "rule b").unwrap(), "rules/a.yar", Fault::Changed),
        (|dir| fs::remove_file(dir.join("b.hsb")).unwrap(), "b.hsb", Fault::Missing),
        (|dir| fs::write(dir.join("c.yar"), "").unwrap(), "c.yar", Fault::Added),
        (
            |dir| {
                fs::remove_file(dir.join("b.hsb")).unwrap();
                std::os::unix::fs::symlink("rules/a.yar", dir.join("b.hsb")).unwrap();
            },
            "b.hsb",
            Fault::Unreadable("not a plain file".into()),
        ),
    ];
    for (damage, path, fault) in cases {
        let dir = tempfile::tempdir().unwrap();
        let installed = install(dir.path());
        damage(&installed.component_dir(Component::Antivirus));
        assert_eq!(only_problem(&installed), (antivirus, path.into(), fault));
    }
}

#[test]
fn a_changed_image_is_named_and_means_that_all_is_installed_afresh() {
    let dir = tempfile::tempdir().unwrap();
    let installed = install(dir.path());
    fs::write(installed.image_dir().join("index"), "imagE").unwrap();
    assert_eq!(only_problem(&installed), (None, "index".into(), Fault::Changed));
    assert_eq!(check(&installed).damaged_components(&installed), [Component::Antivirus]);
}

#[test]
fn files_and_list_changed_together_are_caught_by_the_signed_digest() {
    let dir = tempfile::tempdir().unwrap();
    let installed = install(dir.path());
    let path = installed.component_dir(Component::Antivirus).join("b.hsb");
    fs::write(path, "hasheS").unwrap();
    let list = installed.dir().join("antivirus.files.json");
    let checksum = |text: &str| Checksum::of(text.as_bytes()).to_string();
    let forged = fs::read_to_string(&list).unwrap().replace(&checksum("hashes"), &checksum("hasheS"));
    fs::write(&list, forged).unwrap();
    assert_eq!(only_problem(&installed), (Some(Component::Antivirus), "archive".into(), Fault::Changed));
}

#[test]
fn a_manifest_that_the_publisher_did_not_sign_is_caught() {
    let dir = tempfile::tempdir().unwrap();
    let installed = install(dir.path());
    let path = installed.dir().join("antivirus.release.json");
    let forged = fs::read_to_string(&path).unwrap().replace("1.0.0.0", "1.0.0.1");
    fs::write(&path, forged).unwrap();
    let (component, path, fault) = only_problem(&installed);
    assert_eq!((component, path.as_str()), (Some(Component::Antivirus), "release.json"));
    assert!(matches!(fault, Fault::NotSigned(_)), "{fault:?}");
}

#[test]
fn what_is_found_damaged_is_remembered_until_it_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let installed = install(dir.path());
    let store = Store::new(dir.path().join("data"), StoreOptions::default());
    fs::remove_file(installed.component_dir(Component::Antivirus).join("b.hsb")).unwrap();
    let operation = store.begin("verify").unwrap();
    operation.record_damage(&installed, &check(&installed)).unwrap();
    assert_eq!(store.damaged_components().unwrap(), [Component::Antivirus]);

    operation.stage().unwrap().commit(jiff::Timestamp::now()).unwrap();
    assert!(store.damaged_components().unwrap().is_empty());
    assert!(store.last_known_good().unwrap().is_none(), "a damaged generation is nothing to return to");
}
