//! The update operation over real repositories, a real store and a real engine worker.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod budget;
mod cancelling;
mod engines;
mod faults;
mod health;
mod in_flight;
mod loaded;
mod machine;
mod outcomes;
mod patches;
mod probation;
mod processes;
mod publisher;
mod resuming;
mod rollout;
#[cfg(unix)]
mod shares;
mod sources;
mod trial;

use booster_definitions::Component;
use booster_update::Outcome;
use machine::Machine;
use publisher::{Publisher, rule};

/// A publisher with one release of `antivirus`, 1.1.0.0.
fn publisher() -> Publisher {
    publisher_at(machine::now())
}

/// As [`publisher`], at another time.
fn publisher_at(now: jiff::Timestamp) -> Publisher {
    let mut publisher = Publisher::new(now);
    publisher.publish(Component::Antivirus, 1, &[("one.yar", &rule("one", "first pattern"))]);
    publisher
}

/// Release 1.2.0.0 of `antivirus`.
fn publish_second(publisher: &mut Publisher) {
    let files: &[(&str, &[u8])] =
        &[("one.yar", &rule("one", "first pattern")), ("two.yar", &rule("two", "second pattern"))];
    publisher.publish(Component::Antivirus, 2, files);
}

/// A machine with release 1, and a publisher who has release 2 as well.
async fn behind() -> (Machine, Publisher) {
    let mut publisher = publisher();
    let machine = Machine::new(&publisher);
    machine.update(publisher.path()).await.is(Outcome::Updated);
    publish_second(&mut publisher);
    (machine, publisher)
}
