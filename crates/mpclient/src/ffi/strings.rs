//! Text to and from C: UTF-16 with a zero at the end.

use super::{memory, types::LPWSTR};
use crate::{Error, Hresult, error::Result};
use std::slice;

/// The longest text that is read, in units of UTF-16: what Windows takes for a path.
const LONGEST: usize = 32_767;

/// A text as C reads it. A zero inside would end it early, so it becomes the replacement character.
pub fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().map(|unit| if unit == 0 { 0xFFFD } else { unit }).chain([0]).collect()
}

/// A text in a block of its own, which `MpFreeMemory` frees.
///
/// # Errors
/// `E_OUTOFMEMORY`.
pub fn hand_out(text: &str) -> Result<LPWSTR> {
    let units = wide(text);
    let block = memory::allocate(size_of_val(&*units))?.cast::<u16>();
    // SAFETY: the block is new, aligned for every type, and as long as the units.
    unsafe { block.copy_from_nonoverlapping(std::ptr::NonNull::from(&*units).cast(), units.len()) };
    Ok(block.as_ptr())
}

/// A text that C passes; `None` for null.
///
/// # Errors
/// `ERROR_FILENAME_EXCED_RANGE` for one longer than any path, `E_INVALIDARG` for what is not UTF-16.
///
/// # Safety
/// The pointer is null or points to text with a zero at the end, all of it readable while this runs.
pub unsafe fn read(text: *const u16) -> Result<Option<String>> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: by this function's contract; no unit after the first zero is looked at.
    let Some(length) = (0..=LONGEST).find(|&at| unsafe { text.add(at).read() } == 0) else {
        return Err(Hresult::ERROR_FILENAME_EXCED_RANGE.into());
    };
    // SAFETY: so many units have just been read.
    let units = unsafe { slice::from_raw_parts(text, length) };
    let text = String::from_utf16(units).map_err(|_| Error::new(Hresult::E_INVALIDARG, "text is not UTF-16"));
    text.map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_ends_with_its_only_zero() {
        assert_eq!(wide(""), [0]);
        assert_eq!(wide("a\0ü🦀"), [0x61, 0xFFFD, 0xFC, 0xD83E, 0xDD80, 0]);
    }

    #[test]
    fn what_is_handed_out_is_the_text() {
        let text = hand_out("grün").unwrap();
        // SAFETY: `hand_out` gave five units.
        let units = unsafe { std::slice::from_raw_parts(text, 5) }.to_vec();
        assert_eq!(units, wide("grün"));
        // SAFETY: given out by `hand_out` and not freed yet.
        unsafe { memory::MpFreeMemory(text.cast()) };
    }

    #[test]
    fn what_c_passes_is_read_up_to_its_zero() {
        // SAFETY: each text has a zero at its end.
        let read = |units: &[u16]| unsafe { read(units.as_ptr()) }.map_err(|error| error.code);
        assert_eq!(read(&wide("grün🦀")), Ok(Some("grün🦀".to_owned())));
        assert_eq!(read(&[0, 1]), Ok(Some(String::new())));
        assert_eq!(read(&[0xD83E, 0]), Err(Hresult::E_INVALIDARG));
        let long = |length| [vec![0x61; length], vec![0]].concat();
        assert_eq!(read(&long(LONGEST)).map(|text| text.map(|text| text.len())), Ok(Some(LONGEST)));
        assert_eq!(read(&long(LONGEST + 1)), Err(Hresult::ERROR_FILENAME_EXCED_RANGE));
        // SAFETY: null is allowed.
        assert_eq!(unsafe { super::read(std::ptr::null()) }.map_err(|error| error.code), Ok(None));
    }
}
