//! Work folders that do not outlive their publisher: what a killed one leaves, the next one deletes.

use crate::{PublishError, Result};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;

const PREFIX: &str = "booster-publish-";
/// Locked by the owner for as long as it lives.
const LOCK: &str = "in-use";

/// A folder without a lock is abandoned after this time.
const UNLOCKED: Duration = Duration::from_secs(3600);

/// A folder for one publication's files, deleted when it is dropped.
#[derive(Debug)]
pub(super) struct WorkFolder {
    // Unlocked before it is deleted, so that a system that refuses to delete open files can.
    _lock: File,
    folder: TempDir,
}

impl WorkFolder {
    /// Makes a folder below `scratch`, or below the system's folder for temporary files, and
    /// deletes those whose owners are gone.
    pub fn new(scratch: Option<&Path>) -> Result<Self> {
        let parent = scratch.map_or_else(std::env::temp_dir, Path::to_path_buf);
        sweep(&parent);
        Self::make(&parent).map_err(PublishError::io("make a work folder in", &parent))
    }

    fn make(parent: &Path) -> io::Result<Self> {
        loop {
            let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
            let lock = File::create(folder.path().join(LOCK))?;
            // Another publisher that sweeps may have taken the lock before us: then the folder is its.
            if lock.try_lock().is_ok() && folder.path().join(LOCK).exists() {
                return Ok(Self { _lock: lock, folder });
            }
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        // The rest is the folder's own doing.
        let _ = empty(self.folder.path());
    }
}

/// Deletes everything but the lock: whoever is killed meanwhile leaves a folder that the next one knows for dead.
fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name() == LOCK {
            continue;
        }
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false => fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}

/// Deletes the folders of publishers that are gone. What cannot be deleted is another user's.
fn sweep(parent: &Path) {
    for folder in abandoned(parent).unwrap_or_default() {
        tracing::info!(folder = %folder.display(), "deleting the work folder of a publisher that was killed");
        if let Err(error) = empty(&folder).and_then(|()| fs::remove_dir_all(&folder)) {
            tracing::debug!(folder = %folder.display(), %error, "it cannot be deleted");
        }
    }
}

fn abandoned(parent: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if !ours || !entry.file_type()?.is_dir() {
            continue;
        }
        let unused = match File::open(entry.path().join(LOCK)) {
            Ok(lock) => lock.try_lock().is_ok(),
            // Its owner is just making it, or was killed there.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                entry.metadata()?.modified()?.elapsed().is_ok_and(|age| age > UNLOCKED)
            }
            Err(_) => false,
        };
        if unused {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_the_living_are_left_alone_and_those_of_the_dead_are_deleted() {
        let scratch = tempfile::tempdir().unwrap();
        let dead = scratch.path().join("booster-publish-dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(LOCK), "").unwrap();
        fs::write(dead.join("release.tar"), "x").unwrap();
        fs::create_dir(scratch.path().join("others")).unwrap();
        let living = WorkFolder::new(Some(scratch.path())).unwrap();
        let second = WorkFolder::new(Some(scratch.path())).unwrap();
        assert!(living.path().exists() && second.path().exists() && !dead.exists());
        let path = living.path().to_owned();
        drop(living);
        assert!(!path.exists() && scratch.path().join("others").exists());
    }
}
