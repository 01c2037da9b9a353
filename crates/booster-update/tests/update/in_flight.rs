//! What a publisher does to a release while a machine is downloading it.

use crate::{
    machine::{Machine, Told, folder, now},
    publisher::{Publisher, rule},
};
use booster_definitions::{Availability, Component::Antivirus, Halt, Schedule};
use booster_update::{EventKind, How, Outcome};
use std::sync::Mutex;

fn publish(publisher: &mut Publisher, version: u16, pattern: &str) {
    let availability = Availability::new(version.into(), now(), Schedule::immediate());
    publisher.publish_available(Antivirus, version, &[("a.yar", &rule("a", pattern))], availability);
}

/// A machine with release 1 that is about to take release 2.
async fn behind() -> (Machine, Publisher) {
    let mut publisher = Publisher::new(now());
    publish(&mut publisher, 1, "good pattern");
    let machine = Machine::new(&publisher);
    machine.update(publisher.path()).await.is(Outcome::Updated);
    publish(&mut publisher, 2, "bad pattern");
    (machine, publisher)
}

/// Updates while the publisher does something as soon as the download has begun.
async fn meanwhile(machine: &Machine, publisher: Publisher, act: fn(&mut Publisher)) -> (Told, Publisher) {
    let repository = folder(publisher.path());
    let publisher = Mutex::new(publisher);
    let told = machine.run_until(machine.request(&[repository]), |event| {
        if event.kind == EventKind::DownloadStart {
            act(&mut publisher.lock().unwrap());
        }
        false
    });
    let told = told.await;
    assert_eq!(told.count(EventKind::DownloadStart), 1, "the publisher acted once");
    (told, publisher.into_inner().unwrap())
}

#[tokio::test]
async fn a_release_that_is_superseded_in_flight_is_installed_and_followed_by_its_successor() {
    let (machine, publisher) = behind().await;
    let (told, publisher) = meanwhile(&machine, publisher, |p| publish(p, 3, "better pattern")).await;
    told.is(Outcome::Updated);
    assert_eq!(machine.version(Antivirus), Some(2));
    machine.update(publisher.path()).await.is(Outcome::Updated);
    assert_eq!(machine.version(Antivirus), Some(3));
}

#[tokio::test]
async fn a_release_that_is_withdrawn_in_flight_is_left_for_the_content_before_without_a_download() {
    let (machine, publisher) = behind().await;
    let withdraw = |publisher: &mut Publisher| {
        publisher.remove(Antivirus, 2);
        publish(publisher, 3, "good pattern");
    };
    let (told, publisher) = meanwhile(&machine, publisher, withdraw).await;
    told.is(Outcome::Updated);
    assert_eq!(machine.version(Antivirus), Some(2));
    let told = machine.update(publisher.path()).await;
    told.is(Outcome::Updated);
    assert_eq!((machine.version(Antivirus), told.report.components[0].how), (Some(3), How::Installed));
}

#[tokio::test]
async fn a_release_that_is_halted_in_flight_stays_with_who_took_it_and_reaches_nobody_else() {
    let (machine, publisher) = behind().await;
    let halt = |publisher: &mut Publisher| {
        let halt = Halt { since: now(), reason: "finds too much".to_owned() };
        publisher.change(Antivirus, 2, |release| release.halted = Some(halt));
    };
    let (told, publisher) = meanwhile(&machine, publisher, halt).await;
    told.is(Outcome::Updated);
    machine.update(publisher.path()).await.is(Outcome::Current);
    assert_eq!(machine.version(Antivirus), Some(2));
    let another = Machine::new(&publisher);
    another.update(publisher.path()).await.is(Outcome::Updated);
    assert_eq!(another.version(Antivirus), Some(1));
}
