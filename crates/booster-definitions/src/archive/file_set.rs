//! The files of a release, and writing them as an archive.

use super::{ArchiveError, Limits, Meter};
use crate::{ArchiveInfo, DefinitionPath, DigestWriter};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

/// Where the bytes of a file come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file on disk, and its length when it was listed.
    File {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        size: u64,
    },
    /// Bytes in memory.
    Bytes(Vec<u8>),
}

impl Source {
    /// Length in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::File { size, .. } => *size,
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }
}

/// The files of a release, by path.
#[derive(Debug)]
pub struct FileSet {
    files: BTreeMap<DefinitionPath, Source>,
    /// Every file and folder by its case-folded form, to find collisions.
    folded: BTreeMap<String, String>,
    meter: Meter,
}

impl FileSet {
    /// A set with no files yet.
    pub const fn new(limits: Limits) -> Self {
        Self { files: BTreeMap::new(), folded: BTreeMap::new(), meter: Meter::new(limits) }
    }

    /// Lists every file below a folder. Hidden files are part of the release; links and special
    /// files are refused.
    pub fn from_dir(dir: &Path, limits: Limits) -> Result<Self, ArchiveError> {
        let mut set = Self::new(limits);
        for entry in walkdir::WalkDir::new(dir).min_depth(1).sort_by_file_name() {
            let entry =
                entry.map_err(|e| ArchiveError::io(format!("listing {}", dir.display()))(e.into()))?;
            let path = entry.path().strip_prefix(dir).unwrap_or(entry.path());
            let name = portable_name(path)?;
            let kind = entry.file_type();
            if kind.is_dir() {
                continue;
            }
            if !kind.is_file() {
                let what = if kind.is_symlink() { "symbolic link" } else { "special file" };
                return Err(ArchiveError::NotAFile { path: name, what });
            }
            let metadata =
                entry.metadata().map_err(|e| ArchiveError::io(format!("reading {name}"))(e.into()))?;
            set.insert(name.parse()?, Source::File { path: entry.path().to_owned(), size: metadata.len() })?;
        }
        Ok(set)
    }

    /// Adds a file; a path that collides with another is refused.
    pub fn insert(&mut self, path: DefinitionPath, source: Source) -> Result<(), ArchiveError> {
        check_collisions(&mut self.folded, &path)?;
        self.meter.add(path.as_str(), source.size())?;
        self.files.insert(path, source);
        Ok(())
    }

    /// Takes a file out again, for a publisher that leaves it out of the release.
    pub fn remove(&mut self, path: &DefinitionPath) -> Option<Source> {
        let source = self.files.remove(path)?;
        self.folded.remove(&path.case_folded());
        self.meter.files -= 1;
        self.meter.bytes -= source.size();
        Some(source)
    }

    /// The files in the order in which the archive holds them.
    pub fn iter(&self) -> impl Iterator<Item = (&DefinitionPath, &Source)> {
        self.files.iter()
    }

    /// Number of files.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Writes the archive and says what was written.
    pub fn write(&self, out: impl Write) -> Result<ArchiveInfo, ArchiveError> {
        let (sha256, size, _) = self.write_plain(DigestWriter::new(out))?.finish();
        Ok(ArchiveInfo { sha256, size, files: self.files.len() as u64 })
    }

    /// Writes the archive for who has another way to know that it is right.
    pub fn write_plain<W: Write>(&self, out: W) -> Result<W, ArchiveError> {
        let mut builder = tar::Builder::new(out);
        for (path, source) in &self.files {
            append(&mut builder, path, source)?;
        }
        let finishing = || ArchiveError::io("finishing the archive");
        let mut out = builder.into_inner().map_err(finishing())?;
        out.flush().map_err(finishing())?;
        Ok(out)
    }
}

/// The `/`-separated form of a relative path.
fn portable_name(path: &Path) -> Result<String, ArchiveError> {
    let not_utf8 = || ArchiveError::NotUtf8(path.to_owned());
    let parts: Option<Vec<&str>> = path.iter().map(|part| part.to_str()).collect();
    Ok(parts.ok_or_else(not_utf8)?.join("/"))
}

/// Refuses a path that, where case is ignored, is another file, or a folder on the way to another.
pub(super) fn check_collisions(
    folded: &mut BTreeMap<String, String>,
    path: &DefinitionPath,
) -> Result<(), ArchiveError> {
    let collision =
        |first: &str| ArchiveError::Collision { first: first.to_owned(), second: path.to_string() };
    let text = path.as_str();
    for (end, _) in text.match_indices('/') {
        let folder = format!("{}/", &text[..end]);
        // The folder may have been seen, but only with the same spelling, and never as a file.
        if let Some(file) = folded.get(&text[..end].to_lowercase()) {
            return Err(collision(file));
        }
        let seen = folded.entry(folder.to_lowercase()).or_insert_with(|| folder.clone());
        if *seen != folder {
            return Err(collision(seen));
        }
    }
    let key = path.case_folded();
    if let Some(folder) = folded.get(&format!("{key}/")) {
        return Err(collision(folder));
    }
    match folded.insert(key, text.to_owned()) {
        Some(first) => Err(collision(&first)),
        None => Ok(()),
    }
}

fn append<W: Write>(
    builder: &mut tar::Builder<W>,
    path: &DefinitionPath,
    source: &Source,
) -> Result<(), ArchiveError> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(source.size());
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    let written = match source {
        Source::Bytes(bytes) => builder.append_data(&mut header, path, bytes.as_slice()),
        Source::File { path: file, size } => {
            let file = File::open(file).map_err(ArchiveError::io(format!("opening {path}")))?;
            let mut exact = Exact { inner: file, left: *size };
            builder.append_data(&mut header, path, &mut exact)
        }
    };
    written.map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => ArchiveError::Changed { path: path.to_string() },
        _ => ArchiveError::io(format!("archiving {path}"))(error),
    })
}

/// Reads exactly the announced number of bytes: a file that shrank or grew is an error.
struct Exact<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Exact<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let changed = (read as u64 > self.left) || (read == 0 && !buffer.is_empty() && self.left > 0);
        if changed {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        Ok(read)
    }
}
