//! Where a service does not begin, and what it says then.

use crate::{support::run, world::World};
use std::{fs, os::unix::net::UnixListener};

#[test]
fn two_services_do_not_share_a_data_folder_or_a_socket() {
    let world = World::new();
    let first = world.start();
    let said = run(&mut world.machine.command("service")).expect(2);
    let owner = format!("another service (process {}) owns the data folder", first.pid());
    assert!(said.err.contains(&owner), "{}", said.err);

    world.configure(&format!("[service]\nsocket = {:?}\n", world.socket()));
    let mut other = world.machine.clone();
    other.data = world.path("other");
    let said = run(&mut other.command("service")).expect(2);
    assert!(said.err.contains("another service answers at"), "{}", said.err);
    run(world.command("status").arg("--json")).expect(0);
}

#[test]
fn a_service_updates_by_itself_and_says_when_it_will_again() {
    let world = World::new();
    world.configure("[schedule]\nrandomization_time = \"0s\"\n");
    let _service = world.start();
    let status = || run(world.command("status").arg("--json")).expect(0).json();
    crate::world::wait("the schedule's update", || status()["components"][0]["in_use"] == "1.0.0.1");
    let next = || status()["service"]["schedule"]["next"].clone();
    crate::world::wait("the schedule to look again", || next()["because"] == "interval");
    let text = run(&mut world.command("status")).expect(0).out;
    assert!(text.contains("Next update  at ") && text.contains("the update interval is over"), "{text}");
    // A scan that a timer starts has it checked first, where the settings want that; here they do not.
    run(world.command("scan").arg("--scheduled").arg(world.write("clean", b"x"))).expect(0);
    assert_eq!(run(world.command("history").arg("--json")).json().as_array().unwrap().len(), 1);
}

#[test]
fn who_wants_to_scan_and_leaves_is_not_waited_for_by_the_schedule() {
    let world = World::new();
    world.configure(
        "[schedule]\ncheck_before_scan = true\nupdate_on_start = false\nupdate_interval = \"0s\"\n",
    );
    let _service = world.start();
    world.slow_down();
    let mut scan = world.command("scan");
    let mut scan = scan.arg("--scheduled").arg(world.write("clean", b"x")).spawn().unwrap();
    world.wait_for_download();
    let service = || run(world.command("status").arg("--json")).expect(0).json()["service"].clone();
    assert_eq!(service()["schedule"]["running"], "scan");
    scan.kill().unwrap();
    scan.wait().unwrap();
    crate::world::wait("the schedule to notice", || service()["schedule"]["running"].is_null());
    // The update is the desk's, and goes on.
    crate::world::wait("the update's end", || service()["running"].is_null());
    assert_eq!(world.machine.version().as_deref(), Some("1.0.0.1"));
}

#[test]
fn a_stale_socket_is_taken_over_and_another_file_is_not() {
    let world = World::new();
    fs::create_dir_all(&world.machine.data).unwrap();
    drop(UnixListener::bind(world.socket()).unwrap());
    let service = world.start();
    assert_eq!(service.end(), Some(0));
    fs::write(world.socket(), "mine").unwrap();
    let said = run(&mut world.machine.command("service")).expect(2);
    assert!(said.err.contains("is no socket"), "{}", said.err);
    assert_eq!(fs::read_to_string(world.socket()).unwrap(), "mine");
}

#[test]
fn a_data_folder_that_cannot_be_written_and_wrong_settings_are_said_at_once() {
    let world = World::new();
    fs::write(world.path("file"), "").unwrap();
    let mut machine = world.machine.clone();
    machine.data = world.path("file/data");
    let said = run(&mut machine.command("service")).expect(2);
    assert!(said.err.contains("cannot be written by user"), "{}", said.err);

    world.configure("[service]\nmax_waiting = -1\n");
    let said = run(&mut world.machine.command("service")).expect(2);
    assert!(said.err.contains("booster.toml:7:15"), "{}", said.err);

    world.configure(&format!("[service]\nsocket = {:?}\n", world.path(&"x".repeat(200))));
    let said = run(&mut world.machine.command("service")).expect(2);
    assert!(said.err.contains("`socket` under [service]"), "{}", said.err);
}

#[test]
fn a_folder_of_another_user_is_refused_with_the_user_that_it_should_belong_to() {
    use std::os::unix::process::CommandExt as _;
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can run a service as another user");
        return;
    }
    let world = World::new();
    let program = crate::world::program_for_everybody(world.dir.path());
    fs::create_dir_all(&world.machine.data).unwrap();
    let mut command = std::process::Command::new(program);
    command.uid(65534).gid(65534).current_dir("/").env_clear();
    let said = run(command.arg("--data-dir").arg(&world.machine.data).arg("service")).expect(2);
    assert!(said.err.contains("cannot be written by user 65534"), "{}", said.err);
}
