//! With commands of the administrator's.

use super::{AV, confirmed, engine, finds, has_problem, placed, publisher, rejected, shell, with_engine};
use crate::machine::{Machine, folder};
use booster_engine::adapter::{Adapter, Commands, Engine};
use booster_test_support::eventually;
use booster_update::{ErrorKind, Outcome};
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

fn adapter(folder: Option<&Path>, test: &str, reload: &str) -> Adapter {
    let [test, reload] = [test, reload].map(|script| (!script.is_empty()).then(|| shell(script)));
    Adapter {
        name: "gateway".into(),
        engine: Engine::Command(Commands { folder: folder.map(Path::to_owned), test, reload }),
        components: vec![AV],
        endings: Vec::new(),
        required: false,
        timeout: Duration::from_secs(60),
    }
}

#[tokio::test]
async fn a_test_sees_the_new_definitions_before_they_are_in_use_and_a_reload_after() {
    let seen = tempfile::tempdir().unwrap();
    let seen = seen.path().display();
    let test = format!(
        "cat $BOOSTER_DEFINITIONS/antivirus/* > {seen}/test; cp $BOOSTER_DATA_DIR/current {seen}/current || true; \
         env | grep -c ^BOOSTER_ >> {seen}/test"
    );
    let reload = format!(
        "cat $BOOSTER_DEFINITIONS/antivirus/* > {seen}/reload; echo $BOOSTER_GENERATION >> {seen}/reload"
    );
    let mut publisher = publisher();
    let machine = with_engine(&publisher, adapter(None, &test, &reload)).await;
    publisher.publish(AV, 2, &[("two.hsb", &finds("the second"))]);
    let told = machine.update(publisher.path()).await;
    assert_eq!(confirmed(told.is(Outcome::Updated)), Some(2));
    let read = |name: &str| fs::read_to_string(format!("{seen}/{name}")).unwrap();
    assert!(read("test").contains("the second") && read("test").ends_with("\n2\n"), "{}", read("test"));
    assert!(read("current").contains("\"generation\": 1"), "{}", read("current"));
    assert!(read("reload").contains("the second") && read("reload").ends_with("\n2\n"), "{}", read("reload"));
}

#[tokio::test]
async fn a_test_that_fails_keeps_the_release_out_and_a_reload_that_fails_takes_it_back() {
    for (test, reload) in
        [("grep -q first $BOOSTER_DEFINITIONS/antivirus/*", ""), ("", "test $BOOSTER_GENERATION -ne 2")]
    {
        let place = tempfile::tempdir().unwrap();
        let mut publisher = publisher();
        let machine = with_engine(&publisher, adapter(Some(place.path()), test, reload)).await;
        publisher.publish(AV, 2, &[("two.hsb", &finds("the second"))]);
        let told = machine.update(publisher.path()).await;
        told.failed_with(ErrorKind::EngineRejected);
        assert_eq!((machine.version(AV), rejected(&machine)), (Some(1), vec![(AV, 2)]), "{test}{reload}");
        assert_eq!(placed(place.path()), ["booster-antivirus-one.hsb"]);
        assert_eq!(confirmed(&told), Some(1));
    }
}

#[tokio::test]
async fn a_command_that_cannot_be_run_says_nothing_about_the_release() {
    let mut publisher = publisher();
    let mut machine = with_engine(&publisher, adapter(None, "", "exit 0")).await;
    publisher.publish(AV, 2, &[("two.hsb", &finds("the second"))]);
    let mut broken = adapter(None, "", "exit 0");
    match &mut broken.engine {
        Engine::Command(commands) => commands.reload.as_mut().unwrap().program = "/nonexistent/reload".into(),
        other => panic!("{other:?}"),
    }
    machine.options.engines = vec![Adapter { required: true, ..broken.clone() }];
    machine.update(publisher.path()).await.failed_with(ErrorKind::Configuration);
    assert_eq!((machine.version(AV), rejected(&machine)), (Some(1), vec![]));
    machine.options.engines = vec![broken];
    let told = machine.update(publisher.path()).await;
    has_problem(told.is(Outcome::Updated), "/nonexistent/reload cannot be run");
}

#[tokio::test]
async fn the_engine_is_brought_back_before_the_update_ends_when_the_health_command_says_no() {
    let place = tempfile::tempdir().unwrap();
    let mut publisher = publisher();
    let mut machine = with_engine(&publisher, adapter(Some(place.path()), "", "exit 0")).await;
    publisher.publish(AV, 2, &[("two.hsb", &finds("the second"))]);
    // It runs when the engine has the new files already.
    machine.options.health =
        Some(shell(&format!("! test -e {}/booster-antivirus-two.hsb", place.path().display())));
    let told = machine.update(publisher.path()).await;
    told.failed_with(ErrorKind::HealthFailed);
    assert_eq!(placed(place.path()), ["booster-antivirus-one.hsb"]);
    assert_eq!((machine.version(AV), confirmed(&told)), (Some(1), Some(1)));
}

