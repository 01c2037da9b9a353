//! How many `SyncUpdates` a second an update server answers, with so many registered machines.
//!
//! ```sh
//! cargo run --release -p booster-wsus --example sync_load -- ADDRESS MACHINES SECONDS
//! ```
//!
//! Registers that many machines with the server and waits for a line of input, so that whoever measures the
//! server can look at it in between. Then as many connections as [`CONNECTIONS`] ask for so many seconds, each
//! time as another machine that has everything. Says how many answers came.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for measuring")]

use booster_wsus::{Call, Limits, Uuid, message::*, soap};
use jiff::Timestamp;
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

/// Connections that ask at once.
const CONNECTIONS: usize = 16;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut argument = |what: &str| arguments.next().unwrap_or_else(|| panic!("{what} is missing"));
    let address: SocketAddr = argument("the server's address").parse().unwrap();
    let machines: u128 = argument("the number of machines").parse().unwrap();
    let seconds: u64 = argument("the number of seconds").parse().unwrap();

    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut cookies = Vec::new();
    for number in 1..=machines {
        cookies.push(register(&mut stream, number).await);
    }
    println!("registered");
    std::io::stdin().read_line(&mut String::new()).unwrap();

    let first = call(&mut stream, &sync(&cookies[0], Vec::new())).await;
    let installed: Vec<i32> = first.new_updates.iter().map(|update| update.id).collect();
    let latest = Instant::now() + Duration::from_secs(seconds);
    let mut connections: JoinSet<u64> = (0..CONNECTIONS)
        .map(|number| {
            let cookies = cookies.iter().skip(number).step_by(CONNECTIONS);
            // Written beforehand: what asking costs is not what is measured.
            let requests: Vec<String> = cookies
                .map(|cookie| {
                    http(SyncUpdates::SERVICE.path(), &soap::request(&sync(cookie, installed.clone())))
                })
                .collect();
            ask(address, requests, latest)
        })
        .collect();
    let mut answers = 0;
    while let Some(count) = connections.join_next().await {
        answers += count.unwrap();
    }
    println!("{answers}");
}

/// Asks over one connection until then, and gives how many answers came.
async fn ask(address: SocketAddr, requests: Vec<String>, latest: Instant) -> u64 {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut answers = 0;
    for request in requests.iter().cycle() {
        if Instant::now() >= latest {
            break;
        }
        let body = exchange(&mut stream, request.as_bytes()).await;
        assert!(body.windows(10).any(|part| part == b"UpdateInfo"), "no updates came");
        answers += 1;
    }
    answers
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
    let request = RegisterComputer { cookie: cookie.clone(), computer };
    // A server lets so many in at once, and tells the others to come again.
    for _ in 0..100 {
        let body =
            exchange(stream, http(RegisterComputer::SERVICE.path(), &soap::request(&request)).as_bytes())
                .await;
        match soap::read_answer::<RegisterComputer>(&body, &Limits::ANSWER).unwrap() {
            Ok(_) => return cookie,
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    panic!("machine {machine} may not register")
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
