//! A patch: an archive told as a script over an older one.
//!
//! Definitions change by lines: some come, some go, nearly all stay. A patch is a script of
//! "insert this text, then copy so many bytes of the base from there", compressed with zstd; where
//! the base is small, the text is compressed with the base as dictionary as well, since new lines
//! are mostly like old ones. `docs/formats.md` has the format to the byte, and
//! `docs/decisions/0003-patches-are-line-scripts.md` the measurements.
//!
//! [`make`] promises the same bytes for the same two archives. [`apply`] promises bounded memory
//! and bounded work whatever the patch holds: it ends with the archive, or with an error, and never
//! gives more bytes than were asked for. Neither looks at digests: who applies a patch knows the
//! base's and the result's from signed metadata, and checks both.
//!
//! ```
//! use booster_definitions::patch::{Effort, apply, make};
//! use std::io::Read;
//!
//! let base = "rule a { condition: false }\n".repeat(100);
//! let new = base.replacen("false", "true", 1);
//! let patch = make(base.as_bytes(), new.as_bytes(), Effort::Thorough)?.expect("these are small");
//! assert!(patch.len() < 60);
//! let mut result = String::new();
//! apply(base.as_bytes(), &patch, new.len() as u64)?.read_to_string(&mut result)?;
//! assert_eq!(result, new);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod apply;
mod lines;
mod make;
mod script;

pub use apply::{Patched, apply};
pub use make::{Effort, make};

/// The first bytes of every patch; the kind follows.
const MAGIC: [u8; 3] = *b"bpt";

/// Largest archive, as base or as result, that patches are made for: positions fit into 32 bits.
pub const LARGEST_ARCHIVE: u64 = 1 << 30;

/// Largest script in bytes before compression. A machine holds it in memory while it applies the
/// patch; where the script would be larger, the archive compressed whole is the better way.
pub const LARGEST_SCRIPT: u64 = 16 << 20;

/// Largest base that serves as dictionary: the publisher's time and memory grow with it. A machine
/// reads only the parts that the text refers to, so it has no limit of its own.
const LARGEST_DICTIONARY: usize = 16 << 20;

/// What the script is compressed with; the numbers are part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing but itself.
    Plain = 1,
    /// The base, as a raw dictionary.
    Dictionary = 2,
}

impl Kind {
    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Plain),
            2 => Some(Self::Dictionary),
            _ => None,
        }
    }
}

/// Why a patch cannot be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The first bytes are not those of a patch.
    #[error("this is not a patch")]
    NotAPatch,
    /// A kind that came after this build.
    #[error("the patch is of kind {0}, which this build does not know: install a newer Booster")]
    NewerKind(u8),
    /// The script says that it is larger than any that a publisher makes.
    #[error("the patch's script is larger than {LARGEST_SCRIPT} bytes")]
    TooLarge,
    /// The bytes are not what was made, or not made against this base.
    #[error("the patch is damaged, or was made for another archive: {0}")]
    Damaged(&'static str),
}

#[cfg(test)]
mod tests;
