//! The C ABI: checks pointers, looks handles up, calls the safe twin, converts.
//!
//! All `unsafe` of this crate is below this module, each with the reason why it is sound. What every
//! exported function promises to C: no panic leaves it, no wrong handle or null pointer harms, and
//! where it fails, what it gives out is null.

mod block;
mod callback;
mod error;
#[cfg(unix)]
mod fork;
mod handles;
mod library;
mod manager;
mod memory;
mod operation;
mod pointer;
mod query;
mod scan;
mod strings;
mod threat;
mod types;
mod update;

use crate::{Error, Hresult, error::Result};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs the body of an exported function: its result as a code, and no panic.
fn call(body: impl FnOnce() -> Result<Hresult>) -> types::HRESULT {
    // A panic leaves nothing half done that anybody could see: what is shared is behind locks that are
    // taken again whatever happened while they were held.
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(code)) => code.code(),
        Ok(Err(Error { code, .. })) => code.code(),
        Err(_) => Hresult::E_UNEXPECTED.code(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_code() {
        assert_eq!(call(|| panic!("a fault on purpose")), Hresult::E_UNEXPECTED.code());
        assert_eq!(call(|| Ok(Hresult::S_FALSE)), 1);
        assert_eq!(call(|| Err(Hresult::E_POINTER.into())), Hresult::E_POINTER.code());
    }
}
