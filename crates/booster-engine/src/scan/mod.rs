//! Looks for threats in files with an image.
//!
//! A [`Scanner`] is opened once and shared by threads. A file that cannot be read or takes too long is
//! reported and ends nothing. Links are not followed, and what is no plain file is not read.

mod facts;
mod file;
mod loaded;
#[cfg(unix)]
mod owner;
mod walk;

pub use file::{ContentScanner, Detection, FileError, FileReport};
pub use walk::{FileOutcome, ScanOptions, ScanSummary, SkipReason, scan_paths};

use crate::{
    hash::HashIndex,
    image::{HASHES, Image, ImageError},
    rules::{RuleSet, Yara},
};
use booster_definitions::{Component, Version};
use loaded::{RulesInUse, Threads};
use std::{collections::BTreeMap, path::Path, time::Duration};

/// How much one file may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanLimits {
    /// Longest file in bytes; longer ones are skipped and reported as such. A scanning thread holds a file whole.
    pub file_bytes: u64,
    /// Longest time for the rules on one file.
    pub file_time: Duration,
}

impl Default for ScanLimits {
    /// 256 MiB and one minute.
    fn default() -> Self {
        Self { file_bytes: 256 << 20, file_time: Duration::from_secs(60) }
    }
}

/// Definitions, ready to look for threats.
#[derive(Debug)]
pub struct Scanner {
    rules: RulesInUse,
    hashes: Option<HashIndex>,
    components: BTreeMap<Component, Version>,
    limits: ScanLimits,
}

impl Scanner {
    /// Opens an image of a generation.
    ///
    /// Rules that this build of the engine cannot load are compiled again from the generation's files, provided
    /// that they are the ones that the image was built of.
    pub fn open(image: &Path, generation: &Path, limits: ScanLimits) -> Result<Self, ImageError> {
        Self::open_on(Threads::Many, image, generation, limits)
    }

    /// As [`open`](Self::open), on the calling thread alone: for whoever has time, and scans meanwhile. A process
    /// that opens one set after the other on the same thread uses again the memory that it frees; memory that many
    /// threads took is scattered over the allocator's arenas, and stays.
    ///
    /// # Errors
    /// As there.
    pub fn open_on_this_thread(
        image: &Path,
        generation: &Path,
        limits: ScanLimits,
    ) -> Result<Self, ImageError> {
        Self::open_on(Threads::This, image, generation, limits)
    }

    fn open_on(
        threads: Threads,
        image: &Path,
        generation: &Path,
        limits: ScanLimits,
    ) -> Result<Self, ImageError> {
        let manifest = Image::read(image)?;
        let hashes = match &manifest.hashes {
            Some(_) => Some(HashIndex::open(&image.join(HASHES), generation)?),
            None => None,
        };
        let rules = RulesInUse::open(&Yara, &manifest, image, generation, threads)?;
        Ok(Self { rules, hashes, components: manifest.components, limits })
    }

    /// What a build has just made.
    pub(crate) fn new(
        rules: impl RuleSet + 'static,
        hashes: Option<HashIndex>,
        components: BTreeMap<Component, Version>,
        limits: ScanLimits,
    ) -> Self {
        Self { rules: RulesInUse::fixed(Box::new(rules)), hashes, components, limits }
    }

    /// The definitions in use.
    pub const fn components(&self) -> &BTreeMap<Component, Version> {
        &self.components
    }
}
