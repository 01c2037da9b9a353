//! A release's archive made from what is installed: by a patch, or as it is.
//!
//! The archive of an installed release is made anew from its files, which gives the same bytes, and
//! is mapped; memory holds the patch's script and no archive. What comes out is unpacked like any
//! archive and has its digest checked. Where that is wrong the base's is looked at as well, so that
//! damage on this machine's disk is not taken for a bad patch.

use crate::{Cause, install::difference};
use booster_definitions::{
    ArchiveInfo, Component, Digest,
    archive::{self, ArchiveError, FileSet, Limits, Unpacked},
    patch,
};
use booster_mapped::MappedFile;
use std::{
    fs::{self, File},
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
};
use tokio_util::sync::CancellationToken;

/// How much is read of the base, at most, before its memory is given back.
const GIVE_BACK_EVERY: usize = 8 << 20;

/// What was kept when the base was unpacked is not checked again: nothing grows here.
const UNLIMITED: Limits = Limits { files: u64::MAX, total_bytes: u64::MAX, file_bytes: u64::MAX };

/// Everything that the work needs, to be sent to another thread.
pub(crate) struct Rebuild {
    pub(crate) component: Component,
    /// The installed files, and the archive that they must make.
    pub(crate) base: (PathBuf, ArchiveInfo),
    /// What is applied to it; nothing where the base itself is wanted.
    pub(crate) patch: Option<PathBuf>,
    /// Where the base's archive may lie meanwhile.
    pub(crate) scratch: PathBuf,
    /// Where the files go, and the archive that they must come from.
    pub(crate) result: (PathBuf, ArchiveInfo),
    pub(crate) limits: Limits,
    pub(crate) cancel: CancellationToken,
}

/// Why a release cannot be made from what is installed.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The installed files are not what was installed.
    Base(String),
    /// The patch is damaged, or gives something else.
    Patch(String),
    /// The source has no such patch.
    Missing(String),
    /// The disk has no room for the base's archive beside the rest. The whole needs less.
    NoRoom,
    /// The whole would fail just so.
    Otherwise(Cause),
}

impl Rebuild {
    /// The unpacked release. After a failure nothing is left of it.
    pub(crate) fn run(self) -> Result<Unpacked, Failed> {
        let done = self.rebuild();
        // Its bytes are in the generation now, or good for nothing: the room is needed.
        let _ = fs::remove_file(&self.scratch);
        if done.is_err() {
            let _ = fs::remove_dir_all(&self.result.0);
        }
        if self.cancel.is_cancelled() { Err(Failed::Otherwise(Cause::Cancelled)) } else { done }
    }

    fn rebuild(&self) -> Result<Unpacked, Failed> {
        self.write_base()?;
        let map = |path: &Path| {
            MappedFile::open(path)
                .map_err(|error| Failed::Otherwise(Cause::io(format!("mapping {}", path.display()))(error)))
        };
        let base = map(&self.scratch)?;
        let done = match &self.patch {
            None => self.unpack(&*base, &base),
            Some(patch) => {
                let patch = map(patch)?;
                let patched = patch::apply(&base, &patch, self.result.1.size);
                let patched = patched.map_err(|error| Failed::Patch(error.to_string()));
                patched.and_then(|patched| self.unpack(patched, &base))
            }
        };
        match done {
            // A wrong result has one of two reasons; a right one needs no further look at the base.
            Err(Failed::Patch(_)) if Digest::of(&base) != self.base.1.sha256 => {
                let reason = format!("their archive has not the SHA-256 {}", self.base.1.sha256);
                Err(Failed::Base(reason))
            }
            done => done,
        }
    }

    /// Writes the base's archive.
    fn write_base(&self) -> Result<(), Failed> {
        let file = File::create(&self.scratch).map_err(|error| self.not_written(error))?;
        let mut out = Out { inner: BufWriter::new(file), cancel: &self.cancel, failed: None };
        let written =
            FileSet::from_dir(&self.base.0, UNLIMITED).and_then(|set| set.write_plain(&mut out).map(drop));
        if let Some(error) = out.failed {
            return Err(self.not_written(error));
        }
        written.map_err(|error| Failed::Base(error.to_string()))
    }

    fn not_written(&self, error: io::Error) -> Failed {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Failed::NoRoom,
            _ => Failed::Otherwise(Cause::io(format!("writing {}", self.scratch.display()))(error)),
        }
    }

    fn unpack(&self, archive: impl Read, base: &MappedFile) -> Result<Unpacked, Failed> {
        let (folder, expected) = &self.result;
        let reader = Thrifty { inner: archive, base, read: 0, cancel: &self.cancel };
        let unpacked = match archive::unpack(reader, folder, self.limits, &mut |_| Ok(())) {
            Ok(unpacked) => unpacked,
            Err(ArchiveError::Io { source, .. })
                if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) =>
            {
                return Err(Failed::NoRoom);
            }
            Err(error @ ArchiveError::Io { .. }) => {
                return Err(Failed::Otherwise(Cause::Archive { component: self.component, error }));
            }
            Err(error) => return Err(Failed::Patch(error.to_string())),
        };
        if unpacked.archive != *expected {
            return Err(Failed::Patch(difference(unpacked.archive, *expected)));
        }
        Ok(unpacked)
    }
}

/// Writes until it is cancelled, and keeps its own failure: the reader's is told by what it is part of.
struct Out<'a> {
    inner: BufWriter<File>,
    cancel: &'a CancellationToken,
    failed: Option<io::Error>,
}

impl Out<'_> {
    fn kept<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            let told = io::Error::from(error.kind());
            self.failed.get_or_insert(error);
            told
        })
    }
}

impl Write for Out<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        let written = self.inner.write(bytes);
        self.kept(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.inner.flush();
        self.kept(flushed)
    }
}

/// Reads until it is cancelled, and keeps little of the base in memory.
struct Thrifty<'a, R> {
    inner: R,
    base: &'a MappedFile,
    /// Since the memory was last given back.
    read: usize,
    cancel: &'a CancellationToken,
}

impl<R: Read> Read for Thrifty<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        let read = self.inner.read(buffer)?;
        self.read += read;
        if self.read >= GIVE_BACK_EVERY {
            self.base.give_back();
            self.read = 0;
        }
        Ok(read)
    }
}
