//! The health command: new definitions stay only if the machine is well with them.
#![cfg(unix)]

use crate::{
    behind,
    machine::{Machine, Told, folder},
    publisher,
    publisher::{Publisher, rule},
};
use booster_definitions::{Component, Version};
use booster_engine::CommandLine;
use booster_store::{HistoryEntry, RejectedRelease, Why};
use booster_update::{ErrorKind, EventKind, EventResult, Held, How, Outcome};
use std::{fs, path::Path, time::Duration};

const AV: Component = Component::Antivirus;

fn shell(script: &str) -> Option<CommandLine> {
    let (program, timeout) = ("/bin/sh".into(), Duration::from_secs(600));
    Some(CommandLine { program, arguments: vec!["-c".into(), script.into()], timeout })
}

fn rejected(machine: &Machine) -> Vec<RejectedRelease> {
    machine.store().rejected().unwrap()
}

fn history(machine: &Machine) -> HistoryEntry {
    machine.store().history().unwrap().pop().unwrap()
}

#[tokio::test]
async fn the_command_sees_the_new_definitions_in_place_and_nothing_secret() {
    let (mut machine, publisher) = behind().await;
    let seen = machine.data.path().join("../seen-by-health").to_str().unwrap().to_owned();
    machine.options.health = shell(&format!(
        "test -d \"$BOOSTER_DATA_DIR/generations/0000000$BOOSTER_GENERATION\" || exit 1; \
         cat \"$BOOSTER_DATA_DIR/current\" > {seen}; env | grep -c ^BOOSTER_ >> {seen}"
    ));
    machine.update(publisher.path()).await.is(Outcome::Updated);
    let told = fs::read_to_string(&seen).unwrap();
    fs::remove_file(seen).unwrap();
    assert!(told.contains("\"generation\": 2") && told.trim_end().ends_with("\n2"), "{told}");
    assert_eq!((machine.version(AV), rejected(&machine)), (Some(2), vec![]));
    assert!(!machine.store().awaits_approval().unwrap());
}

#[tokio::test]
async fn a_command_that_fails_brings_the_old_set_back_and_the_release_is_not_taken_again() {
    let (mut machine, mut publisher) = behind().await;
    machine.options.health = shell("echo scanner is down >&2; test $BOOSTER_GENERATION -ne 2");
    let told = machine.update(publisher.path()).await;
    told.failed_with(ErrorKind::HealthFailed);
    let message = told.report.error.as_ref().unwrap().to_string();
    assert!(message.contains("scanner is down") && message.contains("in use again"), "{message}");
    let closed = told.events.iter().find(|event| event.kind == EventKind::InstallComplete).unwrap();
    assert!(matches!(closed.result, EventResult::Failed(_)));
    assert_eq!(machine.version(AV), Some(1));
    let [release] = rejected(&machine).try_into().unwrap();
    assert_eq!((release.version.0[1], release.why), (2, Why::Unhealthy));
    assert!(release.reason.contains("scanner is down"));
    assert_eq!(history(&machine).outcome, "failed");

    let told = machine.update(publisher.path()).await;
    let change = &told.is(Outcome::Current).report.components[0];
    assert!(matches!(change.held, Some(Held::Rejected { why: Why::Unhealthy, .. })), "{change:?}");
    assert_eq!((change.how, told.count(EventKind::DownloadStart)), (How::None, 0));
    publisher.publish(AV, 3, &[("one.yar", &rule("one", "third pattern"))]);
    machine.update(publisher.path()).await.is(Outcome::Updated);
    assert_eq!(machine.version(AV), Some(3));

    // Lifted, it is as any other: here, older than what is installed.
    let allowed = machine.store().begin("test").unwrap().allow(|_| true).unwrap();
    assert_eq!(allowed, [release]);
}

#[tokio::test]
async fn another_source_with_the_same_release_does_not_hide_the_failure() {
    let (mut machine, publisher) = behind().await;
    machine.options.health = shell("exit 1");
    let copy = publisher.copy();
    let told = machine.update_from(&[folder(publisher.path()), folder(copy.path())]).await;
    told.failed_with(ErrorKind::HealthFailed);
    assert_eq!((told.report.sources_tried.len(), rejected(&machine).len()), (2, 1));
}

#[tokio::test]
async fn the_first_set_of_all_is_not_kept_either_when_the_machine_is_not_well_with_it() {
    let publisher = publisher();
    let mut machine = Machine::new(&publisher);
    machine.options.health = shell("exit 1");
    machine.update(publisher.path()).await.failed_with(ErrorKind::HealthFailed);
    assert!(machine.versions().is_empty() && rejected(&machine).len() == 1);
}

