//! The one table from the typed failures of the crates below to HRESULTs.
//!
//! [`of_kind`] has a code for every [`ErrorKind`], by a match without a catch-all: a new kind does
//! not compile until it has one. [`of_detail`] has the code of what is known beside the kind, such as an
//! HTTP status or the system's answer; where nothing is, the kind's code stands.

use crate::Hresult;
use booster_config::ConfigError;
use booster_engine::{FileError, ImageError, rules::InterruptReason};
use booster_service::client::ClientError;
use booster_sources::SourceKind;
use booster_store::StoreError;
use booster_trust::TrustError;
use booster_update::{Cause, Detail, ErrorKind, RootError, SystemFailure, UpdateError, words};
use std::{error::Error as StdError, fmt, io};

/// A failed call: the code that it returns, and the whole story for logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The code.
    pub code: Hresult,
    /// What has failed, in words; more precise than the code's own sentence.
    pub message: String,
}

/// The result of a call.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A failure with a code and its own words.
    pub fn new(code: Hresult, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    fn told(code: Hresult, error: &(dyn StdError + 'static)) -> Self {
        Self { code, message: words(error) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl StdError for Error {}

impl From<Hresult> for Error {
    fn from(code: Hresult) -> Self {
        Self::new(code, crate::message::of(code))
    }
}

/// The code of a kind of failure, for whoever knows no more than the kind.
pub const fn of_kind(kind: ErrorKind) -> Hresult {
    use ErrorKind as K;
    match kind {
        K::Cancelled => Hresult::WU_E_CALL_CANCELLED,
        K::Busy => Hresult::ERROR_INSTALL_ALREADY_RUNNING,
        K::NoSource => Hresult::WU_E_POLICY_NOT_SET,
        K::Configuration => Hresult::ERROR_MP_BAD_CONFIGURATION,
        K::OverBudget => Hresult::WU_E_DM_DOWNLOADLIMITEDBYUPDATESIZE,
        K::ServiceAbsent => Hresult::E_MP_SERVICE_UNAVAILABLE,

        K::Network => Hresult::WU_E_NO_CONNECTION,
        K::Tls => Hresult::ERROR_WINHTTP_SECURE_FAILURE,
        K::ProxyCredentials => Hresult::WU_E_PT_HTTP_STATUS_PROXY_AUTH_REQ,
        K::HttpStatus => Hresult::WU_E_PT_HTTP_STATUS_NOT_MAPPED,
        K::SignIn => Hresult::ERROR_LOGON_FAILURE,
        K::Unprotected => Hresult::SEC_E_ALGORITHM_MISMATCH,
        K::RetryLater => Hresult::WU_E_PT_HTTP_STATUS_SERVICE_UNAVAIL,
        K::Redirect => Hresult::ERROR_WINHTTP_REDIRECT_FAILED,
        K::WebPage => Hresult::WU_E_WINHTTP_INVALID_FILE,
        K::Encoded => Hresult::ERROR_WINHTTP_INVALID_SERVER_RESPONSE,
        K::NotFound => Hresult::WU_E_ITEMNOTFOUND,
        K::UnsafePath => Hresult::ERROR_BAD_PATHNAME,
        K::TooLarge => Hresult::ERROR_FILE_TOO_LARGE,
        K::Truncated => Hresult::WU_E_DOWNLOAD_FAILED,
        K::Protocol => Hresult::WU_E_PT_SOAPCLIENT_PARSE,
        K::Fault => Hresult::WU_E_PT_SOAPCLIENT_SOAPFAULT,
        K::TooSlow => Hresult::WU_E_TIME_OUT,
        K::Stalled => Hresult::ERROR_WINHTTP_TIMEOUT,

        K::NoTrustedRoot => Hresult::CERT_E_UNTRUSTEDROOT,
        K::OtherPublisher => Hresult::TRUST_E_SUBJECT_NOT_TRUSTED,
        K::Untrusted => Hresult::ERROR_MP_BADDB_NOTSIGNED,
        K::Expired => Hresult::CERT_E_EXPIRED,
        K::Rollback | K::OlderThanKnown | K::Downgrade => Hresult::ERROR_MP_BADDB_OLDENGINE,
        K::Stale => Hresult::WU_E_NO_UPDATE,
        K::ClockBehind => Hresult::SEC_E_TIME_SKEW,
        K::TrustDamaged => Hresult::ERROR_FILE_CORRUPT,

        K::DigestMismatch | K::ReleaseChanged => Hresult::ERROR_MP_BADDB_CONTENT,
        K::BadArchive => Hresult::ERROR_MP_BADDB_OPEN,
        K::BadManifest => Hresult::ERROR_MP_BADDB_HEADER,

        K::BuildFailed => Hresult::ERROR_MP_BAD_DATABASE,
        K::SelfTestFailed => Hresult::ERROR_MP_BAD_INPUT_DATA,
        K::WorkerCrashed => Hresult::ERROR_PROCESS_ABORTED,
        K::WorkerLimit => Hresult::ERROR_NOT_ENOUGH_QUOTA,
        K::DetectionSpike => Hresult::ERROR_MP_BAD_INPUT_DATA,
        K::HealthFailed | K::EngineRejected => Hresult::ERROR_INSTALL_FAILURE,
        K::EngineUnavailable => Hresult::ERROR_MP_BAD_INIT_MODULES,

        K::DiskFull => Hresult::ERROR_DISK_FULL,
        K::Permission => Hresult::E_ACCESSDENIED,
        K::StoreDamaged => Hresult::ERROR_MP_BAD_GLOBAL_STORAGE,
        K::Io => Hresult::ERROR_IO_DEVICE,
        K::Internal => Hresult::E_UNEXPECTED,
    }
}

/// The code of a failed update: the most precise one that its cause allows.
pub fn of_update(error: &UpdateError) -> Hresult {
    let kind = error.source.as_ref().map(|source| source.kind);
    match (of_cause(error.cause()), kind) {
        (Hresult::WU_E_ITEMNOTFOUND, Some(SourceKind::Http)) => Hresult::WU_E_PT_HTTP_STATUS_NOT_FOUND,
        (code, Some(SourceKind::Unc)) => of_network_path(code),
        (code, _) => code,
    }
}

/// What the network's redirector says where a client of web servers has words of its own.
const fn of_network_path(code: Hresult) -> Hresult {
    match code {
        Hresult::ERROR_WINHTTP_NAME_NOT_RESOLVED | Hresult::ERROR_WINHTTP_CANNOT_CONNECT => {
            Hresult::ERROR_BAD_NETPATH
        }
        Hresult::ERROR_WINHTTP_TIMEOUT => Hresult::ERROR_SEM_TIMEOUT,
        Hresult::ERROR_WINHTTP_CONNECTION_ERROR => Hresult::ERROR_NETNAME_DELETED,
        code => code,
    }
}

/// The code of a cause.
pub fn of_cause(cause: &Cause) -> Hresult {
    cause.detail().map_or_else(|| of_kind(cause.kind()), of_detail)
}

/// The code of what is known beside the kind.
pub const fn of_detail(detail: Detail) -> Hresult {
    use Detail as D;
    use SystemFailure as S;
    match detail {
        D::HttpStatus(status) => of_status(status),
        D::NameNotResolved => Hresult::ERROR_WINHTTP_NAME_NOT_RESOLVED,
        D::CannotConnect => Hresult::ERROR_WINHTTP_CANNOT_CONNECT,
        D::NoAnswer => Hresult::ERROR_WINHTTP_TIMEOUT,
        D::ConnectionLost => Hresult::ERROR_WINHTTP_CONNECTION_ERROR,
        D::NoShare => Hresult::ERROR_BAD_NET_NAME,
        D::ShareTampered => Hresult::SEC_E_MESSAGE_ALTERED,
        D::SharingViolation => Hresult::ERROR_SHARING_VIOLATION,
        D::NoSourceOfKind => Hresult::WU_E_UNKNOWN_SERVICE,
        D::SourceNotSupported => Hresult::WU_E_NOT_SUPPORTED,
        D::InvalidProxy => Hresult::WU_E_INVALID_PROXY_SERVER,
        D::WorkerNotStarted => Hresult::ERROR_MP_NOENGINE,
        D::WorkerOutOfMemory => Hresult::ERROR_MP_NO_MEMORY,
        D::WorkerTimedOut => Hresult::ERROR_TIMEOUT,
        D::WorkerFileTooLarge | D::System(S::FileTooLarge) => Hresult::ERROR_FILE_TOO_LARGE,
        D::System(S::NotFound) => Hresult::ERROR_FILE_NOT_FOUND,
        D::System(S::PermissionDenied) => Hresult::E_ACCESSDENIED,
        D::System(S::ReadOnly) => Hresult::ERROR_WRITE_PROTECT,
        D::System(S::DiskFull) => Hresult::ERROR_DISK_FULL,
        D::System(S::NotADirectory) => Hresult::ERROR_PATH_NOT_FOUND,
        D::System(S::AlreadyExists) => Hresult::ERROR_FILE_EXISTS,
        D::System(S::InvalidName) => Hresult::ERROR_FILENAME_EXCED_RANGE,
        D::System(S::OutOfMemory) => Hresult::E_OUTOFMEMORY,
        D::System(S::BrokenPipe) => Hresult::ERROR_BROKEN_PIPE,
        D::System(S::TooManyFiles) => Hresult::ERROR_TOO_MANY_OPEN_FILES,
    }
}

/// The code that an HTTP status has of its own.
pub const fn of_status(status: u16) -> Hresult {
    match status {
        400 => Hresult::WU_E_PT_HTTP_STATUS_BAD_REQUEST,
        401 => Hresult::WU_E_PT_HTTP_STATUS_DENIED,
        403 => Hresult::WU_E_PT_HTTP_STATUS_FORBIDDEN,
        404 => Hresult::WU_E_PT_HTTP_STATUS_NOT_FOUND,
        405 => Hresult::WU_E_PT_HTTP_STATUS_BAD_METHOD,
        407 => Hresult::WU_E_PT_HTTP_STATUS_PROXY_AUTH_REQ,
        408 => Hresult::WU_E_PT_HTTP_STATUS_REQUEST_TIMEOUT,
        409 => Hresult::WU_E_PT_HTTP_STATUS_CONFLICT,
        410 => Hresult::WU_E_PT_HTTP_STATUS_GONE,
        429 | 503 => Hresult::WU_E_PT_HTTP_STATUS_SERVICE_UNAVAIL,
        500 => Hresult::WU_E_PT_HTTP_STATUS_SERVER_ERROR,
        501 => Hresult::WU_E_PT_HTTP_STATUS_NOT_SUPPORTED,
        502 => Hresult::WU_E_PT_HTTP_STATUS_BAD_GATEWAY,
        504 => Hresult::WU_E_PT_HTTP_STATUS_GATEWAY_TIMEOUT,
        505 => Hresult::WU_E_PT_HTTP_STATUS_VERSION_NOT_SUP,
        _ => Hresult::WU_E_PT_HTTP_STATUS_NOT_MAPPED,
    }
}

/// The code of a file that was not scanned.
pub fn of_file(error: &FileError) -> Hresult {
    match error {
        FileError::Io(error) => match of_service(error) {
            Some(error) => of_client(error),
            None => of_io(error).unwrap_or(of_kind(ErrorKind::Io)),
        },
        FileError::NotAFile => Hresult::ERROR_MP_NOT_SUPPORTED,
        FileError::TooLarge { .. } => of_kind(ErrorKind::TooLarge),
        FileError::Interrupted(InterruptReason::TimedOut) => Hresult::ERROR_TIMEOUT,
        FileError::Interrupted(InterruptReason::Failed) => Hresult::E_FAIL,
    }
}

/// The failure of the service that a failure to read is, if it is one.
pub(crate) fn of_service(error: &io::Error) -> Option<&ClientError> {
    error.get_ref()?.downcast_ref()
}

fn of_client(error: &ClientError) -> Hresult {
    match error {
        ClientError::Refused(error) => of_update(error),
        error => of_kind(error.kind()),
    }
}

fn of_store(error: &StoreError) -> Hresult {
    match error {
        StoreError::Busy { .. } => of_kind(ErrorKind::Busy),
        StoreError::NoSpace { .. } => of_kind(ErrorKind::DiskFull),
        StoreError::Permission { .. } => of_kind(ErrorKind::Permission),
        StoreError::Damaged { .. } | StoreError::Decisions { .. } => of_kind(ErrorKind::StoreDamaged),
        StoreError::Io { source, .. } => of_io(source).unwrap_or(of_kind(ErrorKind::Io)),
    }
}

/// The code of the system's answer, where it says more than that reading or writing failed.
fn of_io(error: &io::Error) -> Option<Hresult> {
    Detail::of_io(error).map(of_detail)
}

impl From<&UpdateError> for Error {
    fn from(error: &UpdateError) -> Self {
        Self::new(of_update(error), error.to_string())
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        let code = error.detail().map_or_else(|| of_kind(error.kind()), of_detail);
        Self::told(code, &error)
    }
}

impl From<ClientError> for Error {
    fn from(error: ClientError) -> Self {
        // Its words hold what lies behind it already.
        Self::new(of_client(&error), error.to_string())
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::told(of_store(&error), &error)
    }
}

impl From<TrustError> for Error {
    fn from(error: TrustError) -> Self {
        // The kinds of trust's failures are sorted where an update meets them.
        let cause = Cause::Trust(error);
        Self::told(of_cause(&cause), &cause)
    }
}

impl From<RootError> for Error {
    fn from(error: RootError) -> Self {
        let told = Self::told(of_kind(ErrorKind::Io), &error);
        let code = match error {
            RootError::Read { source, .. } | RootError::Folder { source, .. } => of_io(&source),
            RootError::Refused { source, .. } => Some(of_cause(&Cause::Trust(source))),
        };
        Self { code: code.unwrap_or(told.code), ..told }
    }
}

impl From<ImageError> for Error {
    fn from(error: ImageError) -> Self {
        let code = match &error {
            // What was installed is gone: no file of whoever asked.
            ImageError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                of_kind(ErrorKind::StoreDamaged)
            }
            ImageError::Io { source, .. } => of_io(source).unwrap_or(of_kind(ErrorKind::Io)),
            ImageError::OtherFormat(_) => Hresult::ERROR_MP_NOENGINE,
            ImageError::Manifest(_) | ImageError::Hashes(_) | ImageError::Changed(_) => {
                of_kind(ErrorKind::StoreDamaged)
            }
        };
        Self::told(code, &error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::told(of_io(&error).unwrap_or(of_kind(ErrorKind::Io)), &error)
    }
}

#[cfg(test)]
mod tests;
