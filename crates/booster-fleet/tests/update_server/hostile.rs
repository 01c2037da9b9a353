//! Clients of other kinds, as their recorded conversations have it, and clients that mean harm.

use crate::site::{Setup, Site};
use booster_wsus::{
    Call, ErrorCode, Fault, Limits, Uuid,
    fragment::{Core, Extended},
    message::*,
    soap,
};
use jiff::Timestamp;
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

/// Sends bytes, and gives the answer's head and body. The client hangs up when the server does.
fn exchange(site: &Site, request: &[u8]) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(site.url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // A server that has refused already may have hung up.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    (String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase(), answer[end..].to_vec())
}

fn post(site: &Site, path: &str, document: &[u8]) -> (String, Vec<u8>) {
    let mut request = format!(
        "POST /{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: text/xml; charset=utf-8\r\n\
         User-Agent: Windows-Update-Agent/1507.2603 Client-Protocol/2.90\r\nAccept-Encoding: xpress\r\n\
         Content-Length: {}\r\n\r\n",
        document.len()
    )
    .into_bytes();
    request.extend(document);
    exchange(site, &request)
}

fn call<C: Call>(site: &Site, request: &C) -> Result<C::Answer, Fault> {
    let (head, body) = post(site, C::SERVICE.path(), soap::request(request).as_bytes());
    let answer = soap::read_answer::<C>(&body, &Limits::ANSWER).unwrap();
    let status = if answer.is_ok() { "http/1.1 200" } else { "http/1.1 500" };
    assert!(head.starts_with(status), "{head}");
    answer
}

/// A native client's handshake.
fn cookie(site: &Site, machine: u128) -> Cookie {
    let config = call(site, &GetConfig { protocol_version: "2.90".into() }).unwrap();
    assert!(config.is_registration_required);
    for name in
        ["MaxExtendedUpdatesPerRequest", "PackageServerShare", "ProtocolVersion", "IsInventoryRequired"]
    {
        assert!(config.property(name).is_some(), "{name}");
    }
    let client_id = Uuid::from_u128(machine).to_string().to_uppercase();
    let dns_name = "pc.example".to_owned();
    let who = GetAuthorizationCookie { client_id, target_group: None, dns_name: dns_name.clone() };
    let authorization = vec![call(site, &who).unwrap()];
    let current_time = Timestamp::now();
    let (last_change, protocol_version) = (config.last_change, "2.90".to_owned());
    let get = GetCookie { authorization, old_cookie: None, last_change, current_time, protocol_version };
    let cookie = call(site, &get).unwrap();
    let computer = Computer { dns_name, os_version: [10, 0, 26200], ..Computer::default() };
    call(site, &RegisterComputer { cookie: cookie.clone(), computer }).unwrap();
    cookie
}

fn sync(cookie: &Cookie, installed: Vec<i32>, other: Vec<i32>) -> SyncUpdates {
    let parameters =
        SyncParameters { installed_non_leaf: installed, other_cached: other, ..SyncParameters::default() };
    SyncUpdates { cookie: cookie.clone(), parameters }
}

