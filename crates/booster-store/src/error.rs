//! What can go wrong with a data folder.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Why the store cannot do what was asked. Nothing visible has changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another operation holds the data folder.
    #[error("another update is running ({what}, process {pid}, since {since}): wait for it or stop it")]
    Busy {
        /// What the other operation does.
        what: String,
        /// Its process id; 0 where it could not be read.
        pid: u32,
        /// When it began.
        since: jiff::Timestamp,
    },
    /// The disk, a quota or a size limit is full.
    #[error("no space left while {what}: free some and try again; nothing was changed")]
    NoSpace {
        /// What was being done.
        what: String,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// This user may not.
    #[error(
        "permission denied while {what}: run as the owner of the data folder, or choose another with --data-dir"
    )]
    Permission {
        /// What was being done.
        what: String,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A file of the store cannot be understood.
    #[error("{path} is damaged ({reason}): run an update to install afresh")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// What the administrator decided cannot be understood, so nothing is done against it.
    #[error("{path} is damaged ({reason}): delete it, and pin or pause again")]
    Decisions {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Any other failure of the system.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
}

impl StoreError {
    /// Sorts an I/O error into its case.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::NoSpace { what, source }
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::Permission { what, source }
            }
            _ => Self::Io { what, source },
        }
    }

    pub(crate) fn damaged(path: &Path, reason: impl ToString) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.to_string() }
    }
}
