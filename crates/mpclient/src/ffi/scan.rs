//! `MpScanStart` and `MpScanControl`.

use super::{
    call,
    callback::Callback,
    handles::{self, Object},
    operation,
    pointer::Out,
    strings,
    types::{
        DWORD, ENUM, HRESULT, MPCALLBACK_DATA, MPCALLBACK_DATA_UNION, MPCALLBACK_INFO, MPHANDLE,
        MPRESOURCE_INFO, MPRESOURCE_STATS, MPSCAN_DATA, MPSCAN_RESOURCES, MPTHREAT_STATS, PMPHANDLE,
        ULARGE_INTEGER,
    },
};
use crate::{
    Error, Hresult,
    delivery::Handler,
    error::Result,
    numbers::{
        MP_RESOURCE_CLASS_CONCRETE, MP_RESOURCE_CLASS_UNKNOWN, MPCALLBACK_SCAN, MPCONTROL_ABORT,
        MPCONTROL_PAUSE, MPCONTROL_RESUME, MPNOTIFY_SCAN_INFECTED, MPPROGRESS_INVALID, MPSCAN_TYPE_RESOURCE,
    },
    scan::{FILE, Notification, ScanOptions, Statistics, check_type, path_of},
};
use std::{path::PathBuf, ptr, slice};

/// The most resources of one scan: a larger number is a mistake, and would be read as a length.
const MOST_RESOURCES: DWORD = 0x1_0000;

/// `HRESULT MpScanStart(MPHANDLE, MPSCAN_TYPE, DWORD, PMPSCAN_RESOURCES, PMPCALLBACK_INFO, PMPHANDLE)`: see
/// the header.
///
/// # Safety
/// `resources` is null or points to resources as [`read_paths`] wants them. `callback` is null or points
/// to callback information; its handler can be called with its context on any thread until the scan is
/// over or closed. `scan` is null or good for writing a handle, for as long as this function runs.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn MpScanStart(
    manager: MPHANDLE,
    scan_type: ENUM,
    options: DWORD,
    resources: *const MPSCAN_RESOURCES,
    callback: *const MPCALLBACK_INFO,
    scan: PMPHANDLE,
) -> HRESULT {
    call(|| {
        // SAFETY: by this function's contract.
        let out = unsafe { Out::new(scan) }?;
        out.write(ptr::null_mut());
        let manager = handles::manager(manager)?;
        check_type(scan_type)?;
        let options = ScanOptions::from_bits(options)?;
        // SAFETY: by this function's contract.
        let paths = unsafe { read_paths(resources) }?;
        // SAFETY: by this function's contract.
        let (callback, gate) = unsafe { Callback::read(callback) };
        let started = manager.start_scan(&paths, options, callback.map(handler))?;
        operation::hand_out(started, Object::Scan, options.asynchronous, &out, gate)
    })
}

/// `HRESULT MpScanControl(MPHANDLE, MPCONTROL)`: see the header.
#[unsafe(no_mangle)]
pub extern "system" fn MpScanControl(scan: MPHANDLE, control: ENUM) -> HRESULT {
    call(|| {
        let scan = match handles::get(scan)? {
            Object::Scan(scan) => scan,
            // That would be the system's own scan, and there is none.
            Object::Manager(_) => return Err(Hresult::ERROR_MP_NOT_SUPPORTED.into()),
            _ => return Err(Hresult::E_WIN_INVALID_HANDLE.into()),
        };
        match control {
            MPCONTROL_ABORT => scan.abort()?,
            MPCONTROL_PAUSE => scan.pause()?,
            MPCONTROL_RESUME => scan.resume()?,
            _ => return Err(Error::new(Hresult::E_INVALIDARG, format!("{control} is no control"))),
        }
        Ok(Hresult::S_OK)
    })
}

/// The paths of what is to be scanned.
///
/// # Errors
/// `E_POINTER` for a null pointer, `E_INVALIDARG` for no resources, or more than [`MOST_RESOURCES`], and
/// those of [`strings::read`] and [`path_of`].
///
/// # Safety
/// The pointer is null or points to resources; their list is null or has as many entries as they say,
/// and each text is null or has a zero at its end, all readable while this runs.
unsafe fn read_paths(resources: *const MPSCAN_RESOURCES) -> Result<Vec<PathBuf>> {
    // SAFETY: by this function's contract.
    let resources = unsafe { resources.as_ref() }.ok_or(Hresult::E_POINTER)?;
    let count = resources.dwResourceCount;
    if !(1..=MOST_RESOURCES).contains(&count) {
        return Err(Error::new(Hresult::E_INVALIDARG, format!("{count} resources cannot be scanned")));
    }
    if resources.pResourceList.is_null() {
        return Err(Hresult::E_POINTER.into());
    }
    // SAFETY: the list is not null, and by this function's contract it has that many entries.
    let list = unsafe { slice::from_raw_parts(resources.pResourceList, count as usize) };
    let read = |resource: &MPRESOURCE_INFO| {
        // SAFETY: by this function's contract.
        let scheme = unsafe { strings::read(resource.Scheme) }?.unwrap_or_default();
        // SAFETY: by this function's contract.
        let path = unsafe { strings::read(resource.Path) }?.ok_or(Hresult::E_POINTER)?;
        path_of(&scheme, &path)
    };
    list.iter().map(read).collect()
}

/// A handler that calls the program.
fn handler(mut callback: Callback) -> Handler<Notification> {
    Box::new(move |notification| {
        let file = notification.file.as_deref();
        let mut scheme = strings::wide(file.map_or("", |_| FILE));
        let mut path = strings::wide(file.unwrap_or_default());
        let infected = notification.notify == MPNOTIFY_SCAN_INFECTED;
        let mut resource = MPRESOURCE_INFO {
            Scheme: scheme.as_mut_ptr(),
            Path: path.as_mut_ptr(),
            Class: if infected { MP_RESOURCE_CLASS_CONCRETE } else { MP_RESOURCE_CLASS_UNKNOWN },
        };
        let mut data = MPSCAN_DATA {
            ScanType: MPSCAN_TYPE_RESOURCE,
            ResourceInfo: &raw mut resource,
            ResourceStats: notification.statistics.into(),
            ThreatStats: MPTHREAT_STATS {
                ThreatCount: notification.statistics.threats,
                ..MPTHREAT_STATS::default()
            },
        };
        callback.call(&mut MPCALLBACK_DATA {
            Notify: notification.notify,
            hResult: notification.result.code(),
            TimeStamp: ULARGE_INTEGER { QuadPart: notification.time },
            Type: MPCALLBACK_SCAN,
            Data: MPCALLBACK_DATA_UNION { pScanData: &raw mut data },
        });
    })
}

impl From<Statistics> for MPRESOURCE_STATS {
    fn from(statistics: Statistics) -> Self {
        Self {
            PPMProgress: statistics.progress.unwrap_or(MPPROGRESS_INVALID),
            FileCount: statistics.files,
            FileBytesCount: statistics.bytes,
            ..Self::default()
        }
    }
}
