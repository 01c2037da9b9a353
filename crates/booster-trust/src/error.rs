//! What can be wrong with a repository, a state file or a clock, each with its own name.

use crate::roles::reason;
use jiff::{SignedDuration, Timestamp};
use std::{
    io,
    path::{Path, PathBuf},
};

/// The result of an operation on trust.
pub type Result<T, E = TrustError> = std::result::Result<T, E>;

/// Why metadata, a target or the trusted state was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The trusted state cannot be read back as it was written.
    #[error(
        "the trusted state {path} is damaged ({reason}); restore it from a backup or from the copy in the \
         current generation: starting afresh would forget which versions were already seen", path = path.display()
    )]
    Damaged {
        /// The state file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },

    /// No root of trust has been pinned in this state folder yet.
    #[error("no publisher is trusted yet: configure the publisher's root.json")]
    NotInitialised,

    /// The given root belongs to another publisher than the one this machine trusts.
    #[error("the given root is not of the publisher that this machine trusts: {reason}")]
    OtherPublisher {
        /// How the two roots fail to connect.
        reason: String,
    },

    /// The source still offers an older timestamp than one that this machine has seen.
    ///
    /// The usual cause is a cache or a CDN edge that is one version behind; a replay looks the same,
    /// so it is never accepted.
    #[error(
        "the source offers timestamp version {offered}, but version {known} is already known (asked {attempts} \
         times): a cache may be behind, so try again later or another source"
    )]
    OlderThanKnown {
        /// The newest version that this machine has verified.
        known: u64,
        /// The version that the source offered last.
        offered: u64,
        /// How many times the source was asked.
        attempts: u32,
    },

    /// Metadata other than the timestamp went back to an older version.
    #[error("{role} went back from version {known} to {offered}: the repository was rolled back")]
    Rollback {
        /// The role, and where the version is named.
        role: String,
        /// The newest version that this machine has verified.
        known: u64,
        /// The version offered.
        offered: u64,
    },

    /// Metadata has expired.
    #[error(
        "{role} metadata expired at {expired_at}: the publisher has to renew it, or this source no longer follows"
    )]
    Expired {
        /// The role.
        role: String,
        /// When it expired.
        expired_at: Timestamp,
    },

    /// The signed time is older than the air-gapped policy allows.
    #[error(
        "the metadata was signed at {signed_at}, longer ago than the allowed {max_age:#}: bring a newer copy"
    )]
    TooOld {
        /// The publisher's signed time.
        signed_at: Timestamp,
        /// The allowed age.
        max_age: SignedDuration,
    },

    /// This machine's clock is behind a time that the publisher has signed.
    #[error(
        "this machine's clock says {system}, but the publisher signed metadata at {signed_at}: set the clock"
    )]
    ClockBehind {
        /// The system clock.
        system: Timestamp,
        /// The newest signed time known.
        signed_at: Timestamp,
    },

    /// The air-gapped policy needs a signed time, and the timestamp metadata has none.
    #[error(
        "the timestamp metadata carries no {field} field, which the air-gapped freshness setting needs",
        field = crate::SIGNED_AT_FIELD
    )]
    NoSignedTime,

    /// Too few valid signatures by the role's keys.
    #[error("{role} metadata has {found} valid signatures of the {required} needed")]
    Threshold {
        /// The role.
        role: String,
        /// Valid signatures by distinct keys.
        found: usize,
        /// The role's threshold.
        required: usize,
    },

    /// A metadata file is not what TUF 1.0 allows.
    #[error("{file} is not valid TUF metadata: {reason}")]
    Malformed {
        /// The file's name in the repository.
        file: String,
        /// What is wrong.
        reason: String,
    },

    /// A metadata file is not the one that the signed metadata above it names.
    #[error("{file} is not the file that the signed metadata names: {reason}")]
    Mismatch {
        /// The file's name in the repository.
        file: String,
        /// Which of version, length or hash differs.
        reason: String,
    },

    /// A metadata file is larger than its limit.
    #[error("{file} is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The file's name in the repository.
        file: String,
        /// The limit, in bytes.
        limit: u64,
    },

    /// A metadata file that the repository must have is absent.
    #[error("the source has no {file}: is this a definition repository, and is its copy complete?")]
    Missing {
        /// The file's name in the repository.
        file: String,
    },

    /// More new roots than one refresh follows.
    #[error("more than {limit} new roots: update again to go on, or raise the limit")]
    TooManyRoots {
        /// The limit of roots in one refresh.
        limit: u32,
    },

    /// No trusted role lists the target.
    #[error("no trusted metadata lists {path:?}")]
    NoSuchTarget {
        /// The target's path.
        path: String,
    },

    /// A target's path or hash cannot be turned into a safe relative path.
    #[error("the signed target {path:?} is refused: {reason}")]
    UnsafeTarget {
        /// The target's path.
        path: String,
        /// What makes it unsafe.
        reason: String,
    },

    /// A target was asked for before a refresh has succeeded.
    #[error("targets can be looked up only after a successful refresh")]
    NotRefreshed,

    /// The transport failed; its own error is the source.
    #[error("{file} could not be fetched")]
    Transport {
        /// The file's name in the repository.
        file: String,
        /// The transport's error, as it was given (to downcast).
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The state file could not be read or written.
    #[error("{action} {path} failed", path = path.display())]
    Io {
        /// What was done.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
}

impl TrustError {
    pub(crate) fn malformed(file: impl Into<String>, reason: impl ToString) -> Self {
        Self::Malformed { file: file.into(), reason: reason.to_string() }
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// Names what the verifier found wrong with a file.
    pub(crate) fn verdict(file: impl Into<String>, error: sigstore_tuf::Error) -> Self {
        use sigstore_tuf::Error;
        let file = file.into();
        match error {
            Error::Rollback { role, trusted: known, new: offered } if role == "timestamp" => {
                Self::OlderThanKnown { known, offered, attempts: 1 }
            }
            Error::Rollback { role, trusted, new } => Self::Rollback { role, known: trusted, offered: new },
            Error::BadRootVersion { trusted, new } => {
                let reason = format!("it is root version {new}, which cannot follow version {trusted}");
                Self::Mismatch { file, reason }
            }
            Error::ThresholdNotMet { role, found, threshold } => {
                Self::Threshold { role, found, required: threshold }
            }
            Error::Expired { role, expires } => Self::Expired { role, expired_at: expires },
            Error::IntegrityMismatch(reason) => Self::Mismatch { file, reason },
            Error::NotRefreshed => Self::NotRefreshed,
            Error::TargetNotFound(path) => Self::NoSuchTarget { path },
            error => Self::Malformed { file, reason: reason(&error) },
        }
    }
}
