//! The update server as a source, against one that misbehaves on order.

mod server;

use crate::options;
use booster_sources::{
    Approval, Area, Ended, RedirectRefusal, Resume, Source, SourceError, SourceKind, TransferRules,
    WsusOptions, WsusSource, download_from, read,
};
use booster_wsus::{ErrorCode, Uuid, message::UpdateInfo, soap};
use jiff::Timestamp;
use server::{ARCHIVE, Order, TIMESTAMP, UpdateServer, category, definitions, file};
use std::{path::Path, time::Duration};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// The operations of a first conversation, in their order.
const FIRST: [&str; 8] = [
    "GetConfig",
    "GetAuthorizationCookie",
    "GetCookie",
    "RegisterComputer",
    "SyncUpdates",
    "SyncUpdates",
    "GetExtendedUpdateInfo",
    "GetFileLocations",
];

/// More requests than any conversation may take, however it is disturbed.
const TOO_MANY: usize = 60;

fn source(url: &str, state: &Path) -> WsusSource {
    WsusSource::new(wsus(url, state)).unwrap()
}

fn wsus(url: &str, state: &Path) -> WsusOptions {
    WsusOptions {
        plain_http: true,
        retry_pause: Duration::ZERO,
        ..WsusOptions::new(SourceKind::Managed, options(url), state)
    }
}

fn machine() -> (UpdateServer, TempDir) {
    (UpdateServer::start(), tempfile::tempdir().unwrap())
}

async fn prepare(server: &UpdateServer, state: &Path) -> Result<WsusSource, SourceError> {
    let source = source(&server.url, state);
    source.prepare().await.map(|()| source)
}

async fn fetch(source: &WsusSource, area: Area, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
    read(source, area, path, 1 << 20, &TransferRules::default(), &CancellationToken::new()).await
}

async fn works(source: &WsusSource) {
    let timestamp = fetch(source, Area::Metadata, "timestamp.json").await.unwrap();
    assert_eq!(timestamp.as_deref(), Some(TIMESTAMP));
    let archive = fetch(source, Area::Targets, "nis/aa.tar.zst").await.unwrap();
    assert_eq!(archive.as_deref(), Some(ARCHIVE));
    assert_eq!(fetch(source, Area::Targets, "nis/other").await.unwrap(), None);
    assert_eq!(source.approval(Area::Targets, "nis/other"), Approval::Withheld);
}

#[tokio::test]
async fn a_first_conversation_has_each_call_once_and_a_later_one_only_its_rounds() {
    let (server, state) = machine();
    let source = prepare(&server, state.path()).await.unwrap();
    let mut expected = FIRST.to_vec();
    expected.push("Content");
    assert_eq!(server.log(), expected);
    works(&source).await;
    server.log();
    prepare(&server, state.path()).await.unwrap();
    assert_eq!(server.log(), ["SyncUpdates", "SyncUpdates"]);
    let shown = server.headers();
    assert!(
        shown.iter().any(|header| header.starts_with("soapaction: \"http://www.microsoft.com/")),
        "{shown:?}"
    );
}

#[tokio::test]
async fn each_fault_at_each_call_is_recovered_from_or_told_and_never_a_loop() {
    use ErrorCode::*;
    let recoverable = |operation: &str, code: &ErrorCode| match (operation, code) {
        (_, InvalidParameters | FileLocationChanged | Other(_)) => false,
        ("RegisterComputer", RegistrationNotRequired) => true,
        (_, RegistrationNotRequired) => false,
        // A cookie that was just given and does not do for registering does for nothing.
        ("RegisterComputer", code) => matches!(code, InternalServerError | ServerBusy),
        _ => true,
    };
    let codes: Vec<_> = ErrorCode::known().chain([Other("New".to_owned())]).collect();
    for operation in FIRST.into_iter().filter(|name| *name != "GetFileLocations") {
        for code in &codes {
            for times in [1, usize::MAX] {
                let (server, state) = machine();
                server.order(operation, Order::Fault(code.clone()), times);
                let ended = prepare(&server, state.path()).await;
                let calls = server.log().len();
                assert!(calls < TOO_MANY, "{operation} {code}: {calls} calls");
                let ends_well = match times {
                    1 => recoverable(operation, code),
                    _ => operation == "RegisterComputer" && *code == RegistrationNotRequired,
                };
                match ended {
                    Ok(source) if ends_well => works(&source).await,
                    Err(SourceError::Fault { .. }) if !ends_well => {}
                    other => panic!("{operation} {code} {times}: {:?}", other.map(drop)),
                }
            }
        }
    }
}

#[tokio::test]
async fn two_faults_that_take_turns_end() {
    let (server, state) = machine();
    for _ in 0..50 {
        server.order("SyncUpdates", Order::Fault(ErrorCode::CookieExpired), 1);
        server.order("SyncUpdates", Order::Fault(ErrorCode::ServerChanged), 1);
        server.order("SyncUpdates", Order::Fault(ErrorCode::RegistrationRequired), 1);
    }
    let error = prepare(&server, state.path()).await.unwrap_err();
    assert!(matches!(error, SourceError::Fault { .. }), "{error}");
    assert!(server.log().len() < TOO_MANY);
}

