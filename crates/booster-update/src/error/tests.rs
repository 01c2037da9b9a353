//! Every kind of failure: its name, its words, and what follows from it.

use super::*;

fn io(kind: io::ErrorKind) -> io::Error {
    io::Error::new(kind, "the system's words")
}

fn write(kind: io::ErrorKind) -> Cause {
    SourceError::Write { location: "a".into(), source: io(kind) }.into()
}

fn carried(error: SourceError) -> Cause {
    TrustError::Transport { file: "timestamp.json".into(), source: Box::new(error) }.into()
}

#[test]
fn each_cause_has_its_kind_and_says_whether_another_source_could_help() {
    let older = Held::OlderThanInstalled { offered: Default::default(), installed: Default::default() };
    for (cause, kind, local) in [
        (Cause::Cancelled, ErrorKind::Cancelled, true),
        (write(io::ErrorKind::StorageFull), ErrorKind::DiskFull, true),
        (write(io::ErrorKind::PermissionDenied), ErrorKind::Permission, true),
        (write(io::ErrorKind::Other), ErrorKind::Io, true),
        (Cause::io("x")(io(io::ErrorKind::QuotaExceeded)), ErrorKind::DiskFull, true),
        (
            carried(SourceError::NoAnswer { location: "a".into(), limit: Default::default() }),
            ErrorKind::Network,
            false,
        ),
        (carried(SourceError::WebPage { location: "a".into() }), ErrorKind::WebPage, false),
        (carried(SourceError::Cancelled { location: "a".into() }), ErrorKind::Cancelled, false),
        (TrustError::NotInitialised.into(), ErrorKind::NoTrustedRoot, true),
        (
            TrustError::Rollback { role: "snapshot".into(), known: 2, offered: 1 }.into(),
            ErrorKind::Rollback,
            false,
        ),
        (
            TrustError::Threshold { role: "targets".into(), found: 0, required: 1 }.into(),
            ErrorKind::Untrusted,
            false,
        ),
        (Cause::Refused { component: Component::Nis, held: older }, ErrorKind::Downgrade, false),
        (WorkerError::Cancelled.into(), ErrorKind::Cancelled, true),
        (WorkerError::OutOfMemory { limit: 1 }.into(), ErrorKind::WorkerLimit, false),
        (
            WorkerError::Build(BuildError::SelfTest { failures: Vec::new() }).into(),
            ErrorKind::SelfTestFailed,
            false,
        ),
        (
            WorkerError::Build(BuildError::Io {
                action: "write".into(),
                path: "image".into(),
                cause: IoKind::DiskFull,
                reason: "full".into(),
            })
            .into(),
            ErrorKind::DiskFull,
            true,
        ),
    ] {
        assert_eq!((cause.kind(), cause.is_local()), (kind, local), "{cause}");
    }
}

#[test]
fn the_reason_tells_what_lies_behind_once() {
    let location = "http://a/timestamp.json".to_owned();
    let cause = carried(SourceError::Io { location, step: "read", source: io(io::ErrorKind::Other) });
    let error = UpdateError::new(Stage::Search, None, cause);
    assert_eq!(
        error.to_string(),
        "search: timestamp.json could not be fetched: http://a/timestamp.json: cannot read: the system's words"
    );
    let json = serde_json::to_value(&error).unwrap();
    assert_eq!((json["kind"].as_str(), json["step"].as_str()), (Some("io"), Some("search")));
}

#[test]
fn a_wish_to_be_left_alone_is_found_however_it_was_carried() {
    let until = Timestamp::UNIX_EPOCH;
    let wish = || SourceError::RetryAfter { location: "a".into(), status: 429, until };
    assert_eq!(Cause::from(wish()).retry_after(), Some(until));
    assert_eq!(carried(wish()).retry_after(), Some(until));
    assert_eq!(Cause::Cancelled.retry_after(), None);
}
