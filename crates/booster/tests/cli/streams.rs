//! Standard output, standard error, and readers that go away.

use crate::support::{Machine, Said, Site, booster, release, run};
use booster_test_support::FaultyServer;
use std::{fs::File, process::Stdio};

#[test]
fn a_reader_that_goes_away_is_no_panic_and_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::new(dir.path());
    site.publish("1.0.0.0", &release(dir.path(), 1)).expect(0);
    let machine = Machine::new(dir.path().join("data"), &site);
    let mut update = machine.update_command(site.repository.to_str().unwrap());
    let mut child = update.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let said = Said::from(child.wait_with_output().unwrap()).expect(0);
    assert!(!said.err.contains("panic"), "{}", said.err);
    assert_eq!(machine.version().as_deref(), Some("1.0.0.0"));

    for arguments in [&["--help"][..], &["completions", "bash"], &["config", "show"]] {
        let mut child =
            booster().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let said = Said::from(child.wait_with_output().unwrap()).expect(0);
        assert!(!said.err.contains("panic"), "{arguments:?}: {}", said.err);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_an_error() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let said = run(booster().args(["config", "show"]).stdout(full)).expect(2);
    assert!(said.err.contains("standard output cannot be written"), "{}", said.err);
}

#[test]
fn nothing_but_data_is_on_standard_output() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::new(dir.path());
    site.publish("1.0.0.0", &release(dir.path(), 1)).expect(0);
    let machine = Machine::new(dir.path().join("data"), &site);
    let server = FaultyServer::serve(&site.repository);
    let said = run(machine.update_command(&server.url()).arg("-vv")).expect(0);
    assert!(said.err.contains("timestamp.json"), "no log: {}", said.err);
    for line in said.out.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
    }
}
