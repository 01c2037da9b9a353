//! Downloads that have begun: files that outlive the operation that fetched them.
//!
//! Each lies under the name of what it shall become, so that whoever wants the same finds it, whichever
//! source the rest comes from. Nothing here is believed: what a file holds is checked by whoever goes on
//! with it. Beside it stands which copy of the source's it is from.
//!
//! ```text
//! downloads/<digest>.part    the beginning of a file, or all of it
//! downloads/<digest>.json    the source's entity tag for the copy that it is from, if it gave one
//! ```

use crate::{StoreError, generation};
use booster_definitions::Digest;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

/// Ending of a download's own file.
const PART: &str = "part";
/// Ending of the note beside it.
const NOTE: &str = "json";

/// The folder of downloads, in the hands of an operation: nobody else writes there meanwhile.
#[derive(Debug, Clone)]
pub struct Downloads {
    dir: PathBuf,
}

/// Which copy of a source's a download is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyTag {
    /// The URL or path.
    pub location: String,
    /// The strong entity tag that the source gave it.
    pub etag: String,
}

/// A download that is not finished, or not used.
#[derive(Debug)]
struct Leftover {
    path: PathBuf,
    bytes: u64,
    changed: Timestamp,
}

impl Downloads {
    pub(crate) const fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Where the download of what has this digest lies, in a folder that exists.
    ///
    /// # Errors
    /// The system's answer.
    pub fn part(&self, digest: Digest) -> Result<PathBuf, StoreError> {
        fs::create_dir_all(&self.dir).map_err(StoreError::io(format!("creating {}", self.dir.display())))?;
        Ok(self.path(digest, PART))
    }

    /// How many bytes of it are there.
    pub fn bytes(&self, digest: Digest) -> u64 {
        fs::metadata(self.path(digest, PART)).map_or(0, |metadata| metadata.len())
    }

    /// Which copy it is from. An unreadable note is none: the worst that follows is a copy that changed
    /// unnoticed until its digest is checked.
    pub fn tag(&self, digest: Digest) -> Option<CopyTag> {
        generation::read_json_if_present(&self.path(digest, NOTE)).ok().flatten()
    }

    /// Notes which copy it is from.
    ///
    /// # Errors
    /// The system's answer.
    pub fn set_tag(&self, digest: Digest, tag: Option<&CopyTag>) -> io::Result<()> {
        let path = self.path(digest, NOTE);
        match tag {
            Some(tag) => fs::write(path, generation::to_json(tag)?),
            None => removed(&path),
        }
    }

    /// Removes a download: it has been used, or is not what it should have become.
    ///
    /// # Errors
    /// The system's answer.
    pub fn remove(&self, digest: Digest) -> Result<(), StoreError> {
        self.remove_part(&self.path(digest, PART))
    }

    /// Removes all downloads.
    ///
    /// # Errors
    /// The system's answer.
    pub fn clear(&self) -> Result<(), StoreError> {
        crate::operation::remove_tree(&self.dir)
    }

    /// Removes what has not changed for longer than `keep_for`, the oldest of what is more than
    /// `keep_bytes` together, and whatever is no download.
    ///
    /// # Errors
    /// The system's answer.
    pub fn sweep(&self, now: Timestamp, keep_for: SignedDuration, keep_bytes: u64) -> Result<(), StoreError> {
        let mut parts = self.leftovers()?;
        // The newest come first, and are kept as long as there is room.
        parts.sort_by_key(|part| std::cmp::Reverse(part.changed));
        let mut room = keep_bytes;
        for part in parts {
            // A date in the future is that of a clock that was wrong; then it is as good as unknown.
            let recent = now.duration_since(part.changed).abs() <= keep_for;
            match room.checked_sub(part.bytes).filter(|_| recent) {
                Some(left) => room = left,
                None => {
                    tracing::info!(path = %part.path.display(), "a download that nobody went on with is removed");
                    self.remove_part(&part.path)?;
                }
            }
        }
        self.remove_if_empty();
        Ok(())
    }