#[tokio::test]
async fn a_command_that_hangs_is_killed_at_the_end_of_its_time() {
    let (mut machine, publisher) = behind().await;
    // What it started holds its output open; that is not waited for.
    machine.options.health = shell("sleep 600 & echo still waiting; exec sleep 600");
    machine.options.health.as_mut().unwrap().timeout = Duration::from_millis(300);
    let told = machine.update(publisher.path()).await;
    told.failed_with(ErrorKind::HealthFailed);
    let message = told.report.error.as_ref().unwrap().to_string();
    assert!(message.contains("longer than 0.3 s") && message.contains("still waiting"), "{message}");
}

#[tokio::test]
async fn a_command_that_cannot_be_run_says_nothing_about_the_release() {
    let (mut machine, publisher) = behind().await;
    machine.options.health = shell("");
    machine.options.health.as_mut().unwrap().program = "/nonexistent/health".into();
    let told = machine.update(publisher.path()).await;
    told.failed_with(ErrorKind::Configuration);
    assert!(told.report.error.as_ref().unwrap().to_string().contains("/nonexistent/health"));
    assert_eq!((machine.version(AV), rejected(&machine)), (Some(1), vec![]));
    machine.options.health = None;
    machine.update(publisher.path()).await.is(Outcome::Updated);
}

#[tokio::test]
async fn a_cancellation_while_the_command_runs_undoes_the_switch_and_blames_nobody() {
    let (mut machine, publisher) = behind().await;
    let begun = machine.data.path().join("../health-has-begun");
    machine.options.health = shell(&format!("touch {}; exec sleep 600", begun.display()));
    let cancel = tokio_util::sync::CancellationToken::new();
    let request = machine.request(&[folder(publisher.path())]);
    let canceller = async {
        while !begun.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cancel.cancel();
    };
    let (told, ()) = tokio::join!(machine.run_with(request, cancel.clone(), |_| false), canceller);
    fs::remove_file(begun).unwrap();
    told.is(Outcome::Cancelled);
    let [undone] = told.report.undone.as_slice() else { panic!("{:?}", told.report.undone) };
    assert_eq!((undone.why, undone.changes[0].to), (Why::NotApproved, Some(Version([1, 1, 0, 0]))));
    assert_eq!((machine.version(AV), rejected(&machine)), (Some(1), vec![]));
    assert!(!machine.store().awaits_approval().unwrap());
}

/// A machine whose update died while the health command ran.
async fn died_in_between() -> (Machine, Publisher) {
    let (mut machine, publisher) = behind().await;
    machine.options.health = shell("exit 0");
    machine.update(publisher.path()).await.is(Outcome::Updated);
    // The pointer as it is between the switch and the approval.
    let pointer = machine.data.path().join("current");
    let mut json: serde_json::Value = serde_json::from_slice(&fs::read(&pointer).unwrap()).unwrap();
    json["before"] = serde_json::json!({ "generation": 1, "last_known_good": null });
    fs::write(pointer, json.to_string()).unwrap();
    assert!(machine.store().awaits_approval().unwrap());
    (machine, publisher)
}

fn rolled_back(told: &Told) -> (usize, bool) {
    let with = told.events.iter().filter(|event| event.rolled_back.is_some());
    let kinds: Vec<_> = with.map(|event| event.kind).collect();
    (kinds.len(), kinds == [EventKind::RequestProcessed] && told.report.rolled_back.is_some())
}

#[tokio::test]
async fn after_a_crash_before_the_answer_the_next_update_asks_again() {
    let (mut machine, publisher) = died_in_between().await;
    let told = machine.update(publisher.path()).await;
    assert_eq!(
        (told.is(Outcome::Current).report.rolled_back.clone(), rolled_back(&told)),
        (None, (0, false))
    );
    assert_eq!((machine.version(AV), machine.store().awaits_approval().unwrap()), (Some(2), false));

    (machine, _) = died_in_between().await;
    machine.options.health = shell("echo no longer; exit 3");
    let request = machine.request(&[folder(Path::new("/nonexistent"))]);
    let told = machine.run(request).await;
    assert_eq!(rolled_back(&told), (1, true));
    assert_eq!((machine.version(AV), rejected(&machine).len()), (Some(1), 1));
    let history = machine.store().history().unwrap();
    assert!(history.iter().any(|entry| entry.outcome == "rolled_back" && entry.reason.is_some()));
}

#[tokio::test]
async fn a_look_alone_runs_no_command_and_without_one_the_question_is_dropped() {
    let (mut machine, publisher) = died_in_between().await;
    machine.options.health = shell("exit 1");
    let mut request = machine.request(&[folder(publisher.path())]);
    request.check_only = true;
    machine.run(request).await.is(Outcome::Current);
    assert!(machine.store().awaits_approval().unwrap());
    machine.options.health = None;
    machine.update(publisher.path()).await.is(Outcome::Current);
    assert!(!machine.store().awaits_approval().unwrap());
    assert_eq!(machine.version(AV), Some(2));
}
