//! The server, asked over real connections.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod common;

use booster_definitions::Digest;
use booster_publish::serve::{RequestRecord, ServeOptions, Server};
use common::http::{self, Answer};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::oneshot;

/// A running server over a fresh repository folder.
struct Running {
    folder: tempfile::TempDir,
    address: SocketAddr,
    records: Arc<Mutex<Vec<RequestRecord>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Running {
    fn new() -> Self {
        Self::with(ServeOptions::default())
    }

    fn with(mut options: ServeOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("metadata")).unwrap();
        std::fs::create_dir_all(folder.path().join("targets/antivirus")).unwrap();
        let records = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&records);
        options.observer =
            Some(Arc::new(move |record: &RequestRecord| sink.lock().unwrap().push(record.clone())));
        let (stop, stopped) = oneshot::channel();
        let (bound, address) = std::sync::mpsc::channel();
        let path = folder.path().to_path_buf();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let server = Server::bind(&path, "127.0.0.1:0".parse().unwrap(), options).await.unwrap();
                bound.send(server.local_addr()).unwrap();
                server.run(async { stopped.await.unwrap_or_default() }).await;
            });
        });
        Self { folder, address: address.recv().unwrap(), records, stop: Some(stop), thread: Some(thread) }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.path().join(name), content).unwrap();
    }

    fn connect(&self) -> TcpStream {
        http::connect(self.address)
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        http::ask(self.address, method, path, headers)
    }

    fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask("GET", path, headers)
    }

    fn stop(&mut self) {
        if let (Some(stop), Some(thread)) = (self.stop.take(), self.thread.take()) {
            let _ = stop.send(());
            thread.join().unwrap();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

#[test]
fn a_file_is_given_whole_in_part_and_not_again() {
    let server = Running::new();
    let content: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
    let name = format!("/targets/antivirus/{}.1.0.0.0.tar.zst", Digest::of(&content));
    server.write(&name[1..], &content);
    let etag = format!("\"{}\"", Digest::of(&content));

    let whole = server.get(&name, &[("Accept-Encoding", "gzip, br, zstd")]);
    assert_eq!((whole.status, whole.body.len()), (200, content.len()));
    assert!(whole.body == content);
    assert_eq!(whole.header("etag"), Some(&*etag));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    assert_eq!(whole.header("content-encoding"), None);
    assert!(whole.header("cache-control").unwrap().contains("immutable"));

    let part = server.get(&name, &[("Range", "bytes=100000-"), ("If-Range", &etag)]);
    assert_eq!(part.status, 206);
    assert_eq!(part.header("content-range"), Some("bytes 100000-1199999/1200000"));
    assert!(part.body == content[100_000..]);

    let changed = server.get(&name, &[("Range", "bytes=100000-"), ("If-Range", "\"other\"")]);
    assert_eq!((changed.status, changed.body.len()), (200, content.len()));

    let beyond = server.get(&name, &[("Range", "bytes=1200000-")]);
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some("bytes */1200000")));

    let known = server.get(&name, &[("If-None-Match", &etag)]);
    assert_eq!((known.status, known.body.len(), known.header("etag")), (304, 0, Some(&*etag)));

    let head = server.ask("HEAD", &name, &[]);
    assert_eq!((head.status, head.body.len(), head.header("content-length")), (200, 0, Some("1200000")));
}

#[test]
fn the_timestamp_is_revalidated_and_its_tag_follows_the_content() {
    let server = Running::new();
    server.write("metadata/timestamp.json", b"{1}");
    let first = server.get("/metadata/timestamp.json", &[]);
    assert_eq!(first.header("cache-control"), Some("no-cache, no-transform"));
    let tag = first.header("etag").unwrap().to_owned();
    assert_eq!(server.get("/metadata/timestamp.json", &[("If-None-Match", &tag)]).status, 304);
    server.write("metadata/timestamp.json", b"{2}");
    let second = server.get("/metadata/timestamp.json", &[("If-None-Match", &tag)]);
    assert_eq!((second.status, &*second.body), (200, &b"{2}"[..]));
}

#[test]
fn nothing_but_the_repository_is_given_out() {
    let server = Running::new();
    server.write("secret.pem", b"secret");
    server.write("metadata/a.json", b"{}");
    for path in [
        "/",
        "/metadata",
        "/metadata/",
        "/secret.pem",
        "/metadata/../secret.pem",
        "/metadata/%2e%2e/secret.pem",
        "/targets/..%2fsecret.pem",
        "/targets/antivirus",
        "/targets/antivirus/",
    ] {
        let answer = server.get(path, &[]);
        assert_eq!((answer.status, answer.body.len()), (404, 0), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let answer = server.ask(method, "/metadata/a.json", &[]);
        assert_eq!((answer.status, answer.header("allow")), (405, Some("get, head")), "{method}");
    }
    assert_eq!(server.get("/metadata/a.json?x=1", &[]).status, 200);
}

#[test]
fn a_head_that_is_too_large_or_too_slow_is_cut_and_others_are_served() {
    let server =
        Running::with(ServeOptions { header_time: Duration::from_millis(200), ..ServeOptions::default() });
    server.write("metadata/a.json", b"{}");
    let large = server.get("/metadata/a.json", &[("X-Large", &"x".repeat(40_000))]);
    assert_eq!(large.status, 431);

    let mut slow = server.connect();
    slow.write_all(b"GET /metadata/a.json HTTP/1.1\r\nHo").unwrap();
    assert_eq!(server.get("/metadata/a.json", &[]).status, 200);
    let mut rest = Vec::new();
    let _ = slow.read_to_end(&mut rest);
    assert!(!rest.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&rest));
}

