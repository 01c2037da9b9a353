//! Callers that break the protocol, flood the service, or say nothing.

use crate::world::{World, block_on};
use booster_service::{client::Client, wire::generated as proto};
use proto::antimalware_client::AntimalwareClient;
use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    time::Duration,
};
use tonic::{Code, transport::Endpoint};

pub async fn raw(world: &World) -> AntimalwareClient<tonic::transport::Channel> {
    raw_with(world, Endpoint::from_static("http://x")).await
}

/// The same with a connection of one's own kind.
pub async fn raw_with(world: &World, endpoint: Endpoint) -> AntimalwareClient<tonic::transport::Channel> {
    let socket = world.socket();
    let connector = tower::service_fn(move |_: tonic::transport::Uri| {
        let socket = socket.clone();
        async move {
            let stream = tokio::net::UnixStream::connect(socket).await?;
            Ok::<_, std::io::Error>(hyper_util::rt::TokioIo::new(stream))
        }
    });
    let channel = endpoint.connect_with_connector(connector).await.unwrap();
    AntimalwareClient::new(channel)
}

#[test]
fn what_is_no_call_is_refused_and_logged_and_others_are_served() {
    let world = World::new();
    let service = world.start();
    for garbage in [
        &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        &[0xff; 4096],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        let mut stream = UnixStream::connect(world.socket()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(garbage).unwrap();
        // The service ends the connection.
        let mut answer = Vec::new();
        _ = stream.read_to_end(&mut answer);
    }
    service.wait_for_log("a caller broke the protocol");
    world.update();
}

#[test]
fn messages_that_are_too_large_or_make_no_sense_are_refused_with_a_reason() {
    let world = World::new();
    let service = world.start();
    block_on(async {
        let mut grpc = raw(&world).await;
        let huge = proto::UpdateRequest { other_source: Some("x".repeat(2 << 20)), ..Default::default() };
        assert_eq!(grpc.update(huge).await.unwrap_err().code(), Code::OutOfRange);
        let kinds = proto::UpdateRequest { kinds: vec!["carrier pigeon".into()], ..Default::default() };
        let refused = grpc.update(kinds).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains("carrier pigeon"), "{}", refused.message());
        for wrong in [
            proto::RollbackRequest { to_version: Some("one".into()), ..Default::default() },
            proto::RollbackRequest { component: Some("firmware".into()), ..Default::default() },
        ] {
            assert_eq!(grpc.rollback(wrong).await.unwrap_err().code(), Code::InvalidArgument);
        }
        let nothing =
            grpc.update(proto::UpdateRequest { kinds: vec!["unc".into()], ..Default::default() }).await;
        assert_eq!(nothing.unwrap_err().code(), Code::FailedPrecondition);
    });
    service.wait_for_log("a call is refused");
}

#[test]
fn a_content_that_is_broken_off_or_too_large_is_no_scan() {
    let world = World::new();
    world.configure("[scan]\nmax_file_size = \"1MiB\"\n");
    let _service = world.start();
    world.update();
    block_on(async {
        let mut grpc = raw(&world).await;
        let piece = |last| proto::ScanRequest { content: vec![b'x'; 900 << 10], last, ..Default::default() };
        let mut replies = grpc.scan(futures_util::stream::iter([piece(false)])).await.unwrap().into_inner();
        assert_eq!(replies.message().await.unwrap_err().code(), Code::InvalidArgument);
        let pieces = [piece(false), piece(false), piece(true), piece(true)];
        let mut replies = grpc.scan(futures_util::stream::iter(pieces)).await.unwrap().into_inner();
        let first = replies.message().await.unwrap().unwrap();
        assert_eq!(first.failed.as_deref(), Some("too_large"));
        let second = replies.message().await.unwrap().unwrap();
        assert_eq!(second.failed, None, "the next content of the same caller is scanned");
        assert!(replies.message().await.unwrap().is_none());
    });
}

#[test]
fn a_flood_of_calls_waits_for_its_turn_and_all_are_answered() {
    let world = World::new();
    let _service = world.start();
    world.update();
    block_on(async {
        let client = Client::connect(&world.socket()).await.unwrap();
        let calls = (0..1000).map(|_| {
            let mut client = client.clone();
            async move { client.status().await.map(drop) }
        });
        for answer in futures_util::future::join_all(calls).await {
            answer.unwrap();
        }
    });
}
