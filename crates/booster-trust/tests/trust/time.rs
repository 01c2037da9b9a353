//! Clocks: one that steps back, one that is wrong, and sites that have no network.

use crate::support::{Machine, Publisher, days, hours, start};
use booster_trust::{Check, FreshnessPolicy, SIGNED_AT_FIELD, TrustError, signing::TopRole};

/// A machine that takes media which were signed at most ten days ago.
fn air_gapped(publisher: &Publisher) -> Machine {
    let mut machine = Machine::new(publisher);
    machine.options.freshness = FreshnessPolicy::SignedTime { max_age: days(10) };
    machine
}

#[tokio::test]
async fn a_clock_that_steps_back_does_not_bring_expired_metadata_back() {
    let mut publisher = Publisher::new();
    publisher.lifetimes.insert(TopRole::Snapshot, days(20));
    publisher.lifetimes.insert(TopRole::Timestamp, days(30));
    publisher.publish();
    let machine = Machine::new(&publisher);
    machine.refresh(&publisher, start()).await.unwrap();

    publisher.now = start() + days(19);
    publisher.renew_timestamp();
    machine.refresh(&publisher, publisher.now).await.unwrap();
    assert_eq!(machine.state().signed_at(), Some(publisher.now));

    // The snapshot has expired by now; the clock goes back to before that, the mirror stands still.
    publisher.now = start() + days(21);
    publisher.renew_timestamp();
    let refused = machine.refresh(&publisher, publisher.now).await;
    assert!(matches!(&refused, Err(TrustError::Expired { role, .. }) if role == "snapshot"), "{refused:?}");
    assert_eq!(machine.state().signed_at(), Some(publisher.now), "the timestamp itself is good");
    let refused = machine.refresh(&publisher, start()).await;
    assert!(
        matches!(&refused, Err(TrustError::ClockBehind { system, signed_at })
            if *system == start() && *signed_at == publisher.now),
        "{refused:?}"
    );
    assert_eq!(machine.client(publisher.folder()).check(start()).await.unwrap(), Check::Changed);
}

#[tokio::test]
async fn a_new_signed_time_counts_at_once_for_the_roles_below() {
    let mut publisher = Publisher::new();
    publisher.lifetimes.insert(TopRole::Targets, days(5));
    publisher.publish();
    let machine = Machine::new(&publisher);
    machine.refresh(&publisher, start()).await.unwrap();

    // A machine whose clock stands still at the start: only the signed time tells that targets are old.
    publisher.now = start() + days(6);
    publisher.renew_timestamp();
    let refused = machine.refresh(&publisher, start()).await;
    assert!(matches!(refused, Err(TrustError::ClockBehind { .. })), "{refused:?}");

    publisher.publish();
    machine.refresh(&publisher, start()).await.unwrap();
}

#[tokio::test]
async fn a_new_snapshot_that_a_newer_signed_time_shows_to_be_old_is_not_kept() {
    let mut publisher = Publisher::new();
    let machine = Machine::new(&publisher);
    machine.refresh(&publisher, start()).await.unwrap();
    publisher.lifetimes.insert(TopRole::Snapshot, days(5));
    publisher.publish();
    publisher.now = start() + days(6);
    publisher.renew_timestamp();
    let refused = machine.refresh(&publisher, start()).await;
    assert!(matches!(refused, Err(TrustError::ClockBehind { .. })), "{refused:?}");
    let versions = machine.state().versions();
    assert_eq!((versions.timestamp, versions.snapshot), (Some(3), Some(1)));
}

#[tokio::test]
async fn a_machine_with_a_clock_far_behind_still_follows_the_publisher() {
    let mut publisher = Publisher::new();
    let machine = Machine::new(&publisher);
    for day in [0, 5, 40, 80] {
        publisher.now = start() + days(day);
        publisher.publish();
        machine.refresh(&publisher, jiff::Timestamp::UNIX_EPOCH).await.unwrap();
    }
    assert_eq!(machine.state().signed_at(), Some(publisher.now));
}