#[test]
fn connections_beyond_the_limit_wait_for_their_turn() {
    let server = Running::with(ServeOptions { connections: 1, ..ServeOptions::default() });
    server.write("metadata/a.json", b"{}");
    let mut first = server.connect();
    first.write_all(b"GET /metadata/a.json HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let mut byte = [0];
    first.read_exact(&mut byte).unwrap();

    let mut second = server.connect();
    second.write_all(b"GET /metadata/a.json HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    second.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(second.read(&mut byte).is_err(), "the second connection was answered beside the first");
    drop(first);
    second.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    second.read_exact(&mut byte).unwrap();
}

/// A connection from another address of this machine.
#[cfg(target_os = "linux")]
fn connect_from(from: &str, to: SocketAddr) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let connected = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
        socket.connect(to).await.unwrap().into_std().unwrap()
    });
    connected.set_nonblocking(false).unwrap();
    connected.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    connected
}

#[cfg(target_os = "linux")]
#[test]
fn whoever_opens_more_connections_than_its_share_keeps_nobody_else_out() {
    let options = ServeOptions { connections: 4, connections_per_address: 3, ..ServeOptions::default() };
    let server = Running::with(ServeOptions { header_time: Duration::from_secs(600), ..options });
    server.write("metadata/a.json", b"{}");
    let idle: Vec<_> = (0..12).map(|_| connect_from("127.0.0.2", server.address)).collect();
    assert_eq!(server.get("/metadata/a.json", &[]).status, 200, "another address is answered");
    // What is over the share was closed, and what was closed makes room.
    let mut byte = [0];
    for mut stream in idle.iter().skip(3) {
        assert!(matches!(stream.read(&mut byte), Ok(0) | Err(_)), "it was closed");
    }
    drop(idle);
    let again = (0..600).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        let mut stream = connect_from("127.0.0.2", server.address);
        let asked = stream.write_all(b"GET /metadata/a.json HTTP/1.1\r\nHost: test\r\n\r\n");
        asked.is_ok() && stream.read(&mut byte).is_ok_and(|length| length == 1)
    });
    assert!(again, "the share is free again");
}

#[test]
fn a_client_that_takes_nothing_is_cut() {
    let options = ServeOptions { stall_time: Duration::from_millis(300), ..ServeOptions::default() };
    let mut server = Running::with(options);
    // More than the system's buffers on both sides take.
    let file = std::fs::File::create(server.path().join("targets/large")).unwrap();
    file.set_len(256 << 20).unwrap();
    let name = "/targets/large";
    let mut stream = server.connect();
    stream.write_all(format!("GET {name} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes()).unwrap();
    let cut = (0..600).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        server.records.lock().unwrap().iter().any(|record| record.path == name && !record.complete)
    });
    assert!(cut, "the stalled answer never ended");
    server.stop();
}

#[test]
fn a_stop_lets_the_running_answer_end_and_takes_no_more() {
    let mut server = Running::new();
    let content = vec![7u8; 32 << 20];
    let name = format!("/targets/antivirus/{}.x", Digest::of(&content));
    server.write(&name[1..], &content);
    let mut stream = server.connect();
    stream
        .write_all(format!("GET {name} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").as_bytes())
        .unwrap();
    let mut received = vec![0; 1];
    stream.read_exact(&mut received).unwrap();
    server.stop.take().unwrap().send(()).unwrap();
    stream.read_to_end(&mut received).unwrap();
    assert!(Answer::parse(&received).body == content);
    server.thread.take().unwrap().join().unwrap();
    assert!(TcpStream::connect(server.address).is_err(), "the server still listens");
}

#[test]
fn the_request_log_tells_each_request() {
    let mut server = Running::new();
    server.write("metadata/timestamp.json", b"{}");
    server.get("/metadata/timestamp.json", &[]);
    server.get("/metadata/9.root.json?x", &[]);
    server.ask("HEAD", "/metadata/timestamp.json", &[]);
    server.stop();
    let records = server.records.lock().unwrap();
    let told: Vec<_> =
        records.iter().map(|r| (r.method.as_str(), r.path.as_str(), r.status, r.bytes, r.complete)).collect();
    assert_eq!(
        told,
        [
            ("GET", "/metadata/timestamp.json", 200, 2, true),
            ("GET", "/metadata/9.root.json", 404, 0, true),
            ("HEAD", "/metadata/timestamp.json", 200, 0, true),
        ]
    );
}

#[test]
fn a_folder_that_is_not_there_cannot_be_served() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let address = "127.0.0.1:0".parse().unwrap();
    let error = runtime
        .block_on(Server::bind("no/such/folder".as_ref(), address, ServeOptions::default()))
        .unwrap_err();
    assert!(error.to_string().contains("no/such/folder"), "{error}");
}
