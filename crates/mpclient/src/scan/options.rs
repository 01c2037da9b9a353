//! What a scan is asked for: its type and the bits of `MPSCAN_OPTION`.

use crate::{
    Error, Hresult,
    error::Result,
    numbers::{
        MPSCAN_OPTION_ARCHIVES, MPSCAN_OPTION_ASYNC, MPSCAN_OPTION_HEURISTICS, MPSCAN_OPTION_LOWPRIORITY,
        MPSCAN_OPTION_NOCONSOLIDATE, MPSCAN_OPTION_PACKEDEXES, MPSCAN_OPTION_PROGRESS,
        MPSCAN_OPTION_REPORTFRIENDLY, MPSCAN_OPTION_REPORTUNKNOWN, MPSCAN_TYPE_FULL, MPSCAN_TYPE_QUICK,
        MPSCAN_TYPE_RESOURCE,
    },
};

/// What a scan is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScanOptions {
    /// Whether starting it returns before it has ended.
    pub asynchronous: bool,
    /// Whether progress is told.
    pub progress: bool,
    /// Whether it uses one thread only.
    pub low_priority: bool,
}

/// Options that change nothing: definitions alone decide what is looked into and what is told, and
/// results are never put together with those of other scans.
const WITHOUT_EFFECT: u32 = MPSCAN_OPTION_PACKEDEXES
    | MPSCAN_OPTION_ARCHIVES
    | MPSCAN_OPTION_HEURISTICS
    | MPSCAN_OPTION_REPORTFRIENDLY
    | MPSCAN_OPTION_REPORTUNKNOWN
    | MPSCAN_OPTION_NOCONSOLIDATE;

impl ScanOptions {
    /// Reads the bits of `dwScanOptions`.
    ///
    /// # Errors
    /// `E_INVALIDARG` for an unknown bit.
    pub fn from_bits(bits: u32) -> Result<Self> {
        let known = MPSCAN_OPTION_ASYNC | MPSCAN_OPTION_PROGRESS | MPSCAN_OPTION_LOWPRIORITY | WITHOUT_EFFECT;
        if bits & !known != 0 {
            let message = format!("unknown options 0x{:X}", bits & !known);
            return Err(Error::new(Hresult::E_INVALIDARG, message));
        }
        Ok(Self {
            asynchronous: bits & MPSCAN_OPTION_ASYNC != 0,
            progress: bits & MPSCAN_OPTION_PROGRESS != 0,
            low_priority: bits & MPSCAN_OPTION_LOWPRIORITY != 0,
        })
    }
}

/// Accepts the type of a scan (`MPSCAN_TYPE`): resources are scanned.
///
/// # Errors
/// `ERROR_MP_NOT_SUPPORTED` for a quick and a full scan, `E_INVALIDARG` for everything else.
pub fn check_type(scan_type: u32) -> Result<()> {
    match scan_type {
        MPSCAN_TYPE_RESOURCE => Ok(()),
        MPSCAN_TYPE_QUICK | MPSCAN_TYPE_FULL => Err(Hresult::ERROR_MP_NOT_SUPPORTED.into()),
        _ => Err(Error::new(Hresult::E_INVALIDARG, format!("{scan_type} is no type of scans"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_option_is_taken_and_no_other() {
        for bit in (0..32).map(|shift| 1u32 << shift) {
            assert_eq!(ScanOptions::from_bits(bit).is_ok(), bit <= 0x100, "0x{bit:X}");
        }
        let options = ScanOptions { asynchronous: true, progress: false, low_priority: true };
        assert_eq!(ScanOptions::from_bits(0x1 | 0x4 | 0x10).unwrap(), options);
        assert_eq!(ScanOptions::from_bits(0x201).unwrap_err().code, Hresult::E_INVALIDARG);
    }

    #[test]
    fn only_resources_are_scanned() {
        let codes: Vec<_> = (0..5).map(|kind| check_type(kind).err().map(|error| error.code)).collect();
        let (wrong, unsupported) = (Some(Hresult::E_INVALIDARG), Some(Hresult::ERROR_MP_NOT_SUPPORTED));
        assert_eq!(codes, [wrong, unsupported, unsupported, None, wrong]);
    }
}
