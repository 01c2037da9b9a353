//! Clients of other kinds, as their recorded conversations have it, and clients that mean harm.

use crate::{
    native::{call, code, cookie, exchange, post, sync, unregistered},
    site::{Setup, Site},
};
use booster_wsus::{
    Call, ErrorCode, Limits, Uuid,
    fragment::{Core, Extended},
    message::*,
    soap,
};
use jiff::Timestamp;
use std::{io::Write as _, net::TcpStream, time::Duration};

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
    let metadata = info.locations.iter().find(|it| it.url.ends_with(".json")).unwrap();
    let release = info.locations.iter().find(|it| !it.url.ends_with(".json")).unwrap();
    let get = |method: &str, path: &str, header: &str| {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n{header}\r\n"
        );
        exchange(&site, head.as_bytes())
    };
    assert_eq!(get("GET", path, "").1.len() as u64, size);
    let (head, body) = get("HEAD", path, "");
    assert!(head.contains(&format!("content-length: {size}")) && body.is_empty(), "{head}");
    // In memory or in the folder, a file is the same to who fetches it in parts.
    for location in [metadata, release] {
        let path = location.url.strip_prefix(&site.url).unwrap();
        let (head, whole) = get("GET", path, "");
        assert!(head.contains(" 200 ") && head.contains("accept-ranges: bytes"), "{head}");
        let etag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
        let (head, part) = get("GET", path, &format!("Range: bytes=3-9\r\nIf-Range: {etag}\r\n"));
        assert!(head.contains(" 206 ") && head.contains(&format!("etag: {etag}")), "{head}");
        assert!(head.contains(&format!("content-range: bytes 3-9/{}", whole.len())), "{head}");
        assert!(head.contains("content-length: 7"), "{head}");
        assert_eq!(part, whole[3..10]);
        let (head, nothing) = get("GET", path, &format!("Range: bytes={}-\r\n", whole.len()));
        assert!(head.contains(" 416 ") && nothing.is_empty(), "{head}");
        assert!(head.contains(&format!("content-range: bytes */{}", whole.len())), "{head}");
        assert!(get("GET", path, &format!("If-None-Match: {etag}\r\n")).0.contains(" 304 "));
        assert!(get("POST", path, "").0.contains(" 405 "));
    }
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
async fn an_address_registers_so_many_machines_and_a_proxy_says_for_whom_it_asks() {
    let setup = || Setup { registrations_per_address: 2, ..Setup::default() };
    let register = |site: &Site, machine: u128, forwarded: &str| {
        let cookie = unregistered(site, machine);
        let computer = Computer { dns_name: "pc.example".into(), ..Computer::default() };
        let document = soap::request(&RegisterComputer { cookie, computer });
        let request = format!(
            "POST /{} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-For: {forwarded}\r\n\
             Content-Length: {}\r\n\r\n{document}",
            RegisterComputer::SERVICE.path(),
            document.len()
        );
        let (_, body) = exchange(site, request.as_bytes());
        code(soap::read_answer::<RegisterComputer>(&body, &Limits::ANSWER).unwrap())
    };
    let site = Site::new(setup()).await;
    assert_eq!([1, 2].map(|machine| register(&site, machine, "10.0.0.1")), [None, None]);
    assert_eq!(register(&site, 3, "10.0.0.2"), Some(ErrorCode::ServerBusy), "anybody can write that");
    assert_eq!(register(&site, 2, "10.0.0.1"), None, "who is registered may register again");

    let site = Site::new(Setup { proxies: vec!["127.0.0.1".parse().unwrap()], ..setup() }).await;
    let said = [(1, "10.0.0.1"), (2, "10.0.0.9, 10.0.0.1"), (3, "10.0.0.2")];
    assert_eq!(said.map(|(machine, forwarded)| register(&site, machine, forwarded)), [None, None, None]);
    assert_eq!(register(&site, 4, "10.0.0.2, 10.0.0.1"), Some(ErrorCode::ServerBusy));
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