fn code<T>(answer: Result<T, Fault>) -> Option<ErrorCode> {
    answer.err().and_then(|fault| fault.code)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_native_conversation_gets_everything_in_its_order() {
    let site = Site::new(Setup::default()).await;
    let cookie = cookie(&site, 1);
    let first = call(&site, &sync(&cookie, vec![], vec![])).unwrap();
    assert!(first.new_updates.iter().all(|update| !update.is_leaf && update.deployment.is_some()));
    let categories: Vec<i32> = first.new_updates.iter().map(|update| update.id).collect();
    // Cached but not installed, they are no prerequisite that is met.
    let nothing = call(&site, &sync(&cookie, vec![], categories.clone())).unwrap();
    assert!(nothing.new_updates.is_empty());
    let second = call(&site, &sync(&cookie, categories.clone(), vec![])).unwrap();
    assert!(second.new_updates.iter().all(|update| update.is_leaf && update.deployment.is_some()));
    let leaves: Vec<i32> = second.new_updates.iter().map(|update| update.id).collect();
    let third = call(&site, &sync(&cookie, categories.clone(), leaves.clone())).unwrap();
    assert!(third.new_updates.is_empty() && !third.is_truncated && third.out_of_scope.is_empty());
    let unknown = call(&site, &sync(&cookie, categories, vec![77_777])).unwrap();
    assert_eq!(unknown.out_of_scope, [77_777]);
    let drivers =
        SyncParameters { is_driver_pass: true, skip_software_sync: true, ..SyncParameters::default() };
    let drivers = call(&site, &SyncUpdates { cookie: cookie.clone(), parameters: drivers }).unwrap();
    assert!(drivers.new_updates.is_empty());

    let fragments = ["Extended", "LocalizedProperties"].map(String::from).to_vec();
    let ask = GetExtendedUpdateInfo {
        cookie: cookie.clone(),
        revisions: leaves,
        fragments,
        locales: vec!["en".into()],
    };
    let info = call(&site, &ask).unwrap();
    assert_eq!(info.updates.len(), 2 * second.new_updates.len());
    let location = &info.locations[0];
    let digests = vec![location.digest];
    let located = call(&site, &GetFileLocations { cookie: cookie.clone(), digests }).unwrap();
    assert_eq!(located.locations, std::slice::from_ref(location));
    let core = Core::read(second.new_updates[0].xml.as_deref().unwrap(), &Limits::FRAGMENT).unwrap();
    let refreshed = call(&site, &RefreshCache { cookie, updates: vec![core.identity] }).unwrap();
    assert_eq!(refreshed.updates[0].id, second.new_updates[0].id);
    let known = RequestedCategory { index: 1, category: booster_sources::PRODUCT };
    let other = RequestedCategory { index: 2, category: Uuid::from_u128(4) };
    let scan = call(&site, &StartCategoryScan { requested: vec![known, other] }).unwrap();
    assert_eq!((scan.preferred, scan.in_error), (vec![booster_sources::PRODUCT], vec![Uuid::from_u128(4)]));

    // Content: whole, a part, its head alone, and nothing else.
    let files = info.updates.iter().filter_map(|it| Extended::read(&it.xml, &Limits::FRAGMENT).unwrap());
    let size = files.flat_map(|it| it.files).find(|file| file.sha1 == location.digest).unwrap().size;
    let path = location.url.strip_prefix(&site.url).unwrap();
    let get = |method: &str, path: &str, header: &str| {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n{header}\r\n"
        );
        exchange(&site, head.as_bytes())
    };
    assert_eq!(get("GET", path, "").1.len() as u64, size);
    let (head, body) = get("HEAD", path, "");
    assert!(head.contains(&format!("content-length: {size}")) && body.is_empty(), "{head}");
    assert!(get("GET", "/Content/00/0000000000000000000000000000000000000000.json", "").0.contains(" 404 "));
    assert!(get("GET", "/Content/../keys/root-1.pem", "").0.contains(" 404 "));
    assert!(get("GET", "/SelfUpdate/wuident.cab", "").0.contains(" 404 "));
    assert!(get("GET", "/ClientWebService/client.asmx", "").0.contains(" 405 "));
    assert!(get("GET", "/metadata/timestamp.json", "").0.contains(" 200 "), "the plain files are there too");
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_that_are_not_ours_or_over_are_refused_by_their_names() {
    let site = Site::new(Setup { cookie_lifetime: Duration::from_secs(1), ..Setup::default() }).await;
    let good = cookie(&site, 1);
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert_eq!(code(call(&site, &sync(&good, vec![], vec![]))), Some(ErrorCode::CookieExpired));
    let mut changed = good.clone();
    changed.data[40] ^= 1;
    for data in [changed.data, Vec::new(), vec![0; 100_000]] {
        let foreign = Cookie { expiration: good.expiration.clone(), data };
        assert_eq!(code(call(&site, &sync(&foreign, vec![], vec![]))), Some(ErrorCode::InvalidCookie));
    }
    let invalid = GetCookie {
        authorization: vec![AuthorizationCookie {
            plug_in: "SimpleTargeting".into(),
            data: good.data.clone(),
        }],
        old_cookie: None,
        last_change: String::new(),
        current_time: Timestamp::now(),
        protocol_version: "1.8".into(),
    };
    assert_eq!(code(call(&site, &invalid)), Some(ErrorCode::InvalidAuthorizationCookie));
    let version = GetCookie { protocol_version: "1.8; rm".into(), ..invalid };
    assert_eq!(code(call(&site, &version)), Some(ErrorCode::InvalidParameters));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_has_not_registered_has_to_and_too_many_cannot() {
    let site = Site::new(Setup::default()).await;
    let config = call(&site, &GetConfig { protocol_version: "1.8".into() }).unwrap();
    let who = GetAuthorizationCookie {
        client_id: Uuid::from_u128(9).to_string(),
        target_group: None,
        dns_name: "x".into(),
    };
    let get = |last_change: &str| GetCookie {
        authorization: vec![call(&site, &who).unwrap()],
        old_cookie: None,
        last_change: last_change.to_owned(),
        current_time: Timestamp::now(),
        protocol_version: "1.8".into(),
    };
    assert_eq!(code(call(&site, &get("2001-01-01T00:00:00Z"))), Some(ErrorCode::ConfigChanged));
    let cookie = call(&site, &get(&config.last_change)).unwrap();
    assert_eq!(code(call(&site, &sync(&cookie, vec![], vec![]))), Some(ErrorCode::RegistrationRequired));
    for client_id in ["", "me", "00000000-0000-0000-0000-000000000000"] {
        let nobody = GetAuthorizationCookie { client_id: client_id.into(), ..who.clone() };
        assert_eq!(code(call(&site, &nobody)), Some(ErrorCode::InvalidParameters), "{client_id}");
    }
    let group = Some("a\u{1b}[2J".to_owned());
    let odd = GetAuthorizationCookie { target_group: group, ..who.clone() };
    assert_eq!(code(call(&site, &odd)), Some(ErrorCode::InvalidParameters));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_means_harm_is_refused_and_the_server_goes_on() {
    let site = Site::new(Setup::default()).await;
    let client = GetConfig::SERVICE.path();
    let cookie = cookie(&site, 1);
    assert_eq!(
        code(call(&site, &sync(&cookie, (0..401).collect(), vec![]))),
        Some(ErrorCode::InvalidParameters)
    );
    let thousands = call(&site, &sync(&cookie, vec![], (1000..6000).collect())).unwrap();
    assert_eq!(thousands.out_of_scope.len(), 5000);
    let request = |inside: &str| {
        format!(
            "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body>{inside}</s:Body></s:Envelope>"
        )
    };
    let bomb = format!("<!DOCTYPE a [<!ENTITY b 'b'>]>{}", request("<a>&b;</a>"));
    let deep = request(&format!("{}{}", "<a>".repeat(10_000), "</a>".repeat(10_000)));
    let many = soap::request(&sync(&cookie, vec![], (0..25_000).collect()));
    let unknown =
        request("<Unknown xmlns='http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService'/>");
    for document in ["", "<", "not xml", &bomb, &deep, &many, &unknown] {
        let (head, body) = post(&site, client, document.as_bytes());
        assert!(head.starts_with("http/1.1 500"), "{head}");
        let answer = soap::read_answer::<GetConfig>(&body, &Limits::ANSWER).unwrap();
        assert_eq!(code(answer), Some(ErrorCode::InvalidParameters));
    }
    let hundred_thousand = soap::request(&sync(&cookie, vec![], (0..100_000).collect()));
    assert!(post(&site, client, hundred_thousand.as_bytes()).0.starts_with("http/1.1 413"));
    // Nobody who breaks off, or never ends, holds anybody else up.
    let mut slow = TcpStream::connect(site.url.trim_start_matches("http://")).unwrap();
    slow.write_all(format!("POST /{client} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n<").as_bytes())
        .unwrap();
    assert!(call(&site, &GetConfig { protocol_version: "1.8".into() }).is_ok());
}
