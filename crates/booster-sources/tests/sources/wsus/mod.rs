//! The update server as a source, against one that misbehaves on order.

mod faults;
mod rules;
mod server;

use crate::options;
use booster_sources::{
    Approval, Area, Ended, RedirectRefusal, Resume, Source, SourceError, SourceKind, TransferRules,
    WsusOptions, WsusSource, download_from, read,
};
use booster_wsus::{
    ErrorCode, Uuid,
    fragment::UpdateKind,
    message::{ExtendedInfo, FileLocations, GetExtendedUpdateInfo, GetFileLocations, UpdateInfo},
    soap,
};
use jiff::Timestamp;
use server::{ARCHIVE, Order, TIMESTAMP, UpdateServer, category, definitions, definitions_after, file, node};
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
async fn a_file_that_is_not_what_the_server_says_is_asked_for_again_and_then_refused() {
    let (server, state) = machine();
    server.change(|shop| _ = shop.content.insert("timestamp.json".into(), b"{\"other\":1}".to_vec()));
    let error = prepare(&server, state.path()).await.unwrap_err();
    assert!(matches!(error, SourceError::NotFound { .. }), "{error}");
    let asked = server.log();
    assert_eq!(asked.iter().filter(|name| *name == "Content").count(), 2, "{asked:?}");
    // The next conversation finds it put right.
    server.change(|shop| _ = shop.content.insert("timestamp.json".into(), TIMESTAMP.to_vec()));
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
        shop.files = vec![file("timestamp.json", TIMESTAMP), file("aa.tar.zst", ARCHIVE)];
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

/// What a server answers that has forgotten the revision, or was told to keep it back.
fn out_of_scope() -> String {
    soap::answer::<GetExtendedUpdateInfo>(&ExtendedInfo { out_of_scope: vec![3], ..ExtendedInfo::default() })
}

#[tokio::test]
async fn what_a_server_does_not_say_of_a_revision_is_asked_for_again() {
    let unsaid = soap::answer::<GetExtendedUpdateInfo>(&ExtendedInfo::default());
    let nowhere = soap::answer::<GetFileLocations>(&FileLocations::default());
    for (operation, document) in [
        ("GetExtendedUpdateInfo", out_of_scope()),
        ("GetExtendedUpdateInfo", unsaid),
        ("GetFileLocations", nowhere),
    ] {
        let (server, state) = machine();
        server.order(operation, Order::Document(document), 1);
        let error = prepare(&server, state.path()).await.unwrap_err();
        assert!(matches!(error, SourceError::NotOffered { .. }), "{operation}: {error}");
        works(&prepare(&server, state.path()).await.unwrap()).await;
    }
}

#[tokio::test]
async fn a_file_without_a_sha256_is_not_used() {
    let (server, state) = machine();
    server.change(|shop| shop.files[1].sha256 = None);
    let source = prepare(&server, state.path()).await.unwrap();
    assert_eq!(source.approval(Area::Targets, "nis/aa.tar.zst"), Approval::Withheld);
    assert_eq!(fetch(&source, Area::Targets, "nis/aa.tar.zst").await.unwrap(), None);
    assert!(!server.log().iter().any(|call| call == "GetFileLocations"), "nor is it asked for");
}

#[tokio::test]
async fn a_file_of_another_sha1_than_the_server_names_breaks_off_before_its_end() {
    let (server, state) = machine();
    let source = prepare(&server, state.path()).await.unwrap();
    let other: Vec<u8> = ARCHIVE.iter().rev().copied().collect();
    server.change(|shop| _ = shop.content.insert("aa.tar.zst".into(), other));
    let error = fetch(&source, Area::Targets, "nis/aa.tar.zst").await.unwrap_err();
    assert!(matches!(error, SourceError::WrongDigest { .. }), "{error}");
    // The timestamp is judged before anything follows from it.
    let (server, state) = machine();
    server.change(|shop| shop.files[0].sha1 = shop.files[1].sha1);
    let error = prepare(&server, state.path()).await.unwrap_err();
    assert!(matches!(error, SourceError::NotFound { .. }), "{error}");
}

/// What tells this processor from others, and one for another.
const THIS_PROCESSOR: Option<Uuid> = match std::env::consts::ARCH.as_bytes() {
    b"x86_64" => Some(Uuid::from_u128(0x59653007_e2e9_4f71_8525_2ff588527978)),
    b"aarch64" => Some(Uuid::from_u128(0x4103af66_247a_4782_b970_8899394c27c3)),
    _ => None,
};
const ANOTHER_PROCESSOR: Uuid = Uuid::from_u128(0x7af068bd_e532_41bd_8a11_a4099504e4a9);

#[tokio::test]
async fn a_product_is_reached_through_what_it_belongs_to_and_this_processor() {
    let [company, family, unrelated] = [100, 101, 102].map(Uuid::from_u128);
    let (product, class) = (booster_sources::PRODUCT, booster_sources::DEFINITION_UPDATES);
    let (server, state) = machine();
    server.change(|shop| {
        let mut all = vec![
            node(10, company, UpdateKind::Category, &[]),
            node(11, family, UpdateKind::Category, &[company]),
            node(12, product, UpdateKind::Category, &[family]),
            category(13, class),
            node(14, ANOTHER_PROCESSOR, UpdateKind::Detectoid, &[]),
            node(15, unrelated, UpdateKind::Category, &[]),
            node(16, Uuid::from_u128(103), UpdateKind::Category, &[unrelated]),
        ];
        all.extend(THIS_PROCESSOR.map(|this| node(17, this, UpdateKind::Detectoid, &[])));
        all.push(definitions_after(3, THIS_PROCESSOR.as_slice()));
        shop.catalogue = all;
    });
    let error = prepare(&server, state.path()).await.unwrap_err();
    assert!(matches!(error, SourceError::NotOffered { .. }), "it does not have the family: {error}");
    let options = WsusOptions { ancestors: vec![company, family], ..wsus(&server.url, state.path()) };
    let source = WsusSource::new(options).unwrap();
    source.prepare().await.unwrap();
    works(&source).await;
}
