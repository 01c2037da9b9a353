//! What an update is asked for: the bits of `MPUPDATE_OPTION`, as a value that can only be right.

use crate::{
    Error, Hresult,
    error::Result,
    numbers::{
        MPUPDATE_OPTION_ASYNC, MPUPDATE_OPTION_HTTP, MPUPDATE_OPTION_MANAGED, MPUPDATE_OPTION_PROGRESS,
        MPUPDATE_OPTION_UNC, MPUPDATE_OPTION_UNMANAGED,
    },
};
use booster_sources::SourceKind;

/// What an update is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UpdateOptions {
    /// Whether starting it returns before it has ended.
    pub asynchronous: bool,
    /// Whether progress is told.
    pub progress: bool,
    /// The only kind of source to ask; `None` for those configured, in their order.
    pub source: Option<SourceOption>,
}

/// A kind of source that the API names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceOption {
    /// Full packages over HTTP.
    Http,
    /// File shares, and folders, which is what a mounted share is.
    Unc,
    /// The organisation's update server (WSUS).
    Managed,
    /// The public update service.
    Unmanaged,
}

impl SourceOption {
    const ALL: [(u32, Self); 4] = [
        (MPUPDATE_OPTION_HTTP, Self::Http),
        (MPUPDATE_OPTION_UNC, Self::Unc),
        (MPUPDATE_OPTION_MANAGED, Self::Managed),
        (MPUPDATE_OPTION_UNMANAGED, Self::Unmanaged),
    ];

    /// The kinds of configured sources that it stands for.
    pub const fn kinds(self) -> &'static [SourceKind] {
        match self {
            Self::Http => &[SourceKind::Http],
            Self::Unc => &[SourceKind::Unc, SourceKind::Directory],
            Self::Managed => &[SourceKind::Managed],
            Self::Unmanaged => &[SourceKind::Unmanaged],
        }
    }
}

impl UpdateOptions {
    /// Reads the bits of `dwUpdateOptions`.
    ///
    /// # Errors
    /// `E_INVALIDARG` for an unknown bit, and for more than one kind of source.
    pub fn from_bits(bits: u32) -> Result<Self> {
        let mut unknown = bits & !(MPUPDATE_OPTION_ASYNC | MPUPDATE_OPTION_PROGRESS);
        let mut source = None;
        for (bit, kind) in SourceOption::ALL {
            if bits & bit != 0 && source.replace(kind).is_some() {
                return Err(Error::new(Hresult::E_INVALIDARG, "options name more than one kind of source"));
            }
            unknown &= !bit;
        }
        if unknown != 0 {
            return Err(Error::new(Hresult::E_INVALIDARG, format!("unknown options 0x{unknown:X}")));
        }
        Ok(Self {
            asynchronous: bits & MPUPDATE_OPTION_ASYNC != 0,
            progress: bits & MPUPDATE_OPTION_PROGRESS != 0,
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn async_and_progress_combine_with_at_most_one_source_and_nothing_else_does() {
        let mut allowed = 0;
        for bits in 0..0x100u32 {
            let sources = (bits & 0x3C).count_ones();
            let options = UpdateOptions::from_bits(bits);
            assert_eq!(options.is_ok(), sources <= 1 && bits < 0x40, "0x{bits:X}");
            allowed += u32::from(options.is_ok());
        }
        assert_eq!(allowed, 4 * 5);
        assert_eq!(UpdateOptions::from_bits(1 << 31).unwrap_err().code, Hresult::E_INVALIDARG);
        let options = UpdateOptions::from_bits(0x1 | 0x8).unwrap();
        let expected = UpdateOptions { asynchronous: true, progress: false, source: Some(SourceOption::Unc) };
        assert_eq!(options, expected);
    }
}
