//! Why an operation, or one source of it, failed.
//!
//! Errors keep the type they arose with ([`Cause`]); this module adds the step and the source, sorts
//! every cause into its stable [`ErrorKind`], and decides whether another source could help.

use crate::{Detail, EngineError, ErrorKind, Held, Spike, Stage};
use booster_definitions::{Component, ManifestError, archive::ArchiveError};
use booster_engine::{BuildError, CommandError, IoKind, WorkerError, adapter::Fault};
use booster_sources::{ShareError, SourceError, SourceKind};
use booster_store::StoreError;
use booster_trust::{TrustError, WrongTarget};
use jiff::Timestamp;
use serde::{Serialize, Serializer, ser::SerializeStruct as _};
use std::{error::Error, fmt, io, sync::Arc, time::Duration};

/// A failure: at which step, with which source, and why.
#[derive(Debug, Clone)]
pub struct UpdateError {
    /// The step that failed.
    pub step: Stage,
    /// The source in use, once there was one.
    pub source: Option<SourceRef>,
    cause: Arc<Cause>,
}

/// A source, as reports name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceRef {
    /// Its kind.
    pub kind: SourceKind,
    /// Its URL or path, without credentials.
    pub path: String,
}

/// Why it failed, with the type that the failure arose with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The caller cancelled.
    #[error("cancelled; nothing was changed")]
    Cancelled,
    /// No source to ask.
    #[error("no source is configured: name one, as in --from URL or --from FOLDER")]
    NoSource,
    /// More than the daily budget would be downloaded.
    #[error(
        "{needed} bytes would have to be downloaded, and {spent} of the daily budget of {budget} bytes are spent; \
         it begins anew at {until:.0}: raise [transfer] daily_budget, or use `booster update --ignore-budget`"
    )]
    OverBudget {
        /// The bytes that are missing.
        needed: u64,
        /// The bytes that have been downloaded that day.
        spent: u64,
        /// The budget.
        budget: u64,
        /// When the day is over.
        until: Timestamp,
    },
    /// The source failed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The source failed lately, so it was not asked unbidden.
    #[error(
        "not asked, because this source failed {failures} times in a row; it is asked again from {until:.0} on"
    )]
    BackedOff {
        /// How often it failed.
        failures: u32,
        /// From when on it is asked again.
        until: Timestamp,
    },
    /// The metadata, or the state of trust on this machine, was refused.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A file has not the bytes that were signed.
    #[error("{target}: {wrong}; the copy at this source is damaged or was changed")]
    WrongTarget {
        /// The target's name in the repository.
        target: String,
        /// What differs.
        wrong: WrongTarget,
    },
    /// A release manifest cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A signed manifest contradicts the signed metadata beside it.
    #[error("the manifest of {component} {reason}: the publisher has to publish again")]
    Contradiction {
        /// The component.
        component: Component,
        /// What contradicts.
        reason: String,
    },
    /// An offered release must not be followed.
    #[error("{component}: {held}")]
    Refused {
        /// The component.
        component: Component,
        /// Why.
        held: Held,
    },
    /// An archive cannot be unpacked.
    #[error("the archive of {component}: {error}")]
    Archive {
        /// The component.
        component: Component,
        /// What is wrong.
        error: ArchiveError,
    },
    /// The unpacked archive is not the one that the manifest names.
    #[error("the archive of {component} unpacks to other content than its manifest names ({reason})")]
    WrongArchive {
        /// The component.
        component: Component,
        /// What differs.
        reason: String,
    },
    /// The definitions could not be built or failed their self-test, or the building process did.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// The definitions flag too many of the machine's own files.
    #[error("{0}; the release is held back")]
    DetectionSpike(Box<Spike>),
    /// There are no definitions to try.
    #[error("no definitions are installed: run `booster update`")]
    NothingInstalled,
    /// Another engine rejects the definitions, or cannot be asked; those before are in use.
    #[error("{0}; the definitions before stay in use, for every engine")]
    Engine(#[source] EngineError),
    /// The machine is not well with the definitions; those before are in use again.
    #[error(
        "the health command {0} (see [health] in the configuration); the definitions before are in use again"
    )]
    Unhealthy(#[source] CommandError),
    /// The source's newest release is older than sources may be while there are others.
    #[error(
        "its newest release was published at {published:.0}, more than {} days ago, so the other sources are asked \
         first", limit.as_secs() / 86_400
    )]
    Stale {
        /// When the newest release was published.
        published: Timestamp,
        /// How old it may be.
        limit: Duration,
    },
    /// The same release failed before in this operation, from another source.
    #[error("this source offers the same releases that have just failed: {0}")]
    SameAgain(UpdateError),
    /// The data folder.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of the staging area.
    #[error("{what}: {error}")]
    Io {
        /// What was being done.
        what: String,
        /// The system's answer.
        error: io::Error,
    },
    /// A fault of Booster itself.
    #[error("internal fault: {0}")]
    Internal(String),
    /// The operation ran in another process, which told this of its failure.
    #[error("{reason}")]
    Told {
        /// Which of the known cases it is.
        kind: ErrorKind,
        /// What is known beside that.
        detail: Option<Detail>,
        /// The failure in words.
        reason: String,
    },
}

