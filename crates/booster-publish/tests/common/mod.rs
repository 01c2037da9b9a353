//! A publisher's site and a machine, both in temporary folders.
#![allow(dead_code, clippy::print_stderr, reason = "each test binary uses a part; a skipped test says why")]

pub mod http;

use booster_definitions::{
    Component, Digest, ReleaseManifest, TargetName, archive, full_target, manifest_target,
};
use booster_publish::{
    InitReport, KeyRing, KeySet, MirrorRequest, PublishReport, PublishRequest, Repository, RepositoryOptions,
    Result,
};
use booster_sources::{Source, TransferRules};
use booster_trust::{Client, ClientOptions, TrustError, TrustedState};
use jiff::Timestamp;
use sigstore_tuf::transport::FetchFuture;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// A rule that finds a word.
pub fn rule(name: &str, word: &str) -> String {
    format!("rule {name} {{ strings: $word = \"{word}\" condition: $word }}\n")
}

/// Runs a future to its end.
pub fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A publisher's site: keys, a repository, and folders of releases.
pub struct Site {
    pub dir: tempfile::TempDir,
    pub root: Vec<u8>,
    pub options: RepositoryOptions,
}

impl Site {
    pub fn new() -> Self {
        Self::with(RepositoryOptions::default())
    }

    pub fn with(options: RepositoryOptions) -> Self {
        let mut site = Self { dir: tempfile::tempdir().unwrap(), root: Vec::new(), options };
        site.root = site.init().unwrap().root;
        site
    }

    pub fn init(&self) -> Result<InitReport> {
        let keys = KeySet::in_folder(&self.key_folder(), 3, 2)?;
        block(self.repository().init(keys, Timestamp::now()))
    }

    /// What is asked of a mirror of this publisher's, which tries once.
    pub fn mirror_request(&self, source: Arc<dyn Source>, work: PathBuf) -> MirrorRequest {
        MirrorRequest {
            source,
            work,
            root: Some(self.root.clone()),
            trust: ClientOptions::default(),
            transfer: TransferRules::default(),
            retries: 0,
            retry_pause: Duration::ZERO,
            verify: false,
        }
    }

    pub fn key_folder(&self) -> PathBuf {
        self.dir.path().join("keys")
    }

    pub fn folder(&self) -> PathBuf {
        self.dir.path().join("repository")
    }

    pub fn keys(&self) -> KeyRing {
        KeyRing::from_folder(&self.key_folder()).unwrap()
    }

    pub fn repository(&self) -> Repository {
        Repository::open(self.folder().to_str().unwrap(), self.options.clone()).unwrap()
    }

    /// Writes a release's files into a folder of their own.
    pub fn release(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let folder = self.dir.path().join("releases").join(name);
        for (path, content) in files {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        folder
    }

    pub fn publish(
        &self,
        component: Component,
        version: &str,
        files: &[(&str, &str)],
    ) -> Result<PublishReport> {
        let folder = self.release(&format!("{component}-{version}"), files);
        self.publish_request(&self.request(component, version, &folder))
    }

    pub fn request(&self, component: Component, version: &str, folder: &Path) -> PublishRequest {
        let mut request = PublishRequest::new(component, version.parse().unwrap(), folder);
        request.level = 3;
        request
    }

    pub fn publish_request(&self, request: &PublishRequest) -> Result<PublishReport> {
        block(self.repository().publish(request, &self.keys(), Timestamp::now()))
    }

    /// Every file of the repository with its digest.
    pub fn files(&self) -> BTreeMap<String, Digest> {
        files_below(&self.folder())
    }
}

pub fn files_below(root: &Path) -> BTreeMap<String, Digest> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
                files.insert(name, Digest::of(&std::fs::read(&path).unwrap()));
            }
        }
    }
    files
}

/// A machine that trusts the site's first root and reads its folder.
pub struct Machine {
    state: tempfile::TempDir,
    repository: PathBuf,
}

/// What a machine sees: each component's manifest, and its archive unpacked.
pub type Seen = BTreeMap<Component, (ReleaseManifest, BTreeMap<String, Digest>)>;

impl Machine {
    pub fn new(site: &Site) -> Self {
        Self::with(&site.root, &site.folder())
    }

    pub fn with(root: &[u8], repository: &Path) -> Self {
        let state = tempfile::tempdir().unwrap();
        TrustedState::open(state.path()).unwrap().pin(root).unwrap();
        Self { state, repository: repository.to_owned() }
    }

    fn client(&self) -> Client {
        let state = TrustedState::open(self.state.path()).unwrap();
        Client::new(FolderTransport(self.repository.clone()), state, ClientOptions::default()).unwrap()
    }

