//! A generation under construction.

use crate::{
    GenerationRecord, Installed, InstalledComponent, Operation, StoreError, generation,
    operation::remove_tree, verify,
};
use booster_definitions::{Component, Counts, FileEntry, ReleaseManifest};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// A generation under construction, in a folder that nobody else looks at. Dropping it removes it.
#[derive(Debug)]
pub struct Staging<'a> {
    operation: &'a Operation,
    root: PathBuf,
    components: BTreeMap<Component, InstalledComponent>,
}

/// A release that was unpacked into [`Staging::component_dir`] from its verified archive.
#[derive(Debug, Clone)]
pub struct NewComponent {
    /// The manifest's bytes as they were signed.
    pub manifest_bytes: Vec<u8>,
    /// The same, read.
    pub manifest: ReleaseManifest,
    /// The unpacked files.
    pub files: Vec<FileEntry>,
    /// The kind of source that it came from.
    pub source: String,
    /// The URL or path that it came from, without credentials.
    pub location: String,
}

impl<'a> Staging<'a> {
    pub(crate) fn new(operation: &'a Operation) -> Result<Self, StoreError> {
        let root = operation.store().staging_dir();
        let staging = Self { operation, root, components: BTreeMap::new() };
        remove_tree(&staging.root)?;
        for dir in [staging.dir(), staging.scratch()] {
            fs::create_dir_all(&dir).map_err(StoreError::io(format!("creating {}", dir.display())))?;
        }
        Ok(staging)
    }

