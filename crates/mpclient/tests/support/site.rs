//! A publisher's site: keys and a repository, in a folder.

use booster_definitions::Component;
use booster_publish::{KeyRing, KeySet, PublishRequest, Repository, RepositoryOptions};
use jiff::Timestamp;
use std::{
    fs,
    future::Future,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// A publisher's site.
pub struct Site {
    folder: TempDir,
    /// The root metadata that machines pin.
    pub root: Vec<u8>,
}

impl Site {
    /// A repository with nothing in it.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut site = Self { folder, root: Vec::new() };
        let keys = KeySet::in_folder(&site.path().join("keys"), 1, 1).unwrap();
        site.root = block(site.open().init(keys, Timestamp::now())).unwrap().root;
        fs::write(site.root_file(), &site.root).unwrap();
        site
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The repository's folder.
    pub fn repository(&self) -> PathBuf {
        self.path().join("repository")
    }

    /// The file with the root metadata.
    pub fn root_file(&self) -> PathBuf {
        self.path().join("root.json")
    }

    fn open(&self) -> Repository {
        Repository::open(self.repository().to_str().unwrap(), RepositoryOptions::default()).unwrap()
    }

    /// Publishes a release with these files.
    pub fn publish(&self, component: Component, version: &str, files: &[(&str, &str)]) {
        self.publish_as(component, version, files, |_| {});
    }

    /// Publishes a release that is special in some way.
    pub fn publish_as(
        &self,
        component: Component,
        version: &str,
        files: &[(&str, &str)],
        special: impl FnOnce(&mut PublishRequest),
    ) {
        let folder = self.path().join("releases").join(format!("{component}-{version}"));
        for (path, content) in files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let mut request = PublishRequest::new(component, version.parse().unwrap(), &folder);
        request.level = 3;
        special(&mut request);
        let keys = KeyRing::from_folder(&self.path().join("keys")).unwrap();
        block(self.open().publish(&request, &keys, Timestamp::now())).unwrap();
    }
}

/// A YARA rule that finds a text.
pub fn rule(name: &str, text: &str) -> String {
    format!("rule {name} {{ strings: $a = \"{text}\" condition: $a }}\n")
}

fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