#[tokio::test]
async fn an_expired_medium_is_good_while_its_signed_time_is_recent() {
    let mut publisher = Publisher::new();
    let machine = air_gapped(&publisher);
    // The timestamp lives for seven days only; the medium travels for nine.
    machine.refresh(&publisher, start() + days(9)).await.unwrap();
    let mut client = machine.client(publisher.folder());
    assert_eq!(client.check(start() + days(9)).await.unwrap(), Check::Unchanged);
    client.refresh(start() + days(9)).await.unwrap();
    client.target("antivirus/release.json", start() + days(9)).await.unwrap();
    let late = client.target("antivirus/release.json", start() + days(11)).await;
    assert!(matches!(late, Err(TrustError::TooOld { .. })), "{late:?}");
    assert_eq!(client.check(start() + days(11)).await.unwrap(), Check::Changed);
    let late = client.refresh(start() + days(11)).await;
    assert!(
        matches!(late, Err(TrustError::TooOld { signed_at, max_age })
            if signed_at == start() && max_age == days(10)),
        "{late:?}"
    );

    // The same medium is expired for a machine that enforces expiry.
    let strict = Machine::new(&publisher);
    let refused = strict.refresh(&publisher, start() + days(9)).await;
    assert!(matches!(refused, Err(TrustError::Expired { .. })), "{refused:?}");

    publisher.now = start() + days(12);
    publisher.publish();
    machine.refresh(&publisher, start() + days(13)).await.unwrap();
}

#[tokio::test]
async fn a_medium_whose_roles_had_expired_when_it_was_signed_is_refused() {
    let mut publisher = Publisher::new();
    publisher.lifetimes.insert(TopRole::Targets, days(5));
    publisher.publish();
    publisher.now = start() + days(6);
    publisher.renew_timestamp();
    let machine = air_gapped(&publisher);
    let refused = machine.refresh(&publisher, start() + days(6)).await;
    assert!(matches!(&refused, Err(TrustError::Expired { role, .. }) if role == "targets"), "{refused:?}");
}

#[tokio::test]
async fn an_older_medium_than_the_last_one_is_refused() {
    let mut publisher = Publisher::new();
    let machine = air_gapped(&publisher);
    let old = publisher.read("timestamp.json");
    publisher.now = start() + days(1);
    publisher.publish();
    machine.refresh(&publisher, publisher.now).await.unwrap();
    publisher.write("timestamp.json", &old);
    let refused = machine.refresh(&publisher, start() + days(1)).await;
    assert!(matches!(refused, Err(TrustError::OlderThanKnown { known: 2, offered: 1, .. })), "{refused:?}");
}

#[tokio::test]
async fn a_forged_signed_time_does_not_pass() {
    let publisher = Publisher::new();
    let machine = air_gapped(&publisher);
    let before = machine.state_bytes();
    let late = start() + days(30);
    let refused = machine.refresh(&publisher, late).await;
    assert!(matches!(refused, Err(TrustError::TooOld { .. })), "{refused:?}");

    let text = String::from_utf8(publisher.read("timestamp.json")).unwrap();
    let signed_at = format!("\"{SIGNED_AT_FIELD}\":\"{}\"", start());
    assert!(text.contains(&signed_at));
    let forged = text.replace(&signed_at, &format!("\"{SIGNED_AT_FIELD}\":\"{late}\""));
    publisher.write("timestamp.json", forged.as_bytes());
    let refused = machine.refresh(&publisher, late).await;
    assert!(matches!(refused, Err(TrustError::Threshold { .. })), "{refused:?}");
    assert_eq!(machine.state_bytes(), before);

    let nonsense = text.replace(&signed_at, &format!("\"{SIGNED_AT_FIELD}\":\"yesterday\""));
    publisher.write("timestamp.json", nonsense.as_bytes());
    let refused = machine.refresh(&publisher, start()).await;
    assert!(matches!(refused, Err(TrustError::Malformed { .. })), "{refused:?}");
}

#[tokio::test]
async fn without_a_signed_time_or_with_a_clock_behind_it_the_age_cannot_be_judged() {
    let mut publisher = Publisher::new();
    let machine = air_gapped(&publisher);
    let refused = machine.refresh(&publisher, start() - days(2)).await;
    assert!(matches!(refused, Err(TrustError::ClockBehind { .. })), "{refused:?}");
    // A few hours are the drift of a clock that nobody sets.
    machine.refresh(&publisher, start() - hours(5)).await.unwrap();

    publisher.with_signed_time = false;
    publisher.publish();
    let fresh = air_gapped(&publisher);
    let refused = fresh.refresh(&publisher, start()).await;
    assert!(matches!(refused, Err(TrustError::NoSignedTime)), "{refused:?}");
    // Expiry works without one.
    Machine::new(&publisher).refresh(&publisher, start()).await.unwrap();
}
