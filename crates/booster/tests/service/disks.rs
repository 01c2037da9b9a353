//! A disk that is full or cannot be written, and a clock that jumps, while the service runs.

use crate::{
    support::run,
    tmpfs::Tmpfs,
    world::{PATIENCE, World, wait},
};
use std::{fs, process::Command, time::Instant};

/// What an update through the service failed with.
fn failure(world: &World) -> String {
    let report = run(world.command("update").arg("--json")).expect(2).json();
    report["error"]["kind"].as_str().unwrap().to_owned()
}

fn in_use(world: &World) -> serde_json::Value {
    run(world.command("status").arg("--json")).expect(0).json()["components"][0]["in_use"].clone()
}

#[test]
fn a_full_disk_fails_an_update_and_the_service_goes_on_with_what_it_has() {
    let world = World::new();
    let Some(disk) = Tmpfs::mount(world.machine.data.clone(), 8 << 20) else { return };
    let _service = world.start();
    world.update();
    world.publish(2);
    disk.fill_up_to(8 << 10);
    assert_eq!(failure(&world), "disk_full");
    assert_eq!(in_use(&world), "1.0.0.1");
    run(world.command("scan").arg(world.write("clean", b"x"))).expect(0);
    disk.empty();
    world.update();
    assert_eq!(in_use(&world), "1.0.0.2");
}

#[test]
fn a_data_folder_that_cannot_be_written_any_more_fails_updates_and_no_new_service_begins() {
    let world = World::new();
    let Some(disk) = Tmpfs::mount(world.machine.data.clone(), 8 << 20) else { return };
    let service = world.start();
    world.update();
    world.publish(2);
    disk.set_read_only(true);
    assert_ne!(failure(&world), "internal");
    assert_eq!(in_use(&world), "1.0.0.1");
    service.kill();
    let said = run(&mut world.machine.command("service")).expect(2);
    assert!(said.err.contains("cannot be written by user") && said.err.contains("Read-only"), "{}", said.err);
    disk.set_read_only(false);
    let _service = world.start();
    world.update();
    assert_eq!(in_use(&world), "1.0.0.2");
}

#[test]
fn a_clock_that_jumps_while_the_service_runs_is_expiry_at_worst_and_heals() {
    let world = World::new();
    let clock = world.write("clock", b"+0");
    let service = world.machine.command("service");
    let mut command = Command::new("faketime");
    command.args([
        "-f",
        "+0",
        "env",
        "--unset=FAKETIME",
        "FAKETIME_NO_CACHE=1",
        "FAKETIME_DONT_FAKE_MONOTONIC=1",
    ]);
    command.arg(format!("FAKETIME_TIMESTAMP_FILE={}", clock.display()));
    command.arg(service.get_program()).args(service.get_args());
    if Command::new("faketime").arg("--version").output().is_err() {
        eprintln!("skipped: faketime cannot be run; apt-get install faketime");
        return;
    }
    let service = world.spawn_as(command);
    service.wait_until_ready();
    world.update();
    world.publish(2);
    for (moved, kind) in [("+20y", Some("expired")), ("-20y", None)] {
        fs::write(&clock, moved).unwrap();
        match kind {
            Some(kind) => assert_eq!(failure(&world), kind),
            None => {
                world.update();
            }
        }
        let age = || {
            run(world.command("status").arg("--json")).expect(0).json()["components"][0]["age_days"].clone()
        };
        assert!(age().as_i64().unwrap() >= 0);
    }
    fs::write(&clock, "+0").unwrap();
    world.publish(3);
    let end = Instant::now() + PATIENCE;
    wait("updates to go well again", || {
        assert!(Instant::now() < end);
        run(world.command("update").arg("--quiet")).code == Some(0)
    });
    assert_eq!(in_use(&world), "1.0.0.3");
}
