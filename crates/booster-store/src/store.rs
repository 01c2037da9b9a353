//! The store: opening a data folder and reading it.

use crate::{
    HistoryEntry, Installed, Operation, Probation, SourceCheck, StoreError, Traffic, generation, journal,
    lock::Lock, pointer::Pointer,
};
use booster_definitions::Component;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// How much a store keeps, and when it goes back by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreOptions {
    /// Generations kept, the current one and the last known good one among them; at least 2.
    pub keep_generations: usize,
    /// How a new generation is watched.
    pub probation: Probation,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { keep_generations: 3, probation: Probation::default() }
    }
}

/// A data folder.
#[derive(Debug, Clone)]
pub struct Store {
    data: PathBuf,
    options: StoreOptions,
}

impl Store {
    /// Names a data folder. Nothing is read or written yet; the folder need not exist.
    pub fn new(data: impl Into<PathBuf>, options: StoreOptions) -> Self {
        Self { data: data.into(), options }
    }

    /// The data folder.
    pub fn data_dir(&self) -> &Path {
        &self.data
    }

    /// The folder of the trusted metadata.
    pub fn trust_dir(&self) -> PathBuf {
        self.data.join("trust")
    }

    /// The current generation, or nothing where none is installed.
    ///
    /// # Errors
    /// The store is damaged or cannot be read.
    pub fn current(&self) -> Result<Option<Installed>, StoreError> {
        let number = Pointer::load(&self.data)?.and_then(|pointer| pointer.generation);
        number.map(|number| self.generation(number)).transpose()
    }

    /// The generation to return to when the current one turns out bad.
    ///
    /// # Errors
    /// The store is damaged or cannot be read.
    pub fn last_known_good(&self) -> Result<Option<Installed>, StoreError> {
        let number = Pointer::load(&self.data)?.and_then(|pointer| pointer.last_known_good);
        number.map(|number| self.generation(number)).transpose()
    }

    /// Every generation that is kept and can be read, newest first.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn kept(&self) -> Result<Vec<Installed>, StoreError> {
        let numbers = self.generation_numbers()?.into_iter().rev();
        Ok(numbers.filter_map(|number| self.generation(number).ok()).collect())
    }

    /// What operations changed, oldest first.
    ///
    /// # Errors
    /// The history is damaged or cannot be read.
    pub fn history(&self) -> Result<Vec<HistoryEntry>, StoreError> {
        journal::history(&self.data)
    }

    /// When each source was last asked, by its kind and location.
    ///
    /// # Errors
    /// The record is damaged or cannot be read.
    pub fn checks(&self) -> Result<BTreeMap<String, SourceCheck>, StoreError> {
        journal::checks(&self.data)
    }

    /// What has been downloaded lately.
    ///
    /// # Errors
    /// The record is damaged or cannot be read.
    pub fn traffic(&self) -> Result<Option<Traffic>, StoreError> {
        journal::traffic(&self.data)
    }

    /// The components of the current generation that a verification found damaged: an update
    /// installs them afresh.
    ///
    /// # Errors
    /// The record is damaged or cannot be read.
    pub fn damaged_components(&self) -> Result<Vec<Component>, StoreError> {
        let current = Pointer::load(&self.data)?.and_then(|pointer| pointer.generation);
        let damage = journal::damage(&self.data)?.filter(|damage| Some(damage.generation) == current);
        Ok(damage.map(|damage| damage.components).unwrap_or_default())
    }

    /// Takes the lock, creates the data folder where it is missing, and removes what a crash left.
    ///
    /// # Errors
    /// [`StoreError::Busy`] while another operation runs; otherwise the system's answer.
    pub fn begin(&self, what: &str) -> Result<Operation, StoreError> {
        fs::create_dir_all(&self.data)
            .map_err(StoreError::io(format!("creating the data folder {}", self.data.display())))?;
        let lock = Lock::take(&self.data, what)?;
        Operation::recover(self.clone(), lock)
    }

    pub(crate) const fn options(&self) -> StoreOptions {
        self.options
    }

    pub(crate) fn generations_dir(&self) -> PathBuf {
        self.data.join("generations")
    }

    pub(crate) fn downloads_dir(&self) -> PathBuf {
        self.data.join("downloads")
    }

    pub(crate) fn staging_dir(&self) -> PathBuf {
        self.data.join("staging")
    }

    pub(crate) fn generation_dir(&self, number: u64) -> PathBuf {
        self.generations_dir().join(format!("{number:08}"))
    }

    pub(crate) fn generation(&self, number: u64) -> Result<Installed, StoreError> {
        let installed = Installed::load(self.generation_dir(number))?;
        match installed.record().number {
            n if n == number => Ok(installed),
            n => Err(StoreError::damaged(
                &generation::record_path(installed.dir()),
                format!("it names generation {n}"),
            )),
        }
    }

    /// The numbers of the generation folders, lowest first.
    pub(crate) fn generation_numbers(&self) -> Result<Vec<u64>, StoreError> {
        let dir = self.generations_dir();
        let failed = || StoreError::io(format!("listing {}", dir.display()));
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed()(error)),
        };
        let mut numbers = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed())?.file_name();
            numbers.extend(name.to_str().and_then(|name| name.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }
}
