//! The trial on files of the machine: a release that suddenly flags many of them is held back.

use crate::{
    machine::{Machine, folder},
    publisher,
    publisher::{Publisher, rule},
};
use booster_definitions::Component;
use booster_engine::Sample;
use booster_store::{RejectedRelease, Why};
use booster_update::{Cause, ErrorKind, EventKind, Held, Outcome, TrialOptions, Tried, try_installed};
use std::{fs, time::Duration};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const AV: Component = Component::Antivirus;
const NIS: Component = Component::Nis;

/// A machine with release 1 and a hundred files, of which all are tried and one in a hundred may be flagged.
async fn machine() -> (Machine, Publisher, TempDir) {
    let publisher = publisher();
    let mut machine = Machine::new(&publisher);
    machine.update(publisher.path()).await.is(Outcome::Updated);
    let files = tempfile::tempdir().unwrap();
    for n in 0..100 {
        fs::write(files.path().join(format!("{n:02}")), format!("the content of file {n:02}")).unwrap();
    }
    machine.options.trial = TrialOptions {
        sample: Sample {
            random: 1000,
            folders: vec![files.path().to_owned()],
            file_bytes: 1 << 20,
            total_bytes: 1 << 30,
            time: Duration::from_secs(600),
            ..Sample::default()
        },
        max_share: 10_000,
    };
    (machine, publisher, files)
}

fn rejected(machine: &Machine) -> Vec<(Component, u16, Why)> {
    let short = |release: RejectedRelease| (release.component, release.version.0[1], release.why);
    machine.store().rejected().unwrap().into_iter().map(short).collect()
}

#[tokio::test]
async fn a_release_that_flags_everything_is_held_back_named_and_not_taken_again() {
    let (machine, mut publisher, files) = machine().await;
    publisher.publish(AV, 2, &[("one.yar", &rule("Everything", "the content"))]);
    publisher.publish(NIS, 7, &[("n.yar", &rule("Harmless", "unheard of"))]);
    let told = machine.update(publisher.path()).await;
    told.failed_with(ErrorKind::DetectionSpike);
    let message = told.report.error.as_ref().unwrap().to_string();
    let first = files.path().join("00").display().to_string();
    assert!(
        message.contains("100 of 100") && message.contains(&format!("{first} (Everything)")),
        "{message}"
    );
    let trial = told.report.trial.as_ref().unwrap();
    assert_eq!((trial.newly_flagged, trial.flagged.len()), (100, 100));
    assert_eq!(machine.version(AV), Some(1));
    assert_eq!(rejected(&machine), [(AV, 2, Why::DetectionSpike)], "the other one did no harm");

    let told = machine.update(publisher.path()).await;
    told.is(Outcome::Updated);
    assert_eq!((machine.version(AV), machine.version(NIS)), (Some(1), Some(7)));
    let held = told.report.components.iter().find_map(|change| change.held.clone());
    assert!(matches!(held, Some(Held::Rejected { why: Why::DetectionSpike, .. })), "{held:?}");

    publisher.publish(AV, 3, &[("one.yar", &rule("Better", "another pattern"))]);
    machine.update(publisher.path()).await.is(Outcome::Updated);
    assert_eq!(machine.version(AV), Some(3));
}

#[tokio::test]
async fn a_share_that_is_allowed_holds_nothing_back_and_one_file_more_does() {
    let (machine, mut publisher, _files) = machine().await;
    publisher.publish(AV, 2, &[("one.yar", &rule("One", "file 42"))]);
    machine.update(publisher.path()).await.is(Outcome::Updated);
    // File 42 is nothing new any more.
    let two = [("one.yar", rule("One", "file 42")), ("two.yar", rule("Two", "file 07"))];
    publisher.publish(AV, 3, &two.each_ref().map(|(name, rule)| (*name, rule.as_slice())));
    machine.update(publisher.path()).await.is(Outcome::Updated);
    publisher.publish(AV, 4, &[("one.yar", &rule("Ten", "file 1"))]);
    let told = machine.update(publisher.path()).await;
    told.failed_with(ErrorKind::DetectionSpike);
    assert_eq!(told.report.trial.as_ref().unwrap().newly_flagged, 10);
}

#[tokio::test]
async fn a_second_source_with_the_same_release_does_not_hide_the_spike() {
    let (machine, mut publisher, _files) = machine().await;
    publisher.publish(AV, 2, &[("one.yar", &rule("Everything", "the content"))]);
    let copy = publisher.copy();
    let told = machine.update_from(&[folder(publisher.path()), folder(copy.path())]).await;
    told.failed_with(ErrorKind::DetectionSpike);
    assert_eq!(told.count(EventKind::InstallStart), 1, "it was not installed twice");
}

async fn tried(machine: &Machine) -> Tried {
    let operation = machine.store().begin("trial").unwrap();
    let (options, cancel) = (&machine.options.trial, CancellationToken::new());
    try_installed(&operation, &machine.worker, options, &cancel, crate::machine::now()).await.unwrap()
}

#[tokio::test]
async fn a_spike_of_what_is_in_use_already_brings_the_last_known_good_set_back() {
    let (mut machine, mut publisher, _files) = machine().await;
    let trial = std::mem::take(&mut machine.options.trial);
    publisher.publish(AV, 2, &[("one.yar", &rule("Everything", "the content"))]);
    machine.update(publisher.path()).await.is(Outcome::Updated);
    machine.options.trial = trial;

    let found = tried(&machine).await;
    assert_eq!(found.report.unwrap().newly_flagged, 100);
    assert!(found.against.unwrap().contains("detection spike") && found.rolled_back.is_some());
    assert_eq!((machine.version(AV), rejected(&machine)), (Some(1), vec![(AV, 2, Why::DetectionSpike)]));

    let again = tried(&machine).await;
    assert!(again.against.is_none() && again.rolled_back.is_none());
    machine.update(publisher.path()).await.is(Outcome::Current);
}

#[tokio::test]
async fn definitions_that_kill_the_process_that_tries_them_are_left_too() {
    let (mut machine, mut publisher, _files) = machine().await;
    publisher.publish(AV, 2, &[("one.yar", &rule("one", "second pattern"))]);
    machine.update(publisher.path()).await.is(Outcome::Updated);
    machine.worker.args = vec!["worker".into(), "crash".into()];
    let found = tried(&machine).await;
    assert!(found.report.is_none() && found.against.unwrap().contains("crashed"));
    assert_eq!((machine.version(AV), rejected(&machine)), (Some(1), vec![(AV, 2, Why::Crashed)]));
    // There is nothing to go back to any more, and what is there stays.
    let found = tried(&machine).await;
    assert!(found.against.is_some() && found.rolled_back.is_none());
    assert_eq!(machine.version(AV), Some(1));
}

#[tokio::test]
async fn a_trial_that_the_machine_itself_hinders_blames_nobody() {
    let (mut machine, publisher, _files) = machine().await;
    machine.worker.program = "/nonexistent".into();
    let operation = machine.store().begin("trial").unwrap();
    let (options, cancel) = (&machine.options.trial, CancellationToken::new());
    let now = crate::machine::now();
    let error = try_installed(&operation, &machine.worker, options, &cancel, now).await.unwrap_err();
    assert!(matches!(error, Cause::Worker(_)), "{error}");
    drop(operation);
    assert!(rejected(&machine).is_empty());
    let empty = Machine::new(&publisher);
    let operation = empty.store().begin("trial").unwrap();
    let error = try_installed(&operation, &machine.worker, options, &cancel, now).await.unwrap_err();
    assert!(matches!(error, Cause::NothingInstalled), "{error}");
}
