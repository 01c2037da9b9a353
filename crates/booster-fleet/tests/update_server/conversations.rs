//! Our client and our server.

use crate::site::{Setup, Site};
use booster_definitions::{Component, Version};
use booster_fleet::{Decision, ReleaseKey, Rule};
use booster_sources::{Approval, Area, Ended, EndedBadly, Resume, Source, TransferRules, read};
use jiff::Timestamp;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const CLIENT: &str = "POST /ClientWebService/client.asmx 200";

async fn fetch(source: &dyn Source, area: Area, path: &str) -> Option<Vec<u8>> {
    read(source, area, path, 1 << 20, &TransferRules::default(), &CancellationToken::new()).await.unwrap()
}

fn release(number: u16) -> ReleaseKey {
    ReleaseKey { component: Component::Nis, version: Version([1, number, 0, 0]) }
}

/// The object of a release's manifest, below the targets.
fn manifest(site: &Site, number: u16) -> String {
    let folder = std::fs::read_dir(site.dir.path().join("repository/targets/nis")).unwrap();
    let name = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let ending = format!(".1.{number}.0.0.release.json");
    format!("nis/{}", name.filter(|name| name.ends_with(&ending)).last().unwrap())
}

#[tokio::test]
async fn the_repository_reaches_a_machine_file_by_file_as_it_was_published() {
    let (site, machine) = (Site::new(Setup::default()).await, tempfile::tempdir().unwrap());
    let source = site.source(machine.path());
    source.prepare().await.unwrap();
    for name in ["timestamp.json", "1.root.json"] {
        let published = std::fs::read(site.dir.path().join("repository/metadata").join(name)).unwrap();
        assert_eq!(fetch(&source, Area::Metadata, name).await, Some(published), "{name}");
    }
    assert_eq!(fetch(&source, Area::Metadata, "2.root.json").await, None);
    let manifest = manifest(&site, 1);
    let published = std::fs::read(site.dir.path().join("repository/targets").join(&manifest)).unwrap();
    assert_eq!(fetch(&source, Area::Targets, &manifest).await, Some(published.clone()));
    assert_eq!(source.approval(Area::Targets, &manifest), Approval::Approved { deadline: None });
    let middle = Resume { offset: 10, etag: None };
    let opened = source.open(Area::Targets, &manifest, middle).await.unwrap().unwrap();
    assert_eq!((opened.start, opened.length), (10, Some(published.len() as u64 - 10)));
}

#[tokio::test]
async fn nothing_new_is_one_request_for_each_round_and_nothing_else() {
    let (site, machine) = (Site::new(Setup::default()).await, tempfile::tempdir().unwrap());
    site.source(machine.path()).prepare().await.unwrap();
    let first = site.asked();
    assert_eq!(first.iter().filter(|line| line.contains("SimpleAuth")).count(), 1, "{first:?}");
    let source = site.source(machine.path());
    source.prepare().await.unwrap();
    assert!(fetch(&source, Area::Metadata, "timestamp.json").await.is_some());
    // The categories, then what belongs to them.
    assert_eq!(site.asked(), [CLIENT, CLIENT]);
    assert_eq!(source.counters().requests, 2);
}

#[tokio::test]
async fn what_is_published_later_is_found_and_only_that_is_asked_about() {
    let (site, machine) = (Site::new(Setup::default()).await, tempfile::tempdir().unwrap());
    site.source(machine.path()).prepare().await.unwrap();
    site.publish(2).await;
    site.asked();
    let source = site.source(machine.path());
    source.prepare().await.unwrap();
    let asked = site.asked();
    assert_eq!(asked.iter().filter(|line| *line == CLIENT).count(), 3, "two rounds, one question: {asked:?}");
    assert_eq!(asked.len(), 4, "and the timestamp: {asked:?}");
    let published = std::fs::read(site.dir.path().join("repository/metadata/timestamp.json")).unwrap();
    assert_eq!(fetch(&source, Area::Metadata, "timestamp.json").await, Some(published));
    assert!(fetch(&source, Area::Targets, &manifest(&site, 2)).await.is_some());
}

#[tokio::test]
async fn approvals_decide_group_by_group_what_a_machine_gets_and_when_it_takes_it() {
    let site = Site::new(Setup { rule: Rule::ByHand, ..Setup::default() }).await;
    let (machine, now) = (tempfile::tempdir().unwrap(), Timestamp::now());
    let in_group = |group: &str| {
        let mut options = site.options(&machine.path().join(group));
        options.target_group = Some(group.to_owned());
        booster_sources::WsusSource::new(options).unwrap()
    };
    let manifest = manifest(&site, 1);
    let seen = async |group: &str| {
        let source = in_group(group);
        source.prepare().await.unwrap();
        source.approval(Area::Targets, &manifest)
    };
    assert_eq!(seen("pilots").await, Approval::Withheld);
    let deadline = Some(Timestamp::from_second(now.as_second() + 60).unwrap());
    let approved = Decision::Approved { deadline };
    site.fleet.decide(release(1), Some("pilots"), approved, now).await.unwrap();
    site.taken_up().await;
    assert_eq!(seen("pilots").await, Approval::Approved { deadline });
    assert_eq!(seen("others").await, Approval::Withheld);
    site.fleet.decide(release(1), None, Decision::Approved { deadline: None }, now).await.unwrap();
    site.fleet.decide(release(1), Some("pilots"), Decision::Declined, now).await.unwrap();
    site.taken_up().await;
    assert_eq!(seen("pilots").await, Approval::Withheld);
    assert_eq!(seen("others").await, Approval::Approved { deadline: None });
    let error = site.fleet.decide(release(1), Some("a\nb"), approved, now).await.unwrap_err();
    assert!(error.to_string().contains("no name of a group"), "{error}");
}

