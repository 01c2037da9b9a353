//! With a real clamd.

use super::{AV, confirmed, finds, has_problem, placed, publisher, rejected, with_engine};
use crate::machine::{Machine, folder, now};
use booster_definitions::Component;
use booster_engine::adapter::{Adapter, CLAMD_ENDINGS, Clamd, Endpoint, Engine};
use booster_store::{Verdict, Why};
use booster_test_support::{Clamd as RealClamd, eventually};
use booster_update::{ErrorKind, Outcome, bring_engines};
use std::{fs, time::Duration};
use tokio_util::sync::CancellationToken;

/// An adapter for it, with `clamscan` as its test.
fn adapter(clamd: &RealClamd) -> Adapter {
    Adapter {
        name: "clamd".into(),
        engine: Engine::Clamd(Clamd {
            folder: clamd.database(),
            socket: Endpoint::Unix(clamd.socket()),
            clamscan: Some("clamscan".into()),
        }),
        components: vec![AV],
        endings: CLAMD_ENDINGS.iter().map(|ending| ending.to_string()).collect(),
        required: false,
        timeout: Duration::from_secs(60),
    }
}

/// The same without a test, and with little patience.
fn untested(clamd: &RealClamd) -> Adapter {
    let mut adapter = adapter(clamd);
    adapter.timeout = Duration::from_millis(1500);
    clamd_of(&mut adapter).clamscan = None;
    adapter
}

fn clamd_of(adapter: &mut Adapter) -> &mut Clamd {
    match &mut adapter.engine {
        Engine::Clamd(clamd) => clamd,
        other => panic!("{other:?}"),
    }
}

/// A file that clamd reads and cannot load, and that the built-in engine passes over.
const BAD: (&str, &[u8]) = ("bad.ndb", b"no signature\n");

fn finds_in(clamd: &RealClamd, text: &str) -> bool {
    clamd.scan(text.as_bytes()) == Some(format!("Finds.{text}"))
}

#[tokio::test]
async fn clamd_finds_what_the_new_definitions_find_when_the_update_is_over() {
    let Some(clamd) = RealClamd::start() else { return };
    let mut publisher = publisher();
    let machine = with_engine(&publisher, adapter(&clamd)).await;
    assert!(finds_in(&clamd, "the first"));
    publisher.publish(AV, 2, &[("lists/two.hsb", &finds("the second"))]);
    let told = machine.update(publisher.path()).await;
    assert_eq!(confirmed(told.is(Outcome::Updated)), Some(2));
    assert!(finds_in(&clamd, "the second") && !finds_in(&clamd, "the first"));
    assert_eq!(placed(&clamd.database()), ["booster-antivirus-lists%2Ftwo.hsb"]);
    assert!(clamd.database().join("own.hsb").exists(), "another's file is gone");

    // Nothing new: nothing is loaded again.
    let before = clamd.log().matches("Database correctly reloaded").count();
    let told = machine.update(publisher.path()).await;
    assert_eq!(confirmed(told.is(Outcome::Current)), Some(2));
    assert_eq!(clamd.log().matches("Database correctly reloaded").count(), before);
}

#[tokio::test]
async fn a_reload_that_clamd_forgets_because_it_is_loading_is_asked_for_again() {
    let Some(clamd) = RealClamd::start() else { return };
    let mut publisher = publisher();
    let machine = with_engine(&publisher, adapter(&clamd)).await;
    let many: String = (0..150_000).map(|n| format!("{n:064x}:{}:Own.{n}\n", n + 1000)).collect();
    fs::write(clamd.database().join("many.hsb"), many).unwrap();
    publisher.publish(AV, 2, &[("two.hsb", &finds("the second"))]);
    let loads = || clamd.log().matches("Reading databases").count();
    let before = loads();
    clamd.reload();
    assert!(eventually(|| loads() > before));
    let told = machine.update(publisher.path()).await;
    assert_eq!(confirmed(told.is(Outcome::Updated)), Some(2));
    assert!(finds_in(&clamd, "the second"));
}

