use super::*;
use booster_engine::WorkerError;
use booster_sources::{ShareError, SourceError};
use booster_update::{SourceRef, Stage};
use std::{collections::BTreeMap, net::ToSocketAddrs as _};

#[test]
fn a_status_has_the_code_that_the_documentation_gives_it() {
    let documented = [400, 401, 403, 404, 405, 407, 408, 409, 410, 500, 501, 502, 503, 504, 505];
    for (position, status) in documented.into_iter().enumerate() {
        assert_eq!(of_status(status).bits(), 0x8024_4016 + position as u32, "{status}");
    }
    assert_eq!(of_status(429), of_status(503));
    assert_eq!(of_status(418), Hresult::WU_E_PT_HTTP_STATUS_NOT_MAPPED);
}

#[test]
fn a_name_that_cannot_be_resolved_is_told_from_a_server_that_is_away() {
    // An empty label is refused without asking anybody.
    let reason = ("a..b", 80).to_socket_addrs().unwrap_err().to_string();
    let unreachable = |reason: &str| {
        let error = SourceError::Unreachable { location: String::new(), reason: reason.to_owned() };
        of_cause(&Cause::Source(error))
    };
    assert_eq!(unreachable(&reason), Hresult::ERROR_WINHTTP_NAME_NOT_RESOLVED, "{reason}");
    assert_eq!(unreachable("Connection refused"), Hresult::ERROR_WINHTTP_CANNOT_CONNECT);
}

#[test]
fn what_a_cause_knows_is_more_precise_than_its_kind() {
    let location = String::new;
    let io = |kind: io::ErrorKind| Cause::Io { what: String::new(), error: kind.into() };
    let second = std::time::Duration::from_secs(1);
    let status = |status| SourceError::Status { location: location(), status };
    let cases: Vec<(Cause, u32)> = vec![
        (Cause::Source(status(502)), 0x8024_4021),
        (
            Cause::Trust(TrustError::Transport { file: String::new(), source: Box::new(status(401)) }),
            0x8024_4017,
        ),
        (Cause::Source(SourceError::NoAnswer { location: location(), limit: second }), 0x8007_2EE2),
        (Cause::Source(SourceError::NotFound { location: location() }), 0x8024_0008),
        (Cause::Worker(WorkerError::TimedOut { limit: second }), 0x8007_05B4),
        (Cause::Worker(WorkerError::OutOfMemory { limit: 1 }), 0x8050_8007),
        (Cause::Trust(TrustError::NotInitialised), 0x800B_0109),
        (Cause::Cancelled, 0x8024_000B),
        (io(io::ErrorKind::StorageFull), 0x8007_0070),
        (io(io::ErrorKind::NotFound), 0x8007_0002),
        (io(io::ErrorKind::PermissionDenied), 0x8007_0005),
        (io(io::ErrorKind::Other), 0x8007_045D),
    ];
    for (cause, expected) in cases {
        assert_eq!(of_cause(&cause), Hresult::from_bits(expected), "{cause:?}");
    }
    #[cfg(unix)]
    assert_eq!(Error::from(io::Error::from_raw_os_error(libc::EMFILE)).code.bits(), 0x8007_0004);
}

#[test]
fn settings_that_name_no_source_have_a_code_of_their_own() {
    for (error, expected) in [
        (ConfigError::NoSource, 0x8024_001A),
        (ConfigError::NoSourceOfKind { kind: SourceKind::Managed }, 0x8024_0042),
        (ConfigError::Unsupported { kind: SourceKind::Unmanaged }, 0x8024_0037),
        (ConfigError::NoSignIn { unc: String::new() }, 0x8050_8020),
        (ConfigError::InvalidProxy, 0x8024_0030),
        (ConfigError::Value { key: "a".into(), message: "b".into() }, 0x8050_8020),
    ] {
        let error = Error::from(error);
        assert_eq!(error.code.bits(), expected, "{error}");
    }
}

