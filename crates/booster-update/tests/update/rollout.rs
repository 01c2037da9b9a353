//! When a machine takes a release that is rolled out in steps, and what its administrator may say about it.

use crate::{
    machine::{Machine, Told, folder, now},
    publisher::{Publisher, rule},
};
use booster_definitions::{Availability, Channel, Component::Antivirus, Halt, Place, Version};
use booster_store::{Decisions, Pause, Pin, PinLimit};
use booster_update::{ErrorKind, Held, Outcome, UpdateRequest};
use jiff::{SignedDuration, Timestamp};

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

/// Publishes version 1, 2 ... each with the rest of the schedule, an hour apart from now on.
fn publish(publisher: &mut Publisher, version: u16, schedule: &str) {
    let published = now() + hours(i64::from(version));
    let availability = Availability::new(version.into(), published, schedule.parse().unwrap());
    let text = format!("pattern {version}");
    publisher.publish_available(Antivirus, version, &[("a.yar", &rule("a", &text))], availability);
}

/// A machine in the middle of the broad channel, with version 1, and version 2 that comes to it five hours
/// after its publication.
async fn waiting() -> (Machine, Publisher) {
    let mut publisher = Publisher::new(now());
    publish(&mut publisher, 1, "immediate");
    let mut machine = Machine::new(&publisher);
    machine.options.place = Place::new(5000);
    machine.clock.jump_to(now() + hours(1));
    machine.update(publisher.path()).await.is(Outcome::Updated);
    publish(&mut publisher, 2, "1%@0h,50%@1h,100%@5h");
    (machine, publisher)
}

fn held(told: &Told) -> Option<Held> {
    told.report.components[0].held.clone()
}

#[tokio::test]
async fn a_machine_takes_a_release_when_its_turn_has_come_and_asks_little_until_then() {
    let (machine, publisher) = waiting().await;
    let from = now() + hours(7);
    for _ in 0..2 {
        let told = machine.update(publisher.path()).await;
        told.is(Outcome::Current);
        let version = Version([1, 2, 0, 0]);
        assert_eq!(held(&told), Some(Held::NotYet { offered: version, channel: Channel::Broad, from }));
    }
    let told = machine.update(publisher.path()).await;
    assert_eq!(told.report.requests, 1, "nothing has changed, and nothing has to be asked for");
    machine.clock.jump_to(from);
    machine.update(publisher.path()).await.is(Outcome::Updated);
    assert_eq!(machine.version(Antivirus), Some(2));
}

#[tokio::test]
async fn now_and_an_emergency_take_what_a_halt_does_not_give() {
    let (machine, mut publisher) = waiting().await;
    let at_once = || UpdateRequest { at_once: true, ..machine.request(&[folder(publisher.path())]) };
    machine.run(at_once()).await.is(Outcome::Updated);
    assert_eq!(machine.version(Antivirus), Some(2));

    publish(&mut publisher, 3, "1%@0h,100%@5h");
    publisher.change(Antivirus, 3, |release| {
        release.halted = Some(Halt { since: now(), reason: "finds a system file".to_owned() });
    });
    let request = UpdateRequest { at_once: true, ..machine.request(&[folder(publisher.path())]) };
    let told = machine.run(request).await;
    told.is(Outcome::Current);
    let reason = "finds a system file".to_owned();
    assert_eq!(held(&told), Some(Held::Halted { offered: Version([1, 3, 0, 0]), reason }));

    publisher.change(Antivirus, 3, |release| (release.halted, release.emergency) = (None, true));
    machine.update(publisher.path()).await.is(Outcome::Updated);
    assert_eq!(machine.version(Antivirus), Some(3));
}

#[tokio::test]
async fn a_halt_while_the_release_is_in_flight_takes_nothing_from_who_has_it() {
    let (machine, mut publisher) = waiting().await;
    machine.clock.jump_to(now() + hours(7));
    machine.update(publisher.path()).await.is(Outcome::Updated);
    publisher.change(Antivirus, 2, |release| {
        release.halted = Some(Halt { since: now(), reason: "late".to_owned() });
    });
    let told = machine.update(publisher.path()).await;
    told.is(Outcome::Current);
    assert_eq!((machine.version(Antivirus), held(&told)), (Some(2), None));
    // Who has not taken it stays with the release before, also where nothing is installed yet.
    let mut late = Machine::new(&publisher);
    late.options.place = Place::new(5000);
    late.clock.jump_to(now() + hours(7));
    late.update(publisher.path()).await.is(Outcome::Updated);
    assert_eq!(late.version(Antivirus), Some(1));
}

#[tokio::test]
async fn each_channel_has_its_turn() {
    let mut publisher = Publisher::new(now());
    publish(&mut publisher, 1, "immediate");
    publish(&mut publisher, 2, "staged=100%@1h; broad=100%@2h");
    let at = |hour| now() + hours(hour);
    for (channel, time, version) in [
        (Channel::Preview, at(2), 2),
        (Channel::Staged, at(2), 1),
        (Channel::Staged, at(3), 2),
        (Channel::Broad, at(3), 1),
        (Channel::Broad, at(4), 2),
        (Channel::Delayed, at(49), 1),
        (Channel::Delayed, at(50), 2),
    ] {
        publisher.renew(time);
        let mut machine = Machine::new(&publisher);
        machine.options.channel = channel;
        machine.clock.jump_to(time);
        machine.update(publisher.path()).await;
        assert_eq!(machine.version(Antivirus), Some(version), "{channel} at {time}");
    }
}

