//! Where an update server is not followed, what it is never told, and how much it may cost.

use super::*;
use booster_sources::{Credentials, HttpOptions};
use std::process::Command;

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

#[tokio::test]
async fn content_is_not_followed_to_another_host_although_other_sources_may_be() {
    let (server, state) = machine();
    // The same server by another name: whoever followed it there would be served.
    let elsewhere = server.url.replace("127.0.0.1", "localhost");
    let location = format!("Location: {elsewhere}/Content/timestamp.json\r\n").leak();
    server.order("Content", Order::Status(302, location), usize::MAX);
    let mut options = wsus(&server.url, state.path());
    options.http.allow_other_hosts = true;
    let error = WsusSource::new(options).unwrap().prepare().await.unwrap_err();
    let refused = matches!(&error, SourceError::Redirect { refusal: RedirectRefusal::OtherHost, .. });
    assert!(refused, "{error}");
}

#[tokio::test]
async fn a_name_and_a_password_are_never_sent_whatever_the_server_asks_for() {
    let challenge = Order::Status(401, "WWW-Authenticate: Basic realm=\"x\"\r\n");
    for challenged in ["none", "SyncUpdates", "GetAuthorizationCookie", "Content"] {
        let (server, state) = machine();
        server.order(challenged, challenge.clone(), usize::MAX);
        let mut options = wsus(&server.url, state.path());
        options.http.credentials = Some(Credentials { user: "machine".into(), password: "secret".into() });
        let ended = WsusSource::new(options).unwrap().prepare().await;
        match challenged {
            "none" => ended.unwrap(),
            _ => assert!(matches!(ended, Err(SourceError::Status { status: 401, .. })), "{ended:?}"),
        }
        let headers = server.headers();
        assert!(headers.iter().any(|header| header.starts_with("soapaction")));
        assert!(!headers.iter().any(|header| header.starts_with("authorization")), "{headers:?}");
    }
}

/// The environment belongs to a process, so this runs in one of its own.
#[test]
fn a_proxy_of_the_environment_is_not_used() {
    let (server, state) = machine();
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "wsus::rules::in_an_environment_of_its_own", "--ignored", "--nocapture"])
            .env_remove("NO_PROXY")
            .env_remove("no_proxy")
            // Nobody listens there, so whatever goes there fails.
            .env(name, "http://127.0.0.1:1")
            .env("TEST_SOURCE_URL", &server.url)
            .env("TEST_STATE", state.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(!server.log().is_empty(), "{name}: it was asked");
    }
}

#[tokio::test]
#[ignore = "run by the test above, in a process with its own environment"]
async fn in_an_environment_of_its_own() {
    let url = std::env::var("TEST_SOURCE_URL").unwrap();
    let options = WsusOptions {
        http: HttpOptions::new(url.parse().unwrap()),
        ..wsus(&url, Path::new(&std::env::var("TEST_STATE").unwrap()))
    };
    WsusSource::new(options).unwrap().prepare().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_conversation_that_does_not_end_is_given_up() {
    let (server, state) = machine();
    server.order("SyncUpdates", Order::Fault(ErrorCode::ServerBusy), usize::MAX);
    let day = Duration::from_secs(86_400);
    let mut options = wsus(&server.url, state.path());
    // Each call alone may take for ever, and so may the pauses between them.
    let patient =
        TransferRules { window: day, connect_timeout: day, response_timeout: day, ..Default::default() };
    options.http.rules = patient;
    (options.retries, options.retry_pause) = (1000, Duration::from_secs(30));
    options.conversation_time = Duration::from_secs(600);
    let error = WsusSource::new(options).unwrap().prepare().await.unwrap_err();
    assert!(matches!(error, SourceError::ConversationTooLong { .. }), "{error}");
    assert_eq!(error.kind(), "conversation_too_long");
}

#[tokio::test]
async fn answers_that_are_too_much_together_are_given_up() {
    let (server, state) = machine();
    let options = WsusOptions { conversation_bytes: 4000, ..wsus(&server.url, state.path()) };
    let error = WsusSource::new(options).unwrap().prepare().await.unwrap_err();
    assert!(matches!(error, SourceError::ConversationTooLarge { limit: 4000, .. }), "{error}");
    assert!(server.log().len() > 4, "each of them alone is small enough");
    // The next conversation begins with nothing used, and knows what was learned.
    works(&prepare(&server, state.path()).await.unwrap()).await;
}