#[test]
fn every_kind_has_a_failure_code_with_a_sentence() {
    // Kinds that share a code mean the same to whoever reads it.
    let mut shared: BTreeMap<u32, Vec<ErrorKind>> = BTreeMap::new();
    for kind in ErrorKind::ALL {
        let code = of_kind(kind);
        assert!(code.is_failure(), "{kind}");
        assert!(code.known().is_some(), "{kind} has no sentence");
        shared.entry(code.bits()).or_default().push(kind);
    }
    shared.retain(|_, kinds| kinds.len() > 1);
    use ErrorKind as K;
    let expected = BTreeMap::from([
        (0x8007_0643, vec![K::HealthFailed, K::EngineRejected]),
        (0x8050_800C, vec![K::SelfTestFailed, K::DetectionSpike]),
        (0x8050_A003, vec![K::Rollback, K::OlderThanKnown, K::Downgrade]),
        (0x8050_A004, vec![K::DigestMismatch, K::ReleaseChanged]),
    ]);
    assert_eq!(shared, expected);
}

#[test]
fn the_message_holds_what_lies_behind_an_error() {
    let source = io::Error::other("the cable is out");
    let error = Error::from(StoreError::Io { what: "reading current".into(), source });
    assert_eq!(error.to_string(), "reading current: the cable is out (0x8007045D)");
}

#[test]
fn a_file_that_was_not_scanned_has_the_code_of_the_reason() {
    for (error, code) in [
        (FileError::Io(io::ErrorKind::PermissionDenied.into()), Hresult::E_ACCESSDENIED),
        (FileError::Io(io::ErrorKind::Other.into()), Hresult::ERROR_IO_DEVICE),
        (FileError::NotAFile, Hresult::ERROR_MP_NOT_SUPPORTED),
        (FileError::TooLarge { limit: 1 }, Hresult::ERROR_FILE_TOO_LARGE),
        (FileError::Interrupted(InterruptReason::TimedOut), Hresult::ERROR_TIMEOUT),
        (FileError::Interrupted(InterruptReason::Failed), Hresult::E_FAIL),
    ] {
        assert_eq!(of_file(&error), code, "{error}");
    }
}

#[test]
fn an_image_that_is_not_there_is_damage_and_no_file_of_the_callers() {
    let io = |kind: io::ErrorKind| {
        let error = ImageError::Io { file: String::new(), source: kind.into() };
        Error::from(error).code
    };
    assert_eq!(io(io::ErrorKind::NotFound), Hresult::ERROR_MP_BAD_GLOBAL_STORAGE);
    assert_eq!(io(io::ErrorKind::PermissionDenied), Hresult::E_ACCESSDENIED);
}

#[test]
fn a_share_has_the_codes_that_the_network_has_for_it() {
    let location = String::new;
    let second = std::time::Duration::from_secs(1);
    let share = |error| SourceError::Share { location: location(), error };
    for (error, expected) in [
        (SourceError::Unreachable { location: location(), reason: String::new() }, 0x8007_0035),
        (SourceError::ConnectTimeout { location: location(), limit: second }, 0x8007_0079),
        (
            SourceError::ConnectionLost { location: location(), received: 0, reason: String::new() },
            0x8007_0040,
        ),
        (share(ShareError::NoShare), 0x8007_0043),
        (share(ShareError::SignIn { reason: "" }), 0x8007_052E),
        (share(ShareError::Denied), 0x8007_0005),
        (share(ShareError::Tampered), 0x8009_030F),
        (share(ShareError::NoEncryption { reason: "" }), 0x8009_0331),
        (share(ShareError::Busy), 0x8007_0020),
    ] {
        let source = SourceRef { kind: SourceKind::Unc, path: location() };
        let error = UpdateError::new(Stage::Search, Some(source), error.into());
        assert_eq!(of_update(&error).bits(), expected, "{error}");
    }
}
