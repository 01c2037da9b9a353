//! What a scan found: one value for each file that is worth a word, and a sum.

use crate::{output::Style, text};
use booster_engine::{Detection, FileOutcome, FileReport, ScanSummary, SkipReason};
use serde::Serialize;
use std::{path::Path, time::Duration};

/// One file that is worth a word, as an object of `scan --json`.
#[derive(Debug, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Finding<'a> {
    /// Threats were found in it.
    Detected {
        /// The file.
        path: &'a Path,
        /// The threats.
        detections: &'a [Detection],
    },
    /// Scanned, and no threat found.
    Clean {
        /// The file.
        path: &'a Path,
        /// Whether a list of known-good files names it.
        known_good: bool,
    },
    /// Left alone on purpose.
    Skipped {
        /// The path.
        path: &'a Path,
        /// Why.
        reason: SkipReason,
    },
    /// It could not be scanned, or not to its end.
    Error {
        /// The path.
        path: &'a Path,
        /// Why.
        error: String,
    },
}

impl<'a> Finding<'a> {
    /// What an outcome says. A file of which only a part was scanned is never called clean.
    pub fn of(outcome: &'a FileOutcome) -> Self {
        match outcome {
            FileOutcome::Scanned(FileReport { path, detections, .. }) if !detections.is_empty() => {
                Self::Detected { path, detections }
            }
            FileOutcome::Scanned(FileReport { path, incomplete: Some(reason), .. }) => {
                Self::Error { path, error: format!("not scanned to its end: {reason}") }
            }
            FileOutcome::Scanned(FileReport { path, known_good, .. }) => {
                Self::Clean { path, known_good: *known_good }
            }
            FileOutcome::Skipped { path, reason } => Self::Skipped { path, reason: *reason },
            FileOutcome::Failed { path, error } => Self::Error { path, error: error.to_string() },
        }
    }

    /// The line for standard output, where the file is worth one.
    pub fn line(&self, style: Style) -> Option<String> {
        match self {
            Self::Clean { path, known_good: true } => Some(format!("{}: known good", path.display())),
            Self::Clean { path, .. } => Some(format!("{}: clean", path.display())),
            Self::Detected { path, detections } => {
                let named: Vec<_> = detections.iter().map(describe).collect();
                Some(format!("{}: {} {}", path.display(), style.bad("DETECTED"), named.join("; ")))
            }
            Self::Skipped { path, reason: SkipReason::TooLarge } => {
                Some(format!("{}: {}", path.display(), style.attention("skipped, too large")))
            }
            _ => None,
        }
    }
}

fn describe(found: &Detection) -> String {
    let place = match &found.rule {
        Some(rule) => format!("{}/{}, rule {rule}", found.component, found.file),
        None => format!("{}/{}", found.component, found.file),
    };
    format!("{} ({place}, {})", found.threat, found.version)
}

/// The sum in words.
pub fn summary(summary: &ScanSummary, duration: Duration, style: Style) -> String {
    let verdict = match (summary.cancelled, summary.detected, summary.failed) {
        (true, ..) => style.attention("Cancelled"),
        (_, 0, 0) => style.good("Clean"),
        (_, 0, failed) => style.attention(&format!("{} could not be scanned", text::counted(failed, "file"))),
        (_, detected, _) => style.bad(&format!("Threats in {}", text::counted(detected, "file"))),
    };
    let mut details =
        vec![text::counted(summary.files, "file"), text::bytes(summary.bytes), text::duration(duration)];
    if summary.skipped > 0 {
        details.push(format!("{} skipped", text::count(summary.skipped)));
    }
    if summary.failed > 0 && summary.detected > 0 {
        details.push(format!("{} failed", text::count(summary.failed)));
    }
    format!("{verdict} ({})", details.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_definitions::{Component, Version};

    fn report(detections: Vec<Detection>, incomplete: Option<&str>) -> FileOutcome {
        FileOutcome::Scanned(FileReport {
            path: "/x/a.com".into(),
            detections,
            known_good: false,
            incomplete: incomplete.map(str::to_owned),
            bytes: 0,
        })
    }

    fn detection(rule: Option<&str>) -> Detection {
        Detection {
            threat: "Test.Pattern".into(),
            file: "test.yar".into(),
            rule: rule.map(str::to_owned),
            component: Component::Antivirus,
            version: Version([1, 0, 0, 0]),
        }
    }

    #[test]
    fn a_detection_names_threat_file_rule_and_version() {
        let by_rule = report(vec![detection(Some("pattern"))], None);
        assert_eq!(
            Finding::of(&by_rule).line(Style::default()).unwrap(),
            "/x/a.com: DETECTED Test.Pattern (antivirus/test.yar, rule pattern, 1.0.0.0)"
        );
        let by_hash = report(vec![detection(None)], None);
        assert_eq!(
            Finding::of(&by_hash).line(Style::default()).unwrap(),
            "/x/a.com: DETECTED Test.Pattern (antivirus/test.yar, 1.0.0.0)"
        );
    }

    #[test]
    fn a_file_scanned_in_part_is_never_clean() {
        assert!(matches!(Finding::of(&report(vec![], None)), Finding::Clean { .. }));
        assert!(matches!(Finding::of(&report(vec![], Some("time"))), Finding::Error { .. }));
        assert!(matches!(
            Finding::of(&report(vec![detection(None)], Some("time"))),
            Finding::Detected { .. }
        ));
    }

    #[test]
    fn the_sum_says_the_worst_first() {
        let base = ScanSummary { files: 10, bytes: 1000, ..ScanSummary::default() };
        for (sum, expected) in [
            (base, "Clean (10 files, 1.0 kB, 2.0 s)"),
            (
                ScanSummary { detected: 1, failed: 2, ..base },
                "Threats in 1 file (10 files, 1.0 kB, 2.0 s, 2 failed)",
            ),
            (ScanSummary { failed: 2, ..base }, "2 files could not be scanned (10 files, 1.0 kB, 2.0 s)"),
            (ScanSummary { skipped: 3, ..base }, "Clean (10 files, 1.0 kB, 2.0 s, 3 skipped)"),
        ] {
            assert_eq!(summary(&sum, Duration::from_secs(2), Style::default()), expected);
        }
    }
}
