//! What is known of a failure beside its kind, for whoever needs more than that.
//!
//! A detail has a name of its own, so that it can be told to another process and means the same there.

use crate::{Cause, error::transported};
use booster_engine::WorkerError;
use booster_sources::{ShareError, SourceError};
use booster_store::StoreError;
use booster_trust::TrustError;
use std::{fmt, io, str::FromStr};

/// What is known beside a failure's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Detail {
    /// The server answered with this status.
    HttpStatus(u16),
    /// Nobody knows the server's name.
    NameNotResolved,
    /// No connection to the server, or to the proxy.
    CannotConnect,
    /// The server did not answer in time.
    NoAnswer,
    /// The connection broke.
    ConnectionLost,
    /// The file server has no such share, or its referral leads nowhere.
    NoShare,
    /// An answer of the file server was not signed as it must be.
    ShareTampered,
    /// Another program has the file on the share open for itself.
    SharingViolation,
    /// No source of the kind that was asked for is configured.
    NoSourceOfKind,
    /// This build has no sources of that kind.
    SourceNotSupported,
    /// The proxy's address is none.
    InvalidProxy,
    /// The building process cannot be started.
    WorkerNotStarted,
    /// The building process was out of memory.
    WorkerOutOfMemory,
    /// The building process took too long.
    WorkerTimedOut,
    /// The building process wrote too large a file.
    WorkerFileTooLarge,
    /// The system's answer.
    System(SystemFailure),
}

/// What the system answered, where it says more than that reading or writing failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SystemFailure {
    /// There is no such file.
    NotFound,
    /// This user may not.
    PermissionDenied,
    /// The file system can only be read.
    ReadOnly,
    /// The disk or a quota is full.
    DiskFull,
    /// The file would be too large.
    FileTooLarge,
    /// A part of the path is no folder.
    NotADirectory,
    /// There is such a file already.
    AlreadyExists,
    /// The name cannot be that of a file.
    InvalidName,
    /// No memory.
    OutOfMemory,
    /// Nobody reads what is written.
    BrokenPipe,
    /// The process or the system has too many files open.
    TooManyFiles,
}

/// Every detail without a number, and its name.
const NAMES: [(Detail, &str); 25] = {
    use Detail as D;
    use SystemFailure as S;
    [
        (D::NameNotResolved, "name_not_resolved"),
        (D::CannotConnect, "cannot_connect"),
        (D::NoAnswer, "no_answer"),
        (D::ConnectionLost, "connection_lost"),
        (D::NoShare, "no_share"),
        (D::ShareTampered, "share_tampered"),
        (D::SharingViolation, "sharing_violation"),
        (D::NoSourceOfKind, "no_source_of_kind"),
        (D::SourceNotSupported, "source_not_supported"),
        (D::InvalidProxy, "invalid_proxy"),
        (D::WorkerNotStarted, "worker_not_started"),
        (D::WorkerOutOfMemory, "worker_out_of_memory"),
        (D::WorkerTimedOut, "worker_timed_out"),
        (D::WorkerFileTooLarge, "worker_file_too_large"),
        (D::System(S::NotFound), "system:not_found"),
        (D::System(S::PermissionDenied), "system:permission_denied"),
        (D::System(S::ReadOnly), "system:read_only"),
        (D::System(S::DiskFull), "system:disk_full"),
        (D::System(S::FileTooLarge), "system:file_too_large"),
        (D::System(S::NotADirectory), "system:not_a_directory"),
        (D::System(S::AlreadyExists), "system:already_exists"),
        (D::System(S::InvalidName), "system:invalid_name"),
        (D::System(S::OutOfMemory), "system:out_of_memory"),
        (D::System(S::BrokenPipe), "system:broken_pipe"),
        (D::System(S::TooManyFiles), "system:too_many_files"),
    ]
};

/// What the name of a status begins with.
const STATUS: &str = "http_status:";

/// A name that is no detail's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no detail of a failure")]
pub struct UnknownDetail(String);

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::HttpStatus(status) = self {
            return write!(f, "{STATUS}{status}");
        }
        f.write_str(NAMES.iter().find(|(detail, _)| detail == self).map_or("", |(_, name)| name))
    }
}

impl FromStr for Detail {
    type Err = UnknownDetail;

    fn from_str(text: &str) -> Result<Self, UnknownDetail> {
        let status = text.strip_prefix(STATUS).and_then(|status| status.parse().ok());
        let named = || NAMES.iter().find(|(_, name)| *name == text).map(|(detail, _)| *detail);
        status.map(Self::HttpStatus).or_else(named).ok_or_else(|| UnknownDetail(text.to_owned()))
    }
}

