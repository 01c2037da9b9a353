//! Two at once, and stopping half-way.

use crate::support::{Machine, Said, Site, files, release, run};
use booster_test_support::{Fault, FaultyServer};
use std::{
    path::PathBuf,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

/// An update that hangs in its download, because the server stalls there.
struct Hanging {
    _dir: tempfile::TempDir,
    server: FaultyServer,
    machine: Machine,
    child: Child,
}

impl Hanging {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let site = Site::new(dir.path());
        site.publish("1.0.0.0", &release(dir.path(), 1)).expect(0);
        let archive = files(&site.repository).into_iter().find(|name| name.ends_with(".tar.zst")).unwrap();
        let server = FaultyServer::serve(&site.repository);
        server.misbehave(&format!("/{archive}"), Fault::StallAfter(100));
        let machine = Machine::new(dir.path().join("data"), &site);
        let child = machine
            .update_command(&server.url())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let hanging = Self { _dir: dir, server, machine, child };
        hanging.wait_for(&archive);
        hanging
    }

    fn wait_for(&self, archive: &str) {
        let end = Instant::now() + Duration::from_secs(30);
        while !self.server.log().iter().any(|request| request.path().ends_with(archive)) {
            assert!(Instant::now() < end, "the download never began: {:?}", self.server.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.pid().cast_signed()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for the end, and what was left.
    fn end(self) -> (Said, Vec<PathBuf>) {
        let said = Said::from(self.child.wait_with_output().unwrap());
        let left = files(&self.machine.data).into_iter().map(PathBuf::from).collect();
        (said, left)
    }
}

#[test]
fn a_second_update_gets_code_3_and_is_told_who_runs_since_when() {
    let hanging = Hanging::start();
    let said = hanging.machine.update(&hanging.server.url()).expect(3);
    let report = said.json();
    assert_eq!(report["error"]["kind"], "busy");
    let message = report["error"]["message"].as_str().unwrap();
    assert!(message.contains("another update is running"), "{message}");
    assert!(message.contains(&format!("process {}", hanging.pid())), "{message}");
    let since = message.split("since ").nth(1).unwrap().split(')').next().unwrap();
    assert!(since.parse::<jiff::Timestamp>().is_ok(), "{since}");
    assert!(said.err.contains("another update is running"), "{}", said.err);
    // Looking on is allowed meanwhile.
    run(hanging.machine.command("status").arg("--json")).expect(0);
    hanging.signal(rustix::process::Signal::TERM);
    hanging.end().0.expect(4);
}

#[test]
fn ctrl_c_and_sigterm_give_code_4_within_a_second_and_leave_no_debris() {
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        let hanging = Hanging::start();
        let asked = Instant::now();
        hanging.signal(signal);
        let (said, left) = hanging.end();
        // The promise is one second; the rest is for a busy machine.
        assert!(asked.elapsed() < Duration::from_secs(10), "{signal:?}: {:?}", asked.elapsed());
        let report = said.expect(4).json();
        assert_eq!(
            (report["outcome"].as_str(), report["error"]["kind"].as_str()),
            (Some("cancelled"), Some("cancelled"))
        );
        let debris: Vec<_> = left
            .iter()
            .filter(|path| path.starts_with("staging") || path.starts_with("generations"))
            .collect();
        assert!(debris.is_empty(), "{signal:?}: {debris:?}");
    }
}

#[test]
fn serve_ends_well_when_it_is_told_to() {
    use std::io::{BufRead as _, BufReader};
    let dir = tempfile::tempdir().unwrap();
    let site = Site::new(dir.path());
    let mut child = crate::support::booster()
        .arg("serve")
        .arg(&site.repository)
        .args(["--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let line = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    assert!(line.starts_with("Serving ") && line.contains("http://127.0.0.1:"), "{line}");
    let url = line.split(' ').next_back().unwrap().to_owned();
    Machine::new(dir.path().join("data"), &site).update(&url).expect(0);
    let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let said = Said::from(child.wait_with_output().unwrap()).expect(0);
    assert!(said.err.contains("\"GET /metadata/timestamp.json\" 200"), "{}", said.err);
}
