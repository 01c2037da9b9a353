//! A server that says when to come back is not called before.

use super::*;
use booster_test_support::{Fault, FaultyServer};

fn busy(code: u16, retry_after: &str) -> Fault {
    Fault::Status { code, retry_after: Some(retry_after.to_owned()) }
}

#[tokio::test]
async fn a_busy_server_is_left_alone_for_as_long_as_it_asked() {
    for code in [429, 503] {
        let folder = repository();
        let server = FaultyServer::serve(folder.path());
        server.misbehave_times(TIMESTAMP_PATH, busy(code, "3600"), 1);
        let source = http(&server.url());
        let told = timestamp(&source).await.unwrap_err();
        let SourceError::RetryAfter { status, until, .. } = told else { panic!("{told:?}") };
        assert_eq!(status, code);
        assert_eq!(source.cooling_down_until(), Some(until));

        // Everything of this source waits, and no request is sent.
        let timestamp = timestamp(&source).await.unwrap_err();
        assert!(
            matches!(&timestamp, SourceError::CoolingDown { until: u, .. } if *u == until),
            "{timestamp:?}"
        );
        let archive = fetch(&source, &patient()).await.unwrap_err();
        assert!(matches!(&archive, SourceError::CoolingDown { .. }), "{archive:?}");
        assert_eq!((server.requests(), source.counters().requests), (1, 1));
    }
}

#[tokio::test]
async fn another_source_is_not_held_back() {
    let folder = repository();
    let (busy_server, sound_server) =
        (FaultyServer::serve(folder.path()), FaultyServer::serve(folder.path()));
    busy_server.misbehave_everywhere(busy(429, "3600"));
    let (first, second) = (http(&busy_server.url()), http(&sound_server.url()));
    assert!(timestamp(&first).await.is_err());
    assert_eq!(timestamp(&second).await.unwrap().as_deref(), Some(TIMESTAMP));
}

#[tokio::test]
async fn a_date_is_obeyed_and_no_server_can_ask_for_more_than_a_day() {
    for value in ["Fri, 31 Dec 9999 23:59:59 GMT", "99999999999"] {
        let folder = repository();
        let server = FaultyServer::serve(folder.path());
        server.misbehave_everywhere(busy(503, value));
        let source = http(&server.url());
        let before = jiff::Timestamp::now();
        assert!(timestamp(&source).await.is_err());
        let until = source.cooling_down_until().unwrap();
        let day = jiff::SignedDuration::from_hours(24);
        assert!(until >= before + day && until <= jiff::Timestamp::now() + day, "{until}");
    }
}

#[tokio::test]
async fn a_pause_that_is_over_or_unreadable_holds_nobody_back() {
    for value in ["0", "Sun, 06 Nov 1994 08:49:37 GMT", "soon"] {
        let folder = repository();
        let server = FaultyServer::serve(folder.path());
        server.misbehave_times(TIMESTAMP_PATH, busy(429, value), 1);
        let source = http(&server.url());
        assert!(timestamp(&source).await.is_err());
        assert_eq!(timestamp(&source).await.unwrap().as_deref(), Some(TIMESTAMP), "{value}");
    }
}

#[tokio::test]
async fn a_pause_known_from_an_earlier_process_is_kept() {
    let folder = repository();
    let server = FaultyServer::serve(folder.path());
    let source = http(&server.url());
    source.cool_down_until(jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1));
    let error = timestamp(&source).await.unwrap_err();
    assert!(matches!(&error, SourceError::CoolingDown { .. }), "{error:?}");
    assert_eq!(server.requests(), 0);
}