#[tokio::test]
async fn the_fleet_knows_its_machines_and_what_they_report() {
    let (site, machine) = (Site::new(Setup::default()).await, tempfile::tempdir().unwrap());
    let source = site.source(machine.path());
    source.prepare().await.unwrap();
    let failure = EndedBadly { step: "install", kind: "disk_full", message: "no room".to_owned() };
    let ended = Ended {
        time: Timestamp::now(),
        outcome: "failed",
        versions: vec![("nis".to_owned(), "1.1.0.0".to_owned())],
        failure: Some(failure),
    };
    source.tell(&ended).await;
    site.asked();
    source.tell(&ended).await;
    assert_eq!(site.asked(), [""; 0], "what was told is not told again");
    site.taken_up().await;
    let all = site.fleet.machines().await.unwrap();
    let [known] = all.as_slice() else { panic!("{all:?}") };
    assert!(!known.name.is_empty() && known.last_asked.is_some() && known.last_report.is_some());
    assert_eq!((known.outcome.as_str(), known.versions["nis"].as_str()), ("failed", "1.1.0.0"));
    assert_eq!(known.failure, "install disk_full: no room");
    let reports = site.fleet.reports(known.id).await.unwrap();
    assert_eq!((reports.len(), reports[0].title()), (1, "installation failed"));
    assert_eq!(site.fleet.machine(&known.name).await.unwrap().id, known.id);
    assert_eq!(site.fleet.machine(&known.id.to_string()[..8]).await.unwrap().id, known.id);
    assert!(site.fleet.machine("nobody").await.is_err());
}

#[tokio::test]
async fn a_cookie_whose_time_is_over_is_replaced_and_nobody_notices() {
    let setup = Setup { cookie_lifetime: Duration::from_secs(1), ..Setup::default() };
    let (site, machine) = (Site::new(setup).await, tempfile::tempdir().unwrap());
    site.source(machine.path()).prepare().await.unwrap();
    tokio::time::sleep(Duration::from_millis(2100)).await;
    site.source(machine.path()).prepare().await.unwrap();
    assert_eq!(site.fleet.machines().await.unwrap().len(), 1, "it is the same machine");
}

#[tokio::test]
async fn servers_on_one_database_are_one_server_to_a_machine() {
    let (site, machine) = (Site::new(Setup::default()).await, tempfile::tempdir().unwrap());
    let other = site.another(Setup::default()).await;
    let source = site.source(machine.path());
    source.prepare().await.unwrap();
    site.asked();
    // What is kept of the one is used with the other, as behind a balancer.
    let state = |url: &str| {
        let mut options = site.options(machine.path());
        options.http = booster_sources::HttpOptions::new(url.parse().unwrap());
        booster_sources::WsusSource::new(options).unwrap()
    };
    let kept: Vec<_> = std::fs::read_dir(machine.path().join("wsus")).unwrap().collect();
    let kept = kept.into_iter().map(|entry| entry.unwrap().path());
    let kept = kept.filter(|path| !path.ends_with("client.json")).last().unwrap();
    let second = state(&other.url);
    assert!(second.prepare().await.is_ok());
    let files: Vec<_> = std::fs::read_dir(machine.path().join("wsus")).unwrap().collect();
    let files = files.into_iter().map(|entry| entry.unwrap().path());
    let its = files.filter(|path| *path != kept && !path.ends_with("client.json")).last().unwrap();
    std::fs::copy(&kept, &its).unwrap();
    let second = state(&other.url);
    second.prepare().await.unwrap();
    assert_eq!(second.counters().requests, 2, "the cookie and the ids are good there");
}

#[tokio::test]
async fn after_its_database_was_put_back_from_a_backup_a_server_gives_everybody_the_newest() {
    // With a cookie that is good still, and with one that has to be renewed.
    for lifetime in [3600, 1].map(Duration::from_secs) {
        let setup = Setup { cookie_lifetime: lifetime, ..Setup::default() };
        let (site, machine) = (Site::new(setup.clone()).await, tempfile::tempdir().unwrap());
        site.source(machine.path()).prepare().await.unwrap();
        let backup = site.dir.path().join("backup.sqlite");
        site.back_up(&backup).await;
        site.publish(2).await;
        site.source(machine.path()).prepare().await.unwrap();
        // The ids that the first publication got are given again, to the second one.
        let published = async |dir: &std::path::Path| crate::site::publish(dir, 3).await;
        let site = site.again(&backup, setup, published).await;
        let source = site.source(machine.path());
        source.prepare().await.unwrap();
        let newest = std::fs::read(site.dir.path().join("repository/metadata/timestamp.json")).unwrap();
        assert!(fetch(&source, Area::Metadata, "timestamp.json").await == Some(newest), "{lifetime:?}");
        for number in 1..=3 {
            let manifest = manifest(&site, number);
            assert!(fetch(&source, Area::Targets, &manifest).await.is_some(), "{lifetime:?} {number}");
        }
    }
}
