//! What is decided while a server runs: approvals, deadlines, and that a machine is forgotten.

use crate::{
    native::{call, code, cookie, scan, sync, until},
    site::{Setup, Site},
};
use booster_definitions::{Component, Version};
use booster_fleet::{Decision, ReleaseKey};
use booster_wsus::{ErrorCode, message::*};
use jiff::Timestamp;

const RELEASE: ReleaseKey = ReleaseKey { component: Component::Nis, version: Version([1, 1, 0, 0]) };

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_does_not_wait_for_a_publication_that_is_broken() {
    let site = Site::new(Setup::default()).await;
    let cookie = cookie(&site, 1);
    let offered = scan(&site, &cookie).1.len();
    std::fs::write(site.dir.path().join("repository/metadata/timestamp.json"), "{").unwrap();
    site.fleet.decide(RELEASE, None, Decision::Declined, Timestamp::now()).await.unwrap();
    until(|| scan(&site, &cookie).1.len() == offered - 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_is_set_later_is_told_once_to_a_machine_that_keeps_updates() {
    let site = Site::new(Setup::default()).await;
    let mut cookie = cookie(&site, 1);
    let (categories, leaves) = scan(&site, &cookie);
    let mut ask = || {
        let result = call(&site, &sync(&cookie, categories.clone(), leaves.clone())).unwrap();
        if let Some(new) = result.new_cookie {
            cookie = new;
        }
        let deadlines = result.changed_updates.into_iter().map(|it| it.deployment.unwrap().deadline);
        deadlines.collect::<Vec<_>>()
    };
    assert_eq!(ask(), [None], "what it was told before is not known of a new cookie");
    assert!(ask().is_empty());
    let deadline = Timestamp::from_second(2_000_000_000).unwrap();
    let approved = |deadline| Decision::Approved { deadline };
    for deadline in [Some(deadline), None] {
        site.fleet.decide(RELEASE, None, approved(deadline), Timestamp::now()).await.unwrap();
        until(|| ask() == [deadline]).await;
        assert!(ask().is_empty(), "it was told");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_was_forgotten_registers_again() {
    let site = Site::new(Setup::default()).await;
    let cookie = cookie(&site, 1);
    let machine = site.fleet.machines().await.unwrap().remove(0);
    site.fleet.forget(machine.id).await.unwrap();
    let refused = || code(call(&site, &sync(&cookie, vec![], vec![])));
    until(|| refused() == Some(ErrorCode::RegistrationRequired)).await;
    let computer = Computer { dns_name: "pc.example".into(), ..Computer::default() };
    call(&site, &RegisterComputer { cookie: cookie.clone(), computer }).unwrap();
    assert_eq!(refused(), None);
    assert_eq!(site.fleet.machine("pc.example").await.unwrap().id, machine.id);
}
