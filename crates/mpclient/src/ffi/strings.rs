//! Text for C: UTF-16 with a zero at the end.

use super::{memory, types::LPWSTR};
use crate::error::Result;

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
}
