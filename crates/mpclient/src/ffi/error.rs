//! `MpErrorMessageFormat`.

use super::{
    call, handles,
    pointer::Out,
    strings,
    types::{HRESULT, LPWSTR, MPHANDLE},
};
use crate::{Hresult, message};
use std::ptr;

/// `HRESULT MpErrorMessageFormat(MPHANDLE hMpHandle, HRESULT hrError, LPWSTR *pwszErrorDesc)`: see the
/// header.
///
/// # Safety
/// `description` is null or good for writing a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn MpErrorMessageFormat(
    manager: MPHANDLE,
    error: HRESULT,
    description: *mut LPWSTR,
) -> HRESULT {
    call(|| {
        // SAFETY: by this function's contract.
        let description = unsafe { Out::new(description) }?;
        description.write(ptr::null_mut());
        handles::manager(manager)?;
        description.write(strings::hand_out(&message::of(Hresult::from(error)))?);
        Ok(Hresult::S_OK)
    })
}
