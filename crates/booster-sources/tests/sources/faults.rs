//! Every fault of a server has its own error, and none gets a wrong byte count past us.

use super::*;
use booster_test_support::{Announce, Fault, FaultyServer};

async fn fetch_with(fault: Fault, rules: &TransferRules) -> Result<Vec<u8>, SourceError> {
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    server.misbehave(ARCHIVE_PATH, fault);
    let source = HttpSource::new(HttpOptions { rules: rules.clone(), ..options(&server.url()) }).unwrap();
    bounded(fetch(&source, rules)).await
}

async fn read_with(fault: Fault) -> Result<Option<Vec<u8>>, SourceError> {
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    server.misbehave(TIMESTAMP_PATH, fault);
    bounded(timestamp(&http(&server.url()))).await
}

#[tokio::test]
async fn a_sound_server_is_read_and_counted_exactly() {
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    let source = http(&server.url());
    assert_eq!(timestamp(&source).await.unwrap().as_deref(), Some(TIMESTAMP));
    assert_eq!(fetch(&source, &patient()).await.unwrap(), archive());
    let counters = source.counters();
    assert_eq!((counters.requests, counters.bytes), (2, (TIMESTAMP.len() + archive().len()) as u64));
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn requests_ask_for_no_compression_and_name_the_client() {
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    timestamp(&http(&server.url())).await.unwrap();
    let request = server.log().remove(0);
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    assert!(request.header("user-agent").unwrap().starts_with("booster/"));
    assert_eq!(request.header("referer"), None);
}

#[tokio::test]
async fn a_file_that_is_not_there_is_absent_and_not_a_failure() {
    for code in [404, 410] {
        let absent = read_with(Fault::Status { code, retry_after: None }).await;
        assert!(matches!(absent, Ok(None)), "{code}: {absent:?}");
    }
    let missing = fetch_with(Fault::Status { code: 404, retry_after: None }, &patient()).await;
    assert!(matches!(missing, Err(SourceError::NotFound { .. })), "{missing:?}");
}

#[tokio::test]
async fn other_statuses_are_failures_and_never_an_absence() {
    for code in [204, 206, 300, 304, 400, 401, 403, 429, 500, 502, 503, 504] {
        let failed = read_with(Fault::Status { code, retry_after: None }).await;
        assert!(
            matches!(failed, Err(SourceError::Status { status, .. }) if status == code),
            "{code}: {failed:?}"
        );
    }
}

#[tokio::test]
async fn a_body_cut_short_is_noticed_whatever_its_announced_length_was() {
    for bytes in [0, 1, 50_061, 99_999] {
        let whole = fetch_with(Fault::Short { bytes, announce: Announce::Whole }, &patient()).await;
        assert!(
            matches!(&whole, Err(SourceError::TooShort { received, .. }) if *received <= bytes as u64),
            "{whole:?}"
        );
        let nothing = fetch_with(Fault::Short { bytes, announce: Announce::Nothing }, &patient()).await;
        assert!(
            matches!(&nothing, Err(SourceError::TooShort { received, .. }) if *received == bytes as u64),
            "{nothing:?}"
        );
        let chunked = fetch_with(Fault::CutChunked(bytes), &patient()).await;
        assert!(matches!(&chunked, Err(SourceError::TooShort { .. })), "{chunked:?}");
    }
    let short = fetch_with(Fault::Short { bytes: 50_061, announce: Announce::Short }, &patient()).await;
    assert!(
        matches!(&short, Err(SourceError::WrongLength { expected: 100_000, announced: 50_061, .. })),
        "{short:?}"
    );
    let empty = fetch_with(Fault::Short { bytes: 0, announce: Announce::Short }, &patient()).await;
    assert!(matches!(&empty, Err(SourceError::TooShort { received: 0, .. })), "{empty:?}");
}

#[tokio::test]
async fn a_small_file_cut_short_is_noticed_where_the_transport_can_know() {
    let whole = read_with(Fault::Short { bytes: 10, announce: Announce::Whole }).await;
    assert!(matches!(&whole, Err(SourceError::TooShort { .. })), "{whole:?}");
    let chunked = read_with(Fault::CutChunked(10)).await;
    assert!(matches!(&chunked, Err(SourceError::TooShort { .. })), "{chunked:?}");
}

#[tokio::test]
async fn a_body_longer_than_it_may_be_is_refused_before_it_is_written() {
    let mut longer = archive();
    longer.push(0);
    let announced = fetch_with(Fault::Content { media_type: String::new(), body: longer }, &patient()).await;
    assert!(matches!(&announced, Err(SourceError::WrongLength { announced: 100_001, .. })), "{announced:?}");

    for announce in [None, Some(1 << 40)] {
        let folder = repository();
        let server = FaultyServer::serve(folder.path());
        server.misbehave_everywhere(Fault::Endless { announce });
        let source = http(&server.url());
        let small = bounded(timestamp(&source)).await;
        assert!(matches!(&small, Err(SourceError::TooLarge { limit: 16_384, .. })), "{small:?}");

        let mut written = 0;
        let mut sink = |chunk: &[u8]| {
            written += chunk.len();
            Ok(())
        };
        let (rules, cancel) = (patient(), CancellationToken::new());
        let large = bounded(download(&source, ARCHIVE, 100_000, &rules, &cancel, &mut sink)).await;
        match announce {
            None => assert!(matches!(&large, Err(SourceError::TooLarge { limit: 100_000, .. })), "{large:?}"),
            Some(_) => assert!(matches!(&large, Err(SourceError::WrongLength { .. })), "{large:?}"),
        }
        assert!(written <= 100_000, "{written} bytes were written");
    }
}

#[tokio::test]
async fn an_announced_length_that_cannot_be_right_is_refused_without_waiting_for_the_body() {
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    server.misbehave_everywhere(Fault::StallAfter(10));
    let (source, rules, cancel) = (http(&server.url()), patient(), CancellationToken::new());
    let small = bounded(read(&source, Area::Targets, ARCHIVE, 50_000, &rules, &cancel)).await;
    assert!(matches!(&small, Err(SourceError::TooLarge { limit: 50_000, .. })), "{small:?}");
    let mut nothing = |_: &[u8]| panic!("a byte of a wrong file was handed over");
    let large = bounded(download(&source, ARCHIVE, 99_999, &rules, &cancel, &mut nothing)).await;
    assert!(matches!(&large, Err(SourceError::WrongLength { announced: 100_000, .. })), "{large:?}");
}

#[tokio::test]
async fn a_login_page_is_told_from_the_file() {
    let small = read_with(Fault::login_page()).await;
    assert!(matches!(&small, Err(SourceError::WebPage { .. })), "{small:?}");
    let large = fetch_with(Fault::login_page(), &patient()).await;
    assert!(matches!(&large, Err(SourceError::WebPage { .. })), "{large:?}");
}

#[tokio::test]
async fn a_body_that_is_encoded_all_the_same_is_refused() {
    let encoded = fetch_with(Fault::Encoded("gzip".to_owned()), &patient()).await;
    assert!(
        matches!(&encoded, Err(SourceError::Encoded { encoding, .. }) if encoding == "gzip"),
        "{encoded:?}"
    );
    assert_eq!(fetch_with(Fault::Encoded("identity".to_owned()), &patient()).await.unwrap(), archive());
}

#[tokio::test]
async fn a_broken_connection_is_not_taken_for_the_end() {
    let reset = fetch_with(Fault::ResetAfter(30_000), &patient()).await;
    assert!(matches!(&reset, Err(SourceError::ConnectionLost { .. })), "{reset:?}");
    let hangup = fetch_with(Fault::Hangup, &patient()).await;
    assert!(matches!(&hangup, Err(SourceError::ConnectionLost { received: 0, .. })), "{hangup:?}");
    let head = fetch_with(Fault::EndlessHead, &patient()).await;
    assert!(matches!(&head, Err(SourceError::ConnectionLost { received: 0, .. })), "{head:?}");
    let garbage = fetch_with(Fault::Garbage, &patient()).await;
    assert!(matches!(&garbage, Err(SourceError::ConnectionLost { received: 0, .. })), "{garbage:?}");
}

#[tokio::test]
async fn a_server_that_drips_or_stalls_is_given_up() {
    let drip = fetch_with(Fault::Drip { bytes: 1, every: Duration::from_millis(10) }, &impatient()).await;
    assert!(matches!(&drip, Err(SourceError::TooSlow { received, .. }) if *received > 0), "{drip:?}");
    let stall = fetch_with(Fault::StallAfter(60_000), &impatient()).await;
    assert!(matches!(&stall, Err(SourceError::Stalled { .. })), "{stall:?}");
    let silent = fetch_with(Fault::StallAfter(0), &impatient()).await;
    assert!(matches!(&silent, Err(SourceError::Stalled { .. })), "{silent:?}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let silent = fetch_with(Fault::NeverAnswer, &impatient()).await;
    assert!(matches!(&silent, Err(SourceError::NoAnswer { .. })), "{silent:?}");
}

#[tokio::test]
async fn a_slow_but_honest_server_may_take_longer_than_any_single_limit() {
    let limit = Duration::from_secs(1);
    let rules = TransferRules {
        minimum_bytes: 1,
        window: 2 * limit,
        connect_timeout: limit,
        response_timeout: limit,
        ..TransferRules::default()
    };
    let slow = fetch_with(Fault::Drip { bytes: 4_000, every: Duration::from_millis(160) }, &rules).await;
    assert_eq!(slow.unwrap(), archive());
}

#[tokio::test]
async fn nobody_listening_is_unreachable() {
    let address = {
        let server = FaultyServer::serve(repository().path());
        server.address()
    };
    let nobody = bounded(timestamp(&http(&format!("http://{address}")))).await;
    assert!(matches!(&nobody, Err(SourceError::Unreachable { .. })), "{nobody:?}");
    let unknown = bounded(timestamp(&http("http://host.invalid"))).await;
    assert!(matches!(&unknown, Err(SourceError::Unreachable { .. })), "{unknown:?}");
}

#[tokio::test]
async fn a_failing_receiver_stops_the_transfer_with_its_own_error() {
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    let mut full = |_: &[u8]| Err(std::io::ErrorKind::StorageFull.into());
    let (rules, cancel) = (patient(), CancellationToken::new());
    let failed = bounded(download(&http(&server.url()), ARCHIVE, 100_000, &rules, &cancel, &mut full)).await;
    assert!(
        matches!(&failed, Err(SourceError::Write { source, .. }) if source.kind() == std::io::ErrorKind::StorageFull),
        "{failed:?}"
    );
}

#[tokio::test]
async fn paths_that_leave_the_repository_are_never_sent() {
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    let source = http(&server.url());
    for path in ["../metadata/timestamp.json", "%2e%2e/x", "/x", "a//b", "a\\..\\b"] {
        let refused = source.open(Area::Targets, path, Resume::WHOLE).await;
        assert!(matches!(&refused, Err(SourceError::UnsafePath { .. })), "{path:?}: {refused:?}");
    }
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn credentials_of_the_server_are_sent_and_never_shown() {
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    let source = http(&server.url().replace("http://", "http://user:secret@"));
    timestamp(&source).await.unwrap();
    // base64 of "user:secret"
    assert_eq!(server.log()[0].header("authorization"), Some("Basic dXNlcjpzZWNyZXQ="));
    server.misbehave_everywhere(Fault::Status { code: 500, retry_after: None });
    let failed = timestamp(&source).await.unwrap_err();
    for shown in [source.location(), format!("{source:?}"), failed.to_string(), format!("{failed:?}")] {
        assert!(!shown.contains("secret"), "{shown}");
    }
}
