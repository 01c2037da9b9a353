//! One file: read within limits, looked up, scanned, reported.

use super::{ScanLimits, Scanner, facts::OwnedFacts};
use crate::{
    hash::FileDigests,
    rules::{FileFacts, InterruptReason, Interrupted, RuleMatch, RuleSet},
};
use booster_definitions::{Component, Version};
use serde::Serialize;
use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, Read as _},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::Duration,
};

/// What was found in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// The file.
    pub path: PathBuf,
    /// Every threat found; none when the file is known to be good.
    pub detections: Vec<Detection>,
    /// Whether a list of known-good files names it.
    pub known_good: bool,
    /// Whether the scan ended early; what was found by then is reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<String>,
    /// Length of the content in bytes.
    #[serde(skip)]
    pub bytes: u64,
}

/// A threat, and what found it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Detection {
    /// The threat's name.
    pub threat: String,
    /// The definition file, inside its component.
    pub file: String,
    /// The rule; `None` when a hash list names the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The component that holds the definition file.
    pub component: Component,
    /// The definitions' version.
    pub version: Version,
}

/// Why a file was not scanned.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Opening or reading failed.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A folder, device, pipe or socket.
    #[error("not a plain file")]
    NotAFile,
    /// Longer than the limit.
    #[error("longer than the limit of {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The rules did not come to their end, and had found nothing by then.
    #[error("{0}")]
    Interrupted(InterruptReason),
}

/// What looks for threats in contents: definitions that this process has opened, or whoever else has.
pub trait ContentScanner: Sync {
    /// How much one file may cost.
    fn limits(&self) -> ScanLimits;

    /// Scans content as if it were a file at this path.
    fn scan_content(&self, path: &Path, content: &[u8], owner: &str) -> Result<FileReport, FileError>;
}

/// Scans one file with a buffer that is used again.
pub(super) fn scan_file_into(
    scanner: &dyn ContentScanner,
    path: &Path,
    buffer: &mut Vec<u8>,
) -> Result<FileReport, FileError> {
    let owner = read_file(path, scanner.limits().file_bytes, buffer)?;
    scanner.scan_content(path, buffer, &owner)
}

impl ContentScanner for Scanner {
    fn limits(&self) -> ScanLimits {
        self.limits
    }

    fn scan_content(&self, path: &Path, content: &[u8], owner: &str) -> Result<FileReport, FileError> {
        let mut report = FileReport {
            path: path.to_owned(),
            detections: Vec::new(),
            known_good: false,
            incomplete: None,
            bytes: content.len() as u64,
        };
        self.look_up(content, &mut report);
        if report.known_good {
            report.detections.clear();
            return Ok(report);
        }
        let facts = OwnedFacts::of(path, content, owner);
        let rules = self.rules.for_content(content.len() as u64);
        let matches = match run_rules(rules, content, &facts.borrow(), self.limits.file_time) {
            Ok(matches) => matches,
            Err(Interrupted { matches, reason }) if matches.is_empty() && report.detections.is_empty() => {
                return Err(FileError::Interrupted(reason));
            }
            Err(Interrupted { matches, reason }) => {
                report.incomplete = Some(reason.to_string());
                matches
            }
        };
        report.detections.extend(matches.into_iter().map(|found| self.detection(found)));
        Ok(report)
    }
}

impl Scanner {
    /// Scans one file.
    pub fn scan_file(&self, path: &Path) -> Result<FileReport, FileError> {
        scan_file_into(self, path, &mut Vec::new())
    }

    fn look_up(&self, content: &[u8], report: &mut FileReport) {
        let Some(index) = &self.hashes else { return };
        let digests = FileDigests::wanted(index, content);
        for found in index.matches(&digests, content.len() as u64) {
            if found.file.known_good {
                report.known_good = true;
                continue;
            }
            report.detections.push(Detection {
                threat: found.name.to_owned(),
                file: found.file.path.clone(),
                rule: None,
                component: found.file.component,
                version: self.version(found.file.component),
            });
        }
    }

    fn detection(&self, found: RuleMatch) -> Detection {
        let RuleMatch { component, file, rule, threat } = found;
        Detection { threat, file, rule: Some(rule), component, version: self.version(component) }
    }

    fn version(&self, component: Component) -> Version {
        self.components.get(&component).copied().unwrap_or_default()
    }
}

/// Runs the rules. A file is made by whoever wants to be overlooked: if it makes the engine panic, that is one
/// failed file, and the scan of the others goes on.
fn run_rules(
    rules: &dyn RuleSet,
    content: &[u8],
    facts: &FileFacts<'_>,
    limit: Duration,
) -> Result<Vec<RuleMatch>, Interrupted> {
    catch_unwind(AssertUnwindSafe(|| rules.scan(content, facts, limit)))
        .unwrap_or_else(|_| Err(Interrupted { matches: Vec::new(), reason: InterruptReason::Failed }))
}

/// Reads a plain file into the buffer and returns its owner's name.
fn read_file(path: &Path, limit: u64, buffer: &mut Vec<u8>) -> Result<String, FileError> {
    let file = open(path)?;
    // Asked of the open file: what stands at the path may have changed since it was listed.
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(FileError::NotAFile);
    }
    if metadata.len() > limit {
        return Err(FileError::TooLarge { limit });
    }
    buffer.clear();
    buffer.reserve(metadata.len() as usize + 1);
    // The length is only a hint: a growing file is cut off at the limit, /proc says 0.
    file.take(limit + 1).read_to_end(buffer)?;
    if buffer.len() as u64 > limit {
        return Err(FileError::TooLarge { limit });
    }
    Ok(owner(&metadata))
}

/// Opens without waiting for the other end of a pipe.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

#[cfg(unix)]
fn owner(metadata: &Metadata) -> String {
    use std::os::unix::fs::MetadataExt as _;
    super::owner::name(metadata.uid())
}

#[cfg(not(unix))]
fn owner(_: &Metadata) -> String {
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// An engine that fails on one content.
    #[derive(Debug)]
    struct Fragile;

    impl RuleSet for Fragile {
        fn counts(&self) -> BTreeMap<Component, u64> {
            BTreeMap::new()
        }

        fn scan(
            &self,
            content: &[u8],
            _: &FileFacts<'_>,
            _: Duration,
        ) -> Result<Vec<RuleMatch>, Interrupted> {
            assert!(content != b"hostile", "the engine fails");
            Ok(Vec::new())
        }

        fn save(&self) -> Option<Vec<u8>> {
            None
        }
    }

    #[test]
    fn a_file_that_makes_the_engine_panic_is_one_failed_file() {
        let scanner = Scanner::new(Fragile, None, BTreeMap::new(), ScanLimits::default());
        let scan = |content: &[u8]| scanner.scan_content(Path::new("x"), content, "");
        assert!(matches!(scan(b"hostile"), Err(FileError::Interrupted(InterruptReason::Failed))));
        assert!(scan(b"plain").is_ok());
    }
}
