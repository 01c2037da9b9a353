//! `-SignatureUpdate`: what is printed, logged and returned, and which sources are asked.

use crate::support::{Desk, Site, publish, site_with};
use booster_test_support::{Samba, SambaShare};
use mpclient::{Hresult, message};
use std::{fs, net::TcpListener, os::unix::fs::symlink};

const FINISHED: [&str; 2] = ["Signature update started . . .", "Signature update finished."];

/// The lines of a failure, with the log that is named.
fn failed(desk: &Desk, code: &str, sentence: &str) -> Vec<String> {
    let log = desk.log_file();
    vec![
        "Signature update started . . .".to_owned(),
        format!("ERROR: Signature Update failed with hr={code}"),
        sentence.to_owned(),
        format!("CmdTool: Failed with hr = 0x{code}. Check {} for more information", log.display()),
    ]
}

fn borrowed(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).collect()
}

/// The lines of the log without those that differ from run to run.
fn steps(desk: &Desk) -> Vec<String> {
    let log = desk.log();
    let run = log.rsplit("Start Time: ").next().unwrap().lines();
    run.skip(1).filter(|line| !line.starts_with("MpCmdRun: End Time: ")).map(str::to_owned).collect()
}

#[test]
fn an_update_is_installed_and_told_in_the_known_lines() {
    let site = site_with("1.0.0.0");
    let desk = Desk::of(&site);
    assert_eq!(desk.succeed(&["-SignatureUpdate"]).lines(), FINISHED);
    assert_eq!(desk.version().as_deref(), Some("1.0.0.0"));
    let search = format!("Search Started (UNC update) (Path: {})...", site.repository().display());
    let expected = [
        "Start: MpSignatureUpdate()",
        "Update started",
        &search,
        "Search Completed",
        "Download Started (1 of 1)...",
        "Download Completed",
        "Install Started (1 of 1)...",
        "Install Completed",
        "Update completed succesfully.",
        "End: MpSignatureUpdate()",
    ];
    assert_eq!(steps(&desk), expected);
}

#[test]
fn where_nothing_is_needed_the_log_says_so() {
    let site = site_with("1.0.0.0");
    let desk = Desk::of(&site);
    desk.succeed(&["-signatureupdate"]);
    let said = desk.succeed(&["-SIGNATUREUPDATE"]);
    assert_eq!(said.lines()[1], "Signature update finished. No updates needed");
    let log = desk.log();
    assert!(log.contains("\nUpdate completed succesfully. no updates needed\n"), "{log}");
    assert_eq!(log.matches("MpCmdRun: Command Line: ").count(), 2, "{log}");
}

#[test]
fn a_failure_has_its_code_its_sentence_and_the_log() {
    let site = site_with("1.0.0.0");
    let mut desk = Desk::of(&site);
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", server.local_addr().unwrap());
    // Nobody listens there any more.
    drop(server);
    desk.machine.set("BOOSTER_SOURCES", &url);
    let said = desk.run(&["-SignatureUpdate"]);
    let sentence = message::of(Hresult::ERROR_WINHTTP_CANNOT_CONNECT);
    assert_eq!((said.code, said.lines()), (2, borrowed(&failed(&desk, "80072EFD", &sentence))));
    let steps = steps(&desk);
    let search = format!("Search Started (MMPC update) (Path: {url})...");
    for line in [&search, "Search failed with hr: 0x80072EFD", "Update failed with hr: 0x80072EFD"] {
        assert_eq!(steps.iter().filter(|step| *step == line).count(), 1, "{line}: {steps:?}");
    }
    assert!(steps.iter().any(|step| step.contains(&url) && step.contains("refused")), "{steps:?}");
}

#[test]
fn an_update_that_runs_elsewhere_is_told_as_ever() {
    let desk = Desk::of(&site_with("1.0.0.0"));
    let store = desk.machine.store();
    let _running = store.begin("update").unwrap();
    let said = desk.run(&["-SignatureUpdate"]);
    let lines = said.lines();
    assert_eq!((said.code, lines[1]), (2, "ERROR: Signature Update failed with hr=80070652"));
    assert!(lines[2].starts_with("Another update is running"), "{lines:?}");
    assert!(lines[3].starts_with("CmdTool: Failed with hr = 0x80070652. Check /"), "{lines:?}");
    assert!(desk.log().contains("Update failed with hr: 0x80070652\n"), "{}", desk.log());
}

