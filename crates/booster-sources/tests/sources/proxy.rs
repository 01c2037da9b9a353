//! A real forward proxy between a machine and its server, with and without a password.

use super::*;
use booster_sources::Credentials;
use booster_test_support::{FaultyServer, ForwardProxy, ServerTls, TestAuthority};
use std::process::Command;

const USER: &str = "machine";
const PASSWORD: &str = "open-sesame";

fn through(url: &str, proxy: &str, credentials: Option<Credentials>) -> HttpOptions {
    HttpOptions {
        proxy: ProxyChoice::Url { url: proxy.parse().unwrap(), credentials, except: None },
        ..options(url)
    }
}

fn credentials(password: &str) -> Option<Credentials> {
    Some(Credentials { user: USER.to_owned(), password: password.to_owned() })
}

async fn asked(options: HttpOptions) -> Result<Option<Vec<u8>>, SourceError> {
    bounded(timestamp(&HttpSource::new(options).unwrap())).await
}

#[tokio::test]
async fn a_proxy_with_a_password_is_used_for_plain_http() {
    let Some(proxy) = ForwardProxy::start(Some((USER, PASSWORD))) else { return };
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    let found = asked(through(&server.url(), &proxy.url(), credentials(PASSWORD))).await;
    assert_eq!(found.unwrap().as_deref(), Some(TIMESTAMP));
    assert!(server.log()[0].header("via").is_some(), "the proxy was passed by");
    assert_eq!(server.log()[0].header("proxy-authorization"), None);

    let in_address = proxy.url().replace("http://", &format!("http://{USER}:{PASSWORD}@"));
    let found = asked(through(&server.url(), &in_address, None)).await;
    assert_eq!(found.unwrap().as_deref(), Some(TIMESTAMP));
}

#[tokio::test]
async fn a_proxy_that_refuses_the_password_is_named_as_the_cause() {
    let Some(proxy) = ForwardProxy::start(Some((USER, PASSWORD))) else { return };
    let world = Secure::new();
    let plain = FaultyServer::serve(world.folder.path());
    for url in [plain.url(), world.server.url()] {
        let without = asked(world.trusting(through(&url, &proxy.url(), None))).await;
        assert!(matches!(&without, Err(SourceError::ProxyCredentials { .. })), "{without:?}");
    }
    // tinyproxy answers a wrong password with 401, where RFC 9110 wants 407 again.
    let wrong = |url: String| asked(world.trusting(through(&url, &proxy.url(), credentials("wr0ng"))));
    let http = wrong(plain.url()).await.unwrap_err();
    assert!(matches!(&http, SourceError::Status { status: 401, .. }), "{http:?}");
    let https = wrong(world.server.url()).await.unwrap_err();
    assert!(matches!(&https, SourceError::ProxyRefused { .. }), "{https:?}");
    assert!(!format!("{http:?} {https:?} {http} {https}").contains("wr0ng"));
    assert_eq!(plain.requests() + world.server.requests(), 0);
}

#[tokio::test]
async fn a_proxy_with_a_password_is_used_for_https_and_sees_no_content() {
    let Some(proxy) = ForwardProxy::start(Some((USER, PASSWORD))) else { return };
    let world = Secure::new();
    let found =
        asked(world.trusting(through(&world.server.url(), &proxy.url(), credentials(PASSWORD)))).await;
    assert_eq!(found.unwrap().as_deref(), Some(TIMESTAMP));
    assert_eq!(proxy.requests(), 1);
    assert_eq!(world.server.log()[0].header("via"), None);
}

