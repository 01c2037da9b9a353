//! What starting an update and starting a scan have in common.

use super::{
    callback::Gate,
    handles::{self, Object},
    pointer::Out,
    types::MPHANDLE,
};
use crate::{Hresult, error::Result, scan::Scan, update::Update};
use std::{ptr, sync::Arc};

/// Something that has been started, and ends.
pub trait Operation {
    /// Waits for its end and for its handler to have heard of it.
    fn wait(&self) -> Result<Hresult>;
    /// Lets go of it.
    fn close(&self);
}

impl Operation for Update {
    fn wait(&self) -> Result<Hresult> {
        self.wait()
    }

    fn close(&self) {
        self.close();
    }
}

impl Operation for Scan {
    fn wait(&self) -> Result<Hresult> {
        self.wait()
    }

    fn close(&self) {
        self.close();
    }
}

/// Gives a started operation its handle, and waits for its end unless it is asynchronous.
///
/// The handle is there before the gate opens for the first callback: whoever is called may use it. A
/// failure leaves none.
pub fn hand_out<O: Operation>(
    operation: O,
    object: fn(Arc<O>) -> Object,
    asynchronous: bool,
    out: &Out<MPHANDLE>,
    gate: Gate,
) -> Result<Hresult> {
    let operation = Arc::new(operation);
    let inserted = handles::insert(object(Arc::clone(&operation)));
    if let Ok(handle) = inserted {
        out.write(handle);
    }
    // Also without a handle: closing waits for a callback that waits here.
    drop(gate);
    let handle = inserted?;
    if asynchronous {
        return Ok(Hresult::S_OK);
    }
    let result = operation.wait();
    if result.is_err() {
        out.write(ptr::null_mut());
        // A callback may have closed it already.
        if handles::remove(handle).is_ok() {
            operation.close();
        }
    }
    result
}