impl Cause {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |error| Self::Io { what, error }
    }

    /// Which of the known cases it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Cancelled => ErrorKind::Cancelled,
            Self::NoSource => ErrorKind::NoSource,
            Self::OverBudget { .. } => ErrorKind::OverBudget,
            Self::Source(error) => kind_of_source(error),
            Self::BackedOff { .. } => ErrorKind::RetryLater,
            Self::Trust(error) => kind_of_trust(error),
            Self::WrongTarget { .. } | Self::WrongArchive { .. } => ErrorKind::DigestMismatch,
            Self::Manifest(_) | Self::Contradiction { .. } => ErrorKind::BadManifest,
            Self::Refused { held: Held::OtherContent { .. }, .. } => ErrorKind::ReleaseChanged,
            Self::Refused { .. } => ErrorKind::Downgrade,
            Self::Archive { error: ArchiveError::Io { source, .. }, .. } => kind_of_io(source),
            Self::Archive { .. } => ErrorKind::BadArchive,
            Self::Worker(error) => kind_of_worker(error),
            Self::DetectionSpike(_) => ErrorKind::DetectionSpike,
            Self::NothingInstalled => ErrorKind::NotFound,
            Self::Engine(error) if error.is_about_content() => ErrorKind::EngineRejected,
            Self::Engine(error) => kind_of_fault(&error.fault),
            Self::Stale { .. } => ErrorKind::Stale,
            Self::Unhealthy(unhealthy) if unhealthy.is_about_content() => ErrorKind::HealthFailed,
            Self::Unhealthy(_) => ErrorKind::Configuration,
            Self::SameAgain(error) => error.kind(),
            Self::Store(error) => match error {
                StoreError::Busy { .. } => ErrorKind::Busy,
                StoreError::NoSpace { .. } => ErrorKind::DiskFull,
                StoreError::Permission { .. } => ErrorKind::Permission,
                StoreError::Damaged { .. } | StoreError::Decisions { .. } => ErrorKind::StoreDamaged,
                StoreError::Io { source, .. } => kind_of_io(source),
            },
            Self::Io { error, .. } => kind_of_io(error),
            Self::Internal(_) => ErrorKind::Internal,
            Self::Told { kind, .. } => *kind,
        }
    }

    /// Whether the failure is this machine's own, so that no other source could help.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Cancelled
            | Self::NoSource
            | Self::OverBudget { .. }
            | Self::NothingInstalled
            | Self::Store(_)
            | Self::Io { .. }
            | Self::Internal(_) => true,
            Self::Source(error) => matches!(error, SourceError::Write { .. }),
            Self::Trust(error) => {
                matches!(
                    error,
                    TrustError::Damaged { .. } | TrustError::NotInitialised | TrustError::Io { .. }
                )
            }
            Self::Archive { error, .. } => matches!(error, ArchiveError::Io { .. }),
            Self::Worker(error) => !is_about_content(error),
            Self::Engine(error) => !error.is_about_content(),
            Self::Unhealthy(unhealthy) => !unhealthy.is_about_content(),
            _ => false,
        }
    }
}

impl Cause {
    /// Whether the definitions themselves are at fault: the same from another source would fail again.
    pub fn is_about_content(&self) -> bool {
        match self {
            Self::WrongArchive { .. } | Self::DetectionSpike(_) => true,
            Self::Archive { error, .. } => !matches!(error, ArchiveError::Io { .. }),
            Self::Worker(error) => is_about_content(error),
            Self::Engine(error) => error.is_about_content(),
            Self::Unhealthy(unhealthy) => unhealthy.is_about_content(),
            _ => false,
        }
    }

