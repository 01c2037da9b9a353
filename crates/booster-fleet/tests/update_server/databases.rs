//! The same on PostgreSQL, where several servers share it.

use crate::site::{Setup, Site};
use booster_definitions::{Component, Version};
use booster_fleet::{Decision, Fleet, FleetError, ReleaseKey};
use booster_sources::{Ended, Source};
use booster_test_support::Postgres;
use jiff::Timestamp;

#[tokio::test]
async fn postgresql_keeps_what_sqlite_keeps() {
    let Some(postgres) = Postgres::start() else { return };
    let site = Site::new(Setup { database: Some(postgres.url()), ..Setup::default() }).await;
    let machine = tempfile::tempdir().unwrap();
    let source = site.source(machine.path());
    source.prepare().await.unwrap();
    let versions = vec![("nis".to_owned(), "1.1.0.0".to_owned())];
    source.tell(&Ended { time: Timestamp::now(), outcome: "updated", versions, failure: None }).await;
    let (release, now) =
        (ReleaseKey { component: Component::Nis, version: Version([1, 1, 0, 0]) }, Timestamp::now());
    for decision in [Decision::Declined, Decision::Approved { deadline: Some(now) }] {
        site.fleet.decide(release, Some("a"), decision, now).await.unwrap();
    }
    site.taken_up().await;
    let approvals = site.fleet.approvals().await.unwrap();
    assert!(
        approvals.iter().all(|(_, group, it)| group == Some("a") && matches!(it, Decision::Approved { .. }))
    );
    let known = site.fleet.machines().await.unwrap();
    assert_eq!((known.len(), known[0].outcome.as_str()), (1, "updated"));
    assert_eq!(site.fleet.reports(known[0].id).await.unwrap().len(), 1);
    // What is published later gets ids beside those that are there.
    site.publish(2).await;
    source.prepare().await.unwrap();
}

#[tokio::test]
async fn servers_that_start_at_once_make_the_tables_once_and_agree_on_everything() {
    let Some(postgres) = Postgres::start() else { return };
    let url = postgres.url();
    let opened: Vec<_> = (0..4)
        .map(|_| {
            tokio::spawn({
                let url = url.clone();
                async move { Fleet::open(&url).await }
            })
        })
        .collect();
    for fleet in opened {
        fleet.await.unwrap().unwrap();
    }
    drop(postgres);
    let error = Fleet::open(&url).await.unwrap_err();
    assert!(matches!(error, FleetError::Open { .. }), "{error}");
}
