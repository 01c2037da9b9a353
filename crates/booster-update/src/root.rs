//! Whom a machine trusts before its first update.

use crate::{Cause, owner};
use booster_store::Operation;
use booster_trust::{STATE_FILE, TrustError, TrustedState};
use std::{fs, io, path::Path, path::PathBuf};

/// A root that is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// The file cannot be read.
    #[error("the root metadata {} cannot be read: {source}", root.display())]
    Read {
        /// The file.
        root: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The folder of the trusted metadata cannot be made.
    #[error("the folder {} cannot be made: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// It is another publisher's, or no root.
    #[error("the root metadata {} is not trusted: {source}", root.display())]
    Refused {
        /// The file.
        root: PathBuf,
        /// Why.
        #[source]
        source: TrustError,
    },
}

impl From<RootError> for Cause {
    fn from(error: RootError) -> Self {
        match error {
            RootError::Read { root, source } => {
                Self::Io { what: format!("reading the root metadata {}", root.display()), error: source }
            }
            RootError::Folder { folder, source } => {
                Self::Io { what: format!("making the folder {}", folder.display()), error: source }
            }
            RootError::Refused { source, .. } => Self::Trust(source),
        }
    }
}

/// Trusts the publisher of a root, if none is trusted yet.
///
/// Where one is trusted, `compare` says whether the file must be that publisher's; else it is not looked at.
///
/// # Errors
/// The file cannot be read, is no root, or belongs to another publisher than the trusted one.
pub fn pin_root(operation: &Operation, root: &Path, compare: bool) -> Result<(), RootError> {
    let folder = operation.store().trust_dir();
    if !compare && folder.join(STATE_FILE).exists() {
        return Ok(());
    }
    owner::check(operation.store()).map_err(|source| RootError::Folder { folder: folder.clone(), source })?;
    let bytes = fs::read(root).map_err(|source| RootError::Read { root: root.to_owned(), source })?;
    fs::create_dir_all(&folder).map_err(|source| RootError::Folder { folder: folder.clone(), source })?;
    let pinned = TrustedState::open(&folder).and_then(|mut state| state.pin(&bytes));
    pinned.map_err(|source| RootError::Refused { root: root.to_owned(), source })
}
