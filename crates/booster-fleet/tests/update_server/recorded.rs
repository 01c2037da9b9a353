//! A native machine's conversation, sent as it writes it: every member, in the order of the contract, with
//! the values put in that the server has given.

use crate::site::{Setup, Site};
use booster_wsus::{
    Call, Limits,
    fragment::{Core, Extended},
    message::*,
    soap,
};
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

/// A request of a native machine, as it is kept beside the protocol's own tests.
macro_rules! native {
    ($name:literal) => {
        include_str!(concat!("../../../booster-wsus/tests/golden/native/", $name, ".xml"))
    };
}

/// Posts a document, and gives the answer's.
fn post<C: Call>(site: &Site, document: &str) -> String {
    let mut stream = TcpStream::connect(site.url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let (path, action, length) = (C::SERVICE.path(), C::action(), document.len());
    let head = format!(
        "POST /{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCache-Control: no-cache\r\nPragma: no-cache\r\n\
         Content-Type: text/xml; charset=utf-8\r\nUser-Agent: Windows-Update-Agent/1507.2603.12012.0 \
         Client-Protocol/2.90\r\nAccept-Encoding: xpress\r\nMS-CV: a.1\r\nSOAPAction: \"{action}\"\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(document.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{}: {answer}", C::OPERATION);
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// What the first element of this name holds.
fn value<'a>(answer: &'a str, name: &str) -> &'a str {
    let begun = answer.split_once(&format!("<{name}>")).unwrap().1;
    begun.split_once(&format!("</{name}>")).unwrap().0
}

fn read<C: Call>(answer: &str) -> C::Answer {
    soap::read_answer::<C>(answer.as_bytes(), &Limits::ANSWER).unwrap().unwrap()
}

fn integers(ids: impl Iterator<Item = i32>) -> String {
    ids.map(|id| format!("<int>{id}</int>")).collect()
}

/// The cookie, in its two parts.
struct Shown {
    expiration: String,
    data: String,
}

impl Shown {
    /// The kept document with this cookie.
    fn on(&self, document: &str) -> String {
        document.replace("2026-10-04T09:15:30Z", &self.expiration).replace("/w==", &self.data)
    }
}

fn handshake(site: &Site) -> Shown {
    let config = post::<GetConfig>(site, native!("config"));
    let authorization = post::<GetAuthorizationCookie>(site, native!("authorization"));
    let ask = native!("cookie")
        .replace("AAECAw==", value(&authorization, "CookieData"))
        .replace("2026-10-04T08:15:30.1234567Z", value(&config, "LastChange"));
    let shown = |answer: &str| Shown {
        expiration: value(answer, "Expiration").to_owned(),
        data: value(answer, "EncryptedData").to_owned(),
    };
    // Without an old cookie first, then with the one that is over.
    let first = shown(&post::<GetCookie>(site, &ask.replace("/w==", "")));
    let shown = shown(&post::<GetCookie>(site, &first.on(&ask)));
    post::<RegisterComputer>(site, &shown.on(native!("register")));
    shown
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_with_every_member_in_native_order_gets_everything() {
    let site = Site::new(Setup::default()).await;
    let shown = handshake(&site);
    let scan = read::<StartCategoryScan>(&post::<StartCategoryScan>(&site, native!("category-scan")));
    assert_eq!((scan.preferred, scan.in_error.len()), (vec![booster_sources::PRODUCT], 1));

    // Without any list first, then with the categories, then for drivers.
    let first = read::<SyncUpdates>(&post::<SyncUpdates>(&site, &shown.on(native!("sync-first"))));
    let categories = integers(first.new_updates.iter().map(|update| update.id));
    let with_ids = |document: &str| {
        shown.on(document).replace("<int>1</int><int>2</int>", &categories).replace("<int>-7</int>", "")
    };
    let answer = post::<SyncUpdates>(&site, &with_ids(native!("sync")));
    let second = read::<SyncUpdates>(&answer);
    assert!(!second.new_updates.is_empty() && second.new_updates.iter().all(|update| update.is_leaf));
    for member in ["AutoSelect", "AutoDownload", "SupersedenceBehavior"] {
        let given = answer.matches(&format!("<{member}>0</{member}>")).count();
        assert_eq!(given, second.new_updates.len(), "{member} is missed by native machines");
    }
    let drivers = read::<SyncUpdates>(&post::<SyncUpdates>(&site, &with_ids(native!("sync-drivers"))));
    assert_eq!(drivers.new_updates, []);

    let leaf = &second.new_updates[0];
    let ask = shown.on(native!("extended")).replace("<int>12</int>", &integers([leaf.id].into_iter()));
    let answer = post::<GetExtendedUpdateInfo>(&site, &ask);
    let info = read::<GetExtendedUpdateInfo>(&answer);
    assert_eq!(info.updates.len(), 2, "the files, and the words");
    let mut fragments = info.updates.iter().map(|it| Extended::read(&it.xml, &Limits::FRAGMENT).unwrap());
    let files = fragments.find_map(|fragment| fragment).unwrap().files;
    assert_eq!(files.len(), info.locations.len());
    let ask =
        shown.on(native!("locations")).replace("2jmj7l5rSw0yVb/vlWAYkK/YBwk=", value(&answer, "FileDigest"));
    let located = read::<GetFileLocations>(&post::<GetFileLocations>(&site, &ask));
    assert_eq!(located.locations, info.locations[..1]);
    let identity = Core::read(leaf.xml.as_deref().unwrap(), &Limits::FRAGMENT).unwrap().identity;
    let ask = shown
        .on(native!("refresh"))
        .replace("0a1b2c3d-0000-4000-8000-000000000001", &identity.update.to_string())
        .replace("<RevisionNumber>104<", &format!("<RevisionNumber>{}<", identity.revision));
    let refreshed = read::<RefreshCache>(&post::<RefreshCache>(&site, &ask));
    assert_eq!(refreshed.updates[0].id, leaf.id);

    let told = read::<ReportEventBatch>(&post::<ReportEventBatch>(&site, &shown.on(native!("report"))));
    assert_eq!(told, Reported(true));
    site.taken_up().await;
    let all = site.fleet.machines().await.unwrap();
    let [known] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((known.name.as_str(), known.versions["nis"].as_str()), ("pc-7.example", "1.1.0.0"));
    assert_eq!(known.id.to_string(), "b6b7a6a0-1111-4222-8333-444455556666");
}
