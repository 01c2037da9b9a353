//! Making patches, at the publisher.

use super::{
    Kind, LARGEST_ARCHIVE, LARGEST_DICTIONARY, LARGEST_SCRIPT, MAGIC,
    lines::Index,
    script::{Copy, copies, encode},
};
use std::io::{self, Write as _};

/// How much time a patch is worth. With the base as dictionary, level 19 makes a patch smaller by an
/// eighth than level 12 (21 versions of a real rule set), and takes ten times as long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// For a base that few machines have.
    Quick,
    /// For a base that most machines have: 0.3 s for each MB of the base.
    Thorough,
}

impl Effort {
    const fn dictionary_level(self) -> i32 {
        match self {
            Self::Quick => 12,
            Self::Thorough => 19,
        }
    }

    /// Long texts are mostly hashes, which gain nothing from high levels.
    const fn plain_level(self, script: usize) -> i32 {
        match (self, script) {
            (_, ..=0x10_0000) => 19,
            (Self::Thorough, ..=0x40_0000) => 12,
            _ => 3,
        }
    }
}

/// Fewest bytes that are worth a copy from anywhere: with the base as dictionary, zstd copies from
/// anywhere as well.
const WORTH_FAR: usize = 96;
const WORTH_FAR_WITH_DICTIONARY: usize = 400;

/// Makes the smallest patch that turns `base` into `new`, the same each time. Nothing where one
/// of the two is larger than [`LARGEST_ARCHIVE`], or where so much is new that the script would be
/// larger than [`LARGEST_SCRIPT`].
///
/// # Errors
/// What the compressor says, such as that there is not enough memory.
pub fn make(base: &[u8], new: &[u8], effort: Effort) -> io::Result<Option<Vec<u8>>> {
    if base.len().max(new.len()) as u64 > LARGEST_ARCHIVE {
        return Ok(None);
    }
    let index = Index::new(base);
    let plain = copies(base, new, &index, WORTH_FAR);
    let mut made = vec![plain_patch(&encode(&plain, new), effort)?];
    if base.len() <= LARGEST_DICTIONARY {
        let found = copies(base, new, &index, WORTH_FAR_WITH_DICTIONARY);
        made.push(dictionary_patch(&encode(&found, new), base, effort)?);
        // Where lines find little, bytes may find more: then zstd is given all of it.
        if covered(&found) < new.len() / 2 {
            made.push(dictionary_patch(&encode(&[], new), base, Effort::Quick)?);
        }
    }
    Ok(made.into_iter().flatten().min_by_key(Vec::len))
}

fn covered(copies: &[Copy]) -> usize {
    copies.iter().map(|copy| copy.length).sum()
}

fn plain_patch(script: &[u8], effort: Effort) -> io::Result<Option<Vec<u8>>> {
    if script.len() as u64 > LARGEST_SCRIPT {
        return Ok(None);
    }
    let encoder = zstd::Encoder::new(start(Kind::Plain), effort.plain_level(script.len()))?;
    finish(encoder, script, script.len())
}

fn dictionary_patch(script: &[u8], base: &[u8], effort: Effort) -> io::Result<Option<Vec<u8>>> {
    if script.len() as u64 > LARGEST_SCRIPT {
        return Ok(None);
    }
    let level = effort.dictionary_level();
    let encoder = zstd::Encoder::with_ref_prefix(start(Kind::Dictionary), level, base)?;
    finish(encoder, script, script.len() + base.len())
}

fn start(kind: Kind) -> Vec<u8> {
    let mut patch = MAGIC.to_vec();
    patch.push(kind as u8);
    patch
}

/// Compresses into one frame that says its content's length, with a window over everything
/// (`reach`): then zstd writes a frame of a single segment, in which the whole dictionary can be
/// referred to from first to last.
fn finish(
    mut encoder: zstd::Encoder<'_, Vec<u8>>,
    script: &[u8],
    reach: usize,
) -> io::Result<Option<Vec<u8>>> {
    encoder.set_pledged_src_size(Some(script.len() as u64))?;
    encoder.include_contentsize(true)?;
    encoder.include_checksum(false)?;
    encoder.window_log((usize::BITS - reach.saturating_sub(1).leading_zeros()).max(10))?;
    encoder.write_all(script)?;
    encoder.finish().map(Some)
}
