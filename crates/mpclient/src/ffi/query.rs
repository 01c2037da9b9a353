//! What is installed and how it is: `MpManagerVersionQuery`, `MpManagerStatusQuery` and
//! `MpManagerStatusQueryEx`.

use super::{
    call, handles,
    pointer::Out,
    types::{
        COMPONENTS, DWORD, HRESULT, MPCOMPONENT_STATUS, MPCOMPONENT_VERSION, MPHANDLE, MPSTATUS_INFO,
        MPVERSION_INFO, ULARGE_INTEGER,
    },
};
use crate::{
    Hresult, filetime,
    numbers::{
        MP_STATUS_QUERY_FLAG_NOSTATE, MP_STATUS_QUERY_FLAGS_NONE, MPCOMPONENT_AS_SIGNATURE,
        MPCOMPONENT_AV_SIGNATURE,
    },
    status::{ComponentState, Status},
    version::{ComponentVersion, Versions},
};

/// `HRESULT MpManagerVersionQuery(MPHANDLE hMpHandle, PMPVERSION_INFO pVersionInfo)`: see the header.
///
/// # Safety
/// `info` is null or good for writing a structure.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn MpManagerVersionQuery(manager: MPHANDLE, info: *mut MPVERSION_INFO) -> HRESULT {
    call(|| {
        // SAFETY: by this function's contract.
        let info = unsafe { Out::new(info) }?;
        info.write(MPVERSION_INFO::default());
        info.write(handles::manager(manager)?.versions()?.into());
        Ok(Hresult::S_OK)
    })
}

/// `HRESULT MpManagerStatusQuery(MPHANDLE hMpHandle, PMPSTATUS_INFO pStatusInfo)`: see the header.
///
/// # Safety
/// `info` is null or good for writing a structure.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn MpManagerStatusQuery(manager: MPHANDLE, info: *mut MPSTATUS_INFO) -> HRESULT {
    // SAFETY: this function has the other's contract.
    unsafe { MpManagerStatusQueryEx(manager, MP_STATUS_QUERY_FLAGS_NONE, info) }
}

/// `HRESULT MpManagerStatusQueryEx(MPHANDLE hMpHandle, DWORD dwFlag, PMPSTATUS_INFO pStatusInfo)`: see
/// the header.
///
/// # Safety
/// `info` is null or good for writing a structure.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn MpManagerStatusQueryEx(
    manager: MPHANDLE,
    flag: DWORD,
    info: *mut MPSTATUS_INFO,
) -> HRESULT {
    call(|| {
        // SAFETY: by this function's contract.
        let info = unsafe { Out::new(info) }?;
        info.write(MPSTATUS_INFO::default());
        let manager = handles::manager(manager)?;
        // No state of threats is kept, so leaving it out changes nothing.
        if !matches!(flag, MP_STATUS_QUERY_FLAGS_NONE | MP_STATUS_QUERY_FLAG_NOSTATE) {
            return Err(Hresult::E_INVALIDARG.into());
        }
        info.write(manager.status()?.into());
        Ok(Hresult::S_OK)
    })
}

impl From<ComponentVersion> for MPCOMPONENT_VERSION {
    fn from(component: ComponentVersion) -> Self {
        Self {
            Version: component.version.to_u64(),
            UpdateTime: ULARGE_INTEGER { QuadPart: filetime::from_optional(component.updated) },
        }
    }
}

impl From<Versions> for MPVERSION_INFO {
    fn from(versions: Versions) -> Self {
        let installed = |component: Option<ComponentVersion>| component.map(Into::into).unwrap_or_default();
        Self {
            Product: versions.product.into(),
            Service: versions.service.into(),
            Engine: versions.engine.into(),
            ASSignature: installed(versions.antispyware),
            AVSignature: installed(versions.antivirus),
            NISSignature: installed(versions.nis),
            ..Self::default()
        }
    }
}

impl From<Status> for MPSTATUS_INFO {
    fn from(status: Status) -> Self {
        let absent = MPCOMPONENT_STATUS { fEnable: 0, hResult: Hresult::ERROR_MP_NOT_SUPPORTED.code() };
        let mut components = [absent; COMPONENTS];
        components[MPCOMPONENT_AV_SIGNATURE as usize] = status.antivirus.into();
        components[MPCOMPONENT_AS_SIGNATURE as usize] = status.antispyware.into();
        Self { ProductStatus: status.flags, Component: components, ..Self::default() }
    }
}

impl From<ComponentState> for MPCOMPONENT_STATUS {
    fn from(state: ComponentState) -> Self {
        let (enabled, code) = match state {
            ComponentState::Absent => (false, Hresult::ERROR_MP_NOENGINE),
            ComponentState::InUse => (true, Hresult::S_OK),
            ComponentState::Damaged => (true, Hresult::ERROR_MP_BAD_GLOBAL_STORAGE),
        };
        Self { fEnable: enabled.into(), hResult: code.code() }
    }
}
