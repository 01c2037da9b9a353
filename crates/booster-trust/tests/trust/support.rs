//! A miniature publisher and a folder-backed repository: real keys, real files, real signatures.

use booster_trust::{
    Client, ClientOptions, Repository, TrustError, TrustedState,
    signing::{
        self, MetaEntry, RootRole, SigningKey, SnapshotRole, TargetEntry, TargetsRole, TimestampRole, TopRole,
    },
};
use jiff::{SignedDuration, Timestamp};
use sigstore_tuf::transport::FetchFuture;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

/// The time at which every test begins.
pub fn start() -> Timestamp {
    "2026-11-01T12:00:00Z".parse().unwrap()
}

pub const fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

pub const fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

/// A publisher with one key per role, who writes a repository into a folder.
pub struct Publisher {
    pub keys: BTreeMap<TopRole, SigningKey>,
    pub dir: tempfile::TempDir,
    pub now: Timestamp,
    pub root: RootRole,
    pub targets: TargetsRole,
    pub snapshot_version: u64,
    pub timestamp_version: u64,
    /// How long each role lives after it has been signed.
    pub lifetimes: BTreeMap<TopRole, SignedDuration>,
    pub with_signed_time: bool,
}

impl Publisher {
    pub fn new() -> Self {
        let keys: BTreeMap<_, _> =
            TopRole::ALL.into_iter().map(|role| (role, SigningKey::generate().unwrap())).collect();
        let lifetimes = [
            (TopRole::Root, days(365)),
            (TopRole::Targets, days(90)),
            (TopRole::Snapshot, days(30)),
            (TopRole::Timestamp, days(7)),
        ];
        let mut root = RootRole::new(1, start() + days(365));
        for (role, key) in &keys {
            root.authorise(*role, &key.public());
        }
        let mut publisher = Self {
            keys,
            dir: tempfile::tempdir().unwrap(),
            now: start(),
            root,
            targets: TargetsRole::new(0, start()),
            snapshot_version: 0,
            timestamp_version: 0,
            lifetimes: lifetimes.into(),
            with_signed_time: true,
        };
        publisher.write_root();
        publisher.put("antivirus/release.json", b"release 1");
        publisher.publish();
        publisher
    }

    pub fn metadata(&self) -> PathBuf {
        let dir = self.dir.path().join("metadata");
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    pub fn key(&self, role: TopRole) -> &SigningKey {
        &self.keys[&role]
    }

    pub fn expires(&self, role: TopRole) -> Timestamp {
        self.now + self.lifetimes[&role]
    }

    /// Signs the current root with the current root key.
    pub fn write_root(&mut self) {
        self.root.expires = self.expires(TopRole::Root);
        let bytes = signing::sign(&self.root, &[self.key(TopRole::Root)]).unwrap();
        self.write(&format!("{}.root.json", self.root.version), &bytes);
    }

    /// A new root in which a role has a new key.
    pub fn rotate(&mut self, role: TopRole) {
        let new = SigningKey::generate().unwrap();
        let old = self.keys.insert(role, new).unwrap();
        self.root.revoke(role, &old.key_id());
        let public = self.key(role).public();
        self.root.authorise(role, &public);
        self.root.version += 1;
        self.root.expires = self.expires(TopRole::Root);
        let mut signers = vec![self.key(TopRole::Root)];
        if role == TopRole::Root {
            signers.push(&old);
        }
        let bytes = signing::sign(&self.root, &signers).unwrap();
        self.write(&format!("{}.root.json", self.root.version), &bytes);
    }

    pub fn put(&mut self, path: &str, content: &[u8]) {
        self.targets.targets.insert(path.to_owned(), TargetEntry::of(content));
    }

    /// New targets, snapshot and timestamp.
    pub fn publish(&mut self) {
        let targets = self.write_targets();
        let snapshot = self.write_snapshot(targets);
        self.write_timestamp(snapshot);
    }

    pub fn write_targets(&mut self) -> MetaEntry {
        self.targets.version += 1;
        self.targets.expires = self.expires(TopRole::Targets);
        let bytes = signing::sign(&self.targets, &[self.key(TopRole::Targets)]).unwrap();
        self.write(&format!("{}.targets.json", self.targets.version), &bytes);
        MetaEntry::of(self.targets.version, &bytes)
    }

    pub fn write_snapshot(&mut self, targets: MetaEntry) -> MetaEntry {
        self.snapshot_version += 1;
        let role = SnapshotRole::new(self.snapshot_version, self.expires(TopRole::Snapshot), targets);
        let bytes = signing::sign(&role, &[self.key(TopRole::Snapshot)]).unwrap();
        self.write(&format!("{}.snapshot.json", self.snapshot_version), &bytes);
        MetaEntry::of(self.snapshot_version, &bytes)
    }

    pub fn write_timestamp(&mut self, snapshot: MetaEntry) {
        self.timestamp_version += 1;
        let expires = self.expires(TopRole::Timestamp);
        let mut role = TimestampRole::new(self.timestamp_version, expires, snapshot, self.now);
        if !self.with_signed_time {
            role.extra.clear();
        }
        let bytes = signing::sign(&role, &[self.key(TopRole::Timestamp)]).unwrap();
        self.write("timestamp.json", &bytes);
    }

    /// Signs the timestamp anew over the same snapshot.
    pub fn renew_timestamp(&mut self) {
        let old: TimestampRole = signing::read_unverified(&self.read("timestamp.json")).unwrap();
        self.write_timestamp(old.snapshot().unwrap().clone());
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.metadata().join(name), bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.metadata().join(name)).unwrap()
    }

