//! Maps an immutable file into memory. The one place of this crate with `unsafe`.
#![allow(unsafe_code)]

use memmap2::Mmap;
use std::{fs::File, io, path::Path};

/// Maps a file of a generation for reading, shared between all processes that map it.
pub(crate) fn map(path: &Path) -> io::Result<Mmap> {
    let file = File::open(path)?;
    // SAFETY: the map is undefined behaviour only if the file changes while it is mapped. Files of an
    // image are written once, below a folder that only the definitions' owner can write, and are
    // replaced by whole new folders; nothing opens them for writing again. The bytes are only ever read
    // as bytes, so even a careless administrator's edit gives wrong lookups, or SIGBUS after a
    // truncation, and never an invalid value.
    unsafe { Mmap::map(&file) }
}
