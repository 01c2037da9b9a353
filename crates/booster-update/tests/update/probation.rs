//! Programs that die while they load new definitions: what counts, what does not, and what follows.
#![cfg(unix)]

use crate::{
    machine::{Machine, Told, folder},
    publish_second,
    publisher::Publisher,
    publisher_at,
};
use booster_definitions::Component;
use booster_store::Why;
use booster_update::{EventKind, Outcome, SystemClock};
use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    sync::Mutex,
};
use tokio_util::sync::CancellationToken;

const AV: Component = Component::Antivirus;

/// A machine with releases 1 and 2, of which a loader has loaded the first.
async fn on_probation() -> (Machine, Publisher) {
    let mut publisher = publisher_at(jiff::Timestamp::now());
    let machine = Machine::new(&publisher);
    update(&machine, &publisher).await;
    assert!(load(&machine, "well"));
    publish_second(&mut publisher);
    update(&machine, &publisher).await;
    (machine, publisher)
}

/// Updates by the clock on the wall: programs that load look at no other.
async fn update(machine: &Machine, publisher: &Publisher) -> Told {
    let events = Mutex::new(Vec::new());
    let observer = |event: &booster_update::Event| events.lock().unwrap().push(event.clone());
    let request = machine.request(&[folder(publisher.path())]);
    let (cancel, clock) = (CancellationToken::new(), SystemClock::default());
    let report =
        booster_update::run(&machine.store(), &machine.worker, request, &observer, &cancel, &clock).await;
    Told { report, events: events.into_inner().unwrap() }
}

fn loader(machine: &Machine, end: &str) -> Command {
    let mut command = Command::new(&machine.worker.program);
    command.arg("load").arg(machine.data.path()).arg(end);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// Runs a loader to its end; whether that was a good one.
fn load(machine: &Machine, end: &str) -> bool {
    loader(machine, end).status().unwrap().success()
}

fn markers(machine: &Machine) -> Vec<PathBuf> {
    let entries = fs::read_dir(machine.data.path().join("loading")).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.to_string_lossy().ends_with(".marker")).collect()
}

/// Begins an operation, as any command does, and says what is in use then.
fn next_start(machine: &Machine) -> Option<u16> {
    drop(machine.store().begin("test").unwrap());
    machine.version(AV)
}

#[tokio::test]
async fn two_deaths_in_a_row_bring_the_last_known_good_set_back_at_the_next_start() {
    for end in ["abort", "panic"] {
        let (machine, publisher) = on_probation().await;
        assert!(!load(&machine, end));
        assert_eq!(next_start(&machine), Some(2), "one death is not enough");
        assert!(!load(&machine, end));
        assert_eq!(machine.version(AV), Some(2), "nothing is changed without the lock");

        let told = update(&machine, &publisher).await;
        assert_eq!(machine.version(AV), Some(1));
        let report = &told.report;
        assert_eq!(report.outcome, Outcome::Current, "{report:?}");
        let rolled_back = report.rolled_back.as_ref().unwrap();
        assert_eq!((rolled_back.why, rolled_back.changes.len()), (Why::Crashed, 1));
        assert!(rolled_back.reason.contains("\"loader\" died 2 times"), "{}", rolled_back.reason);
        let event = told.events.iter().find(|event| event.rolled_back.is_some()).unwrap();
        assert_eq!(event.kind, EventKind::RequestProcessed);
        let [release] = machine.store().rejected().unwrap().try_into().unwrap();
        assert_eq!((release.version.0[1], release.why), (2, Why::Crashed));
        let entry = machine.store().history().unwrap().pop().unwrap();
        assert_eq!((entry.outcome.as_str(), entry.reason), ("rolled_back", Some(release.reason)));
        assert!(markers(&machine).is_empty() && load(&machine, "well"));
        machine.check_folder();
    }
}

#[tokio::test]
async fn the_third_loader_loads_the_last_known_good_set_itself() {
    let (machine, _publisher) = on_probation().await;
    assert!(!load(&machine, "abort") && !load(&machine, "abort"));
    assert!(load(&machine, "well"));
    assert_eq!(machine.version(AV), Some(1));
    assert_eq!(machine.store().rejected().unwrap().len(), 1);
}

