//! One user who takes what there is of something, and others who are served all the same.

use crate::{
    hostile::raw,
    support::run,
    world::{World, as_user, block_on, can_be_others, program_for_everybody, wait},
};
use booster_service::{Asked, client::Client, wire::generated as proto};
use std::{
    os::unix::net::UnixStream,
    process::{Command, Stdio},
    sync::mpsc,
};
use tonic::Code;

/// Somebody without rights.
const USER: u32 = 60_001;

/// Has everybody reach the socket.
fn open_to_everybody(world: &World) {
    drop(program_for_everybody(world.dir.path()));
}

#[test]
fn a_flood_of_connections_is_cut_off_and_administrators_are_served_beside_it() {
    if !can_be_others() {
        return;
    }
    let world = World::new();
    world.configure("[service]\nmax_connections = 8\n");
    let service = world.start();
    open_to_everybody(&world);
    let connect = || UnixStream::connect(world.socket()).unwrap();
    // Two for each of them, and of eight the last is for none of them.
    let flood: Vec<_> =
        (0..4).flat_map(|user| as_user(USER + user, || [connect(), connect(), connect()])).collect();
    service.wait_for_log("too many connections");
    run(world.command("status").arg("--json")).expect(0);
    drop(flood);
    let again = || as_user(USER, || block_on(async { status(&world).await }));
    wait("room", again);
}

/// Whether somebody is served.
async fn status(world: &World) -> bool {
    match Client::connect(&world.socket()).await {
        Ok(mut client) => client.status().await.is_ok(),
        Err(_) => false,
    }
}

#[test]
fn a_user_who_asks_for_ever_more_updates_does_not_fill_the_line() {
    if !can_be_others() {
        return;
    }
    let world = World::new();
    let folder = world.path("medium");
    let url = world.server.url().to_owned();
    let text = std::fs::read_to_string(world.machine.config.as_ref().unwrap()).unwrap();
    let sources = format!("sources = [{url:?}, {folder:?}, '\\\\server\\share']");
    let text = text.replace(&format!("sources = [{url:?}]"), &sources);
    let text = format!("{text}[unc]\nguest = true\n");
    std::fs::write(world.machine.config.as_ref().unwrap(), text).unwrap();
    let _service = world.start();
    world.slow_down();
    open_to_everybody(&world);
    block_on(async {
        let mut client = Client::connect(&world.socket()).await.unwrap();
        let _running = client.update(&Asked::default(), false).await.unwrap();
        while !world.downloads_began() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let all = ["http", "directory", "unc"];
        let refused = as_user(USER, || {
            block_on(async {
                let mut grpc = raw(&world).await;
                let mut refused = Vec::new();
                for choice in 0..32_usize {
                    // Every choice of kinds, in whatever words, and looking only or not.
                    let kinds = all.iter().enumerate().filter(|(bit, _)| choice >> bit & 1 == 1);
                    let mut kinds: Vec<_> = kinds.map(|(_, kind)| (*kind).to_owned()).collect();
                    if choice >= 16 {
                        kinds.extend(kinds.clone());
                    }
                    let check_only = choice >> 3 & 1 == 1;
                    let request = proto::UpdateRequest { kinds, check_only, ..Default::default() };
                    refused.extend(grpc.update(request).await.err());
                }
                refused
            })
        });
        assert!(!refused.is_empty());
        for status in refused {
            assert_eq!(status.code(), Code::ResourceExhausted);
            assert!(status.message().contains("4 updates that you asked for"), "{}", status.message());
        }
        let other = Asked { at_once: true, ..Asked::default() };
        let taken = client.update(&other, false).await.unwrap();
        assert_eq!((taken.joined, taken.ahead), (false, 5));
    });
}

#[test]
fn contents_that_a_user_does_not_finish_leave_room_for_the_scans_of_others() {
    if !can_be_others() {
        return;
    }
    let world = World::new();
    world.configure("[scan]\nmax_file_size = \"1MiB\"\n");
    let _service = world.start();
    world.update();
    open_to_everybody(&world);
    let piece = |last| proto::ScanRequest { content: vec![b'x'; 900 << 10], last, ..Default::default() };
    let unfinished = || {
        use futures_util::StreamExt as _;
        futures_util::stream::iter([piece(false)]).chain(futures_util::stream::pending())
    };
    let ((held, is_held), (finish, finished)) = (mpsc::channel(), mpsc::channel::<()>());
    std::thread::scope(|scope| {
        // Let go of where the test fails, too.
        let finish = finish;
        let user = || {
            block_on(async {
                let mut grpc = raw(&world).await;
                let mut replies = Vec::new();
                for _ in 0..3 {
                    replies.push(grpc.scan(unfinished()).await.unwrap().into_inner());
                }
                // One of them is refused, which shows that all room that this user gets is taken.
                let each = replies.iter_mut().map(|replies| Box::pin(replies.message()));
                let (first, ..) = futures_util::future::select_all(each).await;
                held.send(first.unwrap_err().code()).unwrap();
                _ = tokio::task::spawn_blocking(move || finished.recv()).await;
            });
        };
        scope.spawn(|| as_user(USER, user));
        assert_eq!(is_held.recv().unwrap(), Code::ResourceExhausted);
        // Another user, while these are held.
        let reply = block_on(async {
            let mut grpc = raw(&world).await;
            let mut replies = grpc.scan(futures_util::stream::iter([piece(true)])).await?.into_inner();
            replies.message().await
        });
        finish.send(()).unwrap();
        assert_eq!(reply.unwrap().unwrap().failed, None);
    });
}

#[test]
fn a_flood_of_callers_takes_no_files_from_the_update_that_runs() {
    let world = World::new();
    let prlimit = Command::new("prlimit").arg("--version").output();
    if !prlimit.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: prlimit is not installed");
        return;
    }
    let served = world.machine.command("service");
    let mut command = Command::new("prlimit");
    command.arg("--nofile=40:96").arg(served.get_program()).args(served.get_args());
    let service = world.spawn_as(command);
    service.wait_until_ready();
    // The limit was raised as far as it goes, and half of that is for callers.
    service.wait_for_log("only 48 callers");
    world.slow_down();
    let mut update = world.command("update").arg("--quiet").stdout(Stdio::null()).spawn().unwrap();
    world.wait_for_download();
    let flood: Vec<_> = (0..120).map(|_| UnixStream::connect(world.socket()).unwrap()).collect();
    service.wait_for_log("too many connections");
    assert_eq!(update.wait().unwrap().code(), Some(0));
    drop(flood);
    let log = service.log();
    assert!(!log.contains("callers cannot be accepted") && !log.contains("Too many open files"), "{log}");
    assert_eq!(world.machine.version().as_deref(), Some("1.0.0.1"));
}
