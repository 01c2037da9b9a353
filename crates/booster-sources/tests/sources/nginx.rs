//! A real nginx as the server.

use super::*;
use booster_test_support::{Nginx, TestAuthority};
use futures_util::TryStreamExt;

#[tokio::test]
async fn a_repository_behind_nginx_is_read_resumed_and_counted() {
    let folder = repository();
    let Some(nginx) = Nginx::serve(folder.path()) else { return };
    let source = http(&nginx.url());
    assert_eq!(timestamp(&source).await.unwrap().as_deref(), Some(TIMESTAMP));
    assert_eq!(fetch(&source, &TransferRules::default()).await.unwrap(), archive());
    let rest = source.open(Area::Targets, ARCHIVE, at(99_000)).await.unwrap().unwrap();
    assert_eq!((rest.start, rest.length), (99_000, Some(1_000)));
    let chunks: Vec<_> = rest.stream.try_collect().await.unwrap();
    assert_eq!(chunks.concat(), archive()[99_000..]);
    let absent =
        read(&source, Area::Metadata, "9.root.json", 100, &patient(), &CancellationToken::new()).await;
    assert!(matches!(absent, Ok(None)), "{absent:?}");
    assert_eq!(source.counters().requests, 4);
    assert_eq!(nginx.access_log(4).len(), 4);
}

#[tokio::test]
async fn nginx_sends_the_rest_of_the_copy_that_it_has_and_another_one_whole() {
    let folder = repository();
    let Some(nginx) = Nginx::serve(folder.path()) else { return };
    let source = http(&nginx.url());
    let open = async |offset, etag: &str| {
        let from = Resume { offset, etag: Some(etag) };
        source.open(Area::Targets, ARCHIVE, from).await.unwrap().unwrap()
    };
    let tag = open(0, "").await.etag.unwrap();
    let rest = open(60_000, &tag).await;
    assert_eq!((rest.start, rest.length, rest.etag.as_deref()), (60_000, Some(40_000), Some(tag.as_str())));
    let chunks: Vec<_> = rest.stream.try_collect().await.unwrap();
    assert_eq!(chunks.concat(), archive()[60_000..]);

    // One byte more is another copy.
    let mut longer = archive();
    longer.push(0);
    write(folder.path(), &format!("targets/{ARCHIVE}"), &longer);
    let whole = open(60_000, &tag).await;
    assert_eq!((whole.start, whole.length), (0, Some(100_001)));
    assert_ne!(whole.etag, Some(tag));
}

#[tokio::test]
async fn http_2_is_spoken_where_the_server_does() {
    let (folder, authority) = (repository(), TestAuthority::new("Own Authority"));
    let identity = authority.server(&["127.0.0.1"]);
    write(folder.path(), "ca.pem", authority.pem().as_bytes());
    let root = folder.path().display().to_string();
    let started = Nginx::start(|port, scratch| {
        write(scratch, "own.pem", identity.certificate.as_bytes());
        write(scratch, "own.key", identity.key.as_bytes());
        let scratch = scratch.display();
        format!(
            "server {{ listen 127.0.0.1:{port} ssl http2; root {root};\n\
             ssl_certificate {scratch}/own.pem; ssl_certificate_key {scratch}/own.key; }}"
        )
    });
    let Some(nginx) = started else { return };
    let url = nginx.url().replace("http://", "https://");
    let source =
        HttpSource::new(HttpOptions { ca_bundle: Some(folder.path().join("ca.pem")), ..options(&url) })
            .unwrap();
    assert_eq!(timestamp(&source).await.unwrap().as_deref(), Some(TIMESTAMP));
    assert_eq!(fetch(&source, &TransferRules::default()).await.unwrap(), archive());
    let log = nginx.access_log(2);
    assert!(log.len() == 2 && log.iter().all(|line| line.contains("HTTP/2.0\" 200")), "{log:?}");
}

#[tokio::test]
async fn a_rate_limit_of_nginx_is_a_status_and_its_retry_after_is_obeyed() {
    let folder = repository();
    let root = folder.path().display().to_string();
    let started = Nginx::start(|port, _| {
        format!(
            "server {{ listen 127.0.0.1:{port}; root {root};\n\
             location /metadata/ {{ return 429; }}\n\
             location /targets/ {{ add_header Retry-After 60 always; return 503; }} }}"
        )
    });
    let Some(nginx) = started else { return };
    let source = http(&nginx.url());
    let limited = timestamp(&source).await;
    assert!(matches!(&limited, Err(SourceError::Status { status: 429, .. })), "{limited:?}");
    let busy = fetch(&source, &patient()).await;
    assert!(matches!(&busy, Err(SourceError::RetryAfter { status: 503, .. })), "{busy:?}");
}