#[test]
fn a_share_is_asked_instead_of_what_is_configured_where_its_folder_is_named() {
    let (configured, share) = (site_with("1.0.0.0"), Site::new());
    let desk = Desk::of(&configured);
    let folder = desk.machine.path().join("mounted share");
    symlink(configured.repository(), &folder).unwrap();
    let mut desk = desk;
    desk.machine.set("BOOSTER_SOURCES", share.repository());
    let said = desk.succeed(&["-SignatureUpdate", "-UNC", "-Path", folder.to_str().unwrap()]);
    assert_eq!(said.lines(), FINISHED);
    assert_eq!(desk.version().as_deref(), Some("1.0.0.0"));
    let path = format!("(UNC update) (Path: {})", folder.display());
    assert!(desk.log().contains(&path), "{}", desk.log());
}

#[test]
fn a_share_is_asked_by_its_network_name() {
    let site = site_with("1.0.0.0");
    let mut desk = Desk::of(&Site::new());
    desk.machine.set("BOOSTER_ROOT", site.root_file());
    let Some(server) = Samba::start(&[SambaShare::account("Größe 2", &site.repository())]) else { return };
    let share = server.unc("Größe 2");
    let said = desk.run(&["-SignatureUpdate", "-UNC", "-Path", &share]);
    assert_eq!(said.code, 2, "nothing says how to sign in");
    assert!(desk.log().contains("credentials_file"), "{}", desk.log());

    desk.machine.set("BOOSTER_UNC__PORT", server.port().to_string());
    desk.machine.set("BOOSTER_UNC__CREDENTIALS_FILE", server.credentials());
    assert_eq!(desk.succeed(&["-SignatureUpdate", "-UNC", "-Path", &share]).lines(), FINISHED);
    assert_eq!(desk.version().as_deref(), Some("1.0.0.0"));
    let path = format!("(UNC update) (Path: {share})");
    assert!(desk.log().contains(&path), "{}", desk.log());
    assert!(!desk.log().contains(Samba::PASSWORD));

    let said = desk.run(&["-SignatureUpdate", "-UNC", "-Path", r"\\server\.."]);
    assert_eq!(said.code, 2);
    assert!(desk.log().contains("a relative part"), "{}", desk.log());
}

#[test]
fn only_sources_of_the_kind_that_is_asked_for_are_used() {
    let site = site_with("1.0.0.0");
    let mut desk = Desk::of(&site);
    let none = "No source of the kind that was asked for is configured.";
    let said = desk.run(&["-SignatureUpdate", "-MMPC"]);
    assert_eq!(said.lines(), failed(&desk, "80240042", none));

    // The server would never answer, but is not asked.
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", server.local_addr().unwrap());
    desk.machine.set("BOOSTER_SOURCES", format!("{url},{}", site.repository().display()));
    assert_eq!(desk.succeed(&["-SignatureUpdate", "-UNC"]).lines(), FINISHED);
    desk.machine.set("BOOSTER_SOURCES", &url);
    assert_eq!(desk.run(&["-SignatureUpdate", "-UNC"]).lines(), failed(&desk, "80240042", none));
}

#[test]
fn an_installed_program_finds_the_worker_that_was_installed_with_it() {
    let site = site_with("1.0.0.0");
    let mut desk = Desk::of(&site);
    // The service has a worker of its own.
    desk.machine.set("BOOSTER_SERVICE__USE", "never");
    desk.machine.unset("BOOSTER_ENGINE__WORKER");
    desk.machine.set("PATH", "");
    desk.install();
    assert_eq!(desk.succeed(&["-SignatureUpdate"]).lines(), FINISHED);
}

#[test]
fn an_update_succeeds_where_no_log_can_be_written() {
    let site = site_with("1.0.0.0");
    let mut desk = Desk::of(&site);
    let victim = desk.machine.path().join("victim");
    fs::write(&victim, "mine").unwrap();
    symlink(&victim, desk.log_file()).unwrap();
    assert_eq!(desk.succeed(&["-SignatureUpdate"]).lines(), FINISHED);
    assert_eq!(fs::read_to_string(victim).unwrap(), "mine");
    desk.machine.set("TMPDIR", "/nowhere/at/all");
    publish(&site, "1.1.0.0");
    assert_eq!(desk.succeed(&["-SignatureUpdate"]).lines(), FINISHED);
    let said = desk.run(&["-SignatureUpdate", "-MMPC"]);
    assert_eq!(said.lines()[3], "CmdTool: Failed with hr = 0x80240042.", "no log is named");
}
