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

#[tokio::test]
async fn a_child_that_writes_or_computes_more_than_it_may_is_told_apart() {
    let list: String = (0..50_000u32)
        .map(|n| format!("{}:1:Name.{n}\n", booster_definitions::Digest::of(&n.to_le_bytes())))
        .collect();
    let generation = Generation::new(&[("antivirus/a.hsb", &list)]);
    let mut limited = worker();
    limited.limits.file_bytes = 1 << 20;
    let error = run(&limited, &generation).await.unwrap_err();
    assert!(matches!(error, WorkerError::FileTooLarge { limit: 0x10_0000 }), "{error}");

    let slow =
        "rule Slow { condition: for all i in (0..100000000) : (for all j in (0..100000000) : (i + j >= 0)) }";
    let generation = Generation::new(&[("antivirus/a.yar", slow), ("antivirus/selftest/must-detect/x", "x")]);
    let mut limited = worker();
    limited.limits.cpu_time = Duration::from_secs(1);
    let error = run(&limited, &generation).await.unwrap_err();
    assert!(matches!(error, WorkerError::TimedOut { limit } if limit == Duration::from_secs(1)), "{error}");
}

#[tokio::test]
async fn a_child_sees_nothing_of_the_environment() {
    let generation = Generation::new(&[("antivirus/a.yar", &rule("Finds", "marker"))]);
    let error = run(&shell("echo \"home=$HOME cargo=$CARGO_MANIFEST_DIR\" >&2; exit 1"), &generation)
        .await
        .unwrap_err();
    assert!(matches!(&error, WorkerError::Crashed { stderr, .. } if stderr == "home= cargo="), "{error}");
}

/// Rules that are known to be hard on engines. The child takes them or names them, and survives.
#[tokio::test]
async fn hostile_rules_harm_nothing_but_the_child() {
    let nested =
        |open: &str, close: &str, depth: usize| format!("{}true{}", open.repeat(depth), close.repeat(depth));
    let condition = |condition: String| format!("rule R {{ condition: {condition} }}");
    let string = |string: String| format!("rule R {{ strings: $a = {string} condition: $a }}");
    for (name, source) in [
        ("deep parentheses", condition(nested("(", ")", 100_000))),
        ("deep negation", condition(format!("{}true", "not ".repeat(100_000)))),
        ("long chain", condition(vec!["true"; 50_000].join(" and "))),
        ("nested repetition", string("/((((a{0,1000}){0,1000}){0,1000}){0,1000}){0,1000}/".into())),
        (
            "many alternatives",
            string(format!("/({})/", (0..50_000).map(|n| n.to_string()).collect::<Vec<_>>().join("|"))),
        ),
        ("deep group", string(format!("/{}a{}/", "(".repeat(50_000), ")".repeat(50_000)))),
        (
            "deep hexadecimal group",
            string(format!("{{ 41 {} 42 {} }}", "( 41 | ".repeat(20_000), ")".repeat(20_000))),
        ),
        ("wide jumps", string(format!("{{ 41 {} 42 }}", "[0-4294967295] 43 ".repeat(1000)))),
        ("no literal at all", string("/.*.*.*.*.*.*.*.*x?/s".into())),
        ("long text", string(format!("\"{}\" nocase wide ascii xor", "x".repeat(1_000_000)))),
        (
            "many strings",
            format!(
                "rule R {{ strings: {} condition: any of them }}",
                (0..20_000).map(|n| format!("$s{n} = \"text{n}\" ")).collect::<String>()
            ),
        ),
        ("nothing but zeros", "\0".repeat(1_000_000)),
        ("dots", format!("rule R {{ condition: true }} // {}", "(..".repeat(300_000))),
        ("an unended comment", format!("/*{}", "rule A { condition: true } ".repeat(10_000))),
    ] {
        let generation =
            Generation::new(&[("antivirus/a.yar", &source), ("antivirus/b.yar", &rule("Finds", "marker"))]);
        let request = generation.request();
        let options =
            BuildOptions { on_invalid: booster_engine::OnInvalid::LeaveOut, ..BuildOptions::default() };
        let mut limited = worker();
        limited.limits.cpu_time = Duration::from_secs(20);
        match limited.build(&request, &options, &CancellationToken::new()).await {
            Ok(report) => println!("{name}: {} left out", report.rejected_total),
            Err(error @ (WorkerError::TimedOut { .. } | WorkerError::OutOfMemory { .. })) => {
                println!("{name}: {error}")
            }
            // boreal 1.4.0 does not limit how deep negations nest.
            Err(WorkerError::Crashed { stderr, .. }) if stderr.contains("overflowed its stack") => {
                println!("{name}: {stderr}");
            }
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

/// A request as the parent writes it.
fn request_line(generation: &Generation) -> String {
    let seconds = |secs: u64| serde_json::json!({ "secs": secs, "nanos": 0 });
    let request = serde_json::json!({
        "protocol": 2,
        "parent": std::process::id(),
        "limits": { "wall_time": seconds(60), "cpu_time": seconds(60), "memory_bytes": 1u64 << 31, "open_files": 64, "file_bytes": 1u64 << 31 },
        "work": { "build": { "options": BuildOptions::default(), "request": generation.request() } },
    });
    format!("{request}\n")
}

#[test]
fn a_child_whose_parent_is_gone_ends_before_its_work_does() {
    use std::{
        io::Write as _,
        process::{Command, Stdio},
    };
    let slow =
        "rule Slow { condition: for all i in (0..100000000) : (for all j in (0..100000000) : (i + j >= 0)) }";
    let generation = Generation::new(&[("antivirus/a.yar", slow), ("antivirus/selftest/must-detect/x", "x")]);
    let mut child = Command::new(&worker().program)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(request_line(&generation).as_bytes()).unwrap();
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

#[test]
fn a_child_that_is_given_no_request_says_so() {
    use std::process::{Command, Stdio};
    for request in ["", "hello\n", "{\"protocol\":99}\n"] {
        let input = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(input.path(), request).unwrap();
        let output =
            Command::new(&worker().program).stdin(Stdio::from(input.reopen().unwrap())).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("not a request"), "{output:?}");
    }
}
