//! The program's callback.

use super::types::{HRESULT, MPCALLBACK_DATA, MPCALLBACK_INFO, PVOID};

/// A function of the program, and the context that it wants back.
#[derive(Clone, Copy)]
pub struct Callback {
    function: unsafe extern "system" fn(PVOID, *mut MPCALLBACK_DATA) -> HRESULT,
    context: PVOID,
}

// SAFETY: the context is never looked at here, only handed back. That the program's function can be called
// with it on any thread is what a program promises by passing it, see `Callback::read`.
unsafe impl Send for Callback {}

impl Callback {
    /// Copies what C passes. `None` if there is nobody to call.
    ///
    /// # Safety
    /// The pointer is null or points to callback information; its handler can be called with its context
    /// on any thread until the operation is over or closed.
    pub unsafe fn read(info: *const MPCALLBACK_INFO) -> Option<Self> {
        // SAFETY: by this function's contract.
        let info = unsafe { info.as_ref() }?;
        Some(Self { function: info.CallbackHandler?, context: info.pContext })
    }

    /// Calls the program. What it returns means nothing.
    pub fn call(&self, data: &mut MPCALLBACK_DATA) {
        // SAFETY: by the contract of `read` the function takes the context; `data` is whole, and it and what
        // it points to live until the call returns.
        unsafe { (self.function)(self.context, data) };
    }
}
