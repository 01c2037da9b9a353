//! A trial: built definitions are opened as a scanner opens them, and tried on files of this machine.
//!
//! What is flagged now and was not flagged by the definitions in use is either a threat that only the new
//! ones know or a false alarm. One in a thousand may be the former; a large share is a *detection spike*,
//! the mark of a bad release. The trial counts; what follows from it is for its caller to decide.

mod sample;

pub use sample::Sample;

use crate::{
    BuildError,
    scan::{FileOutcome, FileReport, ScanLimits, ScanOptions, Scanner},
};
use booster_definitions::Component;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// Flagged files that a report names; all are counted.
const NAMED: usize = 100;

/// What to try, and on what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialRequest {
    /// The folder of the definitions.
    pub generation: PathBuf,
    /// The folder of their image.
    pub image: PathBuf,
    /// The definitions in use until now: what they flag as well is nothing new.
    pub before: Option<Definitions>,
    /// The files to try them on.
    pub sample: Sample,
}

/// Built definitions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definitions {
    /// The folder of the definitions.
    pub generation: PathBuf,
    /// The folder of their image.
    pub image: PathBuf,
}

/// What came of a trial.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialReport {
    /// Files scanned.
    pub files: u64,
    /// Bytes of these files.
    pub bytes: u64,
    /// Files that were named and could not be scanned.
    pub failed: u64,
    /// Whether the time ended before the sample did.
    pub cut_short: bool,
    /// Files that are flagged now and were not before.
    pub newly_flagged: u64,
    /// The first of them.
    pub flagged: Vec<FlaggedFile>,
}

/// A file that is flagged now and was not before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlaggedFile {
    /// The file.
    pub path: PathBuf,
    /// The threats found in it.
    pub threats: BTreeSet<String>,
    /// The components that found them.
    pub components: BTreeSet<Component>,
}

impl TrialReport {
    /// Whether more than a share of the sample is newly flagged, in parts of a million.
    pub fn exceeds(&self, parts_per_million: u32) -> bool {
        let (flagged, files) = (u128::from(self.newly_flagged), u128::from(self.files));
        flagged * 1_000_000 > files * u128::from(parts_per_million)
    }
}

/// Opens the definitions and tries them on the sample, in this process.
pub fn trial(request: &TrialRequest) -> Result<TrialReport, BuildError> {
    let Sample { time, file_bytes, .. } = request.sample;
    let limits = ScanLimits { file_bytes, file_time: time.min(ScanLimits::default().file_time) };
    let open = |image: &Path, generation: &Path| {
        Scanner::open(image, generation, limits)
            .map_err(|error| BuildError::Unusable { reason: error.to_string() })
    };
    let new = open(&request.image, &request.generation)?;
    let end = Instant::now().checked_add(time);
    let ended = || end.is_some_and(|end| Instant::now() >= end);
    let files = request.sample.choose(&ended);
    if files.is_empty() {
        return Ok(TrialReport::default());
    }
    let (mut report, suspects) = scan(&new, &files, &ended);
    // Opened only where it is needed: most trials flag nothing. One that cannot be opened vouches for nothing.
    let before = request.before.as_ref().filter(|_| !suspects.is_empty());
    let before = before.and_then(|before| open(&before.image, &before.generation).ok());
    for suspect in suspects {
        let known = before.as_ref().is_some_and(|before| flags(before, &suspect.path));
        report.newly_flagged += u64::from(!known);
        if !known && report.flagged.len() < NAMED {
            report.flagged.push(flagged(&suspect));
        }
    }
    Ok(report)
}

/// Scans the sample; the files in which something was found come back in the order of their paths.
fn scan(
    scanner: &Scanner,
    files: &[PathBuf],
    ended: &(dyn Fn() -> bool + Sync),
) -> (TrialReport, Vec<FileReport>) {
    let suspects = Mutex::new(Vec::new());
    let end = CancellationToken::new();
    let on_file = |outcome: &FileOutcome| {
        if let FileOutcome::Scanned(report) = outcome
            && !report.detections.is_empty()
        {
            suspects.lock().unwrap_or_else(PoisonError::into_inner).push(report.clone());
        }
        if ended() {
            end.cancel();
        }
    };
    let summary = scanner.scan_paths(files, &ScanOptions::default(), &on_file, &end);
    let mut suspects = suspects.into_inner().unwrap_or_else(PoisonError::into_inner);
    suspects.sort_by(|a, b| a.path.cmp(&b.path));
    let report = TrialReport {
        files: summary.files,
        bytes: summary.bytes,
        failed: summary.failed + summary.skipped,
        cut_short: summary.files + summary.failed + summary.skipped < files.len() as u64,
        ..TrialReport::default()
    };
    (report, suspects)
}

fn flags(scanner: &Scanner, path: &Path) -> bool {
    scanner.scan_file(path).is_ok_and(|report| !report.detections.is_empty())
}

fn flagged(report: &FileReport) -> FlaggedFile {
    FlaggedFile {
        path: report.path.clone(),
        threats: report.detections.iter().map(|found| found.threat.clone()).collect(),
        components: report.detections.iter().map(|found| found.component).collect(),
    }
}
