//! The archive: a release's files as one deterministic tar.
//!
//! Writing sorts the files by path and leaves out all that differs between machines (owner, mode,
//! time), so the same files give the same bytes anywhere. Unpacking takes only what writing makes:
//! plain files, in order, with safe and portable paths, within [`Limits`]. Anything else is refused
//! before it touches the disk. The format is plain ustar with GNU long names, so that any `tar`
//! can list and unpack it.

mod file_set;
mod unpack;

pub use file_set::{FileSet, Source};
pub use unpack::{Unpacked, unpack};

use crate::UnsafePath;
use std::{io, path::PathBuf};

/// How much a release may hold. Both sides check: the publisher before it signs, the machine while
/// it unpacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Number of files.
    pub files: u64,
    /// Bytes of all files together.
    pub total_bytes: u64,
    /// Bytes of one file.
    pub file_bytes: u64,
}

impl Default for Limits {
    /// 50,000 files, 4 GiB together, 1 GiB each: some ten times the largest public sets.
    fn default() -> Self {
        Self { files: 50_000, total_bytes: 4 << 30, file_bytes: 1 << 30 }
    }
}

/// Why files cannot become an archive, or an archive files.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A path that is not safe on every system.
    #[error(transparent)]
    UnsafePath(#[from] UnsafePath),
    /// A file name that is not UTF-8.
    #[error("the file name {0:?} is not UTF-8: rename it")]
    NotUtf8(PathBuf),
    /// A link, device, socket or other entry that is neither a file nor a folder.
    #[error("{path} is a {what}: a release holds plain files only")]
    NotAFile {
        /// The entry's path.
        path: String,
        /// What it is instead.
        what: &'static str,
    },
    /// Two paths that a file system which ignores case takes for one.
    #[error("{first} and {second} are the same file where case is ignored: rename one")]
    Collision {
        /// The path that came first.
        first: String,
        /// The path that collides with it.
        second: String,
    },
    /// Entries out of order or twice: not written by this library.
    #[error("{path} is out of order: the archive was not made by Booster")]
    OutOfOrder {
        /// The entry's path.
        path: String,
    },
    /// A limit was passed.
    #[error("{what}: more than the limit of {limit}")]
    TooMuch {
        /// What there is too much of, and where.
        what: String,
        /// The limit in bytes or files.
        limit: u64,
    },
    /// A file changed while it was being archived.
    #[error("{path} changed while it was read: try again when nothing writes to it")]
    Changed {
        /// The file.
        path: String,
    },
    /// The tar itself is damaged.
    #[error("the archive is damaged: {0}")]
    Damaged(String),
    /// Reading or writing failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, and with which file.
        what: String,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
}

impl ArchiveError {
    fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// Counts what a release holds against its limits.
#[derive(Debug)]
struct Meter {
    limits: Limits,
    files: u64,
    bytes: u64,
}

impl Meter {
    const fn new(limits: Limits) -> Self {
        Self { limits, files: 0, bytes: 0 }
    }

    /// Takes one more file, or says which limit it breaks.
    fn add(&mut self, path: &str, size: u64) -> Result<(), ArchiveError> {
        let too_much = |what: String, limit| Err(ArchiveError::TooMuch { what, limit });
        self.files += 1;
        if self.files > self.limits.files {
            return too_much(format!("files in the release, at {path}"), self.limits.files);
        }
        if size > self.limits.file_bytes {
            return too_much(format!("{path} has {size} bytes"), self.limits.file_bytes);
        }
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > self.limits.total_bytes {
            return too_much(format!("bytes in the release, at {path}"), self.limits.total_bytes);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