    /// The downloads that are there; everything else in the folder is removed.
    fn leftovers(&self) -> Result<Vec<Leftover>, StoreError> {
        let failed = || StoreError::io(format!("listing {}", self.dir.display()));
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed())?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed())?;
            let (path, metadata) = (entry.path(), entry.metadata().map_err(failed())?);
            match kind(&path).filter(|_| metadata.is_file()) {
                Some(PART) => {
                    let changed = metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
                    let changed = changed.unwrap_or(Timestamp::UNIX_EPOCH);
                    found.push(Leftover { path, bytes: metadata.len(), changed });
                }
                // The note of a download that is there.
                Some(_) if path.with_extension(PART).is_file() => {}
                _ if metadata.is_dir() => crate::operation::remove_tree(&path)?,
                _ => removed(&path).map_err(StoreError::io(format!("removing {}", path.display())))?,
            }
        }
        Ok(found)
    }

    fn remove_part(&self, path: &Path) -> Result<(), StoreError> {
        for path in [path, &path.with_extension(NOTE)] {
            removed(path).map_err(StoreError::io(format!("removing {}", path.display())))?;
        }
        self.remove_if_empty();
        Ok(())
    }

    fn remove_if_empty(&self) {
        // It holds something, or it is not there: both are fine.
        let _ = fs::remove_dir(&self.dir);
    }

    fn path(&self, digest: Digest, ending: &str) -> PathBuf {
        self.dir.join(format!("{digest}.{ending}"))
    }
}

/// What a file in the folder is by its name: a download, or a note about one.
fn kind(path: &Path) -> Option<&'static str> {
    let stem = path.file_stem().and_then(OsStr::to_str)?;
    stem.parse::<Digest>().ok()?;
    [PART, NOTE].into_iter().find(|ending| path.extension() == Some(OsStr::new(ending)))
}

/// Removes a file; one that is not there is fine.
fn removed(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: SignedDuration = SignedDuration::from_hours(24);

    fn downloads() -> (tempfile::TempDir, Downloads) {
        let dir = tempfile::tempdir().unwrap();
        let downloads = Downloads::new(dir.path().join("downloads"));
        (dir, downloads)
    }

    /// A download of so many bytes that was written so many days before `now`.
    fn put(downloads: &Downloads, name: &[u8], bytes: usize, days_ago: i64, now: Timestamp) -> Digest {
        let digest = Digest::of(name);
        let path = downloads.part(digest).unwrap();
        fs::write(&path, vec![0; bytes]).unwrap();
        let time = now - DAY * i32::try_from(days_ago).unwrap();
        fs::File::options().append(true).open(&path).unwrap().set_modified(time.into()).unwrap();
        let tag = CopyTag { location: "http://a/x".into(), etag: "\"1\"".into() };
        downloads.set_tag(digest, Some(&tag)).unwrap();
        assert_eq!(downloads.tag(digest), Some(tag));
        digest
    }

    #[test]
    fn old_downloads_and_the_oldest_of_too_many_are_swept_and_the_rest_stays() {
        let (_dir, downloads) = downloads();
        let now = Timestamp::now();
        let new = put(&downloads, b"new", 600, 0, now);
        let older = put(&downloads, b"older", 300, 2, now);
        let too_much = put(&downloads, b"too much", 200, 3, now);
        let old = put(&downloads, b"old", 1, 8, now);
        let future = put(&downloads, b"future", 1, -8, now);
        downloads.sweep(now, DAY * 7, 1000).unwrap();
        let left = [new, older, too_much, old, future].map(|digest| downloads.bytes(digest));
        assert_eq!(left, [600, 300, 0, 0, 0]);
        assert!(downloads.tag(new).is_some() && downloads.tag(old).is_none());
        assert_eq!(fs::read_dir(&downloads.dir).unwrap().count(), 4);
    }

    #[test]
    fn what_is_no_download_is_swept_and_so_is_an_empty_folder() {
        let (_dir, downloads) = downloads();
        let now = Timestamp::now();
        let digest = put(&downloads, b"one", 1, 0, now);
        fs::write(downloads.dir.join("x.part"), b"x").unwrap();
        fs::write(downloads.dir.join(format!("{}.json", Digest::of(b"alone"))), b"{}").unwrap();
        fs::create_dir_all(downloads.dir.join("folder/deep")).unwrap();
        downloads.sweep(now, DAY, 1000).unwrap();
        assert_eq!(fs::read_dir(&downloads.dir).unwrap().count(), 2);
        downloads.remove(digest).unwrap();
        downloads.remove(digest).unwrap();
        assert!(!downloads.dir.exists());
        downloads.sweep(now, DAY, 1000).unwrap();
        downloads.clear().unwrap();
    }

    #[test]
    fn a_note_that_cannot_be_read_is_none() {
        let (_dir, downloads) = downloads();
        let digest = put(&downloads, b"one", 1, 0, Timestamp::now());
        fs::write(downloads.path(digest, NOTE), b"{\"location\"").unwrap();
        assert_eq!(downloads.tag(digest), None);
        downloads.set_tag(digest, None).unwrap();
        assert!(!downloads.path(digest, NOTE).exists());
    }
}
