//! The stable names of what can go wrong.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Which of the known cases a failure is. Names are for programs and do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The caller cancelled.
    Cancelled,
    /// Another operation holds the data folder.
    Busy,
    /// No source is configured.
    NoSource,
    /// A setting cannot work.
    Configuration,
    /// More than the daily budget would be downloaded.
    OverBudget,
    /// The service that was to do it is not there, or died.
    ServiceAbsent,

    /// No connection, no answer, or the connection broke.
    Network,
    /// No secure connection could be made.
    Tls,
    /// The proxy wants other credentials.
    ProxyCredentials,
    /// The server answered with an error status.
    HttpStatus,
    /// The file server does not let this account in.
    SignIn,
    /// The session with the file server is not protected as it must be.
    Unprotected,
    /// The source is left alone for a while: its server asked for that, or it keeps failing.
    RetryLater,
    /// A redirect was not followed.
    Redirect,
    /// A web page came instead of the file.
    WebPage,
    /// The body was packed although that was not asked for.
    Encoded,
    /// A file that must be there is not.
    NotFound,
    /// A path that leaves the repository.
    UnsafePath,
    /// More bytes than allowed.
    TooLarge,
    /// Fewer bytes than there must be.
    Truncated,
    /// An update server answered what the protocol does not have there.
    Protocol,
    /// An update server refused a call.
    Fault,
    /// Bytes came too slowly.
    TooSlow,
    /// No bytes came at all.
    Stalled,

    /// No publisher is trusted yet.
    NoTrustedRoot,
    /// The root belongs to another publisher.
    OtherPublisher,
    /// Metadata is not signed as it must be, or is not valid.
    Untrusted,
    /// Metadata has expired.
    Expired,
    /// Metadata went back to an older version.
    Rollback,
    /// The source is behind what this machine has seen already.
    OlderThanKnown,
    /// The source has nothing new enough, and there were others to ask.
    Stale,
    /// This machine's clock is wrong.
    ClockBehind,
    /// The trusted metadata kept on this machine is damaged.
    TrustDamaged,

    /// Content has not the digest or length that was signed.
    DigestMismatch,
    /// An archive cannot be unpacked.
    BadArchive,
    /// A release manifest cannot be used.
    BadManifest,
    /// The offered release is older than the installed one.
    Downgrade,
    /// The offered release has the installed version and other content.
    ReleaseChanged,

    /// The engine cannot use the definitions.
    BuildFailed,
    /// The definitions failed the release's self-test.
    SelfTestFailed,
    /// The building process died.
    WorkerCrashed,
    /// The building process went over one of its limits.
    WorkerLimit,
    /// The definitions flag too many of the machine's own files.
    DetectionSpike,
    /// The health command failed with the definitions.
    HealthFailed,
    /// Another engine rejects the definitions.
    EngineRejected,

    /// Another engine that has to be asked cannot be.
    EngineUnavailable,
    /// The disk or a quota is full.
    DiskFull,
    /// This user may not.
    Permission,
    /// The data folder is damaged.
    StoreDamaged,
    /// Any other failed read or write.
    Io,
    /// A fault of Booster itself.
    Internal,
}

impl ErrorKind {
    /// Every kind, in the order in which they stand above.
    pub const ALL: [Self; 51] = [
        Self::Cancelled,
        Self::Busy,
        Self::NoSource,
        Self::Configuration,
        Self::OverBudget,
        Self::ServiceAbsent,
        Self::Network,
        Self::Tls,
        Self::ProxyCredentials,
        Self::HttpStatus,
        Self::SignIn,
        Self::Unprotected,
        Self::RetryLater,
        Self::Redirect,
        Self::WebPage,
        Self::Encoded,
        Self::NotFound,
        Self::UnsafePath,
        Self::TooLarge,
        Self::Truncated,
        Self::Protocol,
        Self::Fault,
        Self::TooSlow,
        Self::Stalled,
        Self::NoTrustedRoot,
        Self::OtherPublisher,
        Self::Untrusted,
        Self::Expired,
        Self::Rollback,
        Self::OlderThanKnown,
        Self::Stale,
        Self::ClockBehind,
        Self::TrustDamaged,
        Self::DigestMismatch,
        Self::BadArchive,
        Self::BadManifest,
        Self::Downgrade,
        Self::ReleaseChanged,
        Self::BuildFailed,
        Self::SelfTestFailed,
        Self::WorkerCrashed,
        Self::WorkerLimit,
        Self::DetectionSpike,
        Self::HealthFailed,
        Self::EngineRejected,
        Self::EngineUnavailable,
        Self::DiskFull,
        Self::Permission,
        Self::StoreDamaged,
        Self::Io,
        Self::Internal,
    ];

    /// The name, as it stands in events and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Busy => "busy",
            Self::NoSource => "no_source",
            Self::Configuration => "configuration",
            Self::OverBudget => "over_budget",
            Self::ServiceAbsent => "service_absent",
            Self::Network => "network",
            Self::Tls => "tls",
            Self::ProxyCredentials => "proxy_credentials",
            Self::HttpStatus => "http_status",
            Self::SignIn => "sign_in",
            Self::Unprotected => "unprotected",
            Self::RetryLater => "retry_later",
            Self::Redirect => "redirect",
            Self::WebPage => "web_page",
            Self::Encoded => "encoded",
            Self::NotFound => "not_found",
            Self::UnsafePath => "unsafe_path",
            Self::TooLarge => "too_large",
            Self::Truncated => "truncated",
            Self::Protocol => "protocol",
            Self::Fault => "fault",
            Self::TooSlow => "too_slow",
            Self::Stalled => "stalled",
            Self::NoTrustedRoot => "no_trusted_root",
            Self::OtherPublisher => "other_publisher",
            Self::Untrusted => "untrusted",
            Self::Expired => "expired",
            Self::Rollback => "rollback",
            Self::OlderThanKnown => "older_than_known",
            Self::Stale => "stale",
            Self::ClockBehind => "clock_behind",
            Self::TrustDamaged => "trust_damaged",
            Self::DigestMismatch => "digest_mismatch",
            Self::BadArchive => "bad_archive",
            Self::BadManifest => "bad_manifest",
            Self::Downgrade => "downgrade",
            Self::ReleaseChanged => "release_changed",
            Self::BuildFailed => "build_failed",
            Self::SelfTestFailed => "self_test_failed",
            Self::WorkerCrashed => "worker_crashed",
            Self::WorkerLimit => "worker_limit",
            Self::DetectionSpike => "detection_spike",
            Self::HealthFailed => "health_failed",
            Self::EngineRejected => "engine_rejected",
            Self::EngineUnavailable => "engine_unavailable",
            Self::DiskFull => "disk_full",
            Self::Permission => "permission",
            Self::StoreDamaged => "store_damaged",
            Self::Io => "io",
            Self::Internal => "internal",
        }
    }

    /// Whether a source, or someone between, offered what must not be believed: worth an
    /// administrator's look even where another source has helped.
    pub const fn is_security(self) -> bool {
        matches!(
            self,
            Self::OtherPublisher
                | Self::Untrusted
                | Self::Rollback
                | Self::DigestMismatch
                | Self::BadArchive
                | Self::Downgrade
                | Self::ReleaseChanged
                | Self::UnsafePath
        )
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_all_is_complete_and_in_order() {
        for (position, kind) in ErrorKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, position, "{kind}");
        }
        assert_eq!(ErrorKind::ALL.last(), Some(&ErrorKind::Internal), "the last kind stands last");
    }

    #[test]
    fn the_name_in_text_is_the_name_in_json() {
        for kind in ErrorKind::ALL {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        }
    }
}
