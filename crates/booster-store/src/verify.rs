//! Re-checking every byte of an installed generation against what the publisher signed.
//!
//! The chain that is checked: the publisher's root, kept with the generation, authorises the
//! manifest; the manifest names the archive's digest; the archive, made anew from the files on
//! disk, must have that digest. The file list of the installation then tells which file differs.
//! The engine's image, which this machine made itself, is checked against the checksums that were
//! noted when it was built.

use crate::{Installed, StoreError, generation};
use booster_definitions::{
    Checksum, Component, FileEntry, ReleaseManifest,
    archive::{ArchiveError, FileSet, Limits},
    manifest_target,
};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// The generation that was checked.
    pub generation: u64,
    /// Files read.
    pub files: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Everything that is not as it was signed; empty when all is well.
    pub problems: Vec<Problem>,
}

/// One thing that is not as it was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The component, or nothing where the engine's image is concerned.
    pub component: Option<Component>,
    /// The file inside the component or the image.
    pub path: String,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Its bytes differ from what was installed.
    Changed,
    /// It is gone.
    Missing,
    /// It was not part of the release.
    Added,
    /// It cannot be read.
    Unreadable(String),
    /// The saved metadata does not authorise it.
    NotSigned(String),
}

/// Checks every byte of a generation. `progress` is told of each file before it is read.
///
/// # Errors
/// Only when the check itself cannot be done; what it finds wrong is in the [`Verification`].
pub fn verify(installed: &Installed, progress: &mut dyn FnMut(&str)) -> Result<Verification, StoreError> {
    let mut found = Verification { generation: installed.record().number, ..Verification::default() };
    for &component in installed.record().components.keys() {
        found.check_component(installed, component, progress)?;
    }
    let image = installed.image_dir();
    let expected: Vec<(String, FileEntry)> =
        match generation::read_json(&generation::image_files_path(installed.dir())) {
            Ok(list) => by_name(list),
            Err(error) => {
                found.report(None, "image.files.json", Fault::Unreadable(error.to_string()));
                return Ok(found);
            }
        };
    found.compare(None, &image, expected, progress)?;
    Ok(found)
}

impl Verification {
    /// Whether everything is as it was signed.
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty()
    }

    /// The components that must be installed afresh: all of them where the image that they share
    /// is damaged.
    pub fn damaged_components(&self, installed: &Installed) -> Vec<Component> {
        let damaged = |c| self.problems.iter().any(|p| p.component.is_none_or(|damaged| damaged == c));
        installed.record().components.keys().copied().filter(|&c| damaged(c)).collect()
    }

    fn report(&mut self, component: Option<Component>, path: &str, fault: Fault) {
        self.problems.push(Problem { component, path: path.to_owned(), fault });
    }

    fn check_component(
        &mut self,
        installed: &Installed,
        component: Component,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), StoreError> {
        let manifest = match signed_manifest(installed, component) {
            Ok(manifest) => manifest,
            Err(reason) => {
                self.report(Some(component), "release.json", Fault::NotSigned(reason));
                return Ok(());
            }
        };
        let before = self.problems.len();
        match installed.files(component) {
            Ok(list) => {
                self.compare(Some(component), &installed.component_dir(component), by_name(list), progress)?
            }
            Err(error) => self.report(Some(component), "file list", Fault::Unreadable(error.to_string())),
        }
        // The file list is not signed; the archive is. Where the list finds nothing the digest decides.
        if self.problems.len() == before && !archive_matches(installed, component, &manifest)? {
            self.report(Some(component), "archive", Fault::Changed);
        }
        Ok(())
    }

    /// Compares a folder with the list of what belongs in it.
    fn compare(
        &mut self,
        component: Option<Component>,
        dir: &Path,
        expected: Vec<(String, FileEntry)>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), StoreError> {
        let mut present: BTreeMap<String, PathBuf> = walk(dir)?.into_iter().collect();
        for (name, entry) in expected {
            let Some(path) = present.remove(&name) else {
                self.report(component, &name, Fault::Missing);
                continue;
            };
            progress(&name);
            match checksum_file(&path) {
                Ok((crc32, size)) => {
                    self.files += 1;
                    self.bytes += size;
                    if (crc32, size) != (entry.crc32, entry.size) {
                        self.report(component, &name, Fault::Changed);
                    }
                }
                Err(error) => self.report(component, &name, Fault::Unreadable(error.to_string())),
            }
        }
        for name in present.keys() {
            self.report(component, name, Fault::Added);
        }
        Ok(())
    }
}