#[tokio::test]
async fn a_pin_holds_and_leads_back_and_an_unpinned_machine_goes_on() {
    let (machine, publisher) = waiting().await;
    machine.clock.jump_to(now() + hours(7));
    machine.update(publisher.path()).await.is(Outcome::Updated);
    let decide = |limit: Option<PinLimit>| {
        let pin = limit.map(|limit| Pin { limit, since: now(), reason: Some("certified".to_owned()) });
        let pins = pin.into_iter().map(|pin| (Antivirus, pin)).collect();
        machine.store().begin("test").unwrap().decide(&Decisions { pins, pause: None }).unwrap();
    };
    for limit in [PinLimit::Version(Version([1, 1, 0, 0])), PinLimit::Date(now() + hours(1))] {
        decide(Some(limit));
        let told = machine.update(publisher.path()).await;
        told.is(Outcome::Updated);
        assert_eq!(machine.version(Antivirus), Some(1), "{limit}");
        assert!(matches!(held(&told), Some(Held::Pinned { .. })), "{:?}", held(&told));
        let told = machine.update(publisher.path()).await;
        told.is(Outcome::Current);
        assert_eq!(told.report.requests, 1);
        decide(None);
        machine.update(publisher.path()).await.is(Outcome::Updated);
        assert_eq!(machine.version(Antivirus), Some(2));
    }
}

#[tokio::test]
async fn a_pin_is_no_way_for_a_source_to_go_back() {
    let (machine, mut publisher) = waiting().await;
    machine.clock.jump_to(now() + hours(7));
    machine.update(publisher.path()).await.is(Outcome::Updated);
    let pin = Pin { limit: PinLimit::Version(Version([1, 9, 0, 0])), since: now(), reason: None };
    let decisions = Decisions { pins: [(Antivirus, pin)].into(), pause: None };
    machine.store().begin("test").unwrap().decide(&decisions).unwrap();
    publisher.remove(Antivirus, 2);
    publisher.sign_all();
    machine.update(publisher.path()).await.failed_with(ErrorKind::Downgrade);
}

#[tokio::test]
async fn a_paused_machine_asks_nobody_until_the_pause_is_over() {
    let (machine, publisher) = waiting().await;
    machine.clock.jump_to(now() + hours(7));
    let pause = |until: Option<Timestamp>| {
        let pause = Pause { since: now(), until, reason: Some("a freeze".to_owned()) };
        let decisions = Decisions { pause: Some(pause), ..Decisions::default() };
        machine.store().begin("test").unwrap().decide(&decisions).unwrap();
    };
    pause(None);
    let told = machine.update(publisher.path()).await;
    told.is(Outcome::Paused);
    assert_eq!(told.report.requests, 0);
    assert_eq!(told.report.pause.as_ref().unwrap().reason.as_deref(), Some("a freeze"));
    let check = UpdateRequest { check_only: true, ..machine.request(&[folder(publisher.path())]) };
    machine.run(check).await.is(Outcome::Available);
    pause(Some(now() + hours(8)));
    machine.update(publisher.path()).await.is(Outcome::Paused);
    machine.clock.jump_to(now() + hours(8));
    machine.update(publisher.path()).await.is(Outcome::Updated);
}

#[tokio::test]
async fn decisions_that_cannot_be_read_stop_the_update() {
    let (machine, publisher) = waiting().await;
    std::fs::write(machine.data.path().join("decisions.json"), "{").unwrap();
    machine.update(publisher.path()).await.failed_with(ErrorKind::StoreDamaged);
}

#[tokio::test]
async fn a_roll_out_that_cannot_be_understood_is_not_for_this_machine() {
    let (machine, mut publisher) = waiting().await;
    machine.clock.jump_to(now() + hours(7));
    publisher.set_custom(Antivirus, 2, serde_json::json!({"sequence": "two"}));
    let told = machine.update(publisher.path()).await;
    told.is(Outcome::Current);
    assert_eq!(machine.version(Antivirus), Some(1));
}

#[tokio::test]
async fn definitions_that_are_out_of_date_are_told_at_the_end_of_every_operation() {
    let (mut machine, mut publisher) = waiting().await;
    machine.options.out_of_date_after = std::time::Duration::from_secs(3600 * 24);
    for (age, out_of_date) in [(24, vec![]), (25, vec![Antivirus])] {
        let time = now() + hours(1 + age);
        publisher.renew(time);
        machine.clock.jump_to(time);
        publisher.change(Antivirus, 2, |release| release.started = time + hours(1));
        let told = machine.update(publisher.path()).await;
        told.is(Outcome::Current);
        assert_eq!(told.report.out_of_date, out_of_date, "{age} hours old");
        assert_eq!(told.events.last().unwrap().out_of_date, out_of_date);
        assert!(told.events[..told.events.len() - 1].iter().all(|event| event.out_of_date.is_empty()));
    }
    let failed = machine.update(&publisher.path().join("nowhere")).await;
    failed.is(Outcome::Failed);
    assert_eq!(failed.report.out_of_date, [Antivirus], "a failed update makes nothing younger");
}
