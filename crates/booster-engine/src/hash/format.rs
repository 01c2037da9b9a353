//! The layout of the index file; `docs/formats.md` describes it in full.
//!
//! Numbers are little-endian. A header of 256 bytes, with its own SHA-256, holds the place of every
//! section, so that opening reads one page. A table has records sorted by digest, a list that says
//! where the records of each digest prefix start, and a bitmap of the file sizes that it knows.
//! A record is the first half of a SHA-256 (or as much of another digest) and the place of the line.

use aws_lc_rs::digest::{SHA256, digest};

pub(super) const MAGIC: [u8; 8] = *b"BSTHASH\0";
pub(super) const FORMAT: u32 = 2;
pub(super) const HEADER_LENGTH: usize = 256;
/// The part of the header that its SHA-256 covers.
const COVERED: usize = 192;
/// How much of a digest a record has.
pub(super) const RECORD_DIGEST: usize = 16;
/// Length of a record: digest, and the place of the line (list 24 bits, offset 40 bits).
pub(super) const RECORD_LENGTH: usize = RECORD_DIGEST + 8;

/// Where a section is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Section {
    pub offset: u64,
    pub length: u64,
}

/// One algorithm's table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Table {
    /// Number of records.
    pub entries: u64,
    /// Where the records start.
    pub records: u64,
    /// Where the list of prefix starts is: `2^prefix_bits + 1` numbers of 32 bits.
    pub starts: u64,
    /// Where the bitmap of sizes is: `2^filter_bits` bits.
    pub filter: u64,
    pub prefix_bits: u32,
    pub filter_bits: u32,
    /// Number of records that any size matches.
    pub any_size: u64,
}

/// The header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Header {
    /// Length of the whole file.
    pub length: u64,
    /// The lists: component, known-good or not, length of the path, length of the list, path.
    pub files: Section,
    /// By [`super::Algorithm::ALL`].
    pub tables: [Table; 3],
}

/// A header that this build cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderFault {
    NotAnIndex,
    OtherFormat(u32),
    Damaged,
}

impl Header {
    pub fn encode(&self) -> [u8; HEADER_LENGTH] {
        let mut bytes = Vec::with_capacity(HEADER_LENGTH);
        bytes.extend(MAGIC);
        bytes.extend(FORMAT.to_le_bytes());
        bytes.extend([0; 4]);
        for number in [self.length, self.files.offset, self.files.length, 0] {
            bytes.extend(number.to_le_bytes());
        }
        for table in &self.tables {
            for number in [table.entries, table.records, table.starts, table.filter] {
                bytes.extend(number.to_le_bytes());
            }
            bytes.extend(table.prefix_bits.to_le_bytes());
            bytes.extend(table.filter_bits.to_le_bytes());
            bytes.extend(table.any_size.to_le_bytes());
        }
        debug_assert_eq!(bytes.len(), COVERED);
        let sum = digest(&SHA256, &bytes);
        bytes.extend(sum.as_ref());
        let mut header = [0; HEADER_LENGTH];
        header[..bytes.len()].copy_from_slice(&bytes);
        header
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, HeaderFault> {
        if !bytes.starts_with(&MAGIC) {
            return Err(HeaderFault::NotAnIndex);
        }
        let bytes = bytes.get(..HEADER_LENGTH).ok_or(HeaderFault::Damaged)?;
        let format = u32_at(bytes, 8).ok_or(HeaderFault::Damaged)?;
        if format != FORMAT {
            return Err(HeaderFault::OtherFormat(format));
        }
        if digest(&SHA256, &bytes[..COVERED]).as_ref() != &bytes[COVERED..COVERED + 32] {
            return Err(HeaderFault::Damaged);
        }
        Self::read(bytes).ok_or(HeaderFault::Damaged)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let section = |at| Some(Section { offset: u64_at(bytes, at)?, length: u64_at(bytes, at + 8)? });
        let table = |at| {
            Some(Table {
                entries: u64_at(bytes, at)?,
                records: u64_at(bytes, at + 8)?,
                starts: u64_at(bytes, at + 16)?,
                filter: u64_at(bytes, at + 24)?,
                prefix_bits: u32_at(bytes, at + 32)?,
                filter_bits: u32_at(bytes, at + 36)?,
                any_size: u64_at(bytes, at + 40)?,
            })
        };
        Some(Self {
            length: u64_at(bytes, 16)?,
            files: section(24)?,
            tables: [table(48)?, table(96)?, table(144)?],
        })
    }
}

/// The bit of a size in a bitmap of `2^bits` bits.
pub(super) const fn filter_bit(size: u64, bits: u32) -> u64 {
    // Fibonacci hashing: neighbouring sizes land far apart.
    size.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - bits)
}

/// The first `bits` bits of a digest.
pub(super) fn prefix(digest: &[u8], bits: u32) -> u64 {
    if bits == 0 { 0 } else { leading_u64(digest) >> (64 - bits) }
}

/// The first eight bytes of a digest as a number that sorts as the bytes do.
pub(super) fn leading_u64(digest: &[u8]) -> u64 {
    digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}
