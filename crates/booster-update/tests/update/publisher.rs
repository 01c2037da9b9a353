//! A small publisher: real keys, real metadata, real archives, in a folder.

use booster_definitions::{
    Availability, Component, Counts, Digest, FullPackage, MANIFEST_FORMAT, ReleaseManifest, Requires,
    Version,
    archive::{FileSet, Limits, Source},
    full_target, manifest_target,
    patch::{self, Effort},
    patch_target,
};
use booster_trust::signing::{
    MetaEntry, RootRole, SigningKey, SnapshotRole, TargetEntry, TargetsRole, TimestampRole, TopRole, sign,
};
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// How long metadata is good for.
pub const VALIDITY: SignedDuration = SignedDuration::from_hours(24);

pub struct Publisher {
    folder: TempDir,
    key: SigningKey,
    root: Vec<u8>,
    now: Timestamp,
    version: u64,
    targets: BTreeMap<String, TargetEntry>,
}

impl Publisher {
    /// A repository with nothing in it, made at this time.
    pub fn new(now: Timestamp) -> Self {
        let key = SigningKey::generate().unwrap();
        let mut root = RootRole::new(1, now + SignedDuration::from_hours(24 * 365));
        for role in TopRole::ALL {
            root.authorise(role, &key.public());
        }
        let root = sign(&root, &[&key]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut publisher = Self { folder, key, root, now, version: 0, targets: BTreeMap::new() };
        publisher.write("metadata/1.root.json", &publisher.root.clone());
        publisher.sign_all();
        publisher
    }

    /// The root that machines pin.
    pub fn root(&self) -> &[u8] {
        &self.root
    }

    /// The repository.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A copy of the repository as it is now.
    pub fn copy(&self) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        copy_tree(self.path(), copy.path());
        copy
    }

    /// Publishes a release with these files.
    pub fn publish(&mut self, component: Component, version: u16, files: &[(&str, &[u8])]) {
        self.publish_as(component, version, files, |_| {});
    }

    /// Publishes a release whose manifest is edited before it is signed.
    pub fn publish_as(
        &mut self,
        component: Component,
        version: u16,
        files: &[(&str, &[u8])],
        edit: impl FnOnce(&mut ReleaseManifest),
    ) {
        let mut set = FileSet::new(Limits::default());
        for (path, content) in files {
            set.insert(path.parse().unwrap(), Source::Bytes(content.to_vec())).unwrap();
        }
        let mut tar = Vec::new();
        let archive = set.write(&mut tar).unwrap();
        let package = zstd::encode_all(tar.as_slice(), 3).unwrap();
        let version = Version([1, version, 0, 0]);
        let target = full_target(component, version);
        let mut manifest = ReleaseManifest {
            format: MANIFEST_FORMAT,
            component,
            version,
            published: self.now,
            archive,
            full: FullPackage { target: target.clone(), size: package.len() as u64 },
            counts: Counts { files: files.len() as u64, ..Counts::default() },
            requires: Requires::default(),
            restart_required: false,
            notes: None,
        };
        edit(&mut manifest);
        self.put(&target, &package);
        self.put(&manifest_target(component, version), &manifest.to_json().unwrap());
        self.sign_all();
    }

    /// Publishes a release that is given out like this, when its availability says.
    pub fn publish_available(
        &mut self,
        component: Component,
        version: u16,
        files: &[(&str, &[u8])],
        availability: Availability,
    ) {
        self.publish_as(component, version, files, |manifest| manifest.published = availability.published);
        self.set_custom(component, version, availability.to_json().unwrap());
    }

    /// A release's archive.
    pub fn archive(&self, component: Component, version: u16) -> Vec<u8> {
        let target = full_target(component, Version([1, version, 0, 0]));
        let package = fs::read(self.target_path(&target)).unwrap();
        zstd::decode_all(package.as_slice()).unwrap()
    }

    /// Offers a patch between two releases.
    pub fn patch(&mut self, component: Component, base: u16, version: u16) {
        let (old, new) = (self.archive(component, base), self.archive(component, version));
        let patch = patch::make(&old, &new, Effort::Quick).unwrap().unwrap();
        self.put_patch(component, base, version, &patch);
    }

