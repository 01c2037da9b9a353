//! One line of a hash list: `HASH:SIZE:NAME`, or with ClamAV's functional levels behind it.
//!
//! The formats are those of ClamAV's manual, "File hash signatures": `SIZE` is the file's length in
//! bytes or `*` for any, and up to two numbers may follow the name (the functional levels that
//! the line needs at least and at most). Levels are ClamAV's own and change nothing here. Lines
//! that are empty or start with `#` say nothing.

use super::{Algorithm, ListFormat};
use booster_definitions::Component;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest name in bytes.
pub const MAX_NAME: usize = 255;
/// Longest line, with room for a hash, a size, a name and levels.
pub(super) const MAX_LINE: usize = 1024;
/// Stands for a size of `*`.
pub(super) const ANY_SIZE: u64 = u64::MAX;

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub algorithm: Algorithm,
    /// As many bytes as the algorithm has, then zeros.
    pub digest: [u8; 32],
    /// [`ANY_SIZE`] for `*`.
    pub size: u64,
    pub name: &'a str,
}

/// A line that is not of the format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HashListError {
    /// The component that holds the list.
    pub component: Component,
    /// The list's path inside the release.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub fault: HashListFault,
}

impl fmt::Display for HashListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}:{}: {}", self.component, self.file, self.line, self.fault)
    }
}

/// What is wrong with a line of a hash list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HashListFault {
    /// Not `HASH:SIZE:NAME`.
    #[error("not of the form HASH:SIZE:NAME")]
    Fields,
    /// A digest with a character that is no hexadecimal digit.
    #[error("the hash holds a character that is not a hexadecimal digit")]
    NotHexadecimal,
    /// A digest of a length that this kind of list does not hold.
    #[error("the hash has the wrong length: .hdb and .fp hold MD5, .hsb and .sfp hold SHA-1 or SHA-256")]
    DigestLength,
    /// A size that is neither a number nor `*`.
    #[error("the size is neither a number of bytes nor *")]
    Size,
    /// No name, a name that is too long, not UTF-8, or with control characters.
    #[error("the name is empty, longer than 255 bytes, not UTF-8 or holds control characters")]
    Name,
    /// Something other than one or two functional levels behind the name.
    #[error("what follows the name is not one or two functional levels")]
    Level,
    /// A line that is far too long for the format.
    #[error("the line is longer than 1024 bytes")]
    TooLong,
}

/// Reads a line, without its end. `None` where it says nothing.
pub(super) fn parse_line(line: &[u8], format: ListFormat) -> Result<Option<Line<'_>>, HashListFault> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() || line[0] == b'#' {
        return Ok(None);
    }
    let digits = memchr::memchr(b':', line).ok_or(HashListFault::Fields)?;
    let (hash, rest) = (&line[..digits], &line[digits + 1..]);
    let size_end = memchr::memchr(b':', rest).ok_or(HashListFault::Fields)?;
    let (size, rest) = (&rest[..size_end], &rest[size_end + 1..]);
    let name = match memchr::memchr(b':', rest) {
        None => rest,
        Some(end) => {
            check_levels(&rest[end + 1..])?;
            &rest[..end]
        }
    };
    let algorithm = algorithm_of(hash.len(), format)?;
    let mut digest = [0; 32];
    decode_hex(hash, &mut digest)?;
    Ok(Some(Line { algorithm, digest, size: parse_size(size)?, name: parse_name(name)? }))
}

fn algorithm_of(digits: usize, format: ListFormat) -> Result<Algorithm, HashListFault> {
    match (format, digits) {
        (ListFormat::Md5, 32) => Ok(Algorithm::Md5),
        (ListFormat::Sha, 40) => Ok(Algorithm::Sha1),
        (ListFormat::Sha, 64) => Ok(Algorithm::Sha256),
        _ => Err(HashListFault::DigestLength),
    }
}

/// Value of each hexadecimal digit, in either case; anything else has a high bit set.
const HEX: [u8; 256] = {
    let mut table = [0xff; 256];
    let mut i = 0;
    while i < 16 {
        table[b"0123456789abcdef"[i as usize] as usize] = i;
        table[b"0123456789ABCDEF"[i as usize] as usize] = i;
        i += 1;
    }
    table
};

fn decode_hex(hash: &[u8], digest: &mut [u8; 32]) -> Result<(), HashListFault> {
    let mut seen = 0;
    for (pair, byte) in hash.chunks_exact(2).zip(digest) {
        let (high, low) = (HEX[usize::from(pair[0])], HEX[usize::from(pair[1])]);
        // One check at the end instead of two at each byte.
        seen |= high | low;
        *byte = high << 4 | low & 0xf;
    }
    if seen > 0xf { Err(HashListFault::NotHexadecimal) } else { Ok(()) }
}

fn parse_size(text: &[u8]) -> Result<u64, HashListFault> {
    if text == b"*" {
        return Ok(ANY_SIZE);
    }
    if text.is_empty() {
        return Err(HashListFault::Size);
    }
    let mut size = 0u64;
    for digit in text {
        if !digit.is_ascii_digit() {
            return Err(HashListFault::Size);
        }
        let next = size.checked_mul(10).and_then(|size| size.checked_add(u64::from(digit - b'0')));
        size = next.filter(|size| *size < ANY_SIZE).ok_or(HashListFault::Size)?;
    }
    Ok(size)
}

fn parse_name(name: &[u8]) -> Result<&str, HashListFault> {
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(HashListFault::Name);
    }
    let text = str::from_utf8(name).map_err(|_| HashListFault::Name)?;
    let plain = if text.is_ascii() {
        !name.iter().any(u8::is_ascii_control)
    } else {
        !text.chars().any(char::is_control)
    };
    if plain { Ok(text) } else { Err(HashListFault::Name) }
}

/// One or two functional levels, as in `73` or `73:255`.
fn check_levels(text: &[u8]) -> Result<(), HashListFault> {
    let levels = text.split(|byte| *byte == b':');
    let mut count = 0;
    for level in levels {
        count += 1;
        let number = (1..=5).contains(&level.len()) && level.iter().all(u8::is_ascii_digit);
        if !number || count > 2 {
            return Err(HashListFault::Level);
        }
    }
    Ok(())
}
