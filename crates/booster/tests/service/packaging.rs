//! The Debian package: that it is built, installed, started, removed and purged as it should be.

use crate::support::booster;
use std::{
    path::Path,
    process::{Command, Stdio},
};

/// How the scripts say that this machine cannot do it.
const SKIPPED: i32 = 77;

#[test]
fn the_debian_package_installs_starts_and_leaves_nothing_behind_when_it_is_purged() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let has_cargo_deb = Command::new("cargo").args(["deb", "--version"]).stderr(Stdio::null()).output();
    if !has_cargo_deb.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: cargo-deb is not installed");
        return;
    }
    let made = tempfile::tempdir().unwrap();
    let package = made.path().join("booster.deb");
    let program = booster();
    let built = Command::new(workspace.join("scripts/build-deb"))
        .env("FROM", Path::new(program.get_program()).parent().unwrap())
        .env("OUTPUT", &package)
        .output()
        .unwrap();
    assert!(built.status.success() && package.exists(), "{}", String::from_utf8_lossy(&built.stderr));
    let tried = Command::new(workspace.join("scripts/try-deb")).arg(&package).output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&tried.stdout), String::from_utf8_lossy(&tried.stderr));
    match tried.status.code() {
        Some(0) => {}
        Some(SKIPPED) => eprintln!("skipped: {said}"),
        _ => panic!("{said}"),
    }
}
