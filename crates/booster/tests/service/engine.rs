//! The engine goes over to new definitions while it scans.

use crate::{
    support::run,
    world::{World, block_on, follow},
};
use booster_engine::{ContentScanner as _, ScanLimits};
use booster_service::client::{Client, RemoteScanner};
use std::{
    path::Path,
    sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
};

#[test]
fn scans_go_on_during_activations_and_each_is_made_with_one_whole_set() {
    const ACTIVATIONS: u32 = 6;
    let world = World::new();
    let _service = world.start();
    world.update();
    let scanner = RemoteScanner::connect(vec![world.socket()], ScanLimits::default()).unwrap();
    let (over, scans) = (AtomicBool::new(false), AtomicU32::new(0));
    // Every release knows its own marker: exactly one is found at any time, and versions never go back.
    let content: String =
        (1..=ACTIVATIONS + 1).map(|version| format!("marker of version {version}. ")).collect();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut newest = 0;
                while !over.load(SeqCst) {
                    let report = scanner.scan_content(Path::new("x"), content.as_bytes(), "").unwrap();
                    let [found] = report.detections.as_slice() else { panic!("{report:?}") };
                    assert_eq!(found.threat, "Marker");
                    assert!(found.version.0[3] >= newest, "{} after {newest}", found.version);
                    newest = found.version.0[3];
                    scans.fetch_add(1, SeqCst);
                }
                assert_eq!(u32::from(newest), ACTIVATIONS + 1);
            });
        }
        for version in 2..=ACTIVATIONS + 1 {
            world.publish(version);
            let before = scans.load(SeqCst);
            let report = world.update();
            assert_eq!(report["outcome"], "updated");
            crate::world::wait("scans to go on", || scans.load(SeqCst) > before + 2);
        }
        over.store(true, SeqCst);
    });
}

#[test]
fn definitions_that_cannot_be_loaded_leave_the_engine_with_those_that_it_has_and_that_is_told() {
    let world = World::new();
    let service = world.start();
    world.update();
    world.publish(2);
    run(world.machine.command("update").args(["--embedded", "--quiet"])).expect(0);
    // Damaged between the switch and the moment when the service looks.
    let image = world.machine.data.join("generations/00000002/image/image.json");
    std::fs::write(&image, "{}").unwrap();
    service.wait_for_log("goes on with the definitions that it has");
    let status = run(world.command("status").arg("--json")).expect(0).json();
    let component = &status["components"][0];
    assert_eq!((&component["version"], &component["in_use"]), (&"1.0.0.2".into(), &"1.0.0.1".into()));
    assert!(status["service"]["engine_problem"].as_str().unwrap().contains("generation 2"), "{status}");
    run(world.machine.command("service").arg("health")).expect(1);
    let text = run(&mut world.command("status")).expect(0).out;
    assert!(text.contains("engine still uses 1.0.0.1"), "{text}");
    block_on(async {
        let mut client = Client::connect(&world.socket()).await.unwrap();
        world.publish(3);
        follow(&mut client, false).await;
        assert_eq!(client.status().await.unwrap().service.unwrap().engine_problem, None);
    });
}