#[tokio::test]
async fn what_clamscan_cannot_load_is_not_installed_for_anybody() {
    let Some(clamd) = RealClamd::start() else { return };
    let mut publisher = publisher();
    let machine = with_engine(&publisher, adapter(&clamd)).await;
    publisher.publish(AV, 2, &[("two.hsb", &finds("the second")), BAD]);
    let told = machine.update(publisher.path()).await;
    told.failed_with(ErrorKind::EngineRejected);
    let message = told.report.error.as_ref().unwrap().to_string();
    assert!(message.contains("clamd") && message.contains("Malformed database"), "{message}");
    assert_eq!((machine.version(AV), rejected(&machine)), (Some(1), vec![(AV, 2)]));
    assert_eq!(placed(&clamd.database()), ["booster-antivirus-one.hsb"]);
    let told = machine.update(publisher.path()).await;
    assert_eq!(confirmed(told.is(Outcome::Current)), Some(1));
}

#[tokio::test]
async fn what_clamd_does_not_load_is_taken_back_everywhere_and_it_goes_on_with_the_old_set() {
    let Some(clamd) = RealClamd::start() else { return };
    let mut publisher = publisher();
    let machine = with_engine(&publisher, untested(&clamd)).await;
    publisher.publish(AV, 2, &[("two.hsb", &finds("the second")), BAD]);
    let told = machine.update(publisher.path()).await;
    told.failed_with(ErrorKind::EngineRejected);
    let message = told.report.error.as_ref().unwrap().to_string();
    assert!(message.contains("within 1.5 s") && message.contains("its log says why"), "{message}");
    assert_eq!((machine.version(AV), rejected(&machine)), (Some(1), vec![(AV, 2)]));
    assert_eq!(placed(&clamd.database()), ["booster-antivirus-one.hsb"]);
    // It has confirmed the old set anew, from the files that were put back.
    assert_eq!(confirmed(&told), Some(1));
    assert!(finds_in(&clamd, "the first") && !machine.store().awaits_approval().unwrap());
}

#[tokio::test]
async fn an_update_goes_on_without_a_clamd_that_is_down_and_the_next_one_has_it_confirm() {
    let Some(mut clamd) = RealClamd::start() else { return };
    let mut publisher = publisher();
    let machine = with_engine(&publisher, adapter(&clamd)).await;
    clamd.kill();
    publisher.publish(AV, 2, &[("two.hsb", &finds("the second"))]);
    let told = machine.update(publisher.path()).await;
    has_problem(told.is(Outcome::Updated), "cannot be reached");
    assert_eq!(placed(&clamd.database()), ["booster-antivirus-two.hsb"]);
    let record = &machine.store().engines().unwrap()["clamd"];
    assert_eq!(record.confirmed.as_ref().unwrap().releases[&AV].0[1], 1, "what it used last is forgotten");
    clamd.run();
    let told = machine.update(publisher.path()).await;
    assert_eq!(confirmed(told.is(Outcome::Current)), Some(2));
}

#[tokio::test]
async fn without_a_clamd_that_is_required_nothing_is_installed_and_nothing_rejected() {
    let Some(mut clamd) = RealClamd::start() else { return };
    let mut publisher = publisher();
    let machine = with_engine(&publisher, Adapter { required: true, ..adapter(&clamd) }).await;
    clamd.kill();
    publisher.publish(AV, 2, &[("two.hsb", &finds("the second"))]);
    machine.update(publisher.path()).await.failed_with(ErrorKind::EngineUnavailable);
    assert_eq!((machine.version(AV), rejected(&machine)), (Some(1), vec![]));
    assert_eq!(placed(&clamd.database()), ["booster-antivirus-one.hsb"]);
    clamd.run();
    let told = machine.update(publisher.path()).await;
    assert_eq!(confirmed(told.is(Outcome::Updated)), Some(2));
}

/// Publishes a release and updates, while clamd is killed as soon as its files are there.
async fn killed_while_it_loads(restarted: bool) -> Option<(Machine, RealClamd, crate::machine::Told)> {
    let mut clamd = RealClamd::start()?;
    let mut publisher = publisher();
    let mut adapter = untested(&clamd);
    adapter.timeout = Duration::from_secs(if restarted { 60 } else { 3 });
    let machine = with_engine(&publisher, adapter).await;
    // What is large takes time to load.
    let many: String = (0..150_000).map(|n| format!("{n:064x}:{}:Own.{n}\n", n + 1000)).collect();
    fs::write(clamd.database().join("many.hsb"), many).unwrap();
    publisher.publish(AV, 2, &[("two.hsb", &finds("the second"))]);
    let file = clamd.database().join("booster-antivirus-two.hsb");
    let killer = std::thread::spawn(move || {
        assert!(eventually(|| file.exists()));
        clamd.kill();
        if restarted {
            clamd.run();
        }
        clamd
    });
    let told = machine.update(publisher.path()).await;
    let clamd = killer.join().unwrap();
    Some((machine, clamd, told))
}

