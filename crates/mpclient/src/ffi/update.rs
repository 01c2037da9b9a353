//! `MpUpdateStart` and `MpUpdateControl`.

use super::{
    call,
    callback::Callback,
    handles::{self, Object},
    operation,
    pointer::Out,
    strings,
    types::{
        DWORD, ENUM, HRESULT, MPCALLBACK_DATA, MPCALLBACK_DATA_UNION, MPCALLBACK_INFO, MPHANDLE,
        MPSIGUPDATE_DATA, PMPHANDLE, ULARGE_INTEGER,
    },
};
use crate::{
    Error, Hresult,
    delivery::Handler,
    numbers::{MPCALLBACK_SIGUPDATE, MPCONTROL_ABORT},
    update::{Notification, UpdateOptions},
};
use std::ptr;

/// `HRESULT MpUpdateStart(MPHANDLE, DWORD, PMPCALLBACK_INFO, PMPHANDLE)`: see the header.
///
/// # Safety
/// `callback` is null or points to callback information; its handler can be called with its context on
/// any thread until the update is over or closed. `update` is null or good for writing a handle, for as
/// long as this function runs.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn MpUpdateStart(
    manager: MPHANDLE,
    options: DWORD,
    callback: *const MPCALLBACK_INFO,
    update: PMPHANDLE,
) -> HRESULT {
    call(|| {
        // SAFETY: by this function's contract.
        let out = unsafe { Out::new(update) }?;
        out.write(ptr::null_mut());
        let manager = handles::manager(manager)?;
        let options = UpdateOptions::from_bits(options)?;
        // SAFETY: by this function's contract.
        let (callback, gate) = unsafe { Callback::read(callback) };
        let started = manager.start_update(options, callback.map(handler))?;
        operation::hand_out(started, Object::Update, options.asynchronous, &out, gate)
    })
}

/// `HRESULT MpUpdateControl(MPHANDLE, MPCONTROL)`: see the header.
#[unsafe(no_mangle)]
pub extern "system" fn MpUpdateControl(update: MPHANDLE, control: ENUM) -> HRESULT {
    call(|| {
        let Object::Update(update) = handles::get(update)? else {
            return Err(Hresult::E_WIN_INVALID_HANDLE.into());
        };
        if control != MPCONTROL_ABORT {
            return Err(Error::new(Hresult::E_INVALIDARG, "an update can only be aborted"));
        }
        update.abort()?;
        Ok(Hresult::S_OK)
    })
}

/// A handler that calls the program.
fn handler(mut callback: Callback) -> Handler<Notification> {
    let (mut told, mut path) = (String::new(), strings::wide(""));
    Box::new(move |notification| {
        // Most notifications tell of the same path as the one before.
        if told != notification.path {
            told.clone_from(&notification.path);
            path = strings::wide(&told);
        }
        let mut data = MPSIGUPDATE_DATA {
            dwPercentComplete: notification.percent,
            dwTotalUpdates: notification.total,
            dwCurrentUpdateIndex: notification.index,
            eType: notification.source,
            Stage: notification.stage,
            Path: path.as_mut_ptr(),
        };
        callback.call(&mut MPCALLBACK_DATA {
            Notify: notification.notify,
            hResult: notification.result.code(),
            TimeStamp: ULARGE_INTEGER { QuadPart: notification.time },
            Type: MPCALLBACK_SIGUPDATE,
            Data: MPCALLBACK_DATA_UNION { pSigUpdateData: &raw mut data },
        });
    })
}
