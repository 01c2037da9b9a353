//! Faults, answers that are none, and cookies: what they lead to, at each call.

use super::*;

/// Every code, and one that nobody knows yet.
fn codes() -> Vec<ErrorCode> {
    ErrorCode::known().chain([ErrorCode::Other("New".to_owned())]).collect()
}

fn ended() -> Ended {
    Ended { time: Timestamp::now(), outcome: "current", versions: Vec::new(), failure: None }
}

/// Whether one such fault leaves a conversation that can be gone on with.
fn is_recoverable(operation: &str, code: &ErrorCode) -> bool {
    use ErrorCode::*;
    match (operation, code) {
        (_, InvalidParameters | Other(_)) => false,
        ("RegisterComputer", RegistrationNotRequired) => true,
        (_, RegistrationNotRequired) => false,
        // A cookie that was just given and does not do for registering does for nothing.
        ("RegisterComputer", code) => matches!(code, InternalServerError | ServerBusy),
        _ => true,
    }
}

async fn meets_fault(operation: &str, code: &ErrorCode, times: usize) {
    let (server, state) = machine();
    server.order(operation, Order::Fault(code.clone()), times);
    let ended = prepare(&server, state.path()).await;
    let calls = server.log().len();
    assert!(calls < TOO_MANY, "{operation} {code}: {calls} calls");
    let ends_well = match times {
        1 => is_recoverable(operation, code),
        _ => operation == "RegisterComputer" && *code == ErrorCode::RegistrationNotRequired,
    };
    match ended {
        Ok(source) if ends_well => works(&source).await,
        Err(SourceError::Fault { .. }) if !ends_well => {}
        other => panic!("{operation} {code} {times}: {:?}", other.map(drop)),
    }
}

/// Tries something at each call of a first conversation, all at the same time: they wait for the disk more
/// than for anything else.
fn at_each_call(try_it: impl AsyncFn(&'static str) + Sync) {
    std::thread::scope(|scope| {
        for operation in FIRST {
            let try_it = &try_it;
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(try_it(operation));
            });
        }
    });
}

#[test]
fn each_fault_at_each_call_is_recovered_from_or_told_and_never_a_loop() {
    at_each_call(async |operation| {
        for code in &codes() {
            meets_fault(operation, code, 1).await;
            meets_fault(operation, code, usize::MAX).await;
        }
    });
}

