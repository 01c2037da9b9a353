//! The child process: what it builds is used, and however it ends is told.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "test code outside test functions")]

mod common;

use booster_engine::{BuildError, BuildOptions, Worker, WorkerError};
use common::{Generation, rule};
use std::{ffi::OsStr, time::Duration};
use tokio_util::sync::CancellationToken;

fn worker() -> Worker {
    Worker::new(env!("CARGO_BIN_EXE_booster-engine-worker"), [] as [&OsStr; 0])
}

/// A worker that is a shell script instead.
fn shell(script: &str) -> Worker {
    Worker::new("/bin/sh", ["-c", script])
}

async fn run(worker: &Worker, generation: &Generation) -> Result<booster_engine::BuildReport, WorkerError> {
    worker.build(&generation.request(), &BuildOptions::default(), &CancellationToken::new()).await
}

#[tokio::test]
async fn what_the_child_built_is_used() {
    let generation = Generation::new(&[
        ("antivirus/a.yar", &rule("Finds", "marker")),
        ("antivirus/selftest/must-detect/one", "a marker"),
    ]);
    assert_eq!(run(&worker(), &generation).await.unwrap().self_tests, 1);
    assert_eq!(
        generation
            .scanner()
            .scan_file(&generation.path("antivirus/selftest/must-detect/one"))
            .unwrap()
            .detections
            .len(),
        1
    );
}

#[tokio::test]
async fn a_failed_build_comes_back_as_its_own_error() {
    let generation = Generation::new(&[("antivirus/selftest/must-detect/one", "a marker")]);
    let error = run(&worker(), &generation).await.unwrap_err();
    assert!(
        matches!(error, WorkerError::Build(BuildError::SelfTest { ref failures }) if failures.len() == 1),
        "{error}"
    );
}

#[tokio::test]
async fn each_end_of_a_child_has_its_own_error() {
    let generation = Generation::new(&[("antivirus/a.yar", &rule("Finds", "marker"))]);
    let ended = async |script: &str| run(&shell(script), &generation).await.unwrap_err();
    let error = ended("echo broken >&2; exit 7").await;
    assert!(
        matches!(&error, WorkerError::Crashed { status, stderr } if status.code() == Some(7) && stderr == "broken"),
        "{error}"
    );
    let error = ended("kill -SEGV $$").await;
    assert!(matches!(&error, WorkerError::Crashed { .. }), "{error}");
    let error = ended("kill -KILL $$").await;
    assert!(matches!(&error, WorkerError::OutOfMemory { .. }), "{error}");
    let error = ended("kill -XCPU $$").await;
    assert!(matches!(&error, WorkerError::TimedOut { .. }), "{error}");
    let error = ended("echo '<html>'").await;
    assert!(matches!(&error, WorkerError::Garbage { .. }), "{error}");
    let error = ended("exit 0").await;
    assert!(matches!(&error, WorkerError::Garbage { .. }), "{error}");
    let error = ended("head -c 20000000 /dev/zero").await;
    assert!(matches!(&error, WorkerError::Garbage { reason, .. } if reason.contains("longer")), "{error}");
    let error = ended("head -c 20000000 /dev/zero >&2; exit 1").await;
    assert!(matches!(&error, WorkerError::Crashed { stderr, .. } if stderr.len() <= 16 << 10), "{error:?}");
    let missing = Worker::new("/nonexistent/worker", [] as [&OsStr; 0]);
    assert!(matches!(run(&missing, &generation).await.unwrap_err(), WorkerError::Start { .. }));
}

#[tokio::test]
async fn a_child_that_hangs_is_killed_and_reaped() {
    let generation = Generation::new(&[("antivirus/a.yar", &rule("Finds", "marker"))]);
    let mut hung = shell("echo $$ >&2; exec sleep 600");
    hung.limits.wall_time = Duration::from_millis(200);
    let error = run(&hung, &generation).await.unwrap_err();
    assert!(matches!(error, WorkerError::TimedOut { .. }), "{error}");
}

#[tokio::test]
async fn a_cancelled_build_ends_its_child_before_it_returns() {
    let generation = Generation::new(&[("antivirus/a.yar", &rule("Finds", "marker"))]);
    let pid_file = generation.path("pid");
    let hung = shell(&format!("echo $$ > {}; exec sleep 600", pid_file.display()));
    let cancel = CancellationToken::new();
    let request = generation.request();
    let options = BuildOptions::default();
    let build = hung.build(&request, &options, &cancel);
    let canceller = async {
        while !std::fs::read_to_string(&pid_file).is_ok_and(|text| text.ends_with('\n')) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cancel.cancel();
    };
    let (ended, ()) = tokio::join!(build, canceller);
    assert!(matches!(ended.unwrap_err(), WorkerError::Cancelled));
    let pid = std::fs::read_to_string(&pid_file).unwrap();
    assert!(!std::path::Path::new("/proc").join(pid.trim()).exists(), "the child is still there");
}

#[tokio::test]
async fn a_child_that_needs_more_memory_than_it_may_have_is_told_apart() {
    // Each rule has its own strings, so that the set takes far more than the limit.
    let rules: String =
        (0..20_000).map(|n| rule(&format!("Rule{n}"), &format!("marker number {n} of many"))).collect();
    let generation = Generation::new(&[("antivirus/a.yar", &rules)]);
    let mut small = worker();
    small.limits.memory_bytes = 64 << 20;
    let error = run(&small, &generation).await.unwrap_err();
    assert!(matches!(error, WorkerError::OutOfMemory { .. }), "{error}");
}
