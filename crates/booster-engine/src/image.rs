//! An image: the folder that a build makes of the definitions, and that scanners open.
//!
//! `image.json` says what the image was built of and by which engine; `hashes.idx` is the hash index;
//! `rules-N.bin` are the compiled rules in parts, where the engine can save them.

use booster_definitions::{Component, Digest, Version};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fs, io, path::Path};

/// The manifest's name in the folder.
pub(crate) const MANIFEST: &str = "image.json";
/// The hash index's name in the folder.
pub(crate) const HASHES: &str = "hashes.idx";
/// The name in the folder of a part of the compiled rules.
pub(crate) fn part_name(part: usize) -> String {
    format!("rules-{part}.bin")
}

/// The format number that this build writes and reads.
const FORMAT: u32 = 2;

/// What an image holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Format of the manifest.
    format: u32,
    /// The version of the engine that built it.
    pub engine: Version,
    /// Name and version of the rule engine that compiled the rules.
    pub rule_engine: String,
    /// The components and versions that it was built of.
    pub components: BTreeMap<Component, Version>,
    /// The rule files, in the order in which they were compiled.
    pub(crate) rules: Vec<RuleFile>,
    /// The compiled rules in parts; `None` where they have to be compiled again from the sources.
    pub(crate) compiled: Option<Vec<ImageFile>>,
    /// Length in bytes of the hash index, if a list was there. The index has a digest of its header, and
    /// whether all its bytes are as they were the generation's list of files says.
    pub(crate) hashes: Option<u64>,
}

/// A source of rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RuleFile {
    pub component: Component,
    pub path: String,
    pub sha256: Digest,
}

/// A file of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ImageFile {
    pub size: u64,
    pub sha256: Digest,
}

/// An image that cannot be used: build the definitions again.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A file cannot be read.
    #[error("cannot read {file} of the engine's image: {source}")]
    Io {
        /// The file.
        file: String,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The manifest is not one.
    #[error("the manifest of the engine's image is damaged: {0}")]
    Manifest(#[from] serde_json::Error),
    /// Written by another version of Booster.
    #[error(
        "the engine's image has format {0}, this build reads {FORMAT}: `booster update` installs the definitions afresh"
    )]
    OtherFormat(u32),
    /// The hash index cannot be used.
    #[error(transparent)]
    Hashes(#[from] crate::hash::IndexError),
    /// A file is not as it was when the image was built.
    #[error("{0} has changed since the engine's image was built: verify the installed definitions")]
    Changed(String),
}

impl ImageError {
    pub(crate) fn io(file: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let file = file.into();
        move |source| Self::Io { file, source }
    }
}

impl Image {
    pub(crate) fn new(rule_engine: String, components: BTreeMap<Component, Version>) -> Self {
        let engine = crate::ENGINE_VERSION;
        Self {
            format: FORMAT,
            engine,
            rule_engine,
            components,
            rules: Vec::new(),
            compiled: None,
            hashes: None,
        }
    }

    /// Reads the manifest of an image.
    pub fn read(folder: &Path) -> Result<Self, ImageError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let bytes = fs::read(folder.join(MANIFEST)).map_err(ImageError::io(MANIFEST))?;
        // The number comes first: another format need not parse as this one.
        match serde_json::from_slice::<Format>(&bytes)?.format {
            FORMAT => Ok(serde_json::from_slice(&bytes)?),
            other => Err(ImageError::OtherFormat(other)),
        }
    }

    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        fs::write(folder.join(MANIFEST), bytes)
    }
}

impl ImageFile {
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        Self { size: bytes.len() as u64, sha256: Digest::of(bytes) }
    }
}