#[tokio::test]
async fn a_clamd_that_goes_away_while_it_loads_and_stays_away_brings_the_old_set_back() {
    let Some((machine, mut clamd, told)) = killed_while_it_loads(false).await else { return };
    told.failed_with(ErrorKind::EngineRejected);
    let message = told.report.error.as_ref().unwrap().to_string();
    assert!(message.contains("went away"), "{message}");
    assert_eq!((machine.version(AV), rejected(&machine)), (Some(1), vec![(AV, 2)]));
    assert_eq!(placed(&clamd.database()), ["booster-antivirus-one.hsb"]);
    clamd.run();
    assert!(finds_in(&clamd, "the first"));
}

#[tokio::test]
async fn a_clamd_that_is_restarted_while_it_loads_is_waited_for() {
    let Some((machine, clamd, told)) = killed_while_it_loads(true).await else { return };
    assert_eq!(confirmed(told.is(Outcome::Updated)), Some(2));
    assert!(finds_in(&clamd, "the second") && rejected(&machine).is_empty());
}

#[tokio::test]
async fn a_clamd_that_has_never_read_the_folder_does_not_condemn_a_release() {
    let Some(clamd) = RealClamd::start() else { return };
    let (publisher, other) = (publisher(), tempfile::tempdir().unwrap());
    let mut machine = Machine::new(&publisher);
    let mut adapter = untested(&clamd);
    clamd_of(&mut adapter).folder = other.path().to_owned();
    machine.options.engines = vec![adapter];
    let told = machine.update(publisher.path()).await;
    has_problem(told.is(Outcome::Updated), "has not come to use");
    assert_eq!((machine.version(AV), rejected(&machine)), (Some(1), vec![]));
    machine.options.engines[0].required = true;
    let told = machine.update(publisher.path()).await;
    has_problem(told.is(Outcome::Current), "has not come to use");
}

#[tokio::test]
async fn a_folder_that_cannot_be_filled_is_the_machines_fault() {
    let Some(clamd) = RealClamd::start() else { return };
    let mut publisher = publisher();
    let mut machine = with_engine(&publisher, adapter(&clamd)).await;
    // A folder where a file has to go.
    let in_the_way = clamd.database().join("booster-antivirus-two.hsb/x");
    fs::create_dir_all(&in_the_way).unwrap();
    publisher.publish(AV, 2, &[("two.hsb", &finds("the second"))]);
    machine.options.engines[0].required = true;
    let told = machine.update(publisher.path()).await;
    told.failed_with(ErrorKind::Io);
    assert_eq!((machine.version(AV), rejected(&machine)), (Some(1), vec![]));
    machine.options.engines[0].required = false;
    let told = machine.update(publisher.path()).await;
    has_problem(told.is(Outcome::Updated), "database");
    fs::remove_dir_all(in_the_way.parent().unwrap()).unwrap();
    let told = machine.update(publisher.path()).await;
    assert_eq!(confirmed(told.is(Outcome::Current)), Some(2));
}

