//! A client of another kind, message by message.

use crate::site::Server;
use booster_wsus::{Call, ErrorCode, Fault, Limits, Uuid, message::*, soap};
use jiff::Timestamp;
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

/// Sends bytes, and gives the answer's head and body. The client hangs up when the server does.
pub fn exchange(server: &Server, request: &[u8]) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // A server that has refused already may have hung up.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    (String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase(), answer[end..].to_vec())
}

pub fn post(server: &Server, path: &str, document: &[u8]) -> (String, Vec<u8>) {
    let mut request = format!(
        "POST /{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: text/xml; charset=utf-8\r\n\
         User-Agent: Windows-Update-Agent/1507.2603 Client-Protocol/2.90\r\nAccept-Encoding: xpress\r\n\
         Content-Length: {}\r\n\r\n",
        document.len()
    )
    .into_bytes();
    request.extend(document);
    exchange(server, &request)
}

pub fn call<C: Call>(server: &Server, request: &C) -> Result<C::Answer, Fault> {
    let (head, body) = post(server, C::SERVICE.path(), soap::request(request).as_bytes());
    let answer = soap::read_answer::<C>(&body, &Limits::ANSWER).unwrap();
    let status = if answer.is_ok() { "http/1.1 200" } else { "http/1.1 500" };
    assert!(head.starts_with(status), "{head}");
    answer
}

/// A native client's handshake, before it registers.
pub fn unregistered(server: &Server, machine: u128) -> Cookie {
    let config = call(server, &GetConfig { protocol_version: "2.90".into() }).unwrap();
    assert!(config.is_registration_required);
    for name in
        ["MaxExtendedUpdatesPerRequest", "PackageServerShare", "ProtocolVersion", "IsInventoryRequired"]
    {
        assert!(config.property(name).is_some(), "{name}");
    }
    let client_id = Uuid::from_u128(machine).to_string().to_uppercase();
    let dns_name = "pc.example".to_owned();
    let who = GetAuthorizationCookie { client_id, target_group: None, dns_name };
    let authorization = vec![call(server, &who).unwrap()];
    let current_time = Timestamp::now();
    let (last_change, protocol_version) = (config.last_change, "2.90".to_owned());
    let get = GetCookie { authorization, old_cookie: None, last_change, current_time, protocol_version };
    call(server, &get).unwrap()
}

/// A native client's handshake.
pub fn cookie(server: &Server, machine: u128) -> Cookie {
    let cookie = unregistered(server, machine);
    let dns_name = "pc.example".to_owned();
    let computer = Computer { dns_name, os_version: [10, 0, 26200], ..Computer::default() };
    call(server, &RegisterComputer { cookie: cookie.clone(), computer }).unwrap();
    cookie
}

pub fn sync(cookie: &Cookie, installed: Vec<i32>, other: Vec<i32>) -> SyncUpdates {
    let parameters =
        SyncParameters { installed_non_leaf: installed, other_cached: other, ..SyncParameters::default() };
    SyncUpdates { cookie: cookie.clone(), parameters }
}

pub fn code<T>(answer: Result<T, Fault>) -> Option<ErrorCode> {
    answer.err().and_then(|fault| fault.code)
}

/// A whole scan of a client that keeps nothing: categories, and what belongs to them.
pub fn scan(server: &Server, cookie: &Cookie) -> (Vec<i32>, Vec<i32>) {
    let ids = |result: SyncResult| result.new_updates.into_iter().map(|update| update.id).collect::<Vec<_>>();
    let categories = ids(call(server, &sync(cookie, vec![], vec![])).unwrap());
    let leaves = ids(call(server, &sync(cookie, categories.clone(), vec![])).unwrap());
    (categories, leaves)
}

/// Asks what revisions hold.
pub fn extended(server: &Server, cookie: &Cookie, revisions: &[i32]) -> ExtendedInfo {
    let fragments = vec!["Extended".to_owned()];
    let (cookie, revisions, locales) = (cookie.clone(), revisions.to_vec(), vec!["en".to_owned()]);
    call(server, &GetExtendedUpdateInfo { cookie, revisions, fragments, locales }).unwrap()
}

/// Fetches what is named by an address of any of a site's servers.
pub fn content(server: &Server, url: &str) -> (String, Vec<u8>) {
    let path = &url[url.find("/Content/").unwrap()..];
    exchange(server, format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes())
}

/// Asks until it is so; servers take things up in turns.
pub async fn until(mut so: impl FnMut() -> bool) {
    for _ in 0..600 {
        if so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never came to be");
}
