//! Looks for threats in files with an image.
//!
//! A [`Scanner`] is opened once and shared by threads. A file that cannot be read or takes too long is
//! reported and ends nothing. Links are not followed, and what is no plain file is not read.

mod facts;
mod file;
#[cfg(unix)]
mod owner;
mod walk;

pub use file::{Detection, FileError, FileReport};
pub use walk::{FileOutcome, ScanOptions, ScanSummary, SkipReason};

use crate::{
    hash::HashIndex,
    image::{HASHES, Image, ImageError},
    rules::{Engine, RuleInput, RuleSet, Yara},
};
use booster_definitions::{Component, Digest, Version};
use std::{collections::BTreeMap, fs, path::Path, time::Duration};

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
    rules: Box<dyn RuleSet>,
    hashes: Option<HashIndex>,
    components: BTreeMap<Component, Version>,
    limits: ScanLimits,
}

impl Scanner {
    /// Opens an image and, where its compiled rules are not for this build, compiles the rules of the
    /// generation again, provided that they are the ones that the image was built of.
    pub fn open(image: &Path, generation: &Path, limits: ScanLimits) -> Result<Self, ImageError> {
        let manifest = Image::read(image)?;
        let hashes = match &manifest.hashes {
            Some(_) => Some(HashIndex::open(&image.join(HASHES))?),
            None => None,
        };
        let rules = compile_again(&Yara, &manifest, generation)?;
        Ok(Self::new(rules, hashes, manifest.components, limits))
    }

    pub(crate) fn new(
        rules: Box<dyn RuleSet>,
        hashes: Option<HashIndex>,
        components: BTreeMap<Component, Version>,
        limits: ScanLimits,
    ) -> Self {
        Self { rules, hashes, components, limits }
    }

    /// The definitions in use.
    pub const fn components(&self) -> &BTreeMap<Component, Version> {
        &self.components
    }
}

/// Compiles the rules that an image was built of. What the build left out is left out again.
fn compile_again(
    engine: &dyn Engine,
    image: &Image,
    generation: &Path,
) -> Result<Box<dyn RuleSet>, ImageError> {
    let mut compiler = engine.compiler();
    let mut rejected = Vec::new();
    for file in &image.rules {
        let name = format!("{}/{}", file.component, file.path);
        let bytes = fs::read(generation.join(&name)).map_err(ImageError::io(&name))?;
        if Digest::of(&bytes) != file.sha256 {
            return Err(ImageError::Changed(name));
        }
        if let Ok(source) = str::from_utf8(&bytes) {
            compiler.add(RuleInput { component: file.component, file: &file.path, source }, &mut rejected);
        }
    }
    Ok(compiler.finish())
}
