//! Durable changes on disk: what is reported as done is still there after a power cut.
//!
//! [`replace_file`] is the one way in which Booster changes a small file: a reader, or a machine
//! that comes back from a crash, finds the old bytes or the new ones. [`flush_tree`] and
//! [`flush_folder`] come before a rename that makes a folder visible. Nothing here locks: callers
//! hold the lock of what they change.
#![forbid(unsafe_code)]

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// Ending of the file that [`replace_file`] writes before it takes the place of the old one. After
/// a crash such a file may be left; it is debris.
pub const LEFTOVER_ENDING: &str = ".new";

/// Replaces a file's content in one step and flushes it to the disk.
///
/// # Errors
/// The system's answer; the old content is then untouched.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = leftover(path);
    let written = write_flushed(&new, bytes).and_then(|()| fs::rename(&new, path));
    if let Err(error) = written {
        // The error that counts is the first one; a leftover is collected with the next start.
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    flush_folder(parent(path))
}

/// The file that [`replace_file`] prepares for a path.
pub fn leftover(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(LEFTOVER_ENDING);
    name.into()
}

/// Flushes a folder's own entries (names, not contents) to the disk.
///
/// # Errors
/// The system's answer.
pub fn flush_folder(path: &Path) -> io::Result<()> {
    // Windows flushes names with the files; it cannot open a folder for this.
    if cfg!(windows) {
        return Ok(());
    }
    File::open(path)?.sync_all()
}

/// How many bytes this user may still write where a folder lies; `None` where the system does not say.
pub fn free_space(folder: &Path) -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        let system = rustix::fs::statvfs(folder).ok()?;
        system.f_bavail.checked_mul(system.f_frsize)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = folder;
        None
    }
}

/// Flushes every file and folder below a folder to the disk, before a rename makes it visible.
///
/// # Errors
/// The system's answer.
pub fn flush_tree(root: &Path) -> io::Result<()> {
    // One call for the whole file system costs one journal commit; a release of thousands of files
    // flushed one by one costs thousands.
    #[cfg(target_os = "linux")]
    {
        Ok(rustix::fs::syncfs(File::open(root)?)?)
    }
    #[cfg(not(target_os = "linux"))]
    {
        flush_one_by_one(root)
    }
}

#[cfg(not(target_os = "linux"))]
fn flush_one_by_one(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            flush_one_by_one(&entry.path())?;
        } else {
            File::options().write(true).open(entry.path())?.sync_all()?;
        }
    }
    flush_folder(root)
}

fn write_flushed(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacing_changes_the_whole_file_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        for bytes in [&b"first and long"[..], b"second"] {
            replace_file(&path, bytes).unwrap();
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_replacement_keeps_the_old_content_and_leaves_no_debris() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        fs::create_dir_all(path.join("in the way")).unwrap();
        assert!(replace_file(&path, b"new").is_err());
        assert!(path.join("in the way").is_dir());
        assert!(!leftover(&path).exists());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn free_space_is_that_of_a_folder_that_is_there() {
        let dir = tempfile::tempdir().unwrap();
        assert!(free_space(dir.path()).is_some_and(|bytes| bytes > 0));
        assert_eq!(free_space(&dir.path().join("absent")), None);
    }

    #[test]
    fn a_tree_can_be_flushed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("a")).unwrap();
        fs::write(dir.path().join("a/b"), b"x").unwrap();
        flush_tree(dir.path()).unwrap();
        assert!(flush_tree(&dir.path().join("absent")).is_err());
    }
}