/// The component's manifest, if the saved metadata authorises its bytes.
fn signed_manifest(installed: &Installed, component: Component) -> Result<ReleaseManifest, String> {
    let path = generation::manifest_path(installed.dir(), component);
    let bytes = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let manifest = ReleaseManifest::from_json(&bytes, component).map_err(|e| e.to_string())?;
    let authority = generation::authority_dir(installed.dir(), component);
    // The version is believed only as far as to find the name under which these very bytes are signed.
    let name = manifest_target(component, manifest.version);
    booster_trust::TrustedState::open(&authority)
        .and_then(|state| booster_trust::verify_saved(&state, &name, &bytes))
        .map_err(|e| e.to_string())?;
    Ok(manifest)
}

fn archive_matches(
    installed: &Installed,
    component: Component,
    manifest: &ReleaseManifest,
) -> Result<bool, StoreError> {
    // The limits were kept when the archive was unpacked; here nothing grows.
    let unlimited = Limits { files: u64::MAX, total_bytes: u64::MAX, file_bytes: u64::MAX };
    let written = FileSet::from_dir(&installed.component_dir(component), unlimited)
        .and_then(|set| set.write(io::sink()));
    match written {
        Ok(archive) => Ok(archive == manifest.archive),
        Err(ArchiveError::Io { what, source }) => Err(StoreError::io(what)(source)),
        Err(_) => Ok(false),
    }
}

/// The files below a folder with their checksums; nothing for a folder that is not there.
pub(crate) fn list_files(dir: &Path) -> Result<Vec<FileEntry>, StoreError> {
    let mut list = Vec::new();
    for (name, path) in walk(dir)? {
        let failed = || StoreError::io(format!("reading {}", path.display()));
        let (crc32, size) = checksum_file(&path).map_err(failed())?;
        let path = name.parse().map_err(|e| StoreError::damaged(dir, e))?;
        list.push(FileEntry { path, size, crc32 });
    }
    Ok(list)
}

fn by_name(list: Vec<FileEntry>) -> Vec<(String, FileEntry)> {
    list.into_iter().map(|entry| (entry.path.to_string(), entry)).collect()
}

/// Every entry below a folder that is not a folder, by its `/`-separated name.
fn walk(dir: &Path) -> Result<Vec<(String, PathBuf)>, StoreError> {
    let mut found = Vec::new();
    if !dir.exists() {
        return Ok(found);
    }
    for entry in walkdir::WalkDir::new(dir).min_depth(1).sort_by_file_name() {
        let entry = entry.map_err(|e| StoreError::io(format!("listing {}", dir.display()))(e.into()))?;
        if !entry.file_type().is_dir() {
            let relative = entry.path().strip_prefix(dir).unwrap_or(entry.path());
            let name: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
            found.push((name.join("/"), entry.path().to_owned()));
        }
    }
    Ok(found)
}

fn checksum_file(path: &Path) -> io::Result<(u32, u64)> {
    // A link in place of a file is not what was installed, whatever it points to.
    if !path.symlink_metadata()?.is_file() {
        return Err(io::Error::other("not a plain file"));
    }
    let (mut file, mut checksum, mut size) = (File::open(path)?, Checksum::default(), 0);
    let mut buffer = [0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((checksum.finish(), size)),
            read => {
                checksum.update(&buffer[..read]);
                size += read as u64;
            }
        }
    }
}
