//! The quickstart, as a newcomer runs it.

use crate::support::{booster, run};

#[test]
fn the_quickstart_does_the_whole_job_and_leaves_a_folder_that_can_be_used() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("trial");
    let said = run(booster().arg("quickstart").arg("--dir").arg(&folder)).expect(0);
    for expected in [
        "$ booster repository init",
        "$ booster publish nis 1.0.0.0",
        "$ booster serve repository",
        "DETECTED EICAR-Test-File",
        "antivirus    1.0.0.0 -> 1.0.1.0",
        "DETECTED Booster-New-Threat-Test-File",
        "Every byte is as it was signed",
        "All of it worked",
    ] {
        assert!(said.out.contains(expected), "{expected} is missing in:\n{}\n{}", said.out, said.err);
    }

    // Everything is still there, and the commands work when they are repeated.
    let command = |arguments: &[&str]| {
        let mut command = booster();
        command.args(arguments).current_dir(&folder).env("BOOSTER_CONFIG", "booster.toml");
        run(&mut command)
    };
    let status = command(&["status", "--json"]).expect(0).json();
    let versions: Vec<_> =
        status["components"].as_array().unwrap().iter().map(|c| c["version"].as_str().unwrap()).collect();
    assert_eq!(versions, ["1.0.1.0", "1.0.0.0", "1.0.0.0"]);
    command(&["scan", "samples"]).expect(1);
    command(&["publish", "antivirus", "1.0.2.0", "definitions/antivirus"]).expect(0);
    command(&["update", "--from", "repository"]).expect(0);
    command(&["repository", "status"]).expect(0);
}

#[test]
fn the_quickstart_refuses_a_folder_with_something_in_it_and_touches_nothing() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("mine"), "mine").unwrap();
    let said = run(booster().arg("quickstart").arg("--dir").arg(dir.path())).expect(64);
    assert!(said.err.contains("is not empty"), "{}", said.err);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn the_quickstart_takes_a_folder_of_its_own_and_no_setting_of_the_user() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = booster();
    command.arg("quickstart").current_dir(dir.path());
    command.env("BOOSTER_DATA_DIR", dir.path().join("precious")).env("HTTP_PROXY", "http://127.0.0.1:9");
    run(&mut command).expect(0);
    assert!(dir.path().join("booster-quickstart/data/current").exists());
    assert!(!dir.path().join("precious").exists());
}
