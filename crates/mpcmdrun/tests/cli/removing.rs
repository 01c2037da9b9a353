//! `-RemoveDefinitions`: back to the set before, or to none, and forward again.

use crate::support::{Desk, publish, site_with};
use std::fs;

#[test]
fn the_set_before_comes_back_and_an_update_installs_the_newer_one_again() {
    let site = site_with("1.0.0.0");
    let desk = Desk::of(&site);
    desk.succeed(&["-SignatureUpdate"]);
    publish(&site, "1.1.0.0");
    desk.succeed(&["-SignatureUpdate"]);
    let said = desk.succeed(&["-RemoveDefinitions"]);
    assert_eq!(said.lines(), ["Restoring the last set of definitions . . .", "Definitions restored."]);
    assert_eq!(desk.version().as_deref(), Some("1.0.0.0"));
    let history = desk.machine.store().history().unwrap();
    assert_eq!(history.last().unwrap().outcome, "restored");
    let log = desk.log();
    let steps = "Start: MpRollbackSignature()\nDefinitions restored.\nEnd: MpRollbackSignature()\n";
    assert!(log.contains(steps), "{log}");

    desk.succeed(&["-SignatureUpdate"]);
    assert_eq!(desk.version().as_deref(), Some("1.1.0.0"));
}

#[test]
fn all_definitions_go_and_an_update_installs_them_again() {
    let site = site_with("1.0.0.0");
    let desk = Desk::of(&site);
    desk.succeed(&["-SignatureUpdate"]);
    publish(&site, "1.1.0.0");
    desk.succeed(&["-SignatureUpdate"]);
    let said = desk.succeed(&["-RemoveDefinitions", "-All"]);
    assert_eq!(said.lines(), ["Removing all definitions . . .", "All definitions removed."]);
    assert_eq!(desk.version(), None);
    assert!(desk.machine.store().trust_dir().exists(), "who is trusted stays");
    let said = desk.succeed(&["-RemoveDefinitions", "-All"]);
    assert_eq!(said.lines()[1], "No definitions were installed.");

    desk.succeed(&["-SignatureUpdate"]);
    assert_eq!(desk.version().as_deref(), Some("1.1.0.0"));
}

#[test]
fn where_there_is_nothing_to_return_to_nothing_changes_and_the_code_says_so() {
    let site = site_with("1.0.0.0");
    let desk = Desk::of(&site);
    desk.succeed(&["-SignatureUpdate"]);
    let said = desk.run(&["-RemoveDefinitions"]);
    let lines = said.lines();
    assert_eq!((said.code, lines[1]), (2, "ERROR: MpRollbackSignature failed with hr=80508019"));
    assert!(lines[2].ends_with("there is no earlier set to return to."), "{lines:?}");
    assert!(lines[3].starts_with("CmdTool: Failed with hr = 0x80508019."), "{lines:?}");
    assert_eq!(desk.version().as_deref(), Some("1.0.0.0"));
}

#[test]
fn an_earlier_set_that_was_changed_on_disk_is_not_used() {
    let site = site_with("1.0.0.0");
    let desk = Desk::of(&site);
    desk.succeed(&["-SignatureUpdate"]);
    publish(&site, "1.1.0.0");
    desk.succeed(&["-SignatureUpdate"]);
    let earlier = desk.machine.store().last_known_good().unwrap().unwrap();
    let file = earlier.component_dir(booster_definitions::Component::Antivirus).join("a.yar");
    // Installed files are read-only for good reason: a fault comes from below.
    fs::remove_file(&file).unwrap();
    fs::write(file, "rule a { condition: false }").unwrap();
    let said = desk.run(&["-RemoveDefinitions"]);
    assert_eq!((said.code, said.lines()[1]), (2, "ERROR: MpRollbackSignature failed with hr=8050800D"));
    assert!(desk.log().contains("a.yar of the earlier set of definitions is damaged"), "{}", desk.log());
    assert_eq!(desk.version().as_deref(), Some("1.1.0.0"));
}

#[test]
fn nothing_is_removed_while_an_update_runs() {
    let site = site_with("1.0.0.0");
    let desk = Desk::of(&site);
    desk.succeed(&["-SignatureUpdate"]);
    let store = desk.machine.store();
    let running = store.begin("update").unwrap();
    for arguments in [&["-RemoveDefinitions"][..], &["-RemoveDefinitions", "-All"]] {
        let said = desk.run(arguments);
        let line = "ERROR: MpRollbackSignature failed with hr=80070652";
        assert_eq!((said.code, said.lines()[1]), (2, line), "{arguments:?}");
    }
    drop(running);
    assert_eq!(desk.version().as_deref(), Some("1.0.0.0"));
}
