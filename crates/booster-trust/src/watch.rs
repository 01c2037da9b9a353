//! The caller's transport, watched: limits are enforced whatever the transport does, and each failure
//! keeps the name of the file that it befell.

use crate::{
    error::{Result, TrustError},
    roles::signed_at,
    signatures::{all_strangers, claimed_signers},
};
use jiff::Timestamp;
use sigstore_tuf::{Error, Metadata, Repository, Root, Timestamp as TimestampRole, transport::FetchFuture};
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
    /// Who claims to have signed the file, where it is a root or a timestamp.
    signers: Vec<String>,
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
        let bytes = self.fetch(TIMESTAMP, limit).await.map_err(|error| self.name(error))?;
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

    /// Names the error of a verification, with the file that was fetched last. `root` is the root that
    /// was trusted when it failed.
    pub(crate) fn explain(&self, error: Error, root: &Root) -> TrustError {
        let strangers = match &error {
            Error::ThresholdNotMet { role, found: 0, .. } => {
                all_strangers(root, role, &self.lock().signers).then(|| role.clone())
            }
            _ => None,
        };
        match strangers {
            Some(role) => {
                let reason = format!("{} is signed by keys that may not sign for {role}", self.lock().file);
                TrustError::OtherPublisher { reason }
            }
            None => self.name(error),
        }
    }

    /// Names an error by what happened on the transport, or by what the verifier says.
    fn name(&self, error: Error) -> TrustError {
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
            // Everything arrived and nothing was wrong with it: there was only too much of it.
            (Outcome::Received, Error::Transport { .. }) => {
                TrustError::TooManyRoots { limit: self.max_roots }
            }
            (_, error) => TrustError::verdict(file, error),
        }
    }

    async fn fetch(&self, name: &str, limit: u64) -> sigstore_tuf::Result<Option<Vec<u8>>> {
        let held = {
            let mut seen = self.lock();
            name.clone_into(&mut seen.file);
            seen.outcome = Outcome::Received;
            seen.signers.clear();
            if name == TIMESTAMP { seen.held.take() } else { None }
        };
        let fetched = match held {
            Some(bytes) => Ok(Some(bytes)),
            None => self.inner.fetch_metadata(name, limit).await,
        };
        self.lock().outcome = match &fetched {
            Ok(Some(bytes)) if bytes.len() as u64 > limit => Outcome::TooLarge { limit },
            Ok(Some(_)) => Outcome::Received,
            Ok(None) => Outcome::Absent,
            Err(_) => Outcome::Failed,
        };
        let Some(bytes) = fetched? else { return Ok(None) };
        if bytes.len() as u64 > limit {
            return Err(Error::transport("larger than its limit"));
        }
        if name == TIMESTAMP || name.ends_with(".root.json") {
            self.lock().signers = claimed_signers(&bytes)?;
        }
        Ok(Some(bytes))
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