    /// Whether the source was not even asked, because it is to be left alone for a while.
    pub const fn is_left_alone(&self) -> bool {
        matches!(self, Self::BackedOff { .. } | Self::Source(SourceError::CoolingDown { .. }))
    }

    /// Until when the source asked to be left alone, if that is the failure.
    pub fn retry_after(&self) -> Option<Timestamp> {
        let error = match self {
            Self::Source(error) => error,
            Self::Trust(TrustError::Transport { source, .. }) => transported(source.as_ref())?,
            _ => return None,
        };
        match error {
            SourceError::RetryAfter { until, .. } | SourceError::CoolingDown { until, .. } => Some(*until),
            _ => None,
        }
    }
}

fn kind_of_source(error: &SourceError) -> ErrorKind {
    use SourceError as S;
    match error {
        S::Unreachable { .. } | S::ConnectTimeout { .. } | S::NoAnswer { .. } | S::ConnectionLost { .. } => {
            ErrorKind::Network
        }
        S::Tls { .. } => ErrorKind::Tls,
        S::ProxyCredentials { .. } => ErrorKind::ProxyCredentials,
        S::Status { .. } => ErrorKind::HttpStatus,
        S::RetryAfter { .. } | S::CoolingDown { .. } => ErrorKind::RetryLater,
        S::Redirect { .. } | S::Address { .. } => ErrorKind::Redirect,
        S::Encoded { .. } => ErrorKind::Encoded,
        S::WebPage { .. } => ErrorKind::WebPage,
        S::TooLarge { .. } | S::ConversationTooLarge { .. } => ErrorKind::TooLarge,
        S::WrongLength { .. } | S::TooShort { .. } => ErrorKind::Truncated,
        S::TooSlow { .. } | S::ConversationTooLong { .. } => ErrorKind::TooSlow,
        S::WrongDigest { .. } => ErrorKind::DigestMismatch,
        S::Stalled { .. } => ErrorKind::Stalled,
        S::Cancelled { .. } => ErrorKind::Cancelled,
        S::NotFound { .. } | S::NotOffered { .. } => ErrorKind::NotFound,
        S::Protocol { .. } => ErrorKind::Protocol,
        S::Fault { .. } => ErrorKind::Fault,
        S::UnsafePath { .. } => ErrorKind::UnsafePath,
        S::Io { source, .. } | S::Write { source, .. } => kind_of_io(source),
        S::Share { error, .. } => kind_of_share(error),
        S::Configuration { .. } => ErrorKind::Configuration,
        _ => ErrorKind::Network,
    }
}

fn kind_of_share(error: &ShareError) -> ErrorKind {
    use ShareError as S;
    match error {
        S::SignIn { .. } | S::Kerberos { .. } | S::Guest { .. } => ErrorKind::SignIn,
        S::OldDialect { .. } | S::NoEncryption { .. } | S::Tampered => ErrorKind::Unprotected,
        S::Denied => ErrorKind::Permission,
        S::NoShare | S::NotFound => ErrorKind::NotFound,
        S::OtherServer { .. } | S::Referral { .. } => ErrorKind::Redirect,
        S::Name { .. } | S::NotAFile => ErrorKind::UnsafePath,
        S::Shrunk => ErrorKind::Truncated,
        _ => ErrorKind::Network,
    }
}

fn kind_of_trust(error: &TrustError) -> ErrorKind {
    use TrustError as T;
    match error {
        T::Damaged { .. } => ErrorKind::TrustDamaged,
        T::NotInitialised => ErrorKind::NoTrustedRoot,
        T::OtherPublisher { .. } => ErrorKind::OtherPublisher,
        T::OlderThanKnown { .. } => ErrorKind::OlderThanKnown,
        T::Rollback { .. } => ErrorKind::Rollback,
        T::Expired { .. } | T::TooOld { .. } => ErrorKind::Expired,
        T::ClockBehind { .. } => ErrorKind::ClockBehind,
        T::TooLarge { .. } => ErrorKind::TooLarge,
        T::Missing { .. } | T::NoSuchTarget { .. } => ErrorKind::NotFound,
        T::Transport { source, .. } => {
            transported(source.as_ref()).map_or(ErrorKind::Network, kind_of_source)
        }
        T::Io { source, .. } => kind_of_io(source),
        T::NotRefreshed => ErrorKind::Internal,
        _ => ErrorKind::Untrusted,
    }
}

