//! One publisher at a time in a folder.

use super::share::ShareLock;
use crate::{PublishError, Result};
use std::{
    fs::{File, TryLockError},
    io::{Read as _, Seek as _, Write as _},
    path::Path,
};

/// The lock's file. It stays where it is: a file that is deleted and made again locks nobody out.
pub(super) const NAME: &str = ".publish.lock";

/// A lock of whichever kind the place has, held until it goes.
#[derive(Debug)]
pub(crate) enum Lock {
    Folder(#[expect(dead_code, reason = "held")] FolderLock),
    Share(#[expect(dead_code, reason = "held")] Box<ShareLock>),
}

/// A held lock. The system releases it when the process ends, however that comes.
#[derive(Debug)]
pub(crate) struct FolderLock {
    file: File,
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // Closing the file would not do: a process that was forked meanwhile has it open as well.
        let _ = self.file.unlock();
    }
}

impl FolderLock {
    /// Takes the lock, or says who holds it.
    pub fn take(folder: &Path) -> Result<Self> {
        let path = folder.join(NAME);
        let failed = PublishError::io("lock", &path);
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = match options.open(&path) {
            Ok(file) => file,
            Err(error) => return Err(failed(error)),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.take(200).read_to_string(&mut holder);
                let holder = if holder.is_empty() { "it does not say who".to_owned() } else { holder };
                return Err(PublishError::Busy { location: folder.display().to_string(), holder });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let since = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
        let note = format!("pid {}, since {since}", std::process::id());
        // The note is for people; the lock holds without it.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(note.as_bytes()));
        Ok(Self { file })
    }
}
