//! Scans of many files: what is read, what is left alone, what is told, and how a scan ends.
#![allow(clippy::unwrap_used, reason = "test code outside test functions")]

mod common;

use booster_engine::{FileError, FileOutcome, ScanLimits, ScanOptions, ScanSummary, Scanner, SkipReason};
use common::{Generation, rule};
use std::{
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};
use tokio_util::sync::CancellationToken;

fn threads(count: usize) -> ScanOptions {
    ScanOptions { threads: NonZeroUsize::new(count) }
}

/// Scans and collects the outcomes below a folder in the order of their paths.
fn scan(
    scanner: &Scanner,
    root: &Path,
    paths: &[PathBuf],
    options: ScanOptions,
) -> (Vec<(String, String)>, ScanSummary) {
    let outcomes = Mutex::new(Vec::new());
    let keep = |outcome: &FileOutcome| outcomes.lock().unwrap().push(told(outcome, root));
    let summary = scanner.scan_paths(paths, &options, &keep, &CancellationToken::new());
    let mut outcomes = outcomes.into_inner().unwrap();
    outcomes.sort();
    (outcomes, summary)
}

/// A path and what became of it.
fn told(outcome: &FileOutcome, root: &Path) -> (String, String) {
    let (path, what) = match outcome {
        FileOutcome::Scanned(report) => {
            let found = report.detections.first().map_or("clean", |found| found.threat.as_str());
            (
                &report.path,
                format!("{found}{}", if report.incomplete.is_some() { ", incomplete" } else { "" }),
            )
        }
        FileOutcome::Skipped { path, reason } => (path, format!("{reason:?}")),
        FileOutcome::Failed { path, error: FileError::Interrupted(reason) } => (path, format!("{reason:?}")),
        FileOutcome::Failed { path, error } => {
            (path, error.to_string().split(':').next().unwrap().to_owned())
        }
    };
    (path.strip_prefix(root).unwrap().display().to_string(), what)
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(path, what)| ((*path).to_owned(), (*what).to_owned())).collect()
}

/// Definitions that find `marker`.
fn marker() -> Generation {
    let generation = Generation::new(&[("antivirus/a.yar", &rule("Finds", "marker"))]);
    generation.build().unwrap();
    generation
}

#[cfg(unix)]
#[test]
fn only_plain_files_are_read_and_every_path_is_told_of() {
    let generation = marker();
    let tree = tempfile::tempdir().unwrap();
    let at = |name: &str| tree.path().join(name);
    fs::create_dir_all(at("deep/er")).unwrap();
    fs::write(at("deep/er/bad"), "a marker").unwrap();
    fs::write(at("clean"), "nothing").unwrap();
    fs::write(at("long"), [b'x'; 2000]).unwrap();
    std::os::unix::fs::symlink(at("deep/er/bad"), at("link")).unwrap();
    std::os::unix::fs::symlink(tree.path(), at("loop")).unwrap();
    std::os::unix::fs::symlink("/nonexistent", at("nowhere")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), rustix::fs::Mode::RWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    let limits = ScanLimits { file_bytes: 1999, ..ScanLimits::default() };
    let scanner = Scanner::open(&generation.path("image"), generation.folder.path(), limits).unwrap();
    for count in [1, 4] {
        let (told, summary) =
            scan(&scanner, tree.path(), &[tree.path().to_owned(), at("missing")], threads(count));
        let expected = [
            ("clean", "clean"),
            ("deep/er/bad", "Finds"),
            ("link", "Link"),
            ("long", "TooLarge"),
            ("loop", "Link"),
            ("missing", "cannot be read"),
            ("nowhere", "Link"),
            ("pipe", "Special"),
            ("socket", "Special"),
        ];
        assert_eq!(told, pairs(&expected));
        let expected =
            ScanSummary { files: 2, bytes: 15, detected: 1, skipped: 6, failed: 1, ..ScanSummary::default() };
        assert_eq!(summary, expected);
    }
    // A link that is named is meant.
    assert_eq!(scan(&scanner, tree.path(), &[at("link")], threads(1)).0, pairs(&[("link", "Finds")]));
    assert!(matches!(scanner.scan_file(&at("pipe")), Err(FileError::NotAFile)));
    assert!(matches!(scanner.scan_file(&at("deep")), Err(FileError::NotAFile)));
    assert!(matches!(scanner.scan_file(&at("long")), Err(FileError::TooLarge { limit: 1999 })));
}

#[test]
fn a_cancelled_scan_ends_between_files() {
    let generation = marker();
    let tree = tempfile::tempdir().unwrap();
    for number in 0..50 {
        fs::write(tree.path().join(number.to_string()), "x").unwrap();
    }
    let cancel = CancellationToken::new();
    let scanner = generation.scanner();
    let summary = scanner.scan_paths(&[tree.path().to_owned()], &threads(1), &|_| cancel.cancel(), &cancel);
    assert_eq!((summary.files, summary.cancelled), (1, true));
    let summary = scanner.scan_paths(&[tree.path().to_owned()], &threads(2), &|_| {}, &cancel);
    assert_eq!((summary.files, summary.cancelled), (0, true));
}

#[test]
fn a_file_that_takes_too_long_is_told_and_the_others_are_scanned() {
    let slow = "rule Slow { condition: filename == \"slow\" and for all i in (0..100000000) : (for all j in (0..100000000) : (i + j >= 0)) }";
    let generation = Generation::new(&[
        ("antivirus/1.yar", &rule("Finds", "marker")),
        ("antivirus/2.yar", slow),
        ("antivirus/selftest/must-detect/x", "marker"),
    ]);
    generation.build().unwrap();
    let limits = ScanLimits { file_time: Duration::from_millis(100), ..ScanLimits::default() };
    let scanner = Scanner::open(&generation.path("image"), generation.folder.path(), limits).unwrap();
    let tree = tempfile::tempdir().unwrap();
    for folder in ["a", "b", "c"] {
        fs::create_dir(tree.path().join(folder)).unwrap();
    }
    fs::write(tree.path().join("a/slow"), "nothing").unwrap();
    fs::write(tree.path().join("b/slow"), "marker").unwrap();
    fs::write(tree.path().join("c/quick"), "nothing").unwrap();
    let (told, summary) = scan(&scanner, tree.path(), &[tree.path().to_owned()], threads(1));
    assert_eq!(told, pairs(&[("a/slow", "TimedOut"), ("b/slow", "Finds, incomplete"), ("c/quick", "clean")]));
    assert_eq!((summary.files, summary.failed), (2, 1));
}

#[cfg(target_os = "linux")]
#[test]
fn files_that_say_they_are_empty_are_read_to_their_end() {
    let generation = Generation::new(&[("antivirus/a.yar", &rule("Status", "Threads:"))]);
    generation.build().unwrap();
    let report = generation.scanner().scan_file(Path::new("/proc/self/status")).unwrap();
    assert_eq!(report.detections.len(), 1);
}

#[test]
fn reasons_have_their_names_in_json() {
    assert_eq!(serde_json::to_string(&SkipReason::TooLarge).unwrap(), "\"too_large\"");
}