/// The source's own error inside a transport error, however deep.
pub(crate) fn transported<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a SourceError> {
    let mut deeper = Some(error);
    while let Some(error) = deeper {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        deeper = error.source();
    }
    None
}

fn kind_of_worker(error: &WorkerError) -> ErrorKind {
    use WorkerError as W;
    match error {
        W::Build(BuildError::SelfTest { .. }) => ErrorKind::SelfTestFailed,
        W::Build(BuildError::Io { cause: IoKind::OutOfMemory, .. }) => ErrorKind::WorkerLimit,
        W::Build(BuildError::Io { cause, .. }) => kind_of_io_kind(*cause),
        W::Build(_) => ErrorKind::BuildFailed,
        W::OutOfMemory { .. } | W::FileTooLarge { .. } | W::TimedOut { .. } => ErrorKind::WorkerLimit,
        W::Cancelled => ErrorKind::Cancelled,
        W::Start { .. } | W::Crashed { .. } | W::Garbage { .. } | W::Io(_) => ErrorKind::WorkerCrashed,
    }
}

/// Whether the definitions made the build fail, rather than the machine: other definitions may do
/// better.
fn is_about_content(error: &WorkerError) -> bool {
    use WorkerError as W;
    match error {
        W::Build(BuildError::Io { cause, .. }) => *cause == IoKind::OutOfMemory,
        W::Build(_) => true,
        W::Crashed { .. } | W::OutOfMemory { .. } | W::FileTooLarge { .. } | W::TimedOut { .. } => true,
        W::Garbage { .. } | W::Start { .. } | W::Cancelled | W::Io(_) => false,
    }
}

/// The kind of a fault that says nothing about the definitions.
fn kind_of_fault(fault: &Fault) -> ErrorKind {
    match fault {
        Fault::Folder { source, .. } => kind_of_io(source),
        Fault::Command(_) | Fault::Untested { .. } => ErrorKind::Configuration,
        _ => ErrorKind::EngineUnavailable,
    }
}

fn kind_of_io(error: &io::Error) -> ErrorKind {
    kind_of_io_kind(error.kind().into())
}

fn kind_of_io_kind(kind: IoKind) -> ErrorKind {
    match kind {
        IoKind::DiskFull => ErrorKind::DiskFull,
        IoKind::Permission => ErrorKind::Permission,
        IoKind::NotFound | IoKind::OutOfMemory | IoKind::Other => ErrorKind::Io,
    }
}

impl UpdateError {
    /// A failure at a step, with the source in use.
    pub fn new(step: Stage, source: Option<SourceRef>, cause: Cause) -> Self {
        Self { step, source, cause: Arc::new(cause) }
    }

    /// Which of the known cases it is.
    pub fn kind(&self) -> ErrorKind {
        self.cause.kind()
    }

    /// Why it failed, with the type that the failure arose with.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// The failure in words, with what lies behind it.
    pub fn reason(&self) -> String {
        words(&*self.cause)
    }
}

/// An error in words, with what lies behind it.
pub fn words(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut deeper = error.source();
    while let Some(error) = deeper {
        let words = error.to_string();
        // Some errors quote what lies behind them, some do not.
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        deeper = error.source();
    }
    text
}

impl fmt::Display for UpdateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => write!(f, "{} ({} {}): {}", self.step, source.kind, source.path, self.reason()),
            None => write!(f, "{}: {}", self.step, self.reason()),
        }
    }
}

impl Error for UpdateError {}

/// Failures are the same where a person or a program could not tell them apart.
impl PartialEq for UpdateError {
    fn eq(&self, other: &Self) -> bool {
        self.kind() == other.kind() && self.to_string() == other.to_string()
    }
}

impl Serialize for UpdateError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("UpdateError", 4)?;
        out.serialize_field("kind", &self.kind())?;
        out.serialize_field("step", self.step.as_str())?;
        out.serialize_field("source", &self.source)?;
        out.serialize_field("message", &self.reason())?;
        out.end()
    }
}

#[cfg(test)]
mod tests;
