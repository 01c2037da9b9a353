//! Opening a file of the repository without ever leaving its folder, and telling its entity tag.

use super::{answer::Facts, name::PublicName};
use booster_definitions::DigestWriter;
use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read, Seek},
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, SystemTime},
};

/// A repository folder that is given out.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Digests of files whose names do not tell them.
    digests: Mutex<HashMap<Identity, String>>,
}

/// An open file and what HTTP needs to know of it.
#[derive(Debug)]
pub(super) struct OpenFile {
    /// Positioned at the start.
    pub file: File,
    /// Its length and entity tag.
    pub facts: Facts,
}

/// Files remembered by [`Folder::digests`]; past this many, all are forgotten.
const REMEMBERED: usize = 4096;
/// A file that was written more recently than this may be written again within one tick of the
/// file system's clock: its digest is not remembered.
const SETTLED: Duration = Duration::from_secs(2);

impl Folder {
    pub fn new(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize()?;
        std::fs::read_dir(&path)?;
        Ok(Self { path, digests: Mutex::default() })
    }

    /// Opens a file. `Ok(None)`: there is no such plain file.
    pub fn open(&self, name: &PublicName) -> io::Result<Option<OpenFile>> {
        let Some(file) = beneath::open(&self.path, name.parts())? else { return Ok(None) };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let length = metadata.len();
        let (file, digest) = match &name.content {
            Some(hash) => (file, hash.clone()),
            None => self.digest(file, &metadata)?,
        };
        Ok(Some(OpenFile { file, facts: Facts { length, etag: format!("\"{digest}\"") } }))
    }

    /// The SHA-256 of the content, read once for each state of the file.
    fn digest(&self, mut file: File, metadata: &std::fs::Metadata) -> io::Result<(File, String)> {
        let identity = Identity::of(metadata);
        let known = identity.as_ref().and_then(|identity| self.digests().get(identity).cloned());
        if let Some(digest) = known {
            return Ok((file, digest));
        }
        let mut writer = DigestWriter::new(io::sink());
        io::copy(&mut (&mut file).take(metadata.len()), &mut writer)?;
        file.rewind()?;
        let digest = writer.finish().0.to_string();
        if let Some(identity) = identity.filter(Identity::is_settled) {
            let mut digests = self.digests();
            if digests.len() >= REMEMBERED {
                digests.clear();
            }
            digests.insert(identity, digest.clone());
        }
        Ok((file, digest))
    }

    fn digests(&self) -> std::sync::MutexGuard<'_, HashMap<Identity, String>> {
        // A panic elsewhere leaves at worst a missing entry.
        self.digests.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// One state of one file: any write changes at least the time of change.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Identity {
    file: (u64, u64),
    length: u64,
    changed: (i64, i64),
    modified: SystemTime,
}

impl Identity {
    #[cfg(unix)]
    fn of(metadata: &std::fs::Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        Some(Self {
            file: (metadata.dev(), metadata.ino()),
            length: metadata.len(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            modified: metadata.modified().ok()?,
        })
    }

    /// Without a stable identity of files nothing is remembered.
    #[cfg(not(unix))]
    fn of(_: &std::fs::Metadata) -> Option<Self> {
        None
    }

    fn is_settled(&self) -> bool {
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(self.changed.0.try_into().unwrap_or(0));
        [self.modified, changed].into_iter().all(|time| time.elapsed().is_ok_and(|age| age > SETTLED))
    }
}

#[cfg(unix)]
mod beneath {
    use rustix::{
        fs::{CWD, Mode, OFlags, openat},
        io::Errno,
    };
    use std::{fs::File, io, path::Path};

    /// Opens component by component from the folder's own handle and follows no link, so that
    /// nothing that is swapped in meanwhile leads out of the folder. A link in the way counts as
    /// absent: a repository has none.
    pub fn open(folder: &Path, parts: &[String]) -> io::Result<Option<File>> {
        match walk(folder, parts) {
            Ok(file) => Ok(Some(file)),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG | Errno::NXIO) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn walk(folder: &Path, parts: &[String]) -> rustix::io::Result<File> {
        let directory = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        // A pipe must not block the server; such files are refused after opening.
        let plain = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let (file, folders) = parts.split_last().ok_or(Errno::NOENT)?;
        let mut at = openat(CWD, folder, directory, Mode::empty())?;
        for part in folders {
            at = openat(&at, part.as_str(), directory | OFlags::NOFOLLOW, Mode::empty())?;
        }
        Ok(openat(&at, file.as_str(), plain, Mode::empty())?.into())
    }
}

#[cfg(not(unix))]
mod beneath {
    use std::{fs::File, io, path::Path};

