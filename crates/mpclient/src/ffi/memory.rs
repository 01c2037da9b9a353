//! Memory that programs own: given out by this library, freed with `MpFreeMemory`.
//!
//! A block comes from the C allocator and is freed whole. A structure that points to text holds that
//! text in the same block, so that one call frees all of it.

use super::types::PVOID;
use crate::{Hresult, error::Result};
use std::ptr::NonNull;

/// A block for `size` bytes that C frees, aligned for every type of the API.
///
/// # Errors
/// `E_OUTOFMEMORY`.
pub fn allocate(size: usize) -> Result<NonNull<u8>> {
    // SAFETY: malloc takes any size; no size is zero, so that null always means failure.
    let block = unsafe { libc::malloc(size.max(1)) };
    NonNull::new(block.cast()).ok_or_else(|| Hresult::E_OUTOFMEMORY.into())
}

/// `void MpFreeMemory(PVOID pMemory)`: see the header.
///
/// # Safety
/// Null, or a block that this library gave out and that has not been freed.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn MpFreeMemory(memory: PVOID) {
    // SAFETY: by this function's contract the block is from `allocate`, or null, which free passes over.
    unsafe { libc::free(memory) }
}
