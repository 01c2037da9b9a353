//! A repository: what a publisher signs and machines read.
//!
//! Every change is written content first, then versioned metadata, `timestamp.json` last: a reader
//! at any moment sees the state before or the state after. What a crash leaves is referred to by
//! nothing and is deleted by the next change.

mod init;
mod layout;
mod lock;
mod objects;
mod publication;
mod releases;
mod retention;
mod rotate;
mod share;
mod state;
mod status;
mod storage;

pub use init::InitReport;
pub use publication::{Publication, PublishedFile, PublishedTarget};
pub use rotate::{RootChange, RootReport, sign_draft};
pub use status::{ReleaseStatus, RepositoryStatus, RoleStatus};

use crate::{KeyRing, PublishError, Result};
use booster_smb::ShareOptions;
use booster_trust::signing::TopRole;
use jiff::{SignedDuration, Timestamp};
pub(crate) use layout::{METADATA, TARGETS, TIMESTAMP, Versioned, target_object};
pub(crate) use lock::FolderLock;
pub(crate) use releases::{OfferedRelease, is_kept, manifest_of, offered, remove, thin_out};
pub(crate) use state::{Prepared, Published, Signer, highest, prepare};
use std::fmt;
pub(crate) use storage::{Storage, Stored};

/// How long each role's signature is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// Renewed with offline keys.
    pub root: SignedDuration,
    /// Renewed when half of it has passed.
    pub targets: SignedDuration,
    /// Renewed when half of it has passed.
    pub snapshot: SignedDuration,
    /// Renewed by every change and refresh: how long a machine believes that nothing is newer.
    pub timestamp: SignedDuration,
}

impl Default for Lifetimes {
    /// One year, 90 days, 30 days, 7 days.
    fn default() -> Self {
        let days = |days: i64| SignedDuration::from_hours(24 * days);
        Self { root: days(365), targets: days(90), snapshot: days(30), timestamp: days(7) }
    }
}

impl Lifetimes {
    /// The lifetime of a role.
    pub const fn of(&self, role: TopRole) -> SignedDuration {
        match role {
            TopRole::Root => self.root,
            TopRole::Targets => self.targets,
            TopRole::Snapshot => self.snapshot,
            TopRole::Timestamp => self.timestamp,
        }
    }

    /// Whether half of a role's life has passed.
    pub fn is_due(&self, role: TopRole, expires: Timestamp, now: Timestamp) -> bool {
        expires.duration_since(now) < self.of(role) / 2
    }
}

/// How a repository is kept.
#[derive(Clone)]
pub struct RepositoryOptions {
    /// How long signatures are good for.
    pub lifetimes: Lifetimes,
    /// Publications whose objects are kept for machines that read them just now.
    pub keep: usize,
    /// Names and values that a bucket's client is configured with; `None` takes the process's
    /// `AWS_*`, `GOOGLE_*` and `AZURE_*` variables.
    pub variables: Option<Vec<(String, String)>>,
    /// How the file share is reached, where the place is one; its name is the place's. Windows needs none.
    pub share: Option<ShareOptions>,
    /// Age at which an object in a bucket that nothing refers to counts as left behind. Younger
    /// ones may be another publisher's work. In a folder the lock tells, and age does not matter.
    pub debris_age: SignedDuration,
}

impl Default for RepositoryOptions {
    /// Default lifetimes, 8 publications, one hour.
    fn default() -> Self {
        Self {
            lifetimes: Lifetimes::default(),
            keep: 8,
            variables: None,
            share: None,
            debris_age: SignedDuration::from_hours(1),
        }
    }
}

/// The variables hold credentials: they are not shown.
impl fmt::Debug for RepositoryOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lifetimes, keep, variables: _, share: _, debris_age } = self;
        f.debug_struct("RepositoryOptions")
            .field("lifetimes", lifetimes)
            .field("keep", keep)
            .field("debris_age", debris_age)
            .finish_non_exhaustive()
    }
}

/// A place that holds a repository, or will.
#[derive(Debug)]
pub struct Repository {
    pub(crate) storage: Storage,
    pub(crate) options: RepositoryOptions,
}

/// What a refresh signed anew.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RefreshReport {
    /// The new version of the timestamp.
    pub timestamp: u64,
    /// When machines stop to believe it.
    pub expires: Timestamp,
    /// Whether the snapshot was signed anew, too.
    pub snapshot_renewed: bool,
    /// Whether the targets were signed anew, too.
    pub targets_renewed: bool,
    /// When the root expires: only `rotate-root`, with the offline keys, renews it.
    pub root_expires: Timestamp,
}

impl Repository {
    /// Opens a place: a folder, a share's network name, or an `s3:`, `gs:` or `az:` URL. Nothing is read yet.
    pub fn open(location: &str, mut options: RepositoryOptions) -> Result<Self> {
        let variables = options.variables.take().unwrap_or_else(storage::storage_variables);
        Ok(Self { storage: Storage::open(location, &variables, options.share.take())?, options })
    }

    /// The place in words.
    pub fn location(&self) -> String {
        self.storage.location()
    }

    /// Signs the timestamp anew, and the snapshot and the targets when half of their life has
    /// passed. The content stays as it is.
    pub async fn refresh(&self, keys: &KeyRing, now: Timestamp) -> Result<RefreshReport> {
        let _lock = self.storage.lock().await?;
        let published = self.begin().await?;
        self.refresh_published(&published, keys, now).await
    }

    pub(crate) async fn refresh_published(
        &self,
        published: &Published,
        keys: &KeyRing,
        now: Timestamp,
    ) -> Result<RefreshReport> {
        let signer = self.signer(published, keys, now);
        let prepared = prepare(published, None, &signer)?;
        self.commit(published, &prepared).await?;
        let renewed = |role: layout::Versioned| {
            prepared
                .versioned
                .iter()
                .any(|(object, _)| layout::Versioned::parse(object).is_some_and(|(r, _)| r == role))
        };
        Ok(RefreshReport {
            timestamp: published.timestamp.version + 1,
            expires: signer.expires(TopRole::Timestamp),
            snapshot_renewed: renewed(layout::Versioned::Snapshot),
            targets_renewed: renewed(layout::Versioned::Targets),
            root_expires: published.root.expires,
        })
    }

    pub(crate) fn signer<'a>(
        &'a self,
        published: &'a Published,
        keys: &'a KeyRing,
        now: Timestamp,
    ) -> Signer<'a> {
        Signer { root: &published.root, next_root: None, keys, lifetimes: &self.options.lifetimes, now }
    }

    /// The current state; an error where there is none.
    pub(crate) async fn published(&self) -> Result<Published> {
        let published = Published::read(&self.storage).await?;
        published.ok_or_else(|| PublishError::NotARepository { location: self.location() })
    }

    /// The state that a change is made upon, without what an interrupted change left before it.
    /// Call with the lock held.
    pub(crate) async fn begin(&self) -> Result<Published> {
        let published = self.published().await?;
        self.delete_interrupted(&published).await?;
        Ok(published)
    }

    /// Checks, writes and cleans up.
    pub(crate) async fn commit(&self, published: &Published, prepared: &Prepared) -> Result<()> {
        let verified = prepared.verify(&published.root_bytes, published);
        verified.map_err(|error| state::untrusted(&self.storage, error))?;
        prepared.write(&self.storage, Some(&published.timestamp_state)).await?;
        // The change is out. What is left behind now is deleted by the next one.
        if let Err(error) = self.clean().await {
            tracing::warn!(%error, "objects that are no longer needed could not all be deleted");
        }
        Ok(())
    }
}