    pub fn folder(&self) -> Folder {
        Folder { dir: self.metadata(), requests: Arc::default() }
    }
}

/// A repository in a folder, which counts what it is asked for.
#[derive(Debug, Clone)]
pub struct Folder {
    pub dir: PathBuf,
    pub requests: Arc<Mutex<Vec<String>>>,
}

impl Folder {
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }
}

impl Repository for Folder {
    fn fetch_metadata<'a>(&'a self, name: &'a str, _max_length: u64) -> FetchFuture<'a> {
        self.requests.lock().unwrap().push(name.to_owned());
        let read = match fs::read(self.dir.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(sigstore_tuf::Error::transport_with_source("reading", error)),
        };
        Box::pin(async move { read })
    }

    fn fetch_target<'a>(&'a self, _path: &'a str, _max_length: u64) -> FetchFuture<'a> {
        Box::pin(async { Ok(None) })
    }
}

/// A repository whose answers a test makes up, request by request.
pub struct Scripted<F>(pub F);

impl<F> Repository for Scripted<F>
where
    F: Fn(&str) -> sigstore_tuf::Result<Option<Vec<u8>>> + Send + Sync,
{
    fn fetch_metadata<'a>(&'a self, name: &'a str, _max_length: u64) -> FetchFuture<'a> {
        let answer = (self.0)(name);
        Box::pin(async move { answer })
    }

    fn fetch_target<'a>(&'a self, _path: &'a str, _max_length: u64) -> FetchFuture<'a> {
        Box::pin(async { Ok(None) })
    }
}

/// A machine that trusts this publisher: its folder of state.
pub struct Machine {
    pub dir: tempfile::TempDir,
    pub options: ClientOptions,
}

impl Machine {
    pub fn new(publisher: &Publisher) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut state = TrustedState::open(dir.path()).unwrap();
        state.pin(&publisher.read("1.root.json")).unwrap();
        let options = ClientOptions { retry_pause: Duration::ZERO, ..ClientOptions::default() };
        Self { dir, options }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn state(&self) -> TrustedState {
        TrustedState::open(self.path()).unwrap()
    }

    pub fn state_bytes(&self) -> Vec<u8> {
        fs::read(self.path().join(booster_trust::STATE_FILE)).unwrap()
    }

    /// Refreshes as a new process does: from what is on the disk.
    pub async fn refresh(&self, publisher: &Publisher, now: Timestamp) -> Result<(), TrustError> {
        self.client(publisher.folder()).refresh(now).await
    }

    /// A client as a new process makes it: from what is on the disk.
    pub fn client(&self, repository: impl Repository + 'static) -> Client {
        Client::new(repository, self.state(), self.options).unwrap()
    }
}
