//! Maps an immutable file into memory, shared between all processes that map it.
//!
//! The call that needs `unsafe` stands here alone, so that every other crate below the C ABI can
//! forbid it.

use memmap2::Mmap;
use std::{fs::File, io, ops::Deref, path::Path};

/// The bytes of a file that is never changed in place.
#[derive(Debug)]
pub struct MappedFile(Mmap);

impl MappedFile {
    /// Maps a file of an installed generation for reading.
    ///
    /// # Errors
    /// The system's answer.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        // SAFETY: a map is undefined behaviour only if the file changes while it is mapped. Files of a
        // generation are written once, below a folder that only the definitions' owner can write, and
        // are replaced by whole new folders; nothing opens them for writing again. The bytes are only
        // ever read as bytes, so even a careless administrator's edit gives wrong lookups, or SIGBUS
        // after a truncation, and never an invalid value.
        let map = unsafe { Mmap::map(&file) }?;
        Ok(Self(map))
    }

    /// Gives back the memory of what has been read so far: who reads a large file from one end to the
    /// other needs it no longer. Bytes that are looked at again are read from the file again.
    pub fn give_back(&self) {
        #[cfg(unix)]
        {
            // SAFETY: this advice loses data only where pages were changed, or have no file behind them. These
            // are mapped for reading alone, from a file that, as above, does not change.
            let advised = unsafe { self.0.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
            // Advice that is not taken costs memory and nothing else.
            let _ = advised;
        }
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_the_files_bytes_and_outlives_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("image");
        std::fs::write(&path, b"bytes").unwrap();
        let map = MappedFile::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(&*map, b"bytes");
        map.give_back();
        assert_eq!(&*map, b"bytes");
        assert!(MappedFile::open(&path).is_err());
    }
}
