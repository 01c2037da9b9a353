//! A store in a folder of a test's own, and releases without content worth speaking of.

use booster_definitions::{
    ArchiveInfo, Checksum, Component, Counts, Digest, FileEntry, FullPackage, MANIFEST_FORMAT,
    ReleaseManifest, Requires, Version, full_target,
};
use booster_store::{Installed, NewComponent, Staging, Store, StoreOptions};
use std::{collections::BTreeSet, fs, path::Path};

pub fn store(dir: &Path) -> Store {
    Store::new(dir.join("data"), StoreOptions { keep_generations: 2, ..StoreOptions::default() })
}

pub fn manifest(component: Component, version: Version) -> ReleaseManifest {
    ReleaseManifest {
        format: MANIFEST_FORMAT,
        component,
        version,
        published: jiff::Timestamp::UNIX_EPOCH,
        archive: ArchiveInfo { sha256: Digest::of(version.to_string().as_bytes()), size: 0, files: 1 },
        full: FullPackage { target: full_target(component, version), size: 0 },
        counts: Counts::default(),
        requires: Requires::default(),
        restart_required: false,
        notes: None,
    }
}

/// Puts a release with one file into staging, as an operation does after unpacking.
pub fn add(staging: &mut Staging<'_>, component: Component, version: u16) {
    add_as(staging, component, version, version);
}

/// As [`add`], with the content of another version.
pub fn add_as(staging: &mut Staging<'_>, component: Component, version: u16, content_of: u16) {
    let content = format!("{component} {content_of}");
    let dir = staging.component_dir(component);
    fs::create_dir_all(dir.join("rules")).unwrap();
    fs::write(dir.join("rules/a.yar"), &content).unwrap();
    fs::write(staging.authority_dir(component).unwrap().join("trusted.json"), b"{}").unwrap();
    let mut manifest = manifest(component, Version([1, version, 0, 0]));
    manifest.archive = self::manifest(component, Version([1, content_of, 0, 0])).archive;
    let file = FileEntry {
        path: "rules/a.yar".parse().unwrap(),
        size: content.len() as u64,
        crc32: Checksum::of(content.as_bytes()),
    };
    let new = NewComponent {
        manifest_bytes: manifest.to_json().unwrap(),
        manifest,
        files: vec![file],
        source: "directory".into(),
        location: "/media".into(),
    };
    staging.add(new).unwrap();
}

pub fn install(store: &Store, component: Component, version: u16) -> Installed {
    let operation = store.begin("test").unwrap();
    let mut staging = operation.stage().unwrap();
    add(&mut staging, component, version);
    staging.commit(jiff::Timestamp::now()).unwrap()
}

pub fn version_of(store: &Store, component: Component) -> Option<u16> {
    let current = store.current().unwrap()?;
    Some(current.component(component)?.manifest.version.0[1])
}

/// Every file and folder below the data folder, for finding debris.
pub fn listing(store: &Store) -> BTreeSet<String> {
    fn walk(dir: &Path, root: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            found.insert(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            if path.is_dir() {
                walk(&path, root, found);
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(store.data_dir(), store.data_dir(), &mut found);
    found
}
