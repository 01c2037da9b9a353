//! One block of memory for a structure and everything that it points to, so that one `MpFreeMemory`
//! frees all of it.

use super::{memory, strings, types::LPWSTR};
use crate::{Hresult, error::Result};
use std::ptr::NonNull;

/// Every piece begins at a multiple of this, which is enough for every type of the API.
const ALIGNMENT: usize = 8;

/// The bytes that a piece takes.
const fn room(bytes: usize) -> usize {
    bytes.next_multiple_of(ALIGNMENT)
}

/// The bytes that `count` values take.
pub const fn room_for<T>(count: usize) -> usize {
    room(size_of::<T>() * count)
}

/// The bytes that a text takes.
pub fn room_for_text(text: &str) -> usize {
    room(size_of_val(&*strings::wide(text)))
}

/// A block that is being filled. It is freed unless it is given out.
pub struct Block {
    start: NonNull<u8>,
    size: usize,
    used: usize,
}

impl Block {
    /// A block of zeros.
    ///
    /// # Errors
    /// `E_OUTOFMEMORY`.
    pub fn new(size: usize) -> Result<Self> {
        let start = memory::allocate(size)?;
        // SAFETY: the block is new and so large.
        unsafe { start.write_bytes(0, size) };
        Ok(Self { start, size, used: 0 })
    }

    /// Room for `count` values behind what there is already: zeros.
    ///
    /// # Errors
    /// `E_UNEXPECTED` when the block was made too small.
    pub fn place<T>(&mut self, count: usize) -> Result<NonNull<T>> {
        const { assert!(align_of::<T>() <= ALIGNMENT) };
        let end = self.used + room_for::<T>(count);
        if end > self.size {
            return Err(Hresult::E_UNEXPECTED.into());
        }
        // SAFETY: the place lies in the block, as has just been seen, and is aligned, as every piece is.
        let place = unsafe { self.start.add(self.used) };
        self.used = end;
        Ok(place.cast())
    }

    /// Puts a text behind what there is already.
    ///
    /// # Errors
    /// As [`Block::place`].
    pub fn text(&mut self, text: &str) -> Result<LPWSTR> {
        let units = strings::wide(text);
        let place = self.place::<u16>(units.len())?;
        // SAFETY: the place has room for so many units, and is not part of them.
        unsafe { place.copy_from_nonoverlapping(NonNull::from(&*units).cast(), units.len()) };
        Ok(place.as_ptr())
    }

    /// Gives the block out, to be freed with `MpFreeMemory`. Its first piece must be a `T`.
    pub fn give_out<T>(self) -> *mut T {
        let start = self.start;
        std::mem::forget(self);
        start.cast().as_ptr()
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: the block is from `allocate`, and was not given out.
        unsafe { memory::MpFreeMemory(self.start.as_ptr().cast()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_lie_behind_each_other_and_a_block_that_is_too_small_says_so() {
        let size = room_for::<u32>(3) + room_for_text("ab") + room_for::<u64>(1);
        let mut block = Block::new(size).unwrap();
        let numbers = block.place::<u32>(3).unwrap().as_ptr().addr();
        let text = block.text("ab").unwrap();
        let number = block.place::<u64>(1).unwrap().as_ptr().addr();
        assert_eq!((text.addr() - numbers, number - text.addr()), (16, 8));
        // SAFETY: the text has been placed with its zero.
        assert_eq!(unsafe { strings::read(text) }.unwrap().as_deref(), Some("ab"));
        assert_eq!(block.place::<u8>(1).unwrap_err().code, Hresult::E_UNEXPECTED);
    }
}