    /// The operation that builds it.
    pub const fn operation(&self) -> &'a Operation {
        self.operation
    }

    /// The generation's folder while it is being built.
    pub fn dir(&self) -> PathBuf {
        self.root.join("generation")
    }

    /// A folder for what is needed in between; nothing in it becomes part of the generation.
    pub fn scratch(&self) -> PathBuf {
        self.root.join("scratch")
    }

    /// Where a component's files go.
    pub fn component_dir(&self, component: Component) -> PathBuf {
        self.dir().join(component.as_str())
    }

    /// Where the engine's image goes.
    pub fn image_dir(&self) -> PathBuf {
        generation::image_dir(&self.dir())
    }

    /// Makes the folder where a copy of the trusted metadata that authorises a component goes
    /// (`TrustedState::save_copy`), and names it.
    ///
    /// # Errors
    /// The system's answer.
    pub fn authority_dir(&self, component: Component) -> Result<PathBuf, StoreError> {
        let dir = generation::authority_dir(&self.dir(), component);
        fs::create_dir_all(&dir).map_err(StoreError::io(format!("creating {}", dir.display())))?;
        Ok(dir)
    }

    /// The components added so far.
    pub fn components(&self) -> impl Iterator<Item = Component> + '_ {
        self.components.keys().copied()
    }

    /// Adds a release whose files are in their folder.
    ///
    /// # Errors
    /// The system's answer.
    pub fn add(&mut self, new: NewComponent) -> Result<(), StoreError> {
        let component = new.manifest.component;
        self.write(&generation::manifest_path(&self.dir(), component), &new.manifest_bytes)?;
        self.write_json(&generation::files_path(&self.dir(), component), &new.files)?;
        let installed = InstalledComponent {
            counts: new.manifest.counts,
            manifest: new.manifest,
            installed: jiff::Timestamp::now(),
            source: new.source,
            location: new.location,
        };
        self.components.insert(component, installed);
        Ok(())
    }

    /// Takes a component over from an installed generation, as hard links to the same bytes.
    ///
    /// # Errors
    /// The system's answer, or a damaged generation.
    pub fn carry_over(&mut self, from: &Installed, component: Component) -> Result<(), StoreError> {
        let record = from
            .component(component)
            .ok_or_else(|| StoreError::damaged(from.dir(), format!("it holds no {component}")))?;
        for path_of in [generation::manifest_path, generation::files_path] {
            link(&path_of(from.dir(), component), &path_of(&self.dir(), component))?;
        }
        link_tree(&generation::authority_dir(from.dir(), component), &self.authority_dir(component)?)?;
        link_tree(&from.component_dir(component), &self.component_dir(component))?;
        self.components.insert(component, record.clone());
        Ok(())
    }

    /// Sets what the engine counted in a component while it built the image.
    pub fn set_counts(&mut self, component: Component, counts: Counts) {
        if let Some(installed) = self.components.get_mut(&component) {
            installed.counts = counts;
        }
    }

    /// Makes the generation current: flushed, renamed into place, and switched to in one step.
    ///
    /// # Errors
    /// The system's answer; the generation before is then still current.
    pub fn commit(self, installed: jiff::Timestamp) -> Result<Installed, StoreError> {
        self.switch(installed, true)
    }

    /// As [`Staging::commit`], and keeps what was in use before until [`Operation::approve`] or
    /// [`Operation::undo`] says which of the two it is to be. After a crash in between,
    /// [`Store::awaits_approval`](crate::Store::awaits_approval) says that this is still open.
    ///
    /// # Errors
    /// As [`Staging::commit`].
    pub fn commit_to_be_approved(self, installed: jiff::Timestamp) -> Result<Installed, StoreError> {
        self.switch(installed, false)
    }

    fn switch(self, installed: jiff::Timestamp, approved: bool) -> Result<Installed, StoreError> {
        let store = self.operation.store();
        let number = self.operation.highest()? + 1;
        self.write_json(&generation::image_files_path(&self.dir()), &verify::list_files(&self.image_dir())?)?;
        let record = GenerationRecord { number, installed, components: self.components.clone() };
        self.write_json(&generation::record_path(&self.dir()), &record)?;

        let failed = |what: &str| StoreError::io(format!("{what} generation {number}"));
        booster_durable::flush_tree(&self.dir()).map_err(failed("flushing"))?;
        fs::create_dir_all(store.generations_dir()).map_err(failed("placing"))?;
        fs::rename(self.dir(), store.generation_dir(number)).map_err(failed("placing"))?;
        booster_durable::flush_folder(&store.generations_dir()).map_err(failed("placing"))?;
        booster_durable::flush_folder(store.data_dir()).map_err(failed("placing"))?;
        self.operation.switch_to(number, approved).inspect_err(|_| self.operation.withdraw())
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        fs::write(path, bytes).map_err(StoreError::io(format!("writing {}", path.display())))
    }

    fn write_json<T: serde::Serialize>(&self, path: &Path, value: &T) -> Result<(), StoreError> {
        let bytes =
            generation::to_json(value).map_err(StoreError::io(format!("writing {}", path.display())))?;
        self.write(path, &bytes)
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        if let Err(error) = remove_tree(&self.root) {
            tracing::warn!(%error, "the staging area could not be removed; the next operation removes it");
        }
    }
}

/// Links a file, or copies it where the file system has no hard links.
fn link(from: &Path, to: &Path) -> Result<(), StoreError> {
    let failed = || StoreError::io(format!("carrying over {}", from.display()));
    match fs::hard_link(from, to) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::Unsupported | io::ErrorKind::TooManyLinks | io::ErrorKind::PermissionDenied
            ) =>
        {
            fs::copy(from, to).map(drop).map_err(failed())
        }
        other => other.map_err(failed()),
    }
}

fn link_tree(from: &Path, to: &Path) -> Result<(), StoreError> {
    let failed = || StoreError::io(format!("carrying over {}", from.display()));
    fs::create_dir_all(to).map_err(failed())?;
    for entry in fs::read_dir(from).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        let target = to.join(entry.file_name());
        if entry.file_type().map_err(failed())?.is_dir() {
            link_tree(&entry.path(), &target)?;
        } else {
            link(&entry.path(), &target)?;
        }
    }
    Ok(())
}
