//! The service ends or dies with callers attached.

use crate::{
    support::{Random, run},
    world::{World, block_on, wait},
};
use booster_service::{
    Asked,
    client::{Client, ClientError, Progress},
};
use booster_update::ErrorKind;
use std::time::Duration;

#[test]
fn callers_of_a_killed_service_get_a_clear_error_and_the_next_start_recovers() {
    const KILLS: u32 = 12;
    let world = World::new();
    let mut random = Random(0x5eed_0005);
    world.start().end();
    let (mut version, mut hits) = (1, 0);
    for _ in 0..KILLS {
        let service = world.start();
        let before = world.machine.version();
        let lost = block_on(async {
            let mut client = Client::connect(&world.socket()).await.unwrap();
            let mut followed = client.update(&Asked::default(), true).await.unwrap();
            // In the middle of an update: soon after one of its events.
            for _ in 0..1 + random.below(8) {
                if matches!(followed.next().await.unwrap(), Progress::Report(_)) {
                    break;
                }
            }
            let moment = Duration::from_micros(random.below(10_000));
            let killed = tokio::spawn(async move {
                tokio::time::sleep(moment).await;
                service.kill();
            });
            let ended = loop {
                match followed.next().await {
                    Ok(Progress::Report(_)) => break None,
                    Ok(_) => {}
                    Err(error) => break Some(error),
                }
            };
            killed.await.unwrap();
            ended
        });
        if let Some(error) = lost {
            hits += 1;
            assert!(matches!(error, ClientError::Lost(_)), "{error}");
            assert_eq!(error.kind(), ErrorKind::ServiceAbsent);
            assert!(error.to_string().contains("the connection to the service broke"), "{error}");
        }
        let after = run(world.machine.command("status").args(["--json", "--embedded"])).expect(0).json();
        let after = after["components"][0]["version"].as_str().map(str::to_owned);
        let new = format!("1.0.0.{version}");
        assert!(after == before || after.as_deref() == Some(new.as_str()), "{before:?} {after:?}");

        let service = world.start();
        world.update();
        assert_eq!(world.machine.version(), Some(new));
        assert_eq!(run(&mut world.machine.command("verify")).code, Some(0));
        assert!(!world.machine.data.join("staging").exists());
        assert_eq!(service.end(), Some(0));
        version += 1;
        world.publish(version);
    }
    assert!(hits >= KILLS / 3, "only {hits} of {KILLS} have hit an update");
}

#[test]
fn a_service_that_is_told_to_end_cancels_what_runs_and_leaves_no_debris() {
    let world = World::new();
    let mut service = world.start();
    world.slow_down();
    let command = &mut world.command("update");
    let caller = command.arg("--json").stdout(std::process::Stdio::piped()).spawn().unwrap();
    world.wait_for_download();
    service.signal(rustix::process::Signal::TERM);
    let said = crate::support::Said::from(caller.wait_with_output().unwrap()).expect(4);
    assert_eq!(said.json()["outcome"], "cancelled");
    assert_eq!(service.ended(), Some(0));
    assert!(!world.socket().exists() && !world.machine.data.join("staging").exists());
    let _service = world.start();
    world.update();
}

#[test]
fn a_client_can_connect_again_when_the_service_is_back() {
    let world = World::new();
    let service = world.start();
    block_on(async {
        let mut client = Client::connect(&world.socket()).await.unwrap();
        client.status().await.unwrap();
        service.kill();
        let lost = client.status().await.unwrap_err();
        assert_eq!(lost.kind(), ErrorKind::ServiceAbsent, "{lost}");
        let absent = Client::connect(&world.socket()).await.unwrap_err();
        assert!(matches!(absent, ClientError::Absent { .. }), "{absent}");
        let _service = world.start();
        // The same connection makes itself anew.
        let end = std::time::Instant::now() + crate::world::PATIENCE;
        while client.status().await.is_err() {
            assert!(std::time::Instant::now() < end);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
}

#[test]
fn a_frozen_service_resumes_where_it_was() {
    let world = World::new();
    let service = world.start();
    world.slow_down();
    let mut caller = world.command("update").stderr(std::process::Stdio::null()).spawn().unwrap();
    world.wait_for_download();
    service.signal(rustix::process::Signal::STOP);
    let stat = format!("/proc/{}/stat", service.pid());
    wait("the service to freeze", || std::fs::read_to_string(&stat).unwrap().contains(") T "));
    // Some pieces of the download come meanwhile, and nobody takes them.
    std::thread::sleep(Duration::from_secs(2));
    assert!(caller.try_wait().unwrap().is_none());
    service.signal(rustix::process::Signal::CONT);
    wait("the caller", || caller.try_wait().unwrap().is_some());
    assert_eq!(caller.wait().unwrap().code(), Some(0));
    assert_eq!(world.machine.version().as_deref(), Some("1.0.0.1"));
}
