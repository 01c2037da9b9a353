//! Several callers at once.

use crate::{
    hostile::raw_with,
    support::run,
    world::{World, block_on, follow, wait},
};
use booster_service::{
    Asked,
    client::{Client, Progress},
    wire::{Seen, generated as proto, seen},
};
use booster_sources::SourceKind;
use booster_update::{EventKind, Order, Outcome};
use tonic::transport::Endpoint;

#[test]
fn who_comes_later_joins_and_hears_everything_from_the_start() {
    let world = World::new();
    let _service = world.start();
    world.slow_down();
    block_on(async {
        let mut first = Client::connect(&world.socket()).await.unwrap();
        let mut second = first.clone();
        let first = tokio::spawn(async move { follow(&mut first, true).await });
        while !world.downloads_began() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let mut joined = second.update(&Asked::default(), false).await.unwrap();
        assert!(joined.joined && joined.ahead == 0);
        let mut order = Order::default();
        for expected in [EventKind::Start, EventKind::SearchStart, EventKind::SearchComplete] {
            let Progress::Event(event) = joined.next().await.unwrap() else { panic!("an event") };
            assert_eq!(event.kind, expected);
            order.accept(event.kind, event.index).unwrap();
        }
        // One whom nobody follows any more goes on.
        drop(joined);
        let (events, report) = first.await.unwrap();
        assert_eq!(report.outcome, Outcome::Updated);
        assert_eq!(events.last().unwrap().kind, EventKind::Complete);
    });
}

#[test]
fn an_update_goes_on_when_its_caller_is_killed_and_a_slow_reader_holds_nobody() {
    let world = World::new();
    let _service = world.start();
    world.slow_down();
    let mut caller = world.command("update").stdout(std::process::Stdio::null()).spawn().unwrap();
    world.wait_for_download();
    block_on(async {
        // It takes 64 bytes and no more before it reads, which it does not: the first event is longer.
        let tiny = Endpoint::from_static("http://x").initial_stream_window_size(64);
        let mut slow = raw_with(&world, tiny).await;
        let request = proto::UpdateRequest { progress: true, ..Default::default() };
        let mut unread = slow.update(request).await.unwrap().into_inner();
        caller.kill().unwrap();
        caller.wait().unwrap();
        let mut client = Client::connect(&world.socket()).await.unwrap();
        let (_, report) = follow(&mut client, true).await;
        assert!(matches!(report.outcome, Outcome::Updated | Outcome::Current), "{report:?}");
        assert_eq!(client.status().await.unwrap().components[0].in_use, Some("1.0.0.1".parse().unwrap()));
        // What waited for the slow reader is there when it reads at last.
        let mut last = None;
        while let Some(message) = unread.message().await.unwrap() {
            last = message.message;
        }
        let Some(proto::update_message::Message::Report(report)) = last else { panic!("{last:?}") };
        assert_eq!(report.outcome, "updated");
    });
}

#[test]
fn who_waits_or_joins_is_told_so_by_the_command_and_leaves_the_line_at_once_when_cancelled() {
    let world = World::new();
    let _service = world.start();
    world.slow_down();
    let mut first = world.command("update").arg("--quiet").spawn().unwrap();
    world.wait_for_download();
    let piped = std::process::Stdio::piped;
    let joined = world.command("update").arg("--json").stdout(piped()).spawn().unwrap();
    let mut waiting = world.command("update");
    let waiting = waiting.args(["--check", "--json"]).stdout(piped()).spawn().unwrap();
    let mut person = world.command("update");
    let person = person.args(["--check", "--max-rate", "1MiB"]).stderr(piped()).spawn().unwrap();
    let queued = || run(world.command("status").arg("--json")).expect(0).json()["service"]["queued"].clone();
    wait("two to wait", || queued() == 2);
    // Which of the two came first does not matter.
    for number in ["2", "3"] {
        run(world.machine.command("service").args(["cancel", number])).expect(0);
    }
    let person = crate::support::Said::from(person.wait_with_output().unwrap()).expect(4);
    assert!(person.err.contains("waits behind"), "{}", person.err);
    let waiting = crate::support::Said::from(waiting.wait_with_output().unwrap()).expect(4);
    let place: serde_json::Value = serde_json::from_str(waiting.out.lines().next().unwrap()).unwrap();
    assert_eq!(place["event"], "queued", "{}", waiting.out);
    assert!(place["ahead"].as_u64().unwrap() > 0);
    let events: Vec<serde_json::Value> =
        waiting.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events[events.len() - 2]["event"], "complete", "{}", waiting.out);
    assert!(first.try_wait().unwrap().is_none(), "what they waited behind runs yet");
    assert_eq!(queued(), 0);
    assert_eq!(first.wait().unwrap().code(), Some(0));
    let joined = crate::support::Said::from(joined.wait_with_output().unwrap()).expect(0);
    let place: serde_json::Value = serde_json::from_str(joined.out.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&place["event"], &place["update"], &place["ahead"]),
        (&"joined".into(), &1.into(), &0.into())
    );
}

