//! The releases' self-tests, run by the set that was built.

use super::files::{SourceFile, read_bounded};
use crate::{BuildError, ContentScanner as _, SelfTestFailure, scan::Scanner};
use booster_definitions::{FileKind, SelfTest};
use std::path::Path;

/// Scans every self-test file with the merged set and returns how many there are.
pub(super) fn run(scanner: &Scanner, files: &[SourceFile], limit: u64) -> Result<u32, BuildError> {
    let (mut count, mut failures) = (0, Vec::new());
    for SourceFile { component, path, on_disk, kind } in files {
        let FileKind::SelfTest(test) = kind else { continue };
        count += 1;
        let content = read_bounded(on_disk, limit)?;
        if let Some(reason) = self_test_fault(scanner, *test, on_disk, &content) {
            failures.push(SelfTestFailure { component: *component, file: path.to_string(), reason });
        }
    }
    if failures.is_empty() { Ok(count) } else { Err(BuildError::SelfTest { failures }) }
}

fn self_test_fault(scanner: &Scanner, test: SelfTest, path: &Path, content: &[u8]) -> Option<String> {
    let report = match scanner.scan_content(path, content, "") {
        Ok(report) => report,
        Err(error) => return Some(error.to_string()),
    };
    match (test, report.detections.first()) {
        (SelfTest::MustDetect, None) if report.known_good => {
            Some("must be detected, but is listed as known good".into())
        }
        (SelfTest::MustDetect, None) => Some("must be detected, and is not".into()),
        (SelfTest::MustNotDetect, Some(found)) => Some(format!(
            "must not be detected, but {}/{} finds {} in it",
            found.component, found.file, found.threat
        )),
        _ => None,
    }
}