    /// Offers any bytes as a patch, properly signed.
    pub fn put_patch(&mut self, component: Component, base: u16, version: u16, patch: &[u8]) {
        let [version, base] = [version, base].map(|number| Version([1, number, 0, 0]));
        self.put(&patch_target(component, version, base), patch);
        self.sign_all();
    }

    /// Changes how a release is given out.
    pub fn change(&mut self, component: Component, version: u16, change: impl FnOnce(&mut Availability)) {
        let target = manifest_target(component, Version([1, version, 0, 0]));
        let mut availability =
            Availability::from_json(self.targets[&target].custom.as_ref().unwrap()).unwrap();
        change(&mut availability);
        self.set_custom(component, version, availability.to_json().unwrap());
    }

    /// Signs something about a release's manifest.
    pub fn set_custom(&mut self, component: Component, version: u16, custom: serde_json::Value) {
        let target = manifest_target(component, Version([1, version, 0, 0]));
        self.targets.get_mut(&target).unwrap().custom = Some(custom);
        self.sign_all();
    }

    /// Offers a release no longer, from the next signing on.
    pub fn remove(&mut self, component: Component, version: u16) {
        let version = Version([1, version, 0, 0]);
        self.targets.remove(&manifest_target(component, version));
        self.targets.remove(&full_target(component, version));
    }

    /// Puts any bytes in the place of a target, properly signed.
    pub fn put(&mut self, target: &str, bytes: &[u8]) {
        self.targets.insert(target.to_owned(), TargetEntry::of(bytes));
        self.write(&format!("targets/{}", location(target, bytes)), bytes);
    }

    /// Signs metadata of the next version over all targets.
    pub fn sign_all(&mut self) {
        self.version += 1;
        let (version, expires) = (self.version, self.now + VALIDITY);
        let mut targets = TargetsRole::new(version, expires);
        targets.targets = self.targets.clone();
        let targets = sign(&targets, &[&self.key]).unwrap();
        self.write(&format!("metadata/{version}.targets.json"), &targets);
        self.sign_over(version, &targets);
    }

    /// Signs snapshot and timestamp over this targets metadata.
    fn sign_over(&self, targets_version: u64, targets: &[u8]) {
        let (version, expires) = (self.version, self.now + VALIDITY);
        let snapshot = SnapshotRole::new(version, expires, MetaEntry::of(targets_version, targets));
        let snapshot = sign(&snapshot, &[&self.key]).unwrap();
        let timestamp = TimestampRole::new(version, expires, MetaEntry::of(version, &snapshot), self.now);
        let timestamp = sign(&timestamp, &[&self.key]).unwrap();
        self.write(&format!("metadata/{version}.snapshot.json"), &snapshot);
        self.write("metadata/timestamp.json", &timestamp);
    }

    /// Signs a snapshot that goes back to an older version of the targets.
    pub fn sign_rolled_back(&mut self, targets_version: u64) {
        let targets = fs::read(self.path().join(format!("metadata/{targets_version}.targets.json"))).unwrap();
        self.version += 1;
        self.sign_over(targets_version, &targets);
    }

    /// Lets time pass, and signs afresh.
    pub fn renew(&mut self, now: Timestamp) {
        self.now = now;
        self.sign_all();
    }

    /// Where a target lies in the repository.
    pub fn target_path(&self, target: &str) -> PathBuf {
        self.path().join(self.target_url(target).trim_start_matches('/'))
    }

    /// The path of a target in a URL.
    pub fn target_url(&self, target: &str) -> String {
        let sha256 = self.targets[target].sha256().unwrap();
        let (folder, name) = target.rsplit_once('/').unwrap();
        format!("/targets/{folder}/{sha256}.{name}")
    }

    /// The path of the current archive of a component's version in a URL.
    pub fn archive_url(&self, component: Component, version: u16) -> String {
        self.target_url(&full_target(component, Version([1, version, 0, 0])))
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

fn location(target: &str, bytes: &[u8]) -> String {
    let (folder, name) = target.rsplit_once('/').unwrap();
    format!("{folder}/{}.{name}", Digest::of(bytes))
}

pub fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A YARA rule that finds a text.
pub fn rule(name: &str, text: &str) -> Vec<u8> {
    format!("rule {name} {{ strings: $a = \"{text}\" condition: $a }}\n").into_bytes()
}