#[test]
fn different_requests_wait_in_line_and_are_told_their_place() {
    let world = World::new();
    let _service = world.start();
    world.slow_down();
    block_on(async {
        let mut client = Client::connect(&world.socket()).await.unwrap();
        let running = client.update(&Asked::default(), false).await.unwrap();
        while !world.downloads_began() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        // Other words for the same are no other request.
        let same = Asked { kinds: vec![SourceKind::Http, SourceKind::Http], ..Asked::default() };
        let same = client.update(&same, false).await.unwrap();
        assert_eq!((same.joined, same.ahead, same.number), (true, 0, running.number));
        let other = Asked { check_only: true, ..Asked::default() };
        let mut waiting = client.update(&other, false).await.unwrap();
        assert_eq!((waiting.joined, waiting.ahead), (false, 1));
        let status = client.status().await.unwrap().service.unwrap();
        assert_eq!((status.running, status.queued), (Some(running.number), 1));
        let outcome = loop {
            if let Progress::Report(report) = waiting.next().await.unwrap() {
                break report.outcome;
            }
        };
        assert_eq!(outcome, Outcome::Current);
    });
}

#[test]
fn ctrl_c_cancels_the_update_in_the_service_and_nothing_is_left() {
    let world = World::new();
    let _service = world.start();
    world.slow_down();
    let command = &mut world.command("update");
    let caller = command.arg("--json").stdout(std::process::Stdio::piped()).spawn().unwrap();
    world.wait_for_download();
    rustix::process::kill_process(rustix::process::Pid::from_child(&caller), rustix::process::Signal::INT)
        .unwrap();
    let said = crate::support::Said::from(caller.wait_with_output().unwrap()).expect(4);
    assert_eq!(said.json()["outcome"], "cancelled");
    let status = run(world.command("status").arg("--json")).expect(0).json();
    assert_eq!(status["service"]["running"], serde_json::Value::Null);
    assert!(!world.machine.data.join("staging").exists());
}

#[test]
fn an_update_can_be_cancelled_by_its_number_or_as_the_one_that_runs() {
    let world = World::new();
    let _service = world.start();
    let nothing = run(world.machine.command("service").arg("cancel")).expect(2);
    assert!(nothing.err.contains("no update is running"), "{}", nothing.err);
    world.slow_down();
    let caller = world.command("update").stderr(std::process::Stdio::null()).spawn().unwrap();
    world.wait_for_download();
    run(world.machine.command("service").arg("cancel").arg("9")).expect(2);
    run(world.machine.command("service").arg("cancel")).expect(0);
    assert_eq!(caller.wait_with_output().unwrap().status.code(), Some(4));
}

#[test]
fn watchers_see_every_update_and_the_engine_go_over() {
    let world = World::new();
    let _service = world.start();
    block_on(async {
        let mut client = Client::connect(&world.socket()).await.unwrap();
        let mut messages = client.watch(false).await.unwrap();
        follow(&mut client, false).await;
        let (mut order, mut began, mut engine) = (Order::default(), None, None);
        let report = loop {
            match seen(messages.message().await.unwrap().unwrap()).unwrap() {
                Seen::Started { by, .. } => began = Some(by),
                Seen::Event(event) => order.accept(event.kind, event.index).unwrap(),
                Seen::Engine { generation, failed, .. } => engine = Some((generation, failed)),
                Seen::Report(report) => break report,
                Seen::Missed { .. } => panic!("nothing is missed"),
            }
        };
        let uid = rustix::process::getuid().as_raw();
        assert_eq!(began, Some(format!("user {uid}")));
        assert!(order.is_over());
        assert_eq!(engine, Some((1, None)), "before the report, so that who hears it can rely on it");
        assert_eq!(report.outcome, Outcome::Updated);
    });
}

#[test]
fn the_command_watch_prints_what_happens_and_ends_with_the_service() {
    let world = World::new();
    let service = world.start();
    let out = world.path("watched");
    let command = &mut world.machine.command("watch");
    let mut watcher = command.arg("--json").stdout(std::fs::File::create(&out).unwrap()).spawn().unwrap();
    let lines = || std::fs::read_to_string(&out).unwrap();
    // Nothing says that it watches by now; what it has missed comes again.
    wait("the watcher", || {
        world.update();
        lines().contains("\"outcome\"")
    });
    assert_eq!(service.end(), Some(0));
    assert_eq!(watcher.wait().unwrap().code(), Some(0));
    assert!(lines().lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
}