#[tokio::test]
async fn a_cancellation_puts_the_files_back_at_once_and_leaves_the_confirmation_to_the_next_update() {
    let place = tempfile::tempdir().unwrap();
    let mut publisher = publisher();
    let mut machine = with_engine(&publisher, adapter(Some(place.path()), "", "exit 0")).await;
    publisher.publish(AV, 2, &[("two.hsb", &finds("the second"))]);
    let begun = place.path().join("begun");
    machine.options.engines =
        vec![adapter(Some(place.path()), "", &format!("touch {}; exec sleep 600", begun.display()))];
    // The other command makes it another engine: that the current set is in use has to be shown first.
    let cancel = CancellationToken::new();
    let request = machine.request(&[folder(publisher.path())]);
    let canceller = async {
        while !begun.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cancel.cancel();
    };
    let (told, ()) = tokio::join!(machine.run_with(request, cancel.clone(), |_| false), canceller);
    told.is(Outcome::Cancelled);
    assert_eq!((machine.version(AV), rejected(&machine)), (Some(1), vec![]));
    assert_eq!(placed(place.path()), ["booster-antivirus-one.hsb"]);
    has_problem(&told, "still to confirm");
    machine.options.engines = vec![adapter(Some(place.path()), "", "exit 0")];
    let told = machine.update(publisher.path()).await;
    assert_eq!(confirmed(told.is(Outcome::Updated)), Some(2));
    assert_eq!(engine(&told).kind, "command");
}

/// A machine whose update, a process of its own, is killed while the engine is asked about release 2.
async fn killed_in_between(place: &Path) -> (Machine, crate::publisher::Publisher) {
    let mut publisher = crate::publisher::Publisher::new(jiff::Timestamp::now());
    publisher.publish(AV, 1, &[("one.hsb", &finds("the first"))]);
    let machine = Machine::new(&publisher);
    publisher.renew(jiff::Timestamp::now());
    let begun = place.join("begun");
    // It outlives the update that is killed, until its file is removed.
    let reload = format!(
        "test $BOOSTER_GENERATION -eq 1 || {{ touch {0}; while test -e {0}; do sleep 0.05; done; }}",
        begun.display()
    );
    let (data, repository) = (machine.data.path(), publisher.path().to_owned());
    let update = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_booster-update-test-program"));
        command.arg("update").args([data, &repository, place]).arg(&reload);
        command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
    };
    assert!(update().wait().unwrap().success());
    assert_eq!(machine.version(AV), Some(1));
    publisher.publish(AV, 2, &[("two.hsb", &finds("the second"))]);
    let mut killed = update();
    assert!(eventually(|| begun.exists()), "the engine was never asked");
    killed.kill().unwrap();
    killed.wait().unwrap();
    fs::remove_file(begun).unwrap();
    assert!(machine.store().awaits_approval().unwrap());
    assert_eq!(placed(place), ["booster-antivirus-two.hsb"]);
    machine.clock.jump_to(jiff::Timestamp::now());
    (machine, publisher)
}

#[tokio::test]
async fn an_update_that_is_killed_between_placing_and_confirming_is_settled_by_the_next() {
    let place = tempfile::tempdir().unwrap();
    let (mut machine, publisher) = killed_in_between(place.path()).await;
    machine.options.engines =
        vec![Adapter { name: "test".into(), ..adapter(Some(place.path()), "", "exit 0") }];
    let told = machine.update(publisher.path()).await;
    assert_eq!(confirmed(told.is(Outcome::Current)), Some(2));
    assert_eq!((machine.version(AV), machine.store().awaits_approval().unwrap()), (Some(2), false));

    let place = tempfile::tempdir().unwrap();
    let (mut machine, publisher) = killed_in_between(place.path()).await;
    let says_no = adapter(Some(place.path()), "", "test $BOOSTER_GENERATION -eq 1");
    machine.options.engines = vec![Adapter { name: "test".into(), ..says_no }];
    let told = machine.update(publisher.path()).await;
    assert!(told.is(Outcome::Current).report.rolled_back.is_some());
    assert_eq!((machine.version(AV), rejected(&machine)), (Some(1), vec![(AV, 2)]));
    assert_eq!(placed(place.path()), ["booster-antivirus-one.hsb"]);
    assert_eq!(confirmed(&told), Some(1));
}