#[tokio::test]
async fn a_rollback_brings_clamd_back_and_an_operation_repairs_its_folder() {
    let Some(clamd) = RealClamd::start() else { return };
    let mut publisher = publisher();
    let machine = with_engine(&publisher, adapter(&clamd)).await;
    publisher.publish(AV, 2, &[("two.hsb", &finds("the second"))]);
    machine.update(publisher.path()).await.is(Outcome::Updated);
    {
        let operation = machine.store().begin("test").unwrap();
        let earlier = machine.store().last_known_good().unwrap().unwrap();
        let verdict = Verdict { why: Why::EngineRejected, reason: String::new(), time: now() };
        operation.roll_back(&earlier, &verdict, None).unwrap();
        let (adapters, cancel) = (&machine.options.engines, CancellationToken::new());
        let errors = bring_engines(&operation, adapters, &machine.clock, &cancel).await.unwrap();
        assert!(errors.is_empty(), "{errors:?}");
    }
    assert!(finds_in(&clamd, "the first") && !finds_in(&clamd, "the second"));

    fs::remove_file(clamd.database().join("booster-antivirus-one.hsb")).unwrap();
    let told = machine.update(publisher.path()).await;
    assert_eq!(confirmed(told.is(Outcome::Current)), Some(1));
    assert_eq!(placed(&clamd.database()), ["booster-antivirus-one.hsb"]);
}

#[tokio::test]
async fn after_all_definitions_are_removed_clamd_has_none_of_them() {
    let Some(clamd) = RealClamd::start() else { return };
    let publisher = publisher();
    let machine = with_engine(&publisher, adapter(&clamd)).await;
    let operation = machine.store().begin("test").unwrap();
    operation.remove_all(now()).unwrap();
    let (adapters, cancel) = (&machine.options.engines, CancellationToken::new());
    let errors = bring_engines(&operation, adapters, &machine.clock, &cancel).await.unwrap();
    assert!(errors.is_empty(), "{errors:?}");
    assert!(placed(&clamd.database()).is_empty() && !finds_in(&clamd, "the first"));
}

#[tokio::test]
async fn an_engine_that_rejects_only_later_what_is_current_brings_the_old_set_back() {
    let Some(mut clamd) = RealClamd::start() else { return };
    let mut publisher = publisher();
    let machine = with_engine(&publisher, untested(&clamd)).await;
    clamd.kill();
    publisher.publish(AV, 2, &[("two.hsb", &finds("the second")), BAD]);
    let told = machine.update(publisher.path()).await;
    has_problem(told.is(Outcome::Updated), "cannot be reached");
    // It cannot even start with what lies there, so somebody takes that away.
    fs::remove_file(clamd.database().join("booster-antivirus-bad.ndb")).unwrap();
    clamd.run();
    let told = machine.update_from(&[folder(publisher.path())]).await;
    assert_eq!(told.report.rolled_back.as_ref().unwrap().why, Why::EngineRejected);
    assert_eq!((machine.version(AV), rejected(&machine)), (Some(1), vec![(AV, 2)]));
    assert_eq!(confirmed(&told), Some(1));
    assert!(finds_in(&clamd, "the first"));
}

#[tokio::test]
async fn two_engines_get_their_own_components_and_a_no_of_one_keeps_the_release_from_both() {
    let (Some(clamd), Some(suricata)) = (RealClamd::start(), booster_test_support::Suricata::start()) else {
        return;
    };
    let mut publisher = publisher();
    let mut machine = with_engine(&publisher, adapter(&clamd)).await;
    machine.options.engines.push(super::suricata::adapter(&suricata));
    let rule = |what: &str| format!("alert ip any any -> any any (msg:\"a\"; {what} sid:1000001; rev:1;)\n");
    publisher.publish(AV, 2, &[("two.hsb", &finds("the second"))]);
    publisher.publish(Component::Nis, 2, &[("a.rules", rule("nonsense:1;").as_bytes())]);
    let told = machine.update(publisher.path()).await;
    told.failed_with(ErrorKind::EngineRejected);
    assert_eq!((machine.version(AV), rejected(&machine)), (Some(1), vec![(Component::Nis, 2)]));
    assert!(finds_in(&clamd, "the first") && placed(&suricata.rules()).is_empty());
    // Without the bad one, the other is taken.
    machine.update(publisher.path()).await.is(Outcome::Updated);
    assert!(finds_in(&clamd, "the second"));
    publisher.publish(Component::Nis, 3, &[("a.rules", rule("").as_bytes())]);
    let told = machine.update(publisher.path()).await;
    assert!(told.is(Outcome::Updated).report.engines.iter().all(|engine| engine.problem.is_none()));
    assert_eq!(placed(&clamd.database()), ["booster-antivirus-two.hsb"]);
    assert_eq!((placed(&suricata.rules()), suricata.rules_loaded()), (vec!["booster-nis-a.rules".into()], 2));
}
