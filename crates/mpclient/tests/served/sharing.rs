//! Programs that share the service's updates.

use crate::{
    support::{Language, Link, Machine, Program, Said, service::block_on},
    update::{names, site_and_machine, told},
};
use booster_service::{
    Asked,
    client::{Client, Followed, Progress},
};
use booster_sources::SourceKind;
use booster_test_support::{Fault, FaultyServer};
use mpclient::numbers as n;
use std::process::Stdio;

/// A machine whose source lets updates wait.
fn stalled() -> (crate::support::Site, FaultyServer, Machine) {
    let (site, mut machine) = site_and_machine();
    let server = FaultyServer::serve(site.repository());
    machine.set("BOOSTER_SOURCES", server.url());
    server.misbehave("/metadata/timestamp.json", Fault::NeverAnswer);
    (site, server, machine)
}

/// Somebody else's update, told of up to its search.
async fn searching(machine: &Machine, asked: &Asked) -> (Client, Followed) {
    let mut client = Client::connect(&machine.socket()).await.unwrap();
    let mut followed = client.update(asked, false).await.unwrap();
    for _ in 0..2 {
        assert!(matches!(followed.next().await.unwrap(), Progress::Event(_)));
    }
    (client, followed)
}

#[test]
fn an_update_that_is_joined_is_heard_from_its_first_event_and_its_cancellation_is_everybodys() {
    let Some(program) = Program::build("update", Language::C11, Link::Shared) else { return };
    let (_site, _server, machine) = stalled();
    let at = format!("{:x}", n::MPNOTIFY_SIGUPDATE_SEARCH_START);
    let mut command = program.command(&machine);
    command.args(["1", "abort", &at]);
    let said = block_on(async {
        let (_client, mut followed) = searching(&machine, &Asked::default()).await;
        let said = Said::of(&mut command);
        loop {
            if let Progress::Report(report) = followed.next().await.unwrap() {
                assert_eq!(report.outcome, booster_update::Outcome::Cancelled);
                return said;
            }
        }
    });
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    // This user is an administrator to its own service, else others' updates could not be cancelled.
    assert_eq!(said.value("abort"), "00000000");
    let events = told(&said);
    assert_eq!(names(&events[..2]), "start search_start");
    assert_eq!(events.last().map(|told| told.result), Some(0x8024_000B));
}

#[test]
fn an_update_that_waits_in_line_tells_nothing_until_its_turn_comes() {
    let Some(program) = Program::build("update", Language::C11, Link::Shared) else { return };
    let (_site, server, machine) = stalled();
    // Somebody else's look is another request, although it asks the same sources.
    let mut command = program.command(&machine);
    command.args(["5"]).stdout(Stdio::piped());
    let said = block_on(async {
        let look = Asked { check_only: true, ..Asked::default() };
        let (mut client, followed) = searching(&machine, &look).await;
        let child = command.spawn().unwrap();
        while client.status().await.unwrap().service.unwrap().queued == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        server.heal();
        client.cancel(followed.number).await.unwrap();
        let output = tokio::task::spawn_blocking(|| child.wait_with_output()).await.unwrap().unwrap();
        Said {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::new(),
        }
    });
    assert_eq!((said.code, said.value("result")), (Some(0), "00000000"), "{}", said.out);
    let events = told(&said);
    assert_eq!(names(&events[..3]), "start search_start search_complete");
    assert_eq!(
        events.last().map(|told| (told.notify, told.result)),
        Some((n::MPNOTIFY_SIGUPDATE_COMPLETE, 0))
    );
}

#[test]
fn whom_the_service_runs_an_update_for_may_close_it_and_it_goes_on_for_others() {
    let Some(program) = Program::build("update", Language::C11, Link::Shared) else { return };
    let (_site, server, machine) = stalled();
    let at = format!("{:x}", n::MPNOTIFY_SIGUPDATE_SEARCH_START);
    let said = program.run(&machine, &["1", "close", &at]);
    assert_eq!(names(&told(&said)), "start search_start");
    block_on(async {
        let mut client = Client::connect(&machine.socket()).await.unwrap();
        let asked = Asked::default();
        let followed = client.update(&asked, false).await.unwrap();
        assert!(followed.joined, "it runs although nobody is left who asked for it");
        // Who names the kind of the only source means the same one.
        let same = Asked { kinds: vec![SourceKind::Http], ..asked.clone() };
        assert!(client.update(&same, false).await.unwrap().joined);
        let other = Asked { check_only: true, ..asked };
        assert_eq!(client.update(&other, false).await.unwrap().ahead, 1);
        server.heal();
        client.cancel(followed.number).await.unwrap();
    });
}
