//! A generation: what it holds, and where.

use crate::StoreError;
use booster_definitions::{Component, Counts, FileEntry, ReleaseManifest};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// What is known of a generation, kept in its `generation.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerationRecord {
    /// The generation's number; later ones are higher.
    pub number: u64,
    /// When it became current.
    pub installed: jiff::Timestamp,
    /// The components in it.
    pub components: BTreeMap<Component, InstalledComponent>,
}

/// One installed release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledComponent {
    /// What the publisher says of the release.
    pub manifest: ReleaseManifest,
    /// What the engine counted while it built the image.
    pub counts: Counts,
    /// When the release was installed; kept when later generations carry it over.
    pub installed: jiff::Timestamp,
    /// The kind of source that it came from, such as `http`.
    pub source: String,
    /// The URL or path that it came from, without credentials.
    pub location: String,
}

/// An installed generation. It can only come out of the store.
#[derive(Debug, Clone)]
pub struct Installed {
    dir: PathBuf,
    record: GenerationRecord,
}

impl Installed {
    pub(crate) fn load(dir: PathBuf) -> Result<Self, StoreError> {
        let record = read_json(&record_path(&dir))?;
        Ok(Self { dir, record })
    }

    /// The generation's folder: immutable, and kept at least until two later ones are installed or it is
    /// removed.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What is in it.
    pub const fn record(&self) -> &GenerationRecord {
        &self.record
    }

    /// The installed release of a component.
    pub fn component(&self, component: Component) -> Option<&InstalledComponent> {
        self.record.components.get(&component)
    }

    /// The folder of a component's files.
    pub fn component_dir(&self, component: Component) -> PathBuf {
        self.dir.join(component.as_str())
    }

    /// The folder of the engine's image.
    pub fn image_dir(&self) -> PathBuf {
        image_dir(&self.dir)
    }

    /// A component's manifest as it was signed.
    ///
    /// # Errors
    /// The system's answer.
    pub fn manifest_bytes(&self, component: Component) -> Result<Vec<u8>, StoreError> {
        let path = manifest_path(&self.dir, component);
        fs::read(&path).map_err(StoreError::io(format!("reading {}", path.display())))
    }

    /// The files of a component, as they were unpacked from the verified archive.
    ///
    /// # Errors
    /// The list is missing or damaged.
    pub fn files(&self, component: Component) -> Result<Vec<FileEntry>, StoreError> {
        read_json(&files_path(&self.dir, component))
    }
}

pub(crate) fn image_dir(generation: &Path) -> PathBuf {
    generation.join("image")
}

pub(crate) fn record_path(generation: &Path) -> PathBuf {
    generation.join("generation.json")
}

/// The checksums of the image's files.
pub(crate) fn image_files_path(generation: &Path) -> PathBuf {
    generation.join("image.files.json")
}

pub(crate) fn files_path(generation: &Path, component: Component) -> PathBuf {
    generation.join(format!("{component}.files.json"))
}

/// The manifest's bytes as they were signed.
pub(crate) fn manifest_path(generation: &Path, component: Component) -> PathBuf {
    generation.join(format!("{component}.release.json"))
}

/// The folder of the trusted metadata that authorised the manifest.
pub(crate) fn authority_dir(generation: &Path, component: Component) -> PathBuf {
    generation.join("authority").join(component.as_str())
}

pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, StoreError> {
    let bytes = fs::read(path).map_err(StoreError::io(format!("reading {}", path.display())))?;
    serde_json::from_slice(&bytes).map_err(|e| StoreError::damaged(path, e))
}

/// As [`read_json`], with nothing for a file that is not there.
pub(crate) fn read_json_if_present<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StoreError> {
    match read_json(path) {
        Ok(value) => Ok(Some(value)),
        Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) fn to_json<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}
