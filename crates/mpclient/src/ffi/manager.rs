//! Opening and closing: `MpManagerOpen` and `MpHandleClose`.

use super::{
    call,
    handles::{self, Closed, Object},
    library,
    pointer::Out,
    types::{DWORD, HRESULT, MPHANDLE, PMPHANDLE},
};
use crate::{Hresult, Manager};
use std::{ptr, sync::Arc};

/// `HRESULT MpManagerOpen(DWORD dwReserved, PMPHANDLE phMpHandle)`: see the header.
///
/// # Safety
/// `handle` is null or good for writing a handle.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn MpManagerOpen(reserved: DWORD, handle: PMPHANDLE) -> HRESULT {
    call(|| {
        // SAFETY: by this function's contract.
        let handle = unsafe { Out::new(handle) }?;
        handle.write(ptr::null_mut());
        if reserved != 0 {
            return Err(Hresult::E_INVALIDARG.into());
        }
        handle.write(handles::insert(Object::Manager(Arc::new(Manager::of_library(library::file))))?);
        Ok(Hresult::S_OK)
    })
}

/// `HRESULT MpHandleClose(MPHANDLE hMpHandle)`: see the header.
#[unsafe(no_mangle)]
pub extern "system" fn MpHandleClose(handle: MPHANDLE) -> HRESULT {
    call(|| {
        match handles::remove(handle)? {
            Closed::Object(Object::Manager(_) | Object::Threats(_)) | Closed::OfParent => {}
            Closed::Object(Object::Update(update)) => update.close(),
            Closed::Object(Object::Scan(scan)) => scan.close(),
        }
        Ok(Hresult::S_OK)
    })
}
