//! Settings from file, environment and flags; usage errors.

use crate::support::{Site, booster, release, run};
use std::fs;

#[test]
fn an_unknown_key_is_an_error_with_file_line_and_column() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("booster.toml");
    fs::write(&file, "data_dir = \"data\"\n\n[store]\nkepe = 3\n").unwrap();
    for verb in [&["status"][..], &["update"], &["config", "check"]] {
        let said = run(booster().args(verb).arg("--config").arg(&file)).expect(2);
        assert!(said.err.contains(&format!("{}:4:1", file.display())), "{}", said.err);
        assert!(said.err.contains("kepe"), "{}", said.err);
    }
}

#[test]
fn flags_cover_the_environment_and_the_environment_covers_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("booster.toml");
    fs::write(&file, "data_dir = \"of-file\"\n").unwrap();
    let data_dir = |command: &mut std::process::Command| {
        let shown: toml::Table = run(command.args(["config", "show"])).expect(0).out.parse().unwrap();
        shown["data_dir"].as_str().unwrap().to_owned()
    };
    let of_file = data_dir(booster().env("BOOSTER_CONFIG", &file));
    assert_eq!(of_file, dir.path().join("of-file").to_str().unwrap());
    assert_eq!(
        data_dir(booster().env("BOOSTER_CONFIG", &file).env("BOOSTER_DATA_DIR", "/of-variable")),
        "/of-variable"
    );
    let mut command = booster();
    command
        .env("BOOSTER_CONFIG", &file)
        .env("BOOSTER_DATA_DIR", "/of-variable")
        .args(["--data-dir", "/of-flag"]);
    assert_eq!(data_dir(&mut command), "/of-flag");
}

#[test]
fn a_machine_with_a_configuration_updates_without_a_single_flag() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::new(dir.path());
    site.publish("1.0.0.0", &release(dir.path(), 1)).expect(0);
    let file = dir.path().join("booster.toml");
    fs::write(
        &file,
        "data_dir = \"data\"\nroot = \"site/metadata/1.root.json\"\nsources = [\"nowhere\", \"site\"]\n",
    )
    .unwrap();
    let update = || run(booster().arg("update").arg("--json").env("BOOSTER_CONFIG", &file)).expect(0).json();
    let report = update();
    assert_eq!(report["outcome"], "updated");
    // The first source is not there; the second one helps, and the report names both.
    assert_eq!(report["sources_tried"].as_array().unwrap().len(), 2);
    assert_eq!(update()["outcome"], "current");
}

#[test]
fn a_command_line_that_is_not_understood_has_code_64_and_help_has_0() {
    for arguments in
        [&["updaet"][..], &["update", "--form", "x"], &["publish", "antivirus", "1.2.3", "x"], &[]]
    {
        let said = run(booster().args(arguments)).expect(64);
        assert!(!said.err.is_empty() && said.out.is_empty(), "{arguments:?}");
    }
    for arguments in [&["--help"][..], &["help"], &["update", "--help"], &["--version"]] {
        let said = run(booster().args(arguments)).expect(0);
        assert!(!said.out.is_empty() && said.err.is_empty(), "{arguments:?}");
    }
}

#[test]
fn completions_and_manual_pages_come_from_the_program_itself() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        assert!(run(booster().args(["completions", shell])).expect(0).out.contains("quickstart"), "{shell}");
    }
    let dir = tempfile::tempdir().unwrap();
    let pages = dir.path().join("man1");
    run(booster().arg("man").arg(&pages)).expect(0);
    for page in ["booster.1", "booster-update.1", "booster-repository-init.1", "booster-config-check.1"] {
        assert!(fs::read_to_string(pages.join(page)).unwrap().contains(".TH"), "{page}");
    }
    assert!(!pages.join("booster-engine-worker.1").exists());
}
