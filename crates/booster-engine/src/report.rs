//! What a build says of itself: its report, or why it failed. Both travel from the child as JSON.

use crate::hash::HashListError;
use booster_definitions::{Component, Counts};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, io, path::PathBuf};

/// What a build made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildReport {
    /// What the engine took of each component.
    pub per_component: BTreeMap<Component, Counts>,
    /// The rules that were left out, the first 1,000 of them.
    pub rejected: Vec<RejectedRule>,
    /// How many rules were left out.
    pub rejected_total: u64,
    /// Hashes that were listed before with the same size: kept once.
    pub duplicate_hashes: u64,
    /// Self-test files that were scanned, all as they demand.
    pub self_tests: u32,
}

/// A rule, or a whole file of rules, that the engine cannot take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedRule {
    /// The component that holds the file.
    pub component: Component,
    /// The file's path inside the release.
    pub file: String,
    /// Line of the fault, from 1; 0 when the fault is the whole file's.
    pub line: u32,
    /// Column of the fault in characters, from 1; 0 when the fault is the whole file's.
    pub column: u32,
    /// The rule's name; `None` when the fault belongs to no single rule, and the file is left out from there.
    pub rule: Option<String>,
    /// What is wrong, in the engine's words.
    pub reason: String,
}

impl fmt::Display for RejectedRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}:{}:{}: ", self.component, self.file, self.line, self.column)?;
        if let Some(rule) = &self.rule {
            write!(f, "rule {rule}: ")?;
        }
        f.write_str(&self.reason)
    }
}

/// A self-test file that the new set does not treat as it demands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfTestFailure {
    /// The component that holds the file.
    pub component: Component,
    /// The file's path inside the release.
    pub file: String,
    /// What happened instead.
    pub reason: String,
}

impl fmt::Display for SelfTestFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}: {}", self.component, self.file, self.reason)
    }
}

/// Kinds of failed reads and writes that callers treat apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IoKind {
    /// The disk, a quota or the child's file size limit is exhausted.
    DiskFull,
    /// Not allowed.
    Permission,
    /// Not there.
    NotFound,
    /// The process may use no more memory.
    OutOfMemory,
    /// Anything else.
    Other,
}

impl From<io::ErrorKind> for IoKind {
    fn from(kind: io::ErrorKind) -> Self {
        match kind {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::DiskFull
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::Permission,
            io::ErrorKind::NotFound => Self::NotFound,
            io::ErrorKind::OutOfMemory => Self::OutOfMemory,
            _ => Self::Other,
        }
    }
}

/// Why definitions did not become an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum BuildError {
    /// The engine cannot take some rules, and was told to refuse then.
    #[error("the engine cannot take {total} of the rules: {}", listed(rejected, *total))]
    Rejected {
        /// The rules, the first 1,000 of them.
        rejected: Vec<RejectedRule>,
        /// How many there are.
        total: u64,
    },
    /// Hash lists hold lines that are not of the format.
    #[error("{total} lines of the hash lists are wrong: {}", listed(errors, *total))]
    HashLists {
        /// The lines, the first 100 of them.
        errors: Vec<HashListError>,
        /// How many there are.
        total: u64,
    },
    /// The set does not flag what it must flag, or flags what it must not.
    #[error("the self-test failed: {}", listed(failures, failures.len() as u64))]
    SelfTest {
        /// Every file that was not treated as it demands.
        failures: Vec<SelfTestFailure>,
    },
    /// The definitions do not fit into the image format.
    #[error("{what}: more than the limit of {limit}")]
    TooMuch {
        /// What there is too much of, and where.
        what: String,
        /// The limit.
        limit: u64,
    },
    /// A file that cannot be in a release: the generation is damaged.
    #[error("{path}: {reason}: verify the installed definitions")]
    UnsafeFile {
        /// The file.
        path: PathBuf,
        /// Why it is refused.
        reason: String,
    },
    /// What was built could not be opened again.
    #[error("the image that was built cannot be used: {reason}")]
    Unusable {
        /// Why.
        reason: String,
    },
    /// Reading or writing failed.
    #[error("cannot {action} {path}: {reason}")]
    Io {
        /// What was being done.
        action: String,
        /// With which file.
        path: PathBuf,
        /// What kind of failure it is.
        cause: IoKind,
        /// The system's words.
        reason: String,
    },
}

impl BuildError {
    /// A failed action on a file.
    pub(crate) fn io(action: &str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io {
            action: action.to_owned(),
            path: path.to_owned(),
            cause: error.kind().into(),
            reason: error.to_string(),
        }
    }
}

/// The first few of a list, for one line of text.
fn listed<T: fmt::Display>(items: &[T], total: u64) -> String {
    const SHOWN: usize = 3;
    let mut text = items.iter().take(SHOWN).map(T::to_string).collect::<Vec<_>>().join("; ");
    let rest = total.saturating_sub(SHOWN.min(items.len()) as u64);
    if rest > 0 {
        text.push_str(&format!("; and {rest} more"));
    }
    text
}
