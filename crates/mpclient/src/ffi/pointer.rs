//! What C programs pass to be filled: pointers that may be null.

use crate::{Error, Hresult, error::Result};
use std::ptr::NonNull;

/// Where a result goes. It is not null, and what lies there need not be a value yet.
pub struct Out<T>(NonNull<T>);

impl<T> Out<T> {
    /// Takes a pointer from C.
    ///
    /// # Errors
    /// `E_POINTER` for null.
    ///
    /// # Safety
    /// A pointer that is not null is aligned and good for writing a `T` for as long as this lives.
    pub unsafe fn new(pointer: *mut T) -> Result<Self> {
        NonNull::new(pointer).map(Self).ok_or_else(|| Error::from(Hresult::E_POINTER))
    }

    /// Puts a value there; what was there before is not looked at.
    pub fn write(&self, value: T) {
        // SAFETY: by the contract of `new` the place is aligned and good for writing.
        unsafe { self.0.write(value) }
    }
}
