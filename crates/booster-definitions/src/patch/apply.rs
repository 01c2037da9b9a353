//! Applying patches, on the machine.

use super::{
    Kind, LARGEST_SCRIPT, MAGIC, PatchError,
    script::{Instruction, Script},
};
use std::io::{self, Read};
use zstd::zstd_safe;

/// Begins to apply a patch: the archive of `size` bytes is what is then read.
///
/// `base` should be mapped, and may be: each byte is read in place. Memory holds the script, at
/// most [`LARGEST_SCRIPT`].
///
/// # Errors
/// The patch is none, or is damaged so that it shows at once. Any other damage shows while the
/// archive is read, as [`io::ErrorKind::InvalidData`] with a [`PatchError`] inside, or by its
/// digest.
pub fn apply<'a>(base: &'a [u8], patch: &[u8], size: u64) -> Result<Patched<'a>, PatchError> {
    let (start, frame) = patch.split_at_checked(MAGIC.len() + 1).ok_or(PatchError::NotAPatch)?;
    if start[..MAGIC.len()] != MAGIC {
        return Err(PatchError::NotAPatch);
    }
    let byte = start[MAGIC.len()];
    let kind = Kind::from_byte(byte).ok_or(PatchError::NewerKind(byte))?;
    let length = zstd_safe::get_frame_content_size(frame).ok().flatten();
    let length = length.ok_or(PatchError::Damaged("its frame does not say its length"))?;
    if length > LARGEST_SCRIPT {
        return Err(PatchError::TooLarge);
    }
    let script =
        Script::new(decompress(frame, length as usize, (kind == Kind::Dictionary).then_some(base))?)?;
    Ok(Patched { base, script, insert: 0..0, copy: &[], left: size })
}

/// Decompresses exactly one frame of exactly this length, in one go: nothing is allocated but the
/// result.
fn decompress(frame: &[u8], length: usize, dictionary: Option<&[u8]>) -> Result<Vec<u8>, PatchError> {
    if zstd_safe::find_frame_compressed_size(frame) != Ok(frame.len()) {
        return Err(PatchError::Damaged("it is cut off, or bytes follow its end"));
    }
    let damaged = |_| PatchError::Damaged("it cannot be decompressed");
    let mut context = zstd_safe::DCtx::create();
    if let Some(base) = dictionary {
        context.ref_prefix(base).map_err(damaged)?;
    }
    let mut script = Vec::with_capacity(length);
    let written = context.decompress(&mut script, frame).map_err(damaged)?;
    if written != length {
        return Err(PatchError::Damaged("it is shorter than it says"));
    }
    Ok(script)
}

/// An archive while it is made from its base and a patch.
#[derive(Debug)]
pub struct Patched<'a> {
    base: &'a [u8],
    script: Script,
    /// What the current instruction still inserts, and still copies.
    insert: std::ops::Range<usize>,
    copy: &'a [u8],
    /// Bytes that are still to come.
    left: u64,
}

impl Patched<'_> {
    fn next(&mut self) -> Result<bool, PatchError> {
        let Some(Instruction { insert, base, copy }) = self.script.next(self.base.len() as u64)? else {
            return match self.left {
                0 => Ok(false),
                _ => Err(PatchError::Damaged("it gives fewer bytes than the archive has")),
            };
        };
        let given = (insert.len() as u64).checked_add(copy);
        let left = given.and_then(|given| self.left.checked_sub(given));
        self.left = left.ok_or(PatchError::Damaged("it gives more bytes than the archive has"))?;
        self.insert = insert;
        // The script has checked that both lie within the base, which is in memory.
        self.copy = &self.base[base as usize..(base + copy) as usize];
        Ok(true)
    }
}

impl Read for Patched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.insert.is_empty() && self.copy.is_empty() {
            let more = self.next().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            if !more {
                return Ok(0);
            }
        }
        if !self.insert.is_empty() {
            let part = self.insert.len().min(buffer.len());
            let range = self.insert.start..self.insert.start + part;
            buffer[..part].copy_from_slice(self.script.text(range));
            self.insert.start += part;
            return Ok(part);
        }
        self.copy.read(buffer)
    }
}
