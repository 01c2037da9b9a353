//! What was found in a content.

use super::{generated as proto, name, named};
use booster_engine::{Detection, FileError, FileReport, rules::InterruptReason};
use std::{io, path::Path};

/// The names of what can keep a content from being scanned.
const TOO_LARGE: &str = "too_large";
const TIMED_OUT: &str = "timed_out";

impl From<FileReport> for proto::ScanReply {
    fn from(report: FileReport) -> Self {
        Self {
            path: report.path.to_string_lossy().into_owned(),
            detections: report.detections.into_iter().map(proto::Detection::from).collect(),
            known_good: report.known_good,
            incomplete: report.incomplete,
            failed: None,
        }
    }
}

impl From<Detection> for proto::Detection {
    fn from(detection: Detection) -> Self {
        Self {
            threat: detection.threat,
            file: detection.file,
            rule: detection.rule,
            component: name(&detection.component),
            version: detection.version.to_string(),
        }
    }
}

/// Says why nothing can be said about a content.
pub(crate) fn failed_file(path: String, error: &FileError) -> proto::ScanReply {
    let failed = match error {
        FileError::TooLarge { .. } => TOO_LARGE,
        FileError::Interrupted(InterruptReason::TimedOut) => TIMED_OUT,
        FileError::Interrupted(InterruptReason::Failed) | FileError::Io(_) | FileError::NotAFile => "failed",
    };
    proto::ScanReply { path, failed: Some(failed.to_owned()), ..Default::default() }
}

/// What the service says of a content that it was sent.
pub(crate) fn file_report(
    reply: proto::ScanReply,
    path: &Path,
    bytes: u64,
    limit: u64,
) -> Result<FileReport, FileError> {
    match reply.failed.as_deref() {
        None => {}
        Some(TOO_LARGE) => return Err(FileError::TooLarge { limit }),
        Some(TIMED_OUT) => return Err(FileError::Interrupted(InterruptReason::TimedOut)),
        Some(_) => return Err(FileError::Interrupted(InterruptReason::Failed)),
    }
    let detections: Option<_> = reply.detections.into_iter().map(detection).collect();
    // A threat that cannot be understood is none that may be left out.
    let detections = detections.ok_or_else(|| {
        io::Error::other(
            "the service found a threat with definitions that are not known here: update Booster",
        )
    })?;
    let (known_good, incomplete) = (reply.known_good, reply.incomplete);
    Ok(FileReport { path: path.to_owned(), detections, known_good, incomplete, bytes })
}

fn detection(detection: proto::Detection) -> Option<Detection> {
    Some(Detection {
        threat: detection.threat,
        file: detection.file,
        rule: detection.rule,
        component: named(&detection.component)?,
        version: named(&detection.version)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_definitions::{Component, Version};

    fn report() -> FileReport {
        let detection = Detection {
            threat: "EICAR".into(),
            file: "a.yar".into(),
            rule: Some("R".into()),
            component: Component::Antivirus,
            version: Version([1, 0, 0, 0]),
        };
        FileReport {
            path: "/x".into(),
            detections: vec![detection],
            known_good: false,
            incomplete: Some("timed out".into()),
            bytes: 7,
        }
    }

    #[test]
    fn what_was_found_is_the_same_on_both_sides() {
        let told = file_report(report().into(), Path::new("/x"), 7, 100).unwrap();
        assert_eq!(told, report());
    }

    #[test]
    fn what_could_not_be_scanned_is_told_and_a_threat_is_never_left_out() {
        for error in [
            FileError::TooLarge { limit: 5 },
            FileError::Interrupted(InterruptReason::TimedOut),
            FileError::Interrupted(InterruptReason::Failed),
        ] {
            let told = file_report(failed_file("/x".into(), &error), Path::new("/x"), 7, 5).unwrap_err();
            assert_eq!(told.to_string(), error.to_string());
        }
        let mut reply = proto::ScanReply::from(report());
        reply.detections[0].component = "firmware".into();
        assert!(file_report(reply, Path::new("/x"), 7, 5).is_err());
    }
}
