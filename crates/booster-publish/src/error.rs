//! What can go wrong for a publisher, each with what to do.

use booster_definitions::{Component, ManifestError, Version, archive::ArchiveError};
use booster_engine::{BuildError, WorkerError};
use booster_trust::{
    TrustError,
    signing::{SigningError, TopRole},
};
use std::{io, path::PathBuf};

/// The result of a publisher's operation.
pub type Result<T, E = PublishError> = std::result::Result<T, E>;

/// Why a repository was not read or changed. Machines see the state before the operation, unless
/// the variant says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The text names no place that can hold a repository.
    #[error("{location} cannot hold a repository: {reason}")]
    Location {
        /// The text, without credentials.
        location: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no repository.
    #[error("{location} holds no repository: run `booster repository init` first, or correct the location")]
    NotARepository {
        /// Where it was looked for.
        location: String,
    },
    /// There is a repository already.
    #[error("{location} holds a repository already: publish into it, or choose an empty place")]
    AlreadyInitialised {
        /// Where it is.
        location: String,
    },
    /// Another publisher holds the folder's lock.
    #[error("another publisher is working on {location} ({holder}): wait until it has ended")]
    Busy {
        /// The repository.
        location: String,
        /// Process id and start, as the other one wrote them.
        holder: String,
    },
    /// The connection that held a share's lock broke: another publisher may have come since. Where the very last
    /// write was under way, the change may be out.
    #[error(
        "the connection to {location} broke ({source}), and the lock was lost with it: another publisher may be at \
         work; nothing more was changed, run it again"
    )]
    LockLost {
        /// The repository.
        location: String,
        /// What broke.
        #[source]
        source: booster_smb::ShareError,
    },
    /// Another publisher changed the repository meanwhile.
    #[error(
        "{location} was changed by another publisher meanwhile ({what}): nothing was changed, run it again"
    )]
    Conflict {
        /// The repository.
        location: String,
        /// Where the change was noticed.
        what: String,
    },
    /// The repository's own metadata does not verify: somebody without the keys changed it, or it
    /// is damaged. It is never signed over.
    #[error("the metadata in {location} does not verify, so it is not built upon: restore it from a backup")]
    Untrusted {
        /// The repository.
        location: String,
        /// What does not verify.
        #[source]
        source: Box<TrustError>,
    },
    /// What a metadata or target object holds is not what the signed metadata says.
    #[error("{object} in {location} is damaged ({reason}): restore it from a backup")]
    Damaged {
        /// The repository.
        location: String,
        /// The object.
        object: String,
        /// What does not fit.
        reason: String,
    },
    /// A file has more bytes than any machine takes of it.
    #[error(
        "{object} in {location} has more than {limit} bytes, which no machine takes: restore it from a backup, \
         delete it from a mirror, or offer fewer releases"
    )]
    TooLarge {
        /// The repository.
        location: String,
        /// The object, read or to be written.
        object: String,
        /// The limit.
        limit: u64,
    },
    /// Too few keys at hand to sign for a role.
    #[error(
        "{role} needs {needed} of its keys and {found} are at hand; looked for {}: give the key folder or set \
         BOOSTER_KEY_* variables", key_ids.join(", ")
    )]
    MissingKeys {
        /// The role.
        role: TopRole,
        /// Its threshold.
        needed: usize,
        /// Keys at hand.
        found: usize,
        /// The ids of the role's keys.
        key_ids: Vec<String>,
    },
    /// A change of the root that would leave a role without enough keys, or that names unknown keys.
    #[error("the root is not changed: {reason}")]
    RootChange {
        /// Why.
        reason: String,
    },
    /// A key cannot be used or written.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// Versions must grow.
    #[error("{component} {published} is published; {offered} is not newer: choose a higher version")]
    NotNewer {
        /// The component.
        component: Component,
        /// Its published version.
        published: Version,
        /// The version asked for.
        offered: Version,
    },
    /// There is no such release, or none at all.
    #[error("{component} {} is not offered: `booster repository status` lists what is", version.map_or("(any version)".to_owned(), |v| v.to_string()))]
    NotOffered {
        /// The component.
        component: Component,
        /// The version asked for; without one the newest was meant.
        version: Option<Version>,
    },
    /// There is nothing to go back to.
    #[error(
        "{component} {version} cannot be withdrawn: no release before it is offered; publish a corrected one"
    )]
    NothingBefore {
        /// The component.
        component: Component,
        /// The version to withdraw.
        version: Version,
    },
    /// The release would hold nothing.
    #[error("{} holds no files to publish", folder.display())]
    Empty {
        /// The release's folder.
        folder: PathBuf,
    },
    /// The files cannot become an archive.
    #[error("the files in {} cannot be published: {source}", folder.display())]
    Archive {
        /// The release's folder.
        folder: PathBuf,
        /// Which file, and why.
        #[source]
        source: ArchiveError,
    },
    /// The definitions do not pass the engine or their self-tests.
    #[error("the release is refused: {0}")]
    Build(#[from] BuildError),
    /// The engine's child process failed.
    #[error("the release could not be tested: {0}")]
    Worker(#[source] WorkerError),
    /// A published manifest cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The storage failed.
    #[error("cannot {action} {object} in {location}: {source}")]
    Storage {
        /// What was being done.
        action: &'static str,
        /// With which object.
        object: String,
        /// The repository.
        location: String,
        /// The storage's answer.
        #[source]
        source: Box<object_store::Error>,
    },
    /// The file share failed.
    #[error("cannot {action} {object} in {location}: {source}")]
    Share {
        /// What was being done.
        action: &'static str,
        /// With which object.
        object: String,
        /// The repository.
        location: String,
        /// The share's answer.
        #[source]
        source: booster_smb::ShareError,
    },
    /// A local file or folder failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
}

impl PublishError {
    pub(crate) fn io(action: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn too_large(location: String, object: &str, limit: u64) -> Self {
        Self::TooLarge { location, object: object.to_owned(), limit }
    }
}

impl From<WorkerError> for PublishError {
    fn from(error: WorkerError) -> Self {
        match error {
            WorkerError::Build(error) => Self::Build(error),
            other => Self::Worker(other),
        }
    }
}