#[tokio::test]
async fn a_success_in_between_clears_what_went_before() {
    let (machine, _publisher) = on_probation().await;
    assert!(!load(&machine, "abort"));
    assert!(load(&machine, "well") && markers(&machine).is_empty());
    // Whoever has loaded them once can load them: later deaths have other reasons.
    for _ in 0..3 {
        assert!(!load(&machine, "abort"));
    }
    assert_eq!(next_start(&machine), Some(2));
}

#[tokio::test]
async fn a_program_that_never_loaded_an_earlier_set_proves_nothing() {
    let (machine, _publisher) = on_probation().await;
    fs::remove_file(machine.data.path().join("loading/loader.loaded")).unwrap();
    for _ in 0..3 {
        assert!(!load(&machine, "abort"));
    }
    assert_eq!(next_start(&machine), Some(2));
}

#[tokio::test]
async fn a_loader_that_is_alive_or_gave_up_is_no_death_and_a_killed_one_is_one() {
    let (machine, _publisher) = on_probation().await;
    let hang = || {
        let mut child = loader(&machine, "hang").spawn().unwrap();
        BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
        child
    };
    let mut alive = [hang(), hang(), hang()];
    assert_eq!(markers(&machine).len(), 3);
    assert_eq!(next_start(&machine), Some(2));
    // The first gives up: its input ends, and it drops what it holds.
    drop(alive[0].stdin.take());
    alive[0].wait().unwrap();
    assert_eq!((markers(&machine).len(), next_start(&machine)), (2, Some(2)));
    for child in &mut alive[1..] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(next_start(&machine), Some(1));
}

/// Changes what stands in each marker.
fn edit(machine: &Machine, change: impl Fn(&mut serde_json::Value)) {
    for path in markers(machine) {
        let mut json = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        change(&mut json);
        fs::write(path, json.to_string()).unwrap();
    }
}

#[tokio::test]
async fn deaths_in_a_power_cut_after_the_probation_or_of_another_set_do_not_count() {
    for change in [
        (|json| json["boot"] = "another run of the machine".into()) as fn(&mut serde_json::Value),
        |json| json["since"] = "2200-01-01T00:00:00Z".into(),
        |json| json["generation"] = 1.into(),
    ] {
        let (machine, _publisher) = on_probation().await;
        assert!(!load(&machine, "abort") && !load(&machine, "abort"));
        edit(&machine, change);
        assert_eq!(next_start(&machine), Some(2));
    }
    // Unchanged they do: the cases above fail for their own reason.
    let (machine, _publisher) = on_probation().await;
    assert!(!load(&machine, "abort") && !load(&machine, "abort"));
    edit(&machine, |_| {});
    fs::write(machine.data.path().join("loading/loader.1-1.marker"), b"{").unwrap();
    assert_eq!(next_start(&machine), Some(1));
}

#[tokio::test]
async fn without_a_last_known_good_set_or_with_a_damaged_one_the_current_set_stays() {
    let (machine, _publisher) = on_probation().await;
    assert!(!load(&machine, "abort") && !load(&machine, "abort"));
    let file = machine.data.path().join("generations/00000001/antivirus/one.yar");
    fs::remove_file(&file).unwrap();
    fs::write(file, "changed").unwrap();
    assert_eq!(next_start(&machine), Some(2));
    assert!(markers(&machine).is_empty(), "counted from the start again");
    assert!(machine.store().rejected().unwrap().is_empty());

    let publisher = publisher_at(jiff::Timestamp::now());
    let machine = Machine::new(&publisher);
    update(&machine, &publisher).await;
    fs::create_dir_all(machine.data.path().join("loading")).unwrap();
    fs::write(machine.data.path().join("loading/loader.loaded"), "0").unwrap();
    assert!(!load(&machine, "abort") && !load(&machine, "abort"));
    assert_eq!(next_start(&machine), Some(1));
    load(&machine, "well");
}

#[tokio::test]
async fn who_may_not_write_loads_all_the_same() {
    let (machine, _publisher) = on_probation().await;
    // A file in the folder's place: not even root can leave a marker.
    let loading = machine.data.path().join("loading");
    fs::remove_dir_all(&loading).unwrap();
    fs::write(&loading, "").unwrap();
    assert!(load(&machine, "well"));
    fs::remove_file(loading).unwrap();
}
