//! The mark that one service owns a data folder.
//!
//! It is a lock that is held as long as the service lives, apart from the lock of single operations: an
//! administrator's command may change the folder beside the service, another service may not be there at all.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};

/// The data folder is owned, as long as this is held.
#[derive(Debug)]
pub(crate) struct Ownership {
    _file: File,
}

/// Why a data folder cannot be owned.
#[derive(Debug, thiserror::Error)]
pub enum OwnershipError {
    /// Another service owns it.
    #[error("another service (process {holder}) owns the data folder {}", folder.display())]
    Taken {
        /// The folder.
        folder: PathBuf,
        /// What the other one wrote of itself.
        holder: String,
    },
    /// It is another user's, or can only be read.
    #[error(
        "the data folder {} cannot be written by user {user}: {source}; give it to that user, or name another `data_dir`",
        folder.display()
    )]
    NotWritable {
        /// The folder.
        folder: PathBuf,
        /// The service's user.
        user: u32,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
}

impl Ownership {
    /// Takes the folder, which is made where it is missing.
    ///
    /// # Errors
    /// Another service has it, or this user may not write there.
    pub fn take(folder: &Path) -> Result<Self, OwnershipError> {
        let not_writable = |source| {
            let user = nix::unistd::geteuid().as_raw();
            OwnershipError::NotWritable { folder: folder.to_owned(), user, source }
        };
        fs::create_dir_all(folder).map_err(not_writable)?;
        let path = folder.join("service.lock");
        let mut options = File::options();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(path).map_err(not_writable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                _ = (&file).take(20).read_to_string(&mut holder);
                return Err(OwnershipError::Taken { folder: folder.to_owned(), holder });
            }
            Err(TryLockError::Error(error)) => return Err(not_writable(error)),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(not_writable)?;
        file.write_all(std::process::id().to_string().as_bytes()).map_err(not_writable)?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_owner_at_a_time_and_a_dead_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let owner = Ownership::take(&data).unwrap();
        let error = Ownership::take(&data).unwrap_err().to_string();
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        drop(owner);
        Ownership::take(&data).unwrap();
    }

    #[test]
    fn what_cannot_be_written_is_said_with_the_user_and_the_way_out() {
        let error = Ownership::take(Path::new("/proc/booster")).unwrap_err();
        assert!(matches!(error, OwnershipError::NotWritable { .. }));
        assert!(error.to_string().contains("data_dir"), "{error}");
    }
}
