//! Cancelling ends a transfer in every phase. The rules are so patient that nothing else can.

use super::*;
use booster_test_support::{Fault, FaultyServer};
use std::net::TcpListener;

/// Runs a download that is cancelled as soon as `when` says so.
async fn cancelled(source: &dyn Source, when: impl Fn() -> bool) -> SourceError {
    let (rules, cancel) = (patient(), CancellationToken::new());
    let mut sink = |_: &[u8]| Ok(());
    let download = download(source, ARCHIVE, archive().len() as u64, &rules, &cancel, &mut sink);
    let cancelling = async {
        while !when() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cancel.cancel();
    };
    bounded(async { tokio::join!(download, cancelling) }).await.0.unwrap_err()
}

#[tokio::test]
async fn before_it_begins() {
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    let error = {
        let (rules, cancel) = (patient(), CancellationToken::new());
        cancel.cancel();
        read(&http(&server.url()), Area::Metadata, "timestamp.json", 100, &rules, &cancel).await.unwrap_err()
    };
    assert!(matches!(error, SourceError::Cancelled { .. }), "{error:?}");
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn while_it_connects() {
    // Connections wait in the queue of a listener that never takes them: no TLS comes about.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let source = HttpSource::new(HttpOptions { rules: patient(), ..options(&url) }).unwrap();
    let error = cancelled(&source, || source.counters().requests == 1).await;
    assert!(matches!(error, SourceError::Cancelled { .. }), "{error:?}");
}

#[tokio::test]
async fn while_it_waits_for_the_answer() {
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    server.misbehave_everywhere(Fault::NeverAnswer);
    let error = cancelled(&http(&server.url()), || server.requests() == 1).await;
    assert!(matches!(error, SourceError::Cancelled { .. }), "{error:?}");
}

#[tokio::test]
async fn while_the_body_stalls_or_drips() {
    for fault in [Fault::StallAfter(10), Fault::Drip { bytes: 1, every: Duration::from_millis(10) }] {
        let folder = repository();
        let server = FaultyServer::serve(folder.path());
        server.misbehave_everywhere(fault);
        let source = http(&server.url());
        let error = cancelled(&source, || source.counters().bytes > 0).await;
        assert!(matches!(error, SourceError::Cancelled { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn while_a_fast_body_never_pauses() {
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    server.misbehave_everywhere(Fault::Endless { announce: None });
    let source = http(&server.url());
    let (rules, cancel) = (patient(), CancellationToken::new());
    let mut received = 0u64;
    let mut sink = |chunk: &[u8]| {
        received += chunk.len() as u64;
        if received > 1_000_000 {
            cancel.cancel();
        }
        Ok(())
    };
    let error = bounded(download(&source, ARCHIVE, u64::MAX, &rules, &cancel, &mut sink)).await.unwrap_err();
    assert!(matches!(error, SourceError::Cancelled { .. }), "{error:?}");
}

#[tokio::test]
async fn connecting_to_something_that_never_completes_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let rules = TransferRules { connect_timeout: Duration::from_millis(200), ..patient() };
    let source = HttpSource::new(HttpOptions { rules, ..options(&url) }).unwrap();
    let error = bounded(fetch(&source, &patient())).await.unwrap_err();
    assert!(matches!(error, SourceError::ConnectTimeout { .. }), "{error:?}");
}