#[tokio::test]
async fn servers_that_are_excepted_are_reached_without_the_proxy() {
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    // Nobody listens at the proxy's address, so whatever goes there fails.
    let nowhere = "http://127.0.0.1:1".parse().unwrap();
    let except =
        |except: &str| ProxyChoice::Url { url: nowhere, credentials: None, except: Some(except.to_owned()) };
    let direct = asked(HttpOptions { proxy: except("127.0.0.1"), ..options(&server.url()) }).await;
    assert_eq!(direct.unwrap().as_deref(), Some(TIMESTAMP));
    let proxied = asked(through(&server.url(), "http://127.0.0.1:1", None)).await;
    assert!(matches!(&proxied, Err(SourceError::Unreachable { .. })), "{proxied:?}");
}

#[test]
fn a_proxy_of_another_kind_is_refused_at_once() {
    let error =
        HttpSource::new(through("http://127.0.0.1", "socks5://u:secret@127.0.0.1:1080", None)).unwrap_err();
    assert!(
        matches!(&error, SourceError::Configuration { .. }) && !error.to_string().contains("secret"),
        "{error}"
    );
}

/// The environment belongs to a process, so each case runs in one of its own.
#[test]
fn the_environment_names_the_proxy_and_the_options_can_overrule_it() {
    let Some(proxy) = ForwardProxy::start(Some((USER, PASSWORD))) else { return };
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    let address = proxy.url().replace("http://", &format!("http://{USER}:{PASSWORD}@"));
    for (variables, choice, by_proxy) in [
        (vec![("HTTP_PROXY", address.as_str())], "environment", true),
        (vec![("http_proxy", &address)], "environment", true),
        (vec![("ALL_PROXY", &address)], "environment", true),
        (vec![("HTTP_PROXY", &address), ("NO_PROXY", "127.0.0.1")], "environment", false),
        (vec![("HTTP_PROXY", &address)], "direct", false),
        (vec![("HTTPS_PROXY", &address)], "environment", false),
        (vec![], "environment", false),
    ] {
        let mut child = Command::new(std::env::current_exe().unwrap());
        for name in [
            "HTTP_PROXY",
            "http_proxy",
            "HTTPS_PROXY",
            "https_proxy",
            "ALL_PROXY",
            "all_proxy",
            "NO_PROXY",
            "no_proxy",
        ] {
            child.env_remove(name);
        }
        let output = child
            .args(["--exact", "proxy::in_an_environment_of_its_own", "--ignored", "--nocapture"])
            .envs(variables.clone())
            .env("TEST_SOURCE_URL", server.url())
            .env("TEST_PROXY_CHOICE", choice)
            .output()
            .unwrap();
        assert!(output.status.success(), "{variables:?}: {}", String::from_utf8_lossy(&output.stderr));
        let seen = server.log().last().unwrap().header("via").is_some();
        assert_eq!(seen, by_proxy, "{variables:?} with {choice}");
    }
    assert_eq!(server.requests(), 7);
}

#[tokio::test]
#[ignore = "run by the test above, in a process with its own environment"]
async fn in_an_environment_of_its_own() {
    let url = std::env::var("TEST_SOURCE_URL").unwrap();
    let proxy = match std::env::var("TEST_PROXY_CHOICE").unwrap().as_str() {
        "direct" => ProxyChoice::Direct,
        _ => ProxyChoice::Environment,
    };
    assert_eq!(asked(HttpOptions { proxy, ..options(&url) }).await.unwrap().as_deref(), Some(TIMESTAMP));
}

/// A server over TLS and the folder that it serves.
struct Secure {
    folder: TempDir,
    server: FaultyServer,
}

impl Secure {
    fn new() -> Self {
        let (folder, authority) = (repository(), TestAuthority::new("Own Authority"));
        write(folder.path(), "ca.pem", authority.pem().as_bytes());
        let tls = ServerTls { identity: authority.server(&["127.0.0.1"]), client_authority: None };
        let server = FaultyServer::serve_tls(folder.path(), &tls);
        Self { folder, server }
    }

    fn trusting(&self, options: HttpOptions) -> HttpOptions {
        HttpOptions { ca_bundle: Some(self.folder.path().join("ca.pem")), ..options }
    }
}