#[tokio::test]
async fn what_is_no_answer_is_told_by_its_name() {
    let deep = format!("{}{}", "<a>".repeat(10_000), "</a>".repeat(10_000));
    let bomb = "<!DOCTYPE a [<!ENTITY b 'bbbb'><!ENTITY c '&b;&b;&b;'>]><a>&c;</a>";
    let many = soap::answer::<booster_wsus::message::SyncUpdates>(&booster_wsus::message::SyncResult {
        out_of_scope: (0..100_000).collect(),
        ..Default::default()
    });
    for (order, kind) in [
        (Order::Hangup, "too_short connection_lost"),
        (Order::FaultWithoutCode, "fault"),
        (Order::Status(401, "WWW-Authenticate: NTLM\r\n"), "status"),
        (Order::Status(401, "WWW-Authenticate: Negotiate\r\n"), "status"),
        (Order::Status(302, "Location: http://127.0.0.1:1/\r\n"), "status"),
        (Order::Document(String::new()), "protocol"),
        (Order::Document("<html>sign in</html>".into()), "web_page"),
        (Order::Document("{}".into()), "protocol"),
        (Order::Document(deep), "protocol"),
        (Order::Document(bomb.into()), "protocol"),
        (Order::Document(many), "protocol"),
    ] {
        let (server, state) = machine();
        server.order("SyncUpdates", order.clone(), usize::MAX);
        let error = prepare(&server, state.path()).await.unwrap_err();
        assert!(kind.split(' ').any(|kind| kind == error.kind()), "{kind}: {error}");
        assert!(!server.headers().iter().any(|header| header.starts_with("authorization")));
        assert!(server.log().len() < TOO_MANY);
    }
}

#[tokio::test]
async fn pages_are_all_asked_for_and_repeats_and_foreign_updates_end_nothing() {
    let (server, state) = machine();
    server.change(|shop| {
        let strange = UpdateInfo { id: 40, xml: Some("<d.X y='1'><z".into()), ..UpdateInfo::default() };
        shop.rounds = vec![
            (vec![category(1, booster_sources::PRODUCT)], true),
            (vec![category(9, Uuid::from_u128(9)), strange], true),
            (vec![category(2, booster_sources::DEFINITION_UPDATES)], false),
            // The last round comes again and again, and says that there is more.
            (vec![definitions(3)], true),
        ];
    });
    works(&prepare(&server, state.path()).await.unwrap()).await;
    let rounds = server.log().iter().filter(|name| *name == "SyncUpdates").count();
    assert_eq!(rounds, 5);
}

#[tokio::test]
async fn cookies_of_any_date_are_shown_and_renewed_when_they_are_over() {
    for (expiration, handshakes) in
        [("2199-01-01T00:00:00.123456", 1), ("2001-01-01T00:00:00Z", 2), ("2001-01-01", 2), ("sometime", 2)]
    {
        let (server, state) = machine();
        server.change(|shop| shop.cookie_expiration = expiration.into());
        works(&prepare(&server, state.path()).await.unwrap()).await;
        prepare(&server, state.path()).await.unwrap();
        let log = server.log();
        let count = |name| log.iter().filter(|it| *it == name).count();
        assert_eq!((count("GetCookie"), count("GetConfig")), (handshakes, 1), "{expiration}: {log:?}");
        assert_eq!(count("RegisterComputer"), 1, "it is known there");
    }
}

#[tokio::test]
async fn a_server_without_a_service_for_it_gets_an_anonymous_cookie() {
    for order in [Order::Status(404, ""), Order::FaultWithoutCode, Order::Hangup] {
        let (server, state) = machine();
        server.change(|shop| {
            shop.plug_in.id = "Anonymous".into();
            shop.plug_in.service_url = String::new();
        });
        server.order("GetAuthorizationCookie", order, usize::MAX);
        works(&prepare(&server, state.path()).await.unwrap()).await;
    }
}

#[tokio::test]
async fn nothing_is_fetched_from_where_the_server_must_not_lead() {
    let (server, state) = machine();
    server.change(|shop| shop.plug_in.service_url = "http://127.0.0.2:1/x.asmx".into());
    let error = prepare(&server, state.path()).await.unwrap_err();
    assert!(matches!(&error, SourceError::Address { refusal: RedirectRefusal::OtherHost, .. }), "{error}");
    assert_eq!(server.log(), ["GetConfig"]);
    for elsewhere in ["http://127.0.0.2:1/", "file:///etc/passwd?", "\\\\server\\share\\"] {
        let (server, state) = machine();
        server.change(|shop| shop.content_url = Some(elsewhere.into()));
        let error = prepare(&server, state.path()).await.unwrap_err();
        assert!(matches!(error, SourceError::Address { .. }), "{error}");
    }
    let (server, state) = machine();
    server.order("Content", Order::Status(302, "Location: http://127.0.0.2:1/\r\n"), 9);
    let error = prepare(&server, state.path()).await.unwrap_err();
    assert!(matches!(error, SourceError::Redirect { .. }), "{error}");
}

