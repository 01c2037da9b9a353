//! What commands get from a service, and how they do without one.

use crate::{
    support::{eicar, run},
    world::{World, block_on, follow},
};
use booster_service::client::Client;
use booster_update::{EventKind, Order, Outcome};
use serde_json::Value;
use std::fs;

#[test]
fn commands_use_the_service_where_it_runs_and_do_the_work_themselves_where_it_does_not() {
    let world = World::new();
    let status = |more: &[&str]| run(world.machine.command("status").arg("--json").args(more));
    assert_eq!(status(&[]).expect(0).json().get("service"), None);
    let refused = status(&["--service"]).expect(2);
    assert!(refused.err.contains("no antimalware service answers") && refused.err.contains("--embedded"));

    let service = world.start();
    let answer = status(&[]).expect(0).json();
    assert_eq!(answer["service"]["socket"], world.socket().to_str().unwrap());
    assert_eq!(status(&["--embedded"]).expect(0).json().get("service"), None);
    assert_eq!(service.end(), Some(0));
    assert!(!world.socket().exists());
    assert_eq!(status(&[]).expect(0).json().get("service"), None);
}

#[test]
fn the_settings_decide_where_no_flag_does() {
    let world = World::new();
    world.configure("[service]\nuse = \"always\"\n");
    run(&mut world.machine.command("status")).expect(2);
    run(world.machine.command("status").arg("--embedded")).expect(0);
    let _service = world.start();
    run(&mut world.machine.command("status")).expect(0);
    world.configure("[service]\nuse = \"never\"\n");
    assert_eq!(run(world.machine.command("status").arg("--json")).expect(0).json().get("service"), None);
}

#[test]
fn an_update_through_the_service_tells_what_one_in_this_process_tells() {
    let world = World::new();
    let alone = {
        let mut machine = world.machine.clone();
        machine.data = world.path("alone");
        run(machine.command("update").arg("--json").arg("--embedded")).expect(0)
    };
    let _service = world.start();
    let served = run(world.command("update").arg("--json")).expect(0);
    let told = |out: &str| -> Vec<Value> {
        let lines = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        // What is told of time is not the same twice, and neither is how often progress is told.
        let strip = |mut value: Value| {
            let object = value.as_object_mut().unwrap();
            object.retain(|key, _| !matches!(key.as_str(), "time" | "duration_ms"));
            value
        };
        lines.map(strip).filter(|line| !line["event"].as_str().unwrap_or("").ends_with("progress")).collect()
    };
    assert_eq!(told(&served.out), told(&alone.out));
    assert!(served.out.contains("install_progress"));
}

#[test]
fn the_status_shows_the_version_that_the_engine_uses() {
    let world = World::new();
    let service = world.start();
    world.update();
    let status = run(world.command("status").arg("--json")).expect(0).json();
    let component = &status["components"][0];
    assert_eq!((&component["version"], &component["in_use"]), (&"1.0.0.1".into(), &"1.0.0.1".into()));
    assert_eq!(status["service"]["engine_generation"], status["generation"]);

    // Another process installs something: the service goes over to it by itself.
    world.publish(2);
    run(world.machine.command("update").args(["--embedded", "--quiet"])).expect(0);
    service.wait_for_log("generation=2");
    let status = run(world.command("status").arg("--json")).expect(0).json();
    assert_eq!(status["components"][0]["in_use"], "1.0.0.2");
}

#[test]
fn scans_history_and_rollback_go_through_the_service() {
    let world = World::new();
    let _service = world.start();
    let file = world.write("eicar.txt", &eicar());
    let refused = run(world.command("scan").arg(&file)).expect(2);
    assert!(refused.err.contains("no definitions"), "{}", refused.err);
    world.update();
    world.publish(2);
    world.update();

    let found = run(world.command("scan").arg(&file).arg("--json")).expect(1);
    let detection: Value = serde_json::from_str(found.out.lines().next().unwrap()).unwrap();
    assert_eq!(detection["detections"][0]["threat"], "Eicar", "{}", found.out);
    assert_eq!(found.json()["definitions"]["antivirus"], "1.0.0.2");
    let clean = world.write("clean", b"nothing");
    run(world.command("scan").arg(&clean)).expect(0);
    run(world.command("scan").arg(world.write("empty", b""))).expect(0);
    let large = world.write("large", &[b"marker of version 2.".as_slice(), &vec![b' '; 3 << 20]].concat());
    run(world.command("scan").arg(&large)).expect(1);

    let history = run(world.command("history").arg("--json")).expect(0).json();
    assert_eq!(history.as_array().unwrap().len(), 2);
    let back = run(world.command("rollback").args(["--reason", "false alarms", "--json"])).expect(0).json();
    assert_eq!((&back["outcome"], &back["reason"]), (&"rolled_back".into(), &"false alarms".into()));
    let file = world.write("marker", b"marker of version 2.");
    run(world.command("scan").arg(&file)).expect(0);
    assert_eq!(world.machine.version().unwrap(), "1.0.0.1");
}

#[test]
fn the_service_says_whether_it_does_its_work() {
    let world = World::new();
    run(world.machine.command("service").arg("health")).expect(2);
    let _service = world.start();
    let sick = run(world.machine.command("service").args(["health", "--json"])).expect(1).json();
    assert!(sick["problems"][0].as_str().unwrap().contains("no definitions"), "{sick}");
    world.update();
    run(world.machine.command("service").arg("health")).expect(0);
}

#[test]
fn events_come_in_their_order_and_progress_only_to_those_who_want_it() {
    let world = World::new();
    let _service = world.start();
    block_on(async {
        let mut client = Client::connect(&world.socket()).await.unwrap();
        let (events, report) = follow(&mut client, false).await;
        assert_eq!(report.outcome, Outcome::Updated);
        let mut order = Order::default();
        events.iter().for_each(|event| order.accept(event.kind, event.index).unwrap());
        assert!(order.is_over());
        let progress = [EventKind::DownloadProgress, EventKind::InstallProgress];
        assert!(!events.iter().any(|event| progress.contains(&event.kind)));
    });
}

#[test]
fn the_settings_are_read_again_when_it_is_told_so_and_wrong_ones_change_nothing() {
    let world = World::new();
    let service = world.start();
    let config = world.machine.config.clone().unwrap();
    fs::write(&config, "sources = 7").unwrap();
    service.signal(rustix::process::Signal::HUP);
    service.wait_for_log("cannot be read again");
    fs::write(&config, format!("root = {:?}\nsources = []\n", world.site.root())).unwrap();
    service.signal(rustix::process::Signal::HUP);
    service.wait_for_log("have been read again");
    let refused = run(world.command("update").arg("--json")).expect(2);
    assert_eq!(refused.json()["error"]["kind"], "no_source");
    // What a running service cannot change is named.
    world.configure("[service]\nmax_waiting = 3\n[scan]\nmax_file_size = \"1MiB\"\n");
    service.signal(rustix::process::Signal::HUP);
    for kept in ["max_waiting under [service]", "max_file_size under [scan]"] {
        service.wait_for_log(&format!("keeps its old value for now setting=\"{kept}\""));
    }
    crate::world::wait("the settings", || run(world.command("update").arg("--quiet")).code == Some(0));
}
