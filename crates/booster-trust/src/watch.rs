//! The caller's transport, watched: limits are enforced whatever the transport does, and each failure
//! keeps the name of the file that it befell.

use crate::{
    error::{Result, TrustError},
    roles::{reason, signed_at},
};
use jiff::Timestamp;
use sigstore_tuf::{Error, Metadata, Repository, Timestamp as TimestampRole, transport::FetchFuture};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const TIMESTAMP: &str = "timestamp.json";

/// A transport, and what happened on it last.
pub(crate) struct Watch {
    inner: Box<dyn Repository>,
    max_roots: u32,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    file: String,
    outcome: Outcome,
    /// A timestamp that has been looked at already; exactly these bytes are what is verified next.
    held: Option<Vec<u8>>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    #[default]
    Received,
    Absent,
    TooLarge {
        limit: u64,
    },
    Failed,
}

/// The shared handle that the verifier owns.
pub(crate) struct Watched(pub Arc<Watch>);

impl Watch {
    pub(crate) fn new(inner: impl Repository + 'static, max_roots: u32) -> Self {
        Self { inner: Box::new(inner), max_roots, seen: Mutex::default() }
    }

    /// The repository's timestamp, unverified.
    pub(crate) async fn timestamp(&self, limit: u64) -> Result<Vec<u8>> {
        let bytes = self.fetch(TIMESTAMP, limit).await.map_err(|error| self.explain(error))?;
        bytes.ok_or_else(|| TrustError::Missing { file: TIMESTAMP.to_owned() })
    }

    /// The signed time that the repository's timestamp claims. The same bytes are held back for the
    /// verifier's next request, so that the claim is verified before anything is built on it.
    pub(crate) async fn peek_signed_at(&self, limit: u64) -> Result<Option<Timestamp>> {
        let bytes = self.timestamp(limit).await?;
        let claim = Metadata::<TimestampRole>::from_slice(&bytes).ok();
        let claim = claim.map_or(Ok(None), |metadata| signed_at(metadata.signed()))?;
        self.lock().held = Some(bytes);
        Ok(claim)
    }

    /// Drops what was held back for a verification that did not come about.
    pub(crate) fn release(&self) {
        self.lock().held = None;
    }

    /// Names the verifier's error, with the file that was fetched last.
    pub(crate) fn explain(&self, error: Error) -> TrustError {
        let (file, outcome) = {
            let seen = self.lock();
            (seen.file.clone(), seen.outcome)
        };
        match (outcome, error) {
            (Outcome::TooLarge { limit }, _) => TrustError::TooLarge { file, limit },
            (Outcome::Failed, Error::Transport { source: Some(source), .. }) => {
                TrustError::Transport { file, source }
            }
            (Outcome::Failed, error) => TrustError::Transport { file, source: Box::new(error) },
            (Outcome::Absent, Error::Transport { .. }) => TrustError::Missing { file },
            (Outcome::Received, Error::Transport { .. }) => {
                TrustError::TooManyRoots { limit: self.max_roots }
            }
            (_, Error::Rollback { role, trusted, new }) if role == "timestamp" => {
                TrustError::OlderThanKnown { known: trusted, offered: new, attempts: 1 }
            }
            (_, Error::Rollback { role, trusted, new }) => {
                TrustError::Rollback { role, known: trusted, offered: new }
            }
            (_, Error::BadRootVersion { trusted, new }) => TrustError::Mismatch {
                file,
                reason: format!("it is root version {new}, which cannot follow version {trusted}"),
            },
            (_, Error::ThresholdNotMet { role, found, threshold }) => {
                TrustError::Threshold { role, found, required: threshold }
            }
            (_, Error::Expired { role, expires }) => TrustError::Expired { role, expired_at: expires },
            (_, Error::IntegrityMismatch(reason)) => TrustError::Mismatch { file, reason },
            (_, Error::NotRefreshed) => TrustError::NotRefreshed,
            (_, Error::TargetNotFound(path)) => TrustError::NoSuchTarget { path },
            (_, error) => TrustError::Malformed { file, reason: reason(&error) },
        }
    }

    async fn fetch(&self, name: &str, limit: u64) -> sigstore_tuf::Result<Option<Vec<u8>>> {
        let held = {
            let mut seen = self.lock();
            seen.file = name.to_owned();
            seen.outcome = Outcome::Received;
            if name == TIMESTAMP { seen.held.take() } else { None }
        };
        if let Some(bytes) = held {
            return Ok(Some(bytes));
        }
        let fetched = self.inner.fetch_metadata(name, limit).await;
        let outcome = match &fetched {
            Ok(Some(bytes)) if bytes.len() as u64 > limit => Outcome::TooLarge { limit },
            Ok(Some(_)) => Outcome::Received,
            Ok(None) => Outcome::Absent,
            Err(_) => Outcome::Failed,
        };
        self.lock().outcome = outcome;
        if outcome == (Outcome::TooLarge { limit }) {
            return Err(Error::transport("larger than its limit"));
        }
        fetched
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        // Every change under the lock is a plain assignment: nothing can be half done.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Repository for Watched {
    fn fetch_metadata<'a>(&'a self, name: &'a str, max_length: u64) -> FetchFuture<'a> {
        Box::pin(self.0.fetch(name, max_length))
    }

    fn fetch_target<'a>(&'a self, path: &'a str, max_length: u64) -> FetchFuture<'a> {
        self.0.inner.fetch_target(path, max_length)
    }
}
