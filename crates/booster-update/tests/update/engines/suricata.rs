//! With a real Suricata.

use super::{engine, has_problem, placed, rejected};
use crate::{
    machine::{Machine, Told, now},
    publisher::Publisher,
};
use booster_definitions::Component;
use booster_engine::adapter::{Adapter, Engine, Suricata};
use booster_test_support::Suricata as RealSuricata;
use booster_update::{ErrorKind, Outcome};
use std::time::Duration;

const NIS: Component = Component::Nis;

/// An adapter for it, with `suricata -T` as its test.
pub fn adapter(suricata: &RealSuricata) -> Adapter {
    Adapter {
        name: "suricata".into(),
        engine: Engine::Suricata(Suricata {
            folder: suricata.rules(),
            socket: suricata.socket(),
            program: "suricata".into(),
            config: suricata.config(),
        }),
        components: vec![NIS],
        endings: vec!["rules".into()],
        required: false,
        timeout: Duration::from_secs(60),
    }
}

/// The same with a test that is content with everything, and with little patience.
fn untested(suricata: &RealSuricata) -> Adapter {
    let mut adapter = adapter(suricata);
    adapter.timeout = Duration::from_secs(2);
    match &mut adapter.engine {
        Engine::Suricata(suricata) => suricata.program = "true".into(),
        other => panic!("{other:?}"),
    }
    adapter
}

fn rules(sids: std::ops::Range<u32>) -> String {
    sids.map(|sid| format!("alert ip any any -> any any (msg:\"x\"; content:\"{sid}\"; sid:{sid}; rev:1;)\n"))
        .collect()
}

const BAD: &str = "alert ip any any -> any any (msg:\"bad\"; nonsense:1; sid:1000009; rev:1;)\n";

fn publish(publisher: &mut Publisher, version: u16, rules: &str) {
    publisher.publish(NIS, version, &[("x.rules", rules.as_bytes())]);
}

/// A publisher with two rules in release 1, and a machine that has them in Suricata.
async fn with_suricata(adapter: Adapter) -> (Machine, Publisher) {
    let mut publisher = Publisher::new(now());
    publish(&mut publisher, 1, &rules(1_000_001..1_000_003));
    let mut machine = Machine::new(&publisher);
    machine.options.engines = vec![adapter];
    is_confirmed(machine.update(publisher.path()).await.is(Outcome::Updated));
    (machine, publisher)
}

#[track_caller]
fn is_confirmed(told: &Told) {
    assert_eq!(engine(told).problem, None);
    assert!(engine(told).confirmed.is_some());
}

#[tokio::test]
async fn suricata_has_the_new_rules_when_the_update_is_over() {
    let Some(suricata) = RealSuricata::start() else { return };
    let (machine, mut publisher) = with_suricata(adapter(&suricata)).await;
    assert_eq!(suricata.rules_loaded(), 3);
    publish(&mut publisher, 2, &rules(1_000_001..1_000_006));
    is_confirmed(machine.update(publisher.path()).await.is(Outcome::Updated));
    assert_eq!(suricata.rules_loaded(), 6);
    assert!(suricata.rules().join("own.rules").exists());
    publisher.publish(NIS, 3, &[("readme", b"no rules any more")]);
    is_confirmed(machine.update(publisher.path()).await.is(Outcome::Updated));
    assert_eq!((suricata.rules_loaded(), placed(&suricata.rules())), (1, vec![]));
}

#[tokio::test]
async fn rules_that_its_test_refuses_are_not_installed_for_anybody() {
    let Some(suricata) = RealSuricata::start() else { return };
    let (machine, mut publisher) = with_suricata(adapter(&suricata)).await;
    publish(&mut publisher, 2, &format!("{}{BAD}", rules(1_000_001..1_000_004)));
    let told = machine.update(publisher.path()).await;
    told.failed_with(ErrorKind::EngineRejected);
    let message = told.report.error.as_ref().unwrap().to_string();
    assert!(message.contains("unknown rule keyword 'nonsense'"), "{message}");
    assert_eq!((machine.version(NIS), rejected(&machine)), (Some(1), vec![(NIS, 2)]));
    assert_eq!(suricata.rules_loaded(), 3);
}

#[tokio::test]
async fn rules_that_fail_only_in_suricata_itself_are_taken_back_although_it_says_done() {
    let Some(suricata) = RealSuricata::start() else { return };
    let (machine, mut publisher) = with_suricata(untested(&suricata)).await;
    publish(&mut publisher, 2, &format!("{}{BAD}", rules(1_000_001..1_000_004)));
    let told = machine.update(publisher.path()).await;
    told.failed_with(ErrorKind::EngineRejected);
    let message = told.report.error.as_ref().unwrap().to_string();
    assert!(message.contains("cannot use the rule") && message.contains("booster-nis-x.rules"), "{message}");
    assert_eq!((machine.version(NIS), rejected(&machine)), (Some(1), vec![(NIS, 2)]));
    is_confirmed(&told);
    assert_eq!(suricata.rules_loaded(), 3);
}

#[tokio::test]
async fn a_test_that_fails_without_the_rules_as_well_says_nothing_about_them() {
    let Some(suricata) = RealSuricata::start() else { return };
    let (mut machine, mut publisher) = with_suricata(adapter(&suricata)).await;
    publish(&mut publisher, 2, &rules(1_000_001..1_000_004));
    let absent = suricata.config().with_extension("absent");
    match &mut machine.options.engines[0].engine {
        Engine::Suricata(suricata) => suricata.config = absent,
        other => panic!("{other:?}"),
    }
    machine.options.engines[0].required = true;
    machine.update(publisher.path()).await.failed_with(ErrorKind::Configuration);
    assert_eq!((machine.version(NIS), rejected(&machine)), (Some(1), vec![]));
    machine.options.engines[0].required = false;
    is_confirmed(machine.update(publisher.path()).await.is(Outcome::Updated));
    assert_eq!(suricata.rules_loaded(), 4);
}

#[tokio::test]
async fn a_suricata_whose_configuration_does_not_name_the_rules_does_not_confirm_them() {
    let Some(mut suricata) = RealSuricata::start() else { return };
    suricata.write_configuration("own.rules");
    suricata.kill();
    suricata.run();
    let mut publisher = Publisher::new(now());
    publish(&mut publisher, 1, &rules(1_000_001..1_000_003));
    let mut machine = Machine::new(&publisher);
    machine.options.engines = vec![untested(&suricata)];
    let told = machine.update(publisher.path()).await;
    has_problem(told.is(Outcome::Updated), "do its rule-files name it?");
    assert_eq!(rejected(&machine), []);
}

#[tokio::test]
async fn a_suricata_that_is_down_gets_its_rules_and_confirms_them_later() {
    let Some(mut suricata) = RealSuricata::start() else { return };
    let (machine, mut publisher) = with_suricata(adapter(&suricata)).await;
    suricata.kill();
    publish(&mut publisher, 2, &rules(1_000_001..1_000_006));
    let told = machine.update(publisher.path()).await;
    has_problem(told.is(Outcome::Updated), "cannot be reached");
    assert!(suricata.run());
    is_confirmed(machine.update(publisher.path()).await.is(Outcome::Current));
    assert_eq!(suricata.rules_loaded(), 6);
}