impl Cause {
    /// What is known beside the kind, if anything is.
    pub fn detail(&self) -> Option<Detail> {
        match self {
            Self::Source(error) => Detail::of_source(error),
            Self::Trust(error) => of_trust(error),
            Self::Worker(error) => of_worker(error),
            Self::Store(StoreError::Io { source, .. }) | Self::Io { error: source, .. } => {
                Detail::of_io(source)
            }
            Self::SameAgain(error) => error.cause().detail(),
            Self::Told { detail, .. } => *detail,
            _ => None,
        }
    }
}

/// How the standard library begins its error for a name that the resolver does not know. The sources
/// pass it on as text; a test holds the words.
const NAME_LOOKUP_FAILED: &str = "failed to lookup address information";

impl Detail {
    /// What a source's failure says beside its kind.
    pub fn of_source(error: &SourceError) -> Option<Self> {
        use SourceError as S;
        match error {
            S::Status { status, .. } => Some(Self::HttpStatus(*status)),
            S::Unreachable { reason, .. } if reason.starts_with(NAME_LOOKUP_FAILED) => {
                Some(Self::NameNotResolved)
            }
            S::Unreachable { .. } | S::ProxyRefused { .. } => Some(Self::CannotConnect),
            S::ConnectTimeout { .. } | S::NoAnswer { .. } => Some(Self::NoAnswer),
            S::ConnectionLost { .. } => Some(Self::ConnectionLost),
            S::Share { error: ShareError::NoShare | ShareError::Referral { .. }, .. } => Some(Self::NoShare),
            S::Share { error: ShareError::Tampered, .. } => Some(Self::ShareTampered),
            S::Share { error: ShareError::Busy, .. } => Some(Self::SharingViolation),
            S::Io { source, .. } | S::Write { source, .. } => Self::of_io(source),
            _ => None,
        }
    }

    /// What the system's answer says beside that reading or writing failed.
    pub fn of_io(error: &io::Error) -> Option<Self> {
        use SystemFailure as F;
        use io::ErrorKind as K;
        Some(Self::System(match error.kind() {
            K::NotFound => F::NotFound,
            K::PermissionDenied => F::PermissionDenied,
            K::ReadOnlyFilesystem => F::ReadOnly,
            K::StorageFull | K::QuotaExceeded => F::DiskFull,
            K::FileTooLarge => F::FileTooLarge,
            K::NotADirectory => F::NotADirectory,
            K::AlreadyExists => F::AlreadyExists,
            K::InvalidFilename => F::InvalidName,
            K::OutOfMemory => F::OutOfMemory,
            K::BrokenPipe => F::BrokenPipe,
            _ if too_many_files(error) => F::TooManyFiles,
            _ => return None,
        }))
    }
}

/// Whether the process or the system has no file descriptor left; Rust has no name for it.
fn too_many_files(error: &io::Error) -> bool {
    /// `EMFILE` and `ENFILE`; on Windows `ERROR_TOO_MANY_OPEN_FILES`.
    const CODES: &[i32] = if cfg!(windows) { &[4] } else { &[24, 23] };
    error.raw_os_error().is_some_and(|code| CODES.contains(&code))
}

fn of_trust(error: &TrustError) -> Option<Detail> {
    match error {
        TrustError::Transport { source, .. } => transported(source.as_ref()).and_then(Detail::of_source),
        TrustError::Io { source, .. } => Detail::of_io(source),
        _ => None,
    }
}

fn of_worker(error: &WorkerError) -> Option<Detail> {
    match error {
        WorkerError::Start { .. } => Some(Detail::WorkerNotStarted),
        WorkerError::OutOfMemory { .. } => Some(Detail::WorkerOutOfMemory),
        WorkerError::TimedOut { .. } => Some(Detail::WorkerTimedOut),
        WorkerError::FileTooLarge { .. } => Some(Detail::WorkerFileTooLarge),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_detail_is_read_back_from_its_name() {
        let named = NAMES.iter().map(|(detail, _)| *detail);
        for detail in named.chain([Detail::HttpStatus(404), Detail::HttpStatus(0)]) {
            assert_eq!(detail.to_string().parse(), Ok(detail));
            assert!(!detail.to_string().is_empty());
        }
        for text in ["", "http_status:", "http_status:70000", "system:", "new"] {
            assert_eq!(text.parse::<Detail>(), Err(UnknownDetail(text.to_owned())));
        }
    }

    #[test]
    fn what_was_told_by_another_process_has_the_detail_that_was_told() {
        let told = |detail| Cause::Told { kind: crate::ErrorKind::Io, detail, reason: String::new() };
        assert_eq!(told(Some(Detail::NoAnswer)).detail(), Some(Detail::NoAnswer));
        assert_eq!(told(None).detail(), None);
    }
}
