//! `-Scan -ScanType 3 -File`: what is found is printed and returned.

use crate::support::{Desk, site_with};
use std::{fs, os::unix::fs::symlink};

const CLEAN: &str = "nothing of interest";
/// What the rule of the publisher's first release finds.
const BAD: &str = "this is the text of 1.0.0.0, no doubt";

/// A machine with definitions, and a folder with these files.
fn desk(files: &[(&str, &str)]) -> (Desk, String) {
    let site = site_with("1.0.0.0");
    let desk = Desk::of(&site);
    desk.succeed(&["-SignatureUpdate"]);
    let folder = desk.machine.path().join("downloads");
    fs::create_dir(&folder).unwrap();
    for (name, content) in files {
        fs::write(folder.join(name), content).unwrap();
    }
    let folder = folder.canonicalize().unwrap().into_os_string().into_string().unwrap();
    (desk, folder)
}

fn scan<'a>(path: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["-Scan", "-ScanType", "3", "-File", path], more].concat()
}

#[test]
fn a_clean_folder_returns_nought() {
    let (desk, folder) = desk(&[("a", CLEAN), ("b", CLEAN)]);
    let said = desk.succeed(&scan(&folder, &["-ReturnHR"]));
    let expected = [
        "Scan starting...",
        "Scan finished.",
        &format!("Scanning {folder} found no threats."),
        "hr = 0x00000000",
    ];
    assert_eq!(said.lines(), expected);
    assert!(desk.log().contains("\nFiles scanned: 2\n"), "{}", desk.log());
}

#[test]
fn a_threat_is_named_with_its_files_and_returns_two() {
    let (desk, folder) = desk(&[("a", CLEAN), ("b\u{1b}[2J", BAD), ("c", BAD)]);
    let said = desk.run(&scan(&folder, &["-ReturnHR"]));
    let mut lines = said.lines();
    // Several threads scan: the files come in any order.
    lines[4..6].sort_unstable();
    let expected = [
        "Scan starting...",
        "Scan finished.",
        &format!("Scanning {folder} found 1 threat."),
        "Threat: a",
        &format!("    file: {folder}/b [2J"),
        &format!("    file: {folder}/c"),
        "hr = 0x80501003",
    ];
    assert_eq!((said.code, lines), (2, expected.to_vec()));
    let one = desk.run(&scan(&format!("{folder}/a"), &[]));
    assert_eq!((one.code, one.lines().len()), (0, 3));
}

#[test]
fn where_no_definitions_are_installed_a_scan_fails_and_says_what_to_do() {
    let (desk, folder) = desk(&[("a", BAD)]);
    desk.succeed(&["-RemoveDefinitions", "-All"]);
    let said = desk.run(&scan(&folder, &[]));
    let lines = said.lines();
    assert_eq!((said.code, lines[1]), (2, "ERROR: Scan failed with hr=80501002"));
    assert!(lines[2].contains("Run an update"), "{lines:?}");
    assert!(lines[3].starts_with("CmdTool: Failed with hr = 0x80501002."), "{lines:?}");
}

#[test]
fn what_is_not_there_is_no_clean_file() {
    let (desk, folder) = desk(&[]);
    let said = desk.run(&scan(&format!("{folder}/absent"), &["-ReturnHR"]));
    assert_eq!((said.code, said.lines()[1]), (2, "ERROR: Scan failed with hr=80070002"));
    assert_eq!(said.lines()[3], "hr = 0x80070002");
}

#[test]
fn a_file_that_could_not_be_scanned_is_named_and_the_scan_has_failed() {
    let (mut desk, folder) = desk(&[("a", CLEAN), ("large", &BAD.repeat(100))]);
    desk.machine.set("BOOSTER_SCAN__MAX_FILE_SIZE", "1KiB");
    // A link inside a folder is not followed, and no failure.
    symlink("/nowhere", format!("{folder}/link")).unwrap();
    let said = desk.run(&scan(&folder, &[]));
    let lines = said.lines();
    assert_eq!(said.code, 2, "{lines:?}");
    assert_eq!(lines[2], format!("Scanning {folder} found no threats."));
    assert!(lines[3].starts_with(&format!("Not scanned: {folder}/large: ")), "{lines:?}");
    assert_eq!(lines[4], "ERROR: Scan failed with hr=800700DF");
}