#[tokio::test]
async fn each_fault_at_a_report_is_recovered_from_or_left_at_that() {
    for code in &codes() {
        let (server, state) = machine();
        let source = prepare(&server, state.path()).await.unwrap();
        server.order("ReportEventBatch", Order::Fault(code.clone()), 1);
        let ended = ended();
        source.tell(&ended).await;
        // What was not heard is told again; the source goes on working whatever became of it.
        source.tell(&ended).await;
        server.log();
        source.tell(&ended).await;
        assert_eq!(server.log(), [""; 0], "{code}: it was heard");
        prepare(&server, state.path()).await.unwrap();
        server.order("ReportEventBatch", Order::Fault(code.clone()), usize::MAX);
        source.tell(&Ended { outcome: "updated", ..ended }).await;
        let calls = server.log().len();
        assert!(calls < TOO_MANY, "{code}: {calls} calls");
        works(&source).await;
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

/// What is no answer, and the name of the failure that it comes to.
fn no_answers() -> Vec<(Order, &'static str)> {
    let deep = format!("{}{}", "<a>".repeat(10_000), "</a>".repeat(10_000));
    let bomb = "<!DOCTYPE a [<!ENTITY b 'bbbb'><!ENTITY c '&b;&b;&b;'>]><a>&c;</a>";
    let many = soap::answer::<booster_wsus::message::SyncUpdates>(&booster_wsus::message::SyncResult {
        out_of_scope: (0..100_000).collect(),
        ..Default::default()
    });
    vec![
        (Order::Hangup, "too_short connection_lost"),
        (Order::FaultWithoutCode, "fault"),
        (Order::Status(401, "WWW-Authenticate: NTLM\r\n"), "status"),
        (Order::Status(401, "WWW-Authenticate: Negotiate\r\n"), "status"),
        (Order::Status(404, ""), "status"),
        (Order::Status(500, ""), "status"),
        (Order::Status(302, "Location: http://127.0.0.1:1/\r\n"), "status"),
        (Order::Document(String::new()), "protocol"),
        (Order::Document("<html>sign in</html>".into()), "web_page"),
        (Order::Document("{}".into()), "protocol"),
        (Order::Document(deep), "protocol"),
        (Order::Document(bomb.into()), "protocol"),
        (Order::Document(many), "protocol"),
    ]
}

#[test]
fn what_is_no_answer_is_told_by_its_name_at_each_call() {
    at_each_call(async |operation| {
        for (order, kind) in no_answers() {
            let (server, state) = machine();
            server.order(operation, order, usize::MAX);
            let error = prepare(&server, state.path()).await.unwrap_err();
            assert!(kind.split(' ').any(|kind| kind == error.kind()), "{operation}, {kind}: {error}");
            assert!(!server.headers().iter().any(|header| header.starts_with("authorization")));
            assert!(server.log().len() < TOO_MANY);
        }
    });
}

#[tokio::test]
async fn what_is_no_answer_to_a_report_is_left_at_that() {
    for (order, kind) in no_answers() {
        let (server, state) = machine();
        let source = prepare(&server, state.path()).await.unwrap();
        server.order("ReportEventBatch", order, 3);
        server.log();
        let ended = ended();
        for _ in 0..3 {
            source.tell(&ended).await;
        }
        assert!(server.log().len() < TOO_MANY);
        source.tell(&ended).await;
        server.log();
        source.tell(&ended).await;
        assert_eq!(server.log(), [""; 0], "{kind}: it was heard at last");
        works(&source).await;
    }
}

#[tokio::test]
async fn a_cookie_that_is_over_is_shown_as_the_one_that_is_to_be_replaced() {
    let old_cookies = |server: &UpdateServer| {
        let mut seen = Vec::new();
        server.change(|shop| seen = std::mem::take(&mut shop.old_cookies));
        seen
    };
    let (server, state) = machine();
    server.change(|shop| shop.rotates = true);
    prepare(&server, state.path()).await.unwrap();
    assert_eq!(old_cookies(&server), [None]);
    // One for the handshake, two for rounds, and one for addresses.
    server.order("SyncUpdates", Order::Fault(ErrorCode::CookieExpired), 1);
    prepare(&server, state.path()).await.unwrap();
    assert_eq!(old_cookies(&server), [Some(vec![1, 2, 4])]);
    // A server that minds how old the old one is gets none.
    server.order("SyncUpdates", Order::Fault(ErrorCode::CookieExpired), 1);
    server.order("GetCookie", Order::Fault(ErrorCode::CookieExpired), 1);
    works(&prepare(&server, state.path()).await.unwrap()).await;
    assert_eq!(old_cookies(&server), [None]);
}

#[tokio::test]
async fn an_authorization_that_is_refused_is_asked_for_once_more_and_then_it_is_over() {
    let (server, state) = machine();
    server.order("GetCookie", Order::Fault(ErrorCode::InvalidAuthorizationCookie), usize::MAX);
    let error = prepare(&server, state.path()).await.unwrap_err();
    assert!(matches!(error, SourceError::Fault { call: "GetCookie", .. }), "{error}");
    let expected =
        ["GetConfig", "GetAuthorizationCookie", "GetCookie", "GetAuthorizationCookie", "GetCookie"];
    assert_eq!(server.log(), expected);
}

#[tokio::test]
async fn addresses_that_have_changed_are_asked_for_again_also_where_they_are_known() {
    for operation in ["SyncUpdates", "GetExtendedUpdateInfo"] {
        let (server, state) = machine();
        if operation == "SyncUpdates" {
            prepare(&server, state.path()).await.unwrap();
        }
        server.log();
        let moved = format!("{}/Moved/", server.url);
        server.change(|shop| shop.content_url = Some(moved.clone()));
        server.order(operation, Order::Fault(ErrorCode::FileLocationChanged), 1);
        let source = prepare(&server, state.path()).await.unwrap();
        assert!(server.log().iter().any(|call| call == "GetFileLocations"), "{operation}");
        assert_eq!(source.locate(Area::Targets, "nis/aa.tar.zst"), format!("{moved}aa.tar.zst"));
        works(&source).await;
    }
}

#[tokio::test]
async fn each_round_is_asked_for_with_the_newest_cookie() {
    let (server, state) = machine();
    server.change(|shop| shop.rotates = true);
    for handshakes in [1, 0] {
        works(&prepare(&server, state.path()).await.unwrap()).await;
        let log = server.log();
        assert_eq!(log.iter().filter(|call| *call == "GetCookie").count(), handshakes, "{log:?}");
    }
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
    for order in [Order::Status(404, ""), Order::Status(500, ""), Order::FaultWithoutCode, Order::Hangup] {
        let (server, state) = machine();
        server.change(|shop| {
            shop.plug_in.id = "Anonymous".into();
            shop.plug_in.service_url = String::new();
        });
        server.order("GetAuthorizationCookie", order, usize::MAX);
        works(&prepare(&server, state.path()).await.unwrap()).await;
    }
    // One that wants a sign-in, or answers something else, is there.
    for order in
        [Order::Status(401, "WWW-Authenticate: NTLM\r\n"), Order::Document("<html>sign in</html>".into())]
    {
        let (server, state) = machine();
        server.change(|shop| {
            shop.plug_in.id = "Anonymous".into();
            shop.plug_in.service_url = String::new();
        });
        server.order("GetAuthorizationCookie", order, usize::MAX);
        let error = prepare(&server, state.path()).await.unwrap_err();
        assert!(
            matches!(error, SourceError::Status { status: 401, .. } | SourceError::WebPage { .. }),
            "{error}"
        );
        assert_eq!(server.log(), ["GetConfig", "GetAuthorizationCookie"]);
    }
}