#[tokio::test]
async fn a_file_that_is_not_what_the_server_says_is_asked_for_again_and_then_refused() {
    let (server, state) = machine();
    server.change(|shop| _ = shop.content.insert("1".into(), b"{\"other\":1}".to_vec()));
    let error = prepare(&server, state.path()).await.unwrap_err();
    assert!(matches!(error, SourceError::NotFound { .. }), "{error}");
    let asked = server.log();
    assert_eq!(asked.iter().filter(|name| *name == "Content").count(), 2, "{asked:?}");
    // The next conversation finds it put right.
    server.change(|shop| _ = shop.content.insert("1".into(), TIMESTAMP.to_vec()));
    works(&prepare(&server, state.path()).await.unwrap()).await;
}

#[tokio::test]
async fn a_download_goes_on_in_the_middle_or_begins_anew_where_ranges_are_not_known() {
    struct Kept(u64, Vec<u8>);
    impl booster_sources::Sink for Kept {
        fn begin(&mut self, start: u64, _: Option<&str>) -> std::io::Result<()> {
            self.0 = start;
            Ok(())
        }
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
            self.1.extend_from_slice(bytes);
            Ok(())
        }
    }
    for (knows_ranges, start) in [(true, 5), (false, 0)] {
        let (server, state) = machine();
        server.change(|shop| shop.knows_ranges = knows_ranges);
        let source = prepare(&server, state.path()).await.unwrap();
        let (mut kept, from) = (Kept(9, Vec::new()), Resume { offset: 5, etag: None });
        let (rules, cancel) = (TransferRules::default(), CancellationToken::new());
        let length = ARCHIVE.len() as u64;
        download_from(&source, "nis/aa.tar.zst", from, length, &rules, &cancel, &mut kept).await.unwrap();
        assert_eq!((kept.0, kept.1.as_slice()), (start, &ARCHIVE[start as usize..]));
    }
}

#[tokio::test]
async fn a_wrong_length_is_noticed_before_anything_is_read() {
    let (server, state) = machine();
    let source = prepare(&server, state.path()).await.unwrap();
    server.change(|shop| shop.content_length = Some(5000));
    let error = fetch(&source, Area::Targets, "nis/aa.tar.zst").await.unwrap_err();
    assert!(matches!(error, SourceError::WrongLength { expected: 19, announced: 5000, .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_was_set_up_anew_is_met_as_a_new_one() {
    let (server, state) = machine();
    prepare(&server, state.path()).await.unwrap();
    server.log();
    // Another id, for the same update; the configuration changed besides.
    server.order("SyncUpdates", Order::Fault(ErrorCode::ServerChanged), 1);
    server.change(|shop| {
        shop.rounds[1] = (vec![definitions(30)], false);
        shop.last_change = "2026-11-01T00:00:00".into();
        shop.files = vec![file("timestamp.json", 1, TIMESTAMP), file("aa.tar.zst", 2, ARCHIVE)];
    });
    works(&prepare(&server, state.path()).await.unwrap()).await;
    assert!(server.log().starts_with(&["SyncUpdates".to_owned(), "GetConfig".to_owned()]));
}

#[tokio::test]
async fn a_server_that_has_nothing_of_ours_says_so_and_reports_never_fail() {
    let (server, state) = machine();
    server.change(|shop| shop.rounds.truncate(1));
    let error = prepare(&server, state.path()).await.unwrap_err();
    assert!(matches!(error, SourceError::NotOffered { .. }), "{error}");
    let (server, state) = machine();
    let source = prepare(&server, state.path()).await.unwrap();
    let ended = Ended { time: Timestamp::now(), outcome: "current", versions: Vec::new(), failure: None };
    for order in [Order::Hangup, Order::Fault(ErrorCode::InvalidParameters), Order::Status(500, "")] {
        server.order("ReportEventBatch", order, 1);
        source.tell(&ended).await;
    }
    server.log();
    source.tell(&ended).await;
    source.tell(&ended).await;
    assert_eq!(server.log(), ["ReportEventBatch"], "once it was heard, it is not repeated");
}

#[test]
fn plain_http_has_to_be_wanted_and_the_public_service_is_never_reached_so() {
    let state = Path::new("state");
    let refused = |options| match WsusSource::new(options).unwrap_err() {
        SourceError::Configuration { reason, .. } => reason,
        other => panic!("{other}"),
    };
    let plain = WsusOptions { plain_http: false, ..wsus("http://a/", state) };
    assert!(refused(plain).contains("plain_http"));
    let public = WsusOptions { kind: SourceKind::Unmanaged, ..wsus("http://a/", state) };
    assert!(refused(public).contains("https only"));
    let secure = WsusOptions { kind: SourceKind::Unmanaged, ..wsus("https://a/", state) };
    assert!(WsusSource::new(secure).is_ok());
}
