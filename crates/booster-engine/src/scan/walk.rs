//! Many files: folders walked once, files scanned by several threads.

use super::{ContentScanner, FileError, FileReport, Scanner, file::scan_file_into};
use serde::Serialize;
use std::{
    fs::{self, FileType},
    io,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};
use tokio_util::sync::CancellationToken;
use walkdir::{DirEntry, WalkDir};

/// A buffer larger than this is given back after use.
const KEPT_BUFFER: usize = 8 << 20;

/// How to scan many files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScanOptions {
    /// Threads; `None` for as many as the machine has processors.
    pub threads: Option<NonZeroUsize>,
}

/// What became of one path.
#[derive(Debug)]
pub enum FileOutcome {
    /// It was scanned.
    Scanned(FileReport),
    /// It was left alone on purpose.
    Skipped {
        /// The path.
        path: PathBuf,
        /// Why.
        reason: SkipReason,
    },
    /// It should have been scanned and could not be.
    Failed {
        /// The path.
        path: PathBuf,
        /// Why.
        error: FileError,
    },
}

/// Why a path was left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// A symbolic link: what it points to is scanned where it is.
    Link,
    /// A device, pipe or socket.
    Special,
    /// Longer than the limit.
    TooLarge,
}

/// What a scan came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ScanSummary {
    /// Files scanned.
    pub files: u64,
    /// Bytes of these files.
    pub bytes: u64,
    /// Files with at least one threat.
    pub detected: u64,
    /// Files that are known to be good.
    pub known_good: u64,
    /// Paths left alone.
    pub skipped: u64,
    /// Paths that could not be scanned.
    pub failed: u64,
    /// Whether the scan was cancelled before its end.
    pub cancelled: bool,
}

impl Scanner {
    /// As [`scan_paths`], with the definitions that this process has opened.
    pub fn scan_paths(
        &self,
        paths: &[PathBuf],
        options: &ScanOptions,
        on_file: &(dyn Fn(&FileOutcome) + Sync),
        cancel: &CancellationToken,
    ) -> ScanSummary {
        scan_paths(self, paths, options, on_file, cancel)
    }
}

/// Scans files, and folders with all that is in them, and calls back with each outcome as it comes.
///
/// The callback runs in the scanning threads. Cancellation takes effect between files.
pub fn scan_paths(
    scanner: &dyn ContentScanner,
    paths: &[PathBuf],
    options: &ScanOptions,
    on_file: &(dyn Fn(&FileOutcome) + Sync),
    cancel: &CancellationToken,
) -> ScanSummary {
    let threads =
        options.threads.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let entries = paths.iter().flat_map(|path| WalkDir::new(path).follow_root_links(true));
    let entries = Mutex::new(entries);
    let summary = Mutex::new(ScanSummary::default());
    let share = || {
        let own = scan_entries(scanner, &entries, on_file, cancel);
        summary.lock().unwrap_or_else(PoisonError::into_inner).add(&own);
    };
    std::thread::scope(|scope| {
        let started = |_: &usize| std::thread::Builder::new().spawn_scoped(scope, share).is_ok();
        // Where no thread can be had, this one does it all.
        if (0..threads).filter(started).count() == 0 {
            share();
        }
    });
    let mut summary = summary.into_inner().unwrap_or_else(PoisonError::into_inner);
    summary.cancelled = cancel.is_cancelled();
    summary
}

/// One thread's share.
fn scan_entries(
    scanner: &dyn ContentScanner,
    entries: &Mutex<impl Iterator<Item = walkdir::Result<DirEntry>>>,
    on_file: &(dyn Fn(&FileOutcome) + Sync),
    cancel: &CancellationToken,
) -> ScanSummary {
    let mut summary = ScanSummary::default();
    let mut buffer = Vec::new();
    while !cancel.is_cancelled() {
        let Some(entry) = entries.lock().unwrap_or_else(PoisonError::into_inner).next() else { break };
        let Some(outcome) = scan_entry(scanner, entry, &mut buffer) else { continue };
        summary.count(&outcome, buffer.len() as u64);
        on_file(&outcome);
        if buffer.capacity() > KEPT_BUFFER {
            buffer = Vec::new();
        }
    }
    summary
}

fn scan_entry(
    scanner: &dyn ContentScanner,
    entry: walkdir::Result<DirEntry>,
    buffer: &mut Vec<u8>,
) -> Option<FileOutcome> {
    buffer.clear();
    let entry = match entry {
        Ok(entry) => entry,
        Err(error) => {
            let path = error.path().unwrap_or(Path::new("")).to_owned();
            return Some(FileOutcome::Failed { path, error: FileError::Io(error.into()) });
        }
    };
    let kind = match kind_of(&entry) {
        Ok(kind) => kind,
        Err(error) => {
            return Some(FileOutcome::Failed { path: entry.into_path(), error: FileError::Io(error) });
        }
    };
    let skipped = |path, reason| Some(FileOutcome::Skipped { path, reason });
    if kind.is_dir() {
        return None;
    }
    if kind.is_symlink() {
        return skipped(entry.into_path(), SkipReason::Link);
    }
    if !kind.is_file() {
        return skipped(entry.into_path(), SkipReason::Special);
    }
    match scan_file_into(scanner, entry.path(), buffer) {
        Ok(report) => Some(FileOutcome::Scanned(report)),
        Err(FileError::TooLarge { .. }) => skipped(entry.into_path(), SkipReason::TooLarge),
        Err(FileError::NotAFile) => skipped(entry.into_path(), SkipReason::Special),
        Err(error) => Some(FileOutcome::Failed { path: entry.into_path(), error }),
    }
}

/// What stands at a path. A link that was named is what it points to; links on the way are links.
fn kind_of(entry: &DirEntry) -> io::Result<FileType> {
    if entry.depth() == 0 { Ok(fs::metadata(entry.path())?.file_type()) } else { Ok(entry.file_type()) }
}

impl ScanSummary {
    fn count(&mut self, outcome: &FileOutcome, bytes: u64) {
        match outcome {
            FileOutcome::Scanned(report) => {
                self.files += 1;
                self.bytes += bytes;
                self.detected += u64::from(!report.detections.is_empty());
                self.known_good += u64::from(report.known_good);
            }
            FileOutcome::Skipped { .. } => self.skipped += 1,
            FileOutcome::Failed { .. } => self.failed += 1,
        }
    }

    fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.detected += other.detected;
        self.known_good += other.known_good;
        self.skipped += other.skipped;
        self.failed += other.failed;
    }
}
