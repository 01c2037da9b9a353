//! Hash lists: parsed strictly, kept as a sorted index that is mapped and never loaded.
//!
//! [`IndexWriter`] takes lists in ClamAV's text formats and writes one index file; [`HashIndex`] maps
//! it and them, and answers lookups. The file's layout is described in `docs/formats.md` and in [`format`].

mod format;
mod index;
mod lists;
mod parse;
mod partition;
mod writer;

pub use index::{FileDigests, HashIndex, HashMatch, IndexError};
pub use lists::{HashFile, ListFormat};
pub use parse::{HashListError, HashListFault, MAX_NAME};
pub use writer::{IndexStatistics, IndexWriter, WriteError};

/// A digest algorithm of hash lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// MD5, 16 bytes: `.hdb` and `.fp`.
    Md5,
    /// SHA-1, 20 bytes: `.hsb` and `.sfp`.
    Sha1,
    /// SHA-256, 32 bytes: `.hsb` and `.sfp`.
    Sha256,
}

impl Algorithm {
    /// Every algorithm, in the order of the index's tables.
    pub const ALL: [Self; 3] = [Self::Md5, Self::Sha1, Self::Sha256];

    /// Length of a digest in bytes.
    pub const fn digest_length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

#[cfg(test)]
mod tests;
