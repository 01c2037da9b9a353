//! The lock that makes one operation at a time change a data folder.

use crate::StoreError;
use serde::{Deserialize, Serialize};
use std::{
    fs::{File, TryLockError},
    io::{Read as _, Seek as _, Write as _},
    path::Path,
    time::Duration,
};

/// Who holds the lock, written into the lock file for the others to read.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    what: String,
    pid: u32,
    since: jiff::Timestamp,
}

/// A held lock. The system releases it with the process, however that ends.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    pub(crate) fn take(data: &Path, what: &str) -> Result<Self, StoreError> {
        let path = data.join("lock");
        let failed = || StoreError::io(format!("opening {}", path.display()));
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed())?;
        if !wait_for(&file).map_err(failed())? {
            return Err(busy(&mut file));
        }
        let mut lock = Self { file };
        let holder = Holder { what: what.to_owned(), pid: std::process::id(), since: jiff::Timestamp::now() };
        lock.write(&holder).map_err(failed())?;
        Ok(lock)
    }

    fn write(&mut self, holder: &Holder) -> std::io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(&serde_json::to_vec(holder)?)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Only a courtesy to readers.
        let _ = self.file.set_len(0);
        // Closing the file would not do: a process that was forked meanwhile has it open as well.
        let _ = self.file.unlock();
    }
}

/// Tries to lock, for a moment: a process that was killed while it started another can leave the lock
/// to that one until it has become its own program.
fn wait_for(file: &File) -> std::io::Result<bool> {
    const TRIES: u32 = 5;
    const PAUSE: Duration = Duration::from_millis(30);
    for attempt in 1..=TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if attempt < TRIES => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(false)
}

fn busy(file: &mut File) -> StoreError {
    let mut text = Vec::new();
    // Read in the moment between locking and writing the name, the file is empty.
    let holder = file.take(4096).read_to_end(&mut text).ok().and_then(|_| serde_json::from_slice(&text).ok());
    let Holder { what, pid, since } =
        holder.unwrap_or_else(|| Holder { what: "just begun".into(), pid: 0, since: jiff::Timestamp::now() });
    StoreError::Busy { what, pid, since }
}
