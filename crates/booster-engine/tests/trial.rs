//! Built definitions, tried on files of the machine: only what is newly flagged counts.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "test code outside test functions")]

mod common;

use booster_definitions::Component;
use booster_engine::{
    BuildError, Definitions, Sample, TrialReport, TrialRequest, Worker, WorkerError, trial,
};
use common::{Generation, rule};
use std::{collections::BTreeSet, ffi::OsStr, fs, path::PathBuf, time::Duration};
use tokio_util::sync::CancellationToken;

/// A machine with files, some of which hold a word.
struct Files(tempfile::TempDir);

impl Files {
    fn new(total: usize, with_word: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for n in 0..total {
            let content = if n < with_word { "a common word" } else { "nothing" };
            fs::write(folder.path().join(format!("{n:03}")), content).unwrap();
        }
        Self(folder)
    }

    fn sample(&self) -> Sample {
        Sample {
            random: 1000,
            folders: vec![self.0.path().to_owned()],
            file_bytes: 1 << 20,
            total_bytes: 1 << 30,
            time: Duration::from_secs(600),
            ..Sample::default()
        }
    }
}

fn built(rules: &[(&str, &str)]) -> Generation {
    let generation = Generation::new(rules);
    generation.build().unwrap();
    generation
}

fn request(generation: &Generation, before: Option<&Generation>, sample: Sample) -> TrialRequest {
    let definitions = |generation: &Generation| Definitions {
        generation: generation.folder.path().to_owned(),
        image: generation.path("image"),
    };
    let Definitions { generation, image } = definitions(generation);
    TrialRequest { generation, image, before: before.map(definitions), sample }
}

#[test]
fn files_that_only_the_new_definitions_flag_are_counted_and_named() {
    let files = Files::new(100, 3);
    let before = built(&[("antivirus/a.yar", &rule("Old", "unheard of"))]);
    let new = built(&[("antivirus/a.yar", &rule("Wide", "common")), ("nis/b.yar", &rule("Wider", "word"))]);
    let report = trial(&request(&new, Some(&before), files.sample())).unwrap();
    assert_eq!((report.files, report.newly_flagged, report.failed), (100, 3, 0));
    assert_eq!((report.bytes, report.cut_short), (3 * 13 + 97 * 7, false));
    let first = &report.flagged[0];
    assert_eq!((report.flagged.len(), &first.path), (3, &files.0.path().join("000")));
    assert_eq!(first.threats, BTreeSet::from(["Wide".to_owned(), "Wider".to_owned()]));
    assert_eq!(first.components, BTreeSet::from([Component::Antivirus, Component::Nis]));
}

#[test]
fn what_was_flagged_before_is_nothing_new() {
    let files = Files::new(10, 4);
    let before = built(&[("antivirus/a.yar", &rule("Old", "common"))]);
    let new = built(&[("antivirus/a.yar", &rule("New", "word"))]);
    let report = trial(&request(&new, Some(&before), files.sample())).unwrap();
    assert_eq!((report.files, report.newly_flagged), (10, 0));
    assert!(!report.exceeds(0));
    // One that cannot be opened vouches for nothing.
    fs::remove_file(before.path("image/image.json")).unwrap();
    assert_eq!(trial(&request(&new, Some(&before), files.sample())).unwrap().newly_flagged, 4);
    assert_eq!(trial(&request(&new, None, files.sample())).unwrap().newly_flagged, 4);
}

#[test]
fn more_than_a_share_is_more_than_that_share_of_the_files_scanned() {
    let report = |newly_flagged, files| TrialReport { newly_flagged, files, ..TrialReport::default() };
    for (flagged, files, parts_per_million, expected) in [
        (0, 0, 0, false),
        (0, 100, 0, false),
        (1, 100, 0, true),
        (1, 100, 10_000, false),
        (2, 100, 10_000, true),
        (1, 99, 10_000, true),
        (u64::MAX, u64::MAX, 999_999, true),
        (100, 100, 1_000_000, false),
    ] {
        let exceeds = report(flagged, files).exceeds(parts_per_million);
        assert_eq!(exceeds, expected, "{flagged} of {files}");
    }
}

#[test]
fn a_named_file_that_cannot_be_scanned_is_counted_and_holds_nothing_up() {
    let files = Files::new(2, 0);
    let new = built(&[("antivirus/a.yar", &rule("New", "word"))]);
    let named = |paths: &[PathBuf]| Sample { files: paths.to_vec(), random: 0, ..files.sample() };
    let sample = named(&["/nonexistent".into(), files.0.path().join("000"), files.0.path().join("001")]);
    let report = trial(&request(&new, None, sample)).unwrap();
    assert_eq!((report.files, report.failed, report.newly_flagged), (2, 1, 0));
    let long = Sample { file_bytes: 3, ..named(&[files.0.path().join("000")]) };
    let report = trial(&request(&new, None, long)).unwrap();
    assert_eq!((report.files, report.failed), (0, 1));
}

#[test]
fn a_trial_whose_time_is_over_says_so() {
    let files = Files::new(500, 0);
    let new = built(&[("antivirus/a.yar", &rule("New", "word"))]);
    let sample = Sample { time: Duration::ZERO, ..files.sample() };
    let report = trial(&request(&new, None, sample)).unwrap();
    assert!(report.cut_short && report.files < 500, "{report:?}");
}

fn worker() -> Worker {
    Worker::new(env!("CARGO_BIN_EXE_booster-engine-worker"), [] as [&OsStr; 0])
}

async fn in_child(worker: &Worker, request: &TrialRequest) -> Result<TrialReport, WorkerError> {
    worker.trial(request, &CancellationToken::new()).await
}

#[tokio::test]
async fn a_child_opens_what_was_built_also_without_any_file_to_try_it_on() {
    let new = built(&[("antivirus/a.yar", &rule("New", "word"))]);
    let report = in_child(&worker(), &request(&new, None, Sample::default())).await.unwrap();
    assert_eq!(report, TrialReport::default());
    let files = Files::new(10, 1);
    let report = in_child(&worker(), &request(&new, None, files.sample())).await.unwrap();
    assert_eq!((report.files, report.newly_flagged), (10, 1));

    fs::write(new.path("image/image.json"), "{").unwrap();
    let error = in_child(&worker(), &request(&new, None, Sample::default())).await.unwrap_err();
    assert!(matches!(error, WorkerError::Build(BuildError::Unusable { .. })), "{error}");
}

#[tokio::test]
async fn a_child_that_dies_or_hangs_in_a_trial_is_told_as_one_that_builds() {
    let new = built(&[("antivirus/a.yar", &rule("New", "word"))]);
    let request = request(&new, None, Sample::default());
    let shell = |script: &str| Worker::new("/bin/sh", ["-c", script]);
    let error = in_child(&shell("kill -SEGV $$"), &request).await.unwrap_err();
    assert!(matches!(error, WorkerError::Crashed { .. }), "{error}");
    let mut hung = shell("exec sleep 600");
    hung.limits.wall_time = Duration::from_millis(200);
    let error = in_child(&hung, &request).await.unwrap_err();
    assert!(matches!(error, WorkerError::TimedOut { .. }), "{error}");

    let rules: String =
        (0..20_000).map(|n| rule(&format!("Rule{n}"), &format!("marker number {n} of many"))).collect();
    let large = built(&[("antivirus/a.yar", &rules)]);
    let mut small = worker();
    small.limits.memory_bytes = 64 << 20;
    let request = self::request(&large, None, Sample::default());
    let error = in_child(&small, &request).await.unwrap_err();
    assert!(matches!(error, WorkerError::OutOfMemory { .. }), "{error}");
}