    /// Refuses whatever resolves to a place outside of the folder.
    pub fn open(folder: &Path, parts: &[String]) -> io::Result<Option<File>> {
        let path = parts.iter().fold(folder.to_path_buf(), |path, part| path.join(part));
        let opened = path.canonicalize().and_then(|path| {
            let inside = path.starts_with(folder) && path.is_file();
            if inside { File::open(path).map(Some) } else { Ok(None) }
        });
        match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => opened,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_definitions::Digest;

    fn folder() -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("repository/metadata")).unwrap();
        std::fs::create_dir_all(dir.path().join("repository/targets/antivirus")).unwrap();
        let folder = Folder::new(&dir.path().join("repository")).unwrap();
        (dir, folder)
    }

    fn open(folder: &Folder, path: &str) -> Option<OpenFile> {
        folder.open(&PublicName::parse(path).unwrap()).unwrap()
    }

    #[test]
    fn the_entity_tag_is_the_digest_of_the_content_and_follows_every_write() {
        let (dir, folder) = folder();
        let path = dir.path().join("repository/metadata/timestamp.json");
        for content in ["one", "two", "six"] {
            std::fs::write(&path, content).unwrap();
            let mut opened = open(&folder, "/metadata/timestamp.json").unwrap();
            assert_eq!(
                opened.facts,
                Facts { length: 3, etag: format!("\"{}\"", Digest::of(content.as_bytes())) }
            );
            let mut read = String::new();
            opened.file.read_to_string(&mut read).unwrap();
            assert_eq!(read, content);
        }
    }

    #[test]
    fn a_settled_file_is_hashed_once_and_again_after_a_change() {
        let (dir, folder) = folder();
        let path = dir.path().join("repository/targets/list.txt");
        std::fs::write(&path, "old").unwrap();
        let first = open(&folder, "/targets/list.txt").unwrap();
        assert!(folder.digests().is_empty(), "a file just written was remembered");
        let digest = first.facts.etag;
        let identity = Identity::of(&path.metadata().unwrap()).unwrap();
        folder.digests().insert(identity, "remembered".to_owned());
        assert_eq!(open(&folder, "/targets/list.txt").unwrap().facts.etag, "\"remembered\"");
        std::fs::write(&path, "newer").unwrap();
        let changed = open(&folder, "/targets/list.txt").unwrap().facts.etag;
        assert!(changed != digest && changed != "\"remembered\"");
    }

    #[test]
    fn a_hash_named_target_carries_the_hash_as_its_tag() {
        let (dir, folder) = folder();
        let hash = "a".repeat(64);
        std::fs::write(dir.path().join(format!("repository/targets/antivirus/{hash}.x")), "x").unwrap();
        assert_eq!(
            open(&folder, &format!("/targets/antivirus/{hash}.x")).unwrap().facts.etag,
            format!("\"{hash}\"")
        );
    }

    #[cfg(unix)]
    #[test]
    fn links_pipes_and_folders_are_not_given_out() {
        let (dir, folder) = folder();
        std::fs::write(dir.path().join("secret.json"), "secret").unwrap();
        std::fs::create_dir(dir.path().join("outside")).unwrap();
        std::fs::write(dir.path().join("outside/x"), "secret").unwrap();
        let base = dir.path().join("repository");
        std::os::unix::fs::symlink(dir.path().join("secret.json"), base.join("metadata/a.json")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("outside"), base.join("targets/out")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, base.join("targets/pipe"), 0o600.into()).unwrap();
        for path in
            ["/metadata/a.json", "/targets/out/x", "/targets/pipe", "/targets/antivirus", "/targets/none"]
        {
            assert!(open(&folder, path).is_none(), "{path} was given out");
        }
    }
}
