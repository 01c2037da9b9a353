//! Redirects are followed within bounds, and never to where they must not lead.

use super::*;
use booster_sources::RedirectRefusal;
use booster_test_support::{Fault, FaultyServer, ServerTls, TestAuthority};

#[tokio::test]
async fn a_redirect_on_the_same_server_is_followed_and_counted() {
    let folder = repository();
    write(folder.path(), "moved/timestamp.json", TIMESTAMP);
    let server = FaultyServer::serve(folder.path());
    server.misbehave(TIMESTAMP_PATH, Fault::Redirect("/moved/timestamp.json".to_owned()));
    let source = http(&server.url());
    assert_eq!(timestamp(&source).await.unwrap().as_deref(), Some(TIMESTAMP));
    assert_eq!((server.requests(), source.counters().requests), (2, 2));
}

#[tokio::test]
async fn redirects_without_end_are_given_up_after_the_allowed_number() {
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    server.misbehave_everywhere(Fault::RedirectLoop);
    let source = http(&server.url());
    let error = bounded(timestamp(&source)).await.unwrap_err();
    assert!(matches!(&error, SourceError::Redirect { refusal: RedirectRefusal::TooMany, .. }), "{error:?}");
    assert_eq!(server.requests(), 4, "the first request and three redirects");

    let none = HttpSource::new(HttpOptions { max_redirects: 0, ..options(&server.url()) }).unwrap();
    assert!(timestamp(&none).await.is_err());
    assert_eq!(server.requests(), 5);
}

#[tokio::test]
async fn a_redirect_to_another_server_is_followed_only_where_it_is_allowed() {
    let folder = repository();
    let (server, other) = (FaultyServer::serve(folder.path()), FaultyServer::serve(folder.path()));
    server.misbehave_everywhere(Fault::Redirect(format!("{}{TIMESTAMP_PATH}", other.url())));
    let url = server.url().replace("http://", "http://user:secret@");

    let error = timestamp(&http(&url)).await.unwrap_err();
    assert!(matches!(&error, SourceError::Redirect { refusal: RedirectRefusal::OtherHost, .. }), "{error:?}");
    assert_eq!(other.requests(), 0);

    let allowed = HttpSource::new(HttpOptions { allow_other_hosts: true, ..options(&url) }).unwrap();
    assert_eq!(timestamp(&allowed).await.unwrap().as_deref(), Some(TIMESTAMP));
    assert!(server.log().iter().all(|request| request.header("authorization").is_some()));
    assert_eq!(other.log()[0].header("authorization"), None, "credentials went to another server");
}

#[tokio::test]
async fn a_redirect_out_of_http_or_down_from_https_is_refused() {
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    for target in ["file:///etc/hostname", "ftp://127.0.0.1/x", ""] {
        server.misbehave_everywhere(Fault::Redirect(target.to_owned()));
        let error = timestamp(&http(&server.url())).await.unwrap_err();
        assert!(
            matches!(&error, SourceError::Redirect { refusal: RedirectRefusal::NotHttp, .. }),
            "{error:?}"
        );
    }
    let authority = TestAuthority::new("Test Authority");
    write(folder.path(), "ca.pem", authority.pem().as_bytes());
    let tls = ServerTls { identity: authority.server(&["127.0.0.1"]), client_authority: None };
    let secure = FaultyServer::serve_tls(folder.path(), &tls);
    secure.misbehave_everywhere(Fault::Redirect(server.url()));
    let source = HttpSource::new(HttpOptions {
        ca_bundle: Some(folder.path().join("ca.pem")),
        allow_other_hosts: true,
        ..options(&secure.url())
    });
    let error = timestamp(&source.unwrap()).await.unwrap_err();
    assert!(
        matches!(&error, SourceError::Redirect { refusal: RedirectRefusal::LeavesHttps, .. }),
        "{error:?}"
    );
}
