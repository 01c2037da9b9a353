//! Secure connections with a real server: who is trusted, and who trusts us.

use super::*;
use booster_sources::ClientCertificate;
use booster_test_support::{Announce, Fault, FaultyServer, ServerTls, TestAuthority};

struct World {
    folder: TempDir,
    authority: TestAuthority,
}

impl World {
    fn new() -> Self {
        let (folder, authority) = (repository(), TestAuthority::new("Own Authority"));
        write(folder.path(), "tls/ca.pem", authority.pem().as_bytes());
        Self { folder, authority }
    }

    fn server(&self, names: &[&str], demand_client: bool) -> FaultyServer {
        let client_authority = demand_client.then(|| self.authority.pem());
        FaultyServer::serve_tls(
            self.folder.path(),
            &ServerTls { identity: self.authority.server(names), client_authority },
        )
    }

    /// Options that trust the authority.
    fn trusting(&self, url: &str) -> HttpOptions {
        HttpOptions { ca_bundle: Some(self.folder.path().join("tls/ca.pem")), ..options(url) }
    }

    fn client_certificate(&self, authority: &TestAuthority) -> ClientCertificate {
        let own = authority.client("machine");
        write(self.folder.path(), "tls/own.pem", own.certificate.as_bytes());
        write(self.folder.path(), "tls/own.key", own.key.as_bytes());
        ClientCertificate {
            certificate: self.folder.path().join("tls/own.pem"),
            key: self.folder.path().join("tls/own.key"),
        }
    }
}

async fn asked(options: HttpOptions) -> Result<Option<Vec<u8>>, SourceError> {
    bounded(timestamp(&HttpSource::new(options).unwrap())).await
}

#[tokio::test]
async fn an_own_authority_is_trusted_only_where_it_is_configured() {
    let world = World::new();
    let server = world.server(&["127.0.0.1"], false);
    assert_eq!(asked(world.trusting(&server.url())).await.unwrap().as_deref(), Some(TIMESTAMP));

    let system = asked(options(&server.url())).await;
    assert!(matches!(&system, Err(SourceError::Tls { .. })), "{system:?}");

    let other = World::new();
    let stranger = asked(other.trusting(&server.url())).await;
    assert!(matches!(&stranger, Err(SourceError::Tls { .. })), "{stranger:?}");
    assert_eq!(server.requests(), 1, "a request went over a connection that is not trusted");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let world = World::new();
    let server = world.server(&["definitions.example"], false);
    let wrong = asked(world.trusting(&server.url())).await;
    assert!(matches!(&wrong, Err(SourceError::Tls { .. })), "{wrong:?}");
    let named = world.server(&["localhost"], false);
    let right = asked(world.trusting(&named.url().replace("127.0.0.1", "localhost"))).await;
    assert_eq!(right.unwrap().as_deref(), Some(TIMESTAMP));
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_it_is_demanded() {
    let world = World::new();
    let server = world.server(&["127.0.0.1"], true);
    let without = asked(world.trusting(&server.url())).await;
    assert!(matches!(&without, Err(SourceError::Tls { .. })), "{without:?}");

    let stranger = world.client_certificate(&TestAuthority::new("Another Authority"));
    let stranger =
        asked(HttpOptions { client_certificate: Some(stranger), ..world.trusting(&server.url()) }).await;
    assert!(matches!(&stranger, Err(SourceError::Tls { .. })), "{stranger:?}");

    let own = world.client_certificate(&world.authority);
    let known = asked(HttpOptions { client_certificate: Some(own), ..world.trusting(&server.url()) }).await;
    assert_eq!(known.unwrap().as_deref(), Some(TIMESTAMP));
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named_at_once() {
    let world = World::new();
    let own = world.client_certificate(&world.authority);
    let (pem, key) = (own.certificate.clone(), own.key.clone());
    let base = || options("https://127.0.0.1");
    let with_bundle = |file: &Path| HttpOptions { ca_bundle: Some(file.to_path_buf()), ..base() };
    let with_client = |certificate: &Path, key: &Path| HttpOptions {
        client_certificate: Some(ClientCertificate { certificate: certificate.into(), key: key.into() }),
        ..base()
    };
    let missing = world.folder.path().join("missing.pem");
    for (options, named) in [
        (with_bundle(&missing), "missing.pem"),
        (with_bundle(&key), "own.key"),
        (with_client(&missing, &key), "missing.pem"),
        (with_client(&pem, &pem), "own.pem"),
    ] {
        let error = HttpSource::new(options).unwrap_err();
        assert!(
            matches!(&error, SourceError::Configuration { .. }) && error.to_string().contains(named),
            "{error}"
        );
    }
    let stranger = world.authority.client("other");
    write(world.folder.path(), "tls/other.key", stranger.key.as_bytes());
    let mismatch = HttpSource::new(with_client(&pem, &world.folder.path().join("tls/other.key")));
    assert!(matches!(&mismatch, Err(SourceError::Configuration { .. })), "{mismatch:?}");
}

#[tokio::test]
async fn plain_http_where_tls_was_expected_is_a_tls_failure() {
    let world = World::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        use std::io::Write;
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    });
    let error = asked(world.trusting(&url)).await.unwrap_err();
    answering.join().unwrap();
    assert!(matches!(&error, SourceError::Tls { .. }), "{error:?}");
}

#[tokio::test]
async fn the_faults_of_bodies_are_told_apart_over_tls_too() {
    let world = World::new();
    let server = world.server(&["127.0.0.1"], false);
    let source = HttpSource::new(world.trusting(&server.url())).unwrap();
    assert_eq!(bounded(fetch(&source, &patient())).await.unwrap(), archive());
    for announce in [Announce::Whole, Announce::Nothing] {
        server.misbehave(ARCHIVE_PATH, Fault::Short { bytes: 50_000, announce });
        let short = bounded(fetch(&source, &patient())).await;
        assert!(matches!(&short, Err(SourceError::TooShort { .. })), "{short:?}");
    }
    server.misbehave(ARCHIVE_PATH, Fault::ResetAfter(50_000));
    let reset = bounded(fetch(&source, &patient())).await;
    assert!(matches!(&reset, Err(SourceError::ConnectionLost { .. })), "{reset:?}");
}
