//! The program's callback.

use super::types::{HRESULT, MPCALLBACK_DATA, MPCALLBACK_INFO, PVOID};
use std::sync::mpsc;

/// A function of the program, and the context that it wants back.
pub struct Callback {
    function: unsafe extern "system" fn(PVOID, *mut MPCALLBACK_DATA) -> HRESULT,
    context: PVOID,
    /// What its first call waits for.
    gate: Option<mpsc::Receiver<()>>,
}

/// Keeps a callback from being called for as long as it lives.
pub struct Gate {
    _closed: mpsc::Sender<()>,
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
    pub unsafe fn read(info: *const MPCALLBACK_INFO) -> (Option<Self>, Gate) {
        let (closed, gate) = mpsc::channel();
        // SAFETY: by this function's contract.
        let info = unsafe { info.as_ref() };
        let callback = info.and_then(|info| {
            Some(Self { function: info.CallbackHandler?, context: info.pContext, gate: Some(gate) })
        });
        (callback, Gate { _closed: closed })
    }

    /// Calls the program, once its gate is open. What it returns means nothing.
    pub fn call(&mut self, data: &mut MPCALLBACK_DATA) {
        if let Some(gate) = self.gate.take() {
            // Nothing is ever sent: it returns when the other end is gone.
            _ = gate.recv();
        }
        // SAFETY: by the contract of `read` the function takes the context; `data` is whole, and it and what
        // it points to live until the call returns.
        unsafe { (self.function)(self.context, data) };
    }
}
