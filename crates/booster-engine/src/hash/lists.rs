//! The lists that an index points into, mapped.
//!
//! An index repeats nothing that its lists say: a record leads to the line, and the line has the name, the size and
//! the whole digest.

use super::{
    Algorithm,
    parse::{Line, MAX_LINE, parse_line},
};
use booster_definitions::Component;
use booster_mapped::MappedFile;
use std::{io, path::Path};

/// A definition file that hashes came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashFile {
    /// The component that holds it.
    pub component: Component,
    /// Its path inside the release.
    pub path: String,
    /// Whether it lists files that are known to be good.
    pub known_good: bool,
}

/// Which digests a list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListFormat {
    /// `.hdb`, `.fp`.
    Md5,
    /// `.hsb`, `.sfp`.
    Sha,
}

impl ListFormat {
    /// What a list of this name holds: `.hsb` and `.sfp` SHA-1 and SHA-256, others MD5.
    pub fn of(path: &str) -> Self {
        let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
        let sha = extension.eq_ignore_ascii_case("hsb") || extension.eq_ignore_ascii_case("sfp");
        if sha { Self::Sha } else { Self::Md5 }
    }
}

impl From<Algorithm> for ListFormat {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Md5 => Self::Md5,
            Algorithm::Sha1 | Algorithm::Sha256 => Self::Sha,
        }
    }
}

/// Where a line starts: the list's number in the upper 24 bits, the offset in the lower 40.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(pub u64);

impl Place {
    const OFFSET_BITS: u32 = 40;
    /// The most lists, and the bytes of a list.
    pub const MOST_LISTS: usize = 1 << (64 - Self::OFFSET_BITS);
    pub const MOST_BYTES: u64 = 1 << Self::OFFSET_BITS;

    pub const fn new(list: u32, offset: u64) -> Self {
        Self((list as u64) << Self::OFFSET_BITS | offset)
    }

    pub const fn list(self) -> usize {
        (self.0 >> Self::OFFSET_BITS) as usize
    }

    const fn offset(self) -> usize {
        (self.0 & (Self::MOST_BYTES - 1)) as usize
    }
}

/// Lists by their numbers.
#[derive(Debug, Default)]
pub(super) struct Lists(Vec<(HashFile, MappedFile)>);

impl Lists {
    /// Maps one more list. Nothing of it is read yet.
    pub fn add(&mut self, file: HashFile, on_disk: &Path) -> io::Result<()> {
        self.0.push((file, MappedFile::open(on_disk)?));
        Ok(())
    }

    /// The lists and their lengths in bytes.
    pub fn iter(&self) -> impl Iterator<Item = (&HashFile, u64)> {
        self.0.iter().map(|(file, map)| (file, map.len() as u64))
    }

    pub fn file(&self, place: Place) -> Option<&HashFile> {
        Some(&self.0.get(place.list())?.0)
    }

    /// What a line says; `None` where there is none of that algorithm, as in a damaged file.
    pub fn line(&self, place: Place, algorithm: Algorithm) -> Option<Line<'_>> {
        let text = self.0.get(place.list())?.1.get(place.offset()..)?;
        let text = &text[..text.len().min(MAX_LINE + 1)];
        let line = &text[..memchr::memchr(b'\n', text).unwrap_or(text.len())];
        parse_line(line, algorithm.into()).ok()?.filter(|line| line.algorithm == algorithm)
    }
}
