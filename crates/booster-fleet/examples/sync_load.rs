//! How many `SyncUpdates` a second the server answers, with so many registered machines: a server of its own,
//! and clients on loopback, all in this process.
//!
//! ```sh
//! cargo run --release --example sync_load -- REPOSITORY [MACHINES] [SECONDS]
//! ```
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for measuring")]

use booster_fleet::{
    Fleet,
    server::{UpdateService, UpdateServiceOptions},
};
use booster_publish::{
    Repository, RepositoryOptions,
    serve::{ServeOptions, Server},
};
use booster_wsus::{Call, Limits, Uuid, message::*, soap};
use jiff::Timestamp;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;

/// Connections that ask at once.
const CONNECTIONS: usize = 16;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| "repository".to_owned());
    let machines: usize = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let seconds: u64 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(10);
    let data = std::env::temp_dir().join(format!("sync-load-{}", std::process::id()));
    std::fs::create_dir_all(&data).unwrap();
    let fleet = Arc::new(Fleet::open(data.join("fleet.sqlite").to_str().unwrap()).await.unwrap());
    let repository = Repository::open(&folder, RepositoryOptions::default()).unwrap();
    let options = UpdateServiceOptions {
        // All machines register at once here.
        registrations: u32::MAX,
        ..UpdateServiceOptions::new("http://127.0.0.1/")
    };
    let service = Arc::new(UpdateService::new(&folder, repository, fleet, options).await.unwrap());
    let options = ServeOptions { beside: Some(Arc::clone(&service) as _), ..ServeOptions::default() };
    let server = Server::bind(folder.as_ref(), "127.0.0.1:0".parse().unwrap(), options).await.unwrap();
    let (address, cancel) = (server.local_addr(), CancellationToken::new());
    let serving = tokio::spawn(server.run(cancel.clone().cancelled_owned()));
    let maintaining = tokio::spawn({
        let (service, cancel) = (Arc::clone(&service), cancel.clone());
        async move { service.maintain(cancel).await }
    });

    let mut stream = TcpStream::connect(address).await.unwrap();
    let (began, mut cookies) = (Instant::now(), Vec::new());
    for number in 0..machines {
        cookies.push(register(&mut stream, number as u128 + 1).await);
    }
    println!(
        "registered {machines} machines in {:.1} s, resident {} KiB",
        began.elapsed().as_secs_f64(),
        resident()
    );

    let first = call(&mut stream, &sync(&cookies[0], Vec::new())).await;
    let installed: Vec<i32> = first.new_updates.iter().map(|update| update.id).collect();
    let (done, latest) = (Arc::new(AtomicU64::new(0)), Instant::now() + Duration::from_secs(seconds));
    let (began, cpu) = (Instant::now(), processor_time());
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|client| {
            let cookies: Vec<Cookie> = cookies.iter().skip(client).step_by(CONNECTIONS).cloned().collect();
            let (installed, done) = (installed.clone(), Arc::clone(&done));
            // A thread of its own: clients are not what is measured.
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async move {
                    let mut stream = TcpStream::connect(address).await.unwrap();
                    let mut requests = cookies.iter().cycle().map(|cookie| {
                        http(SyncUpdates::SERVICE.path(), &soap::request(&sync(cookie, installed.clone())))
                    });
                    while Instant::now() < latest {
                        let body = exchange(&mut stream, requests.next().unwrap().as_bytes()).await;
                        assert!(body.windows(10).any(|part| part == b"UpdateInfo"), "no updates came");
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                });
            })
        })
        .collect();
    while clients.iter().any(|client| !client.is_finished()) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    clients.into_iter().for_each(|client| client.join().unwrap());
    let (elapsed, done) = (began.elapsed().as_secs_f64(), done.load(Ordering::Relaxed) as f64);
    println!(
        "{:.0} SyncUpdates a second, clients on the same processors; {:.2} ms of processor time each; resident {} KiB",
        done / elapsed,
        (processor_time() - cpu) * 1000.0 / done,
        resident()
    );
    cancel.cancel();
    serving.await.unwrap();
    maintaining.await.unwrap();
    std::fs::remove_dir_all(&data).unwrap();
}

async fn register(stream: &mut TcpStream, machine: u128) -> Cookie {
    let client_id = Uuid::from_u128(machine).to_string();
    let dns_name = format!("machine-{machine}.example");
    let config = call(stream, &GetConfig { protocol_version: "1.8".into() }).await;
    let who = GetAuthorizationCookie { client_id, target_group: None, dns_name: dns_name.clone() };
    let authorization = vec![call(stream, &who).await];
    let (last_change, current_time) = (config.last_change, Timestamp::now());
    let get = GetCookie {
        authorization,
        old_cookie: None,
        last_change,
        current_time,
        protocol_version: "1.8".into(),
    };
    let cookie = call(stream, &get).await;
    let computer = Computer { dns_name, ..Computer::default() };
    call(stream, &RegisterComputer { cookie: cookie.clone(), computer }).await;
    cookie
}

fn sync(cookie: &Cookie, installed_non_leaf: Vec<i32>) -> SyncUpdates {
    let parameters = SyncParameters { installed_non_leaf, ..SyncParameters::default() };
    SyncUpdates { cookie: cookie.clone(), parameters }
}

fn http(path: &str, document: &str) -> String {
    format!("POST /{path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{document}", document.len())
}

async fn call<C: Call>(stream: &mut TcpStream, request: &C) -> C::Answer {
    let body = exchange(stream, http(C::SERVICE.path(), &soap::request(request)).as_bytes()).await;
    soap::read_answer::<C>(&body, &Limits::ANSWER).unwrap().unwrap()
}

/// Sends a request and reads the answer's body, by its length.
async fn exchange(stream: &mut TcpStream, request: &[u8]) -> Vec<u8> {
    stream.write_all(request).await.unwrap();
    let (mut answer, mut chunk) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        let read = stream.read(&mut chunk).await.unwrap();
        assert!(read > 0, "the server hung up");
        answer.extend_from_slice(&chunk[..read]);
        let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        let length: usize = length.unwrap().trim().parse().unwrap();
        if answer.len() >= end + 4 + length {
            return answer.split_off(end + 4);
        }
    }
}

/// This process's resident memory.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.unwrap_or("?").trim().trim_end_matches(" kB").to_owned()
}

/// This process's processor time in seconds, clients included.
fn processor_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split(' ').collect();
    let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(12) + ticks(13)) / 100.0
}