    /// Whether the one request of a check says that something is new.
    pub fn check(&self, now: Timestamp) -> std::result::Result<booster_trust::Check, TrustError> {
        block(self.client().check(now))
    }

    /// Refreshes, downloads and unpacks everything.
    pub fn see(&self) -> std::result::Result<Seen, TrustError> {
        self.see_at(Timestamp::now())
    }

    pub fn see_at(&self, now: Timestamp) -> std::result::Result<Seen, TrustError> {
        block(async {
            let mut client = self.client();
            client.refresh(now).await?;
            let mut seen = Seen::new();
            for component in Component::ALL {
                let newest = client.targets().filter_map(|(name, _)| match name.parse() {
                    Ok(TargetName::Manifest(of, version)) if of == component => Some(version),
                    _ => None,
                });
                let Some(version) = newest.max() else { continue };
                let manifest = self.fetch(&mut client, &manifest_target(component, version), now).await?;
                let manifest = manifest.expect("a target that is listed");
                let manifest = ReleaseManifest::from_json(&manifest, component).unwrap();
                assert_eq!(manifest.full.target, full_target(component, manifest.version));
                let packed = self.fetch(&mut client, &manifest.full.target, now).await?.expect("the archive");
                assert_eq!(packed.len() as u64, manifest.full.size);
                let folder = tempfile::tempdir().unwrap();
                let tar = zstd::stream::read::Decoder::new(packed.as_slice()).unwrap();
                let limits = archive::Limits::default();
                let unpacked = archive::unpack(tar, folder.path(), limits, &mut |_| Ok(())).unwrap();
                assert_eq!(unpacked.archive, manifest.archive);
                seen.insert(component, (manifest, files_below(folder.path())));
            }
            Ok(seen)
        })
    }

    /// Every target by its name, as it is signed.
    pub fn targets(&self) -> BTreeMap<String, Vec<u8>> {
        block(async {
            let now = Timestamp::now();
            let mut client = self.client();
            client.refresh(now).await.unwrap();
            let names: Vec<String> = client.targets().map(|(name, _)| name.to_owned()).collect();
            let mut targets = BTreeMap::new();
            for name in names {
                let bytes = self.fetch(&mut client, &name, now).await.unwrap().unwrap();
                targets.insert(name, bytes);
            }
            targets
        })
    }

    async fn fetch(
        &self,
        client: &mut Client,
        path: &str,
        now: Timestamp,
    ) -> std::result::Result<Option<Vec<u8>>, TrustError> {
        let target = match client.target(path, now).await {
            Err(TrustError::NoSuchTarget { .. }) => return Ok(None),
            target => target?,
        };
        let bytes = std::fs::read(self.repository.join("targets").join(target.location())).unwrap();
        target.verify(&bytes).unwrap();
        Ok(Some(bytes))
    }
}

/// The version of each component that a machine sees.
pub fn versions(seen: &Seen) -> Vec<String> {
    seen.values().map(|(manifest, _)| format!("{} {}", manifest.component, manifest.version)).collect()
}

struct FolderTransport(PathBuf);

impl FolderTransport {
    fn read(&self, area: &str, name: &str) -> FetchFuture<'_> {
        let read = std::fs::read(self.0.join(area).join(name));
        Box::pin(async move {
            match read {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(sigstore_tuf::Error::transport(error.to_string())),
            }
        })
    }
}

impl booster_trust::Repository for FolderTransport {
    fn fetch_metadata<'a>(&'a self, name: &'a str, _: u64) -> FetchFuture<'a> {
        self.read("metadata", name)
    }

    fn fetch_target<'a>(&'a self, path: &'a str, _: u64) -> FetchFuture<'a> {
        self.read("targets", path)
    }
}

/// The history of a real rule set, unpacked into a folder, where the data is at hand.
pub fn history() -> Option<tempfile::TempDir> {
    const NAME: &str = "signature-base-history.tar.zst";
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let data =
        std::env::var_os("BOOSTER_TEST_DATA").map_or_else(|| workspace.join("../shared/data"), PathBuf::from);
    let Ok(file) = std::fs::File::open(data.join(NAME)) else {
        eprintln!("skipped: there is no {NAME} in {}", data.display());
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut tar = zstd::stream::read::Decoder::new(file).unwrap();
    tar.window_log_max(27).unwrap();
    tar::Archive::new(tar).unpack(folder.path()).unwrap();
    Some(folder)
}

/// The folders of the versions, oldest first.
pub fn history_versions(folder: &Path) -> Vec<PathBuf> {
    let mut versions: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    versions.sort();
    versions
}
