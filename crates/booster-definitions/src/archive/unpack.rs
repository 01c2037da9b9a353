//! Unpacking an archive into a new folder.

use super::{ArchiveError, Limits, Meter, file_set::check_collisions};
use crate::{ArchiveInfo, Checksum, DefinitionPath, DigestWriter, FileEntry};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
};

/// What an archive held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// Digest, length and file count of the archive that was read.
    pub archive: ArchiveInfo,
    /// The files, in path order.
    pub files: Vec<FileEntry>,
}

/// Unpacks an archive into a folder that must be empty or absent.
///
/// `progress` is told the number of archive bytes unpacked so far and may stop the work by
/// returning an error. After an error the folder holds what was unpacked until then: the caller
/// unpacks into staging and discards it.
pub fn unpack(
    archive: impl Read,
    folder: &Path,
    limits: Limits,
    progress: &mut dyn FnMut(u64) -> io::Result<()>,
) -> Result<Unpacked, ArchiveError> {
    fs::create_dir_all(folder).map_err(ArchiveError::io(format!("creating {}", folder.display())))?;
    let mut reader = tar::Archive::new(Hashing { inner: archive, writer: DigestWriter::new(io::sink()) });
    let mut unpacker =
        Unpacker { folder, meter: Meter::new(limits), folded: BTreeMap::new(), files: Vec::new() };
    for entry in reader.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        unpacker.unpack(&mut entry)?;
        progress(entry.raw_file_position() + entry.size()).map_err(ArchiveError::io("unpacking"))?;
    }
    let mut hashing = reader.into_inner();
    drain(&mut hashing)?;
    let (sha256, size, _) = hashing.writer.finish();
    let files = unpacker.files;
    Ok(Unpacked { archive: ArchiveInfo { sha256, size, files: files.len() as u64 }, files })
}

/// Reads what follows the last entry: only the end blocks may, and they are part of the digest.
fn drain(reader: &mut impl Read) -> Result<(), ArchiveError> {
    // A tar of ours ends with two zero blocks of 512 bytes, of which the entry loop read one or both.
    const END: usize = 1024;
    let mut tail = Vec::new();
    reader.take(END as u64 + 1).read_to_end(&mut tail).map_err(damaged)?;
    if tail.len() > END || tail.iter().any(|&b| b != 0) {
        return Err(ArchiveError::Damaged("bytes follow the end of the archive".into()));
    }
    Ok(())
}

fn damaged(error: io::Error) -> ArchiveError {
    match error.kind() {
        // What the tar reader itself finds wrong; everything else is the system's answer.
        io::ErrorKind::Other | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => {
            ArchiveError::Damaged(error.to_string())
        }
        _ => ArchiveError::io("reading the archive")(error),
    }
}

struct Unpacker<'a> {
    folder: &'a Path,
    meter: Meter,
    folded: BTreeMap<String, String>,
    files: Vec<FileEntry>,
}

impl Unpacker<'_> {
    fn unpack<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>) -> Result<(), ArchiveError> {
        let name = entry.path_bytes();
        let name = std::str::from_utf8(&name)
            .map_err(|_| ArchiveError::Damaged("a file name is not UTF-8".into()))?
            .to_owned();
        if let Some(what) = not_a_file(entry.header().entry_type()) {
            return Err(ArchiveError::NotAFile { path: name, what });
        }
        let path: DefinitionPath = name.parse()?;
        if self.files.last().is_some_and(|last| last.path >= path) {
            return Err(ArchiveError::OutOfOrder { path: name });
        }
        check_collisions(&mut self.folded, &path)?;
        self.meter.add(&name, entry.size())?;
        let file = self.write(entry, path)?;
        self.files.push(file);
        Ok(())
    }

    fn write<R: Read>(
        &self,
        entry: &mut tar::Entry<'_, R>,
        path: DefinitionPath,
    ) -> Result<FileEntry, ArchiveError> {
        let target = self.folder.join(&path);
        let failed = || ArchiveError::io(format!("writing {path}"));
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(failed())?;
        }
        let mut file = File::create_new(&target).map_err(failed())?;
        let (mut checksum, mut size) = (Checksum::default(), 0);
        let mut buffer = [0; 64 * 1024];
        loop {
            let read = entry.read(&mut buffer).map_err(damaged)?;
            if read == 0 {
                break;
            }
            file.write_all(&buffer[..read]).map_err(failed())?;
            checksum.update(&buffer[..read]);
            size += read as u64;
        }
        if size != entry.size() {
            return Err(ArchiveError::Damaged(format!("{path} ends early")));
        }
        Ok(FileEntry { path, size, crc32: checksum.finish() })
    }
}

/// What an entry is, unless it is a plain file.
fn not_a_file(kind: tar::EntryType) -> Option<&'static str> {
    use tar::EntryType as T;
    match kind {
        T::Regular => None,
        T::Directory => Some("folder entry"),
        T::Link => Some("hard link"),
        T::Symlink => Some("symbolic link"),
        T::Char | T::Block => Some("device"),
        T::Fifo => Some("named pipe"),
        _ => Some("special entry"),
    }
}

/// Passes bytes on to the tar reader and into the archive's digest.
struct Hashing<R> {
    inner: R,
    writer: DigestWriter<io::Sink>,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.writer.update(&buffer[..read]);
        Ok(read)
    }
}
