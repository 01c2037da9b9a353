//! The API's types as C lays them out on 64-bit systems.
//!
//! Order and types of the fields are documented by Microsoft; sizes and offsets follow from them and
//! are asserted here and, the same, in the header. Enumerations are 32 bits wide and come in as plain
//! numbers, because C programs can pass any. Structures that are copied to a program whole have their
//! padding as fields: what lies between fields would else be whatever was in memory before.
#![allow(non_camel_case_types, non_snake_case, clippy::upper_case_acronyms)]
// Programs read and write every field, this library only some.
#![allow(dead_code)]

use crate::numbers::{MP_MAX_SUGGESTIONS, MP_THREAT_STAT_MAX_VALUE, MPCOMPONENT_MAXVALUE};
use std::{
    ffi::c_void,
    mem::{offset_of, size_of},
};

pub type DWORD = u32;
pub type UINT = u32;
pub type ULONGLONG = u64;
pub type BOOL = i32;
pub type HRESULT = i32;
pub type PVOID = *mut c_void;
pub type LPWSTR = *mut u16;
/// An enumeration of the API.
pub type ENUM = u32;

pub type MPHANDLE = *mut c_void;
pub type PMPHANDLE = *mut MPHANDLE;
pub type MPTHREAT_ID = u32;

/// 64 bits as one number; C sees a union with its two halves.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ULARGE_INTEGER {
    pub QuadPart: u64,
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GUID {
    pub Data1: u32,
    pub Data2: u16,
    pub Data3: u16,
    pub Data4: [u8; 8],
}

/// The function that a program wants to be called.
pub type MPCALLBACK_HANDLER = Option<unsafe extern "system" fn(PVOID, *mut MPCALLBACK_DATA) -> HRESULT>;

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct MPCALLBACK_INFO {
    pub CallbackHandler: MPCALLBACK_HANDLER,
    pub pContext: PVOID,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct MPCALLBACK_DATA {
    pub Notify: ENUM,
    pub hResult: HRESULT,
    pub TimeStamp: ULARGE_INTEGER,
    pub Type: ENUM,
    pub Data: MPCALLBACK_DATA_UNION,
}

/// Pointers, each to the data of one `Type`; those that this library never gives are left out.
#[repr(C)]
#[derive(Clone, Copy)]
pub union MPCALLBACK_DATA_UNION {
    pub pSigUpdateData: *mut MPSIGUPDATE_DATA,
    pub pScanData: *mut MPSCAN_DATA,
    pub pAny: PVOID,
}

impl std::fmt::Debug for MPCALLBACK_DATA_UNION {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("pointer")
    }
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct MPSIGUPDATE_DATA {
    pub dwPercentComplete: DWORD,
    pub dwTotalUpdates: DWORD,
    pub dwCurrentUpdateIndex: DWORD,
    pub eType: ENUM,
    pub Stage: ENUM,
    pub Path: LPWSTR,
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MPCOMPONENT_VERSION {
    pub Version: ULONGLONG,
    pub UpdateTime: ULARGE_INTEGER,
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MPVERSION_INFO {
    pub Product: MPCOMPONENT_VERSION,
    pub Service: MPCOMPONENT_VERSION,
    pub FileSystemFilter: MPCOMPONENT_VERSION,
    pub Engine: MPCOMPONENT_VERSION,
    pub ASSignature: MPCOMPONENT_VERSION,
    pub AVSignature: MPCOMPONENT_VERSION,
    pub NISEngine: MPCOMPONENT_VERSION,
    pub NISSignature: MPCOMPONENT_VERSION,
    pub Reserved: [MPCOMPONENT_VERSION; 4],
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MPTHREAT_STATS {
    pub ThreatCount: UINT,
    pub SuspiciousThreatCount: UINT,
    pub Reserved: [UINT; 4],
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MPRESOURCE_STATS {
    pub PPMProgress: DWORD,
    pub padding: u32,
    pub ProcessCount: u64,
    pub FileCount: u64,
    pub FileBytesCount: u64,
    pub RegKeyCount: u64,
    pub Reserved: [u64; 4],
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MPSCAN_RESULT {
    pub ScanType: ENUM,
    pub Source: ENUM,
    pub ScanGuid: GUID,
    pub StartTime: ULARGE_INTEGER,
    pub EndTime: ULARGE_INTEGER,
    pub ThreatStats: MPTHREAT_STATS,
    pub ResourceStats: MPRESOURCE_STATS,
    pub SignatureVersion: ULONGLONG,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct MPRESOURCE_INFO {
    pub Scheme: LPWSTR,
    pub Path: LPWSTR,
    pub Class: ENUM,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct MPSCAN_RESOURCES {
    pub dwResourceCount: DWORD,
    pub pResourceList: *mut MPRESOURCE_INFO,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct MPSCAN_DATA {
    pub ScanType: ENUM,
    pub ResourceInfo: *mut MPRESOURCE_INFO,
    pub ResourceStats: MPRESOURCE_STATS,
    pub ThreatStats: MPTHREAT_STATS,
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MPTHREAT_STATS_DATA {
    pub dwThreatCount: DWORD,
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MPCOMPONENT_STATUS {
    pub fEnable: BOOL,
    pub hResult: HRESULT,
}

/// Detection states that are counted.
pub const STATES: usize = MP_THREAT_STAT_MAX_VALUE as usize + 1;
/// Components that have a status.
pub const COMPONENTS: usize = MPCOMPONENT_MAXVALUE as usize + 1;

#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MPSTATUS_INFO {
    pub ProductStatus: DWORD,
    pub padding: u32,
    pub LastQuickScan: MPSCAN_RESULT,
    pub LastFullScan: MPSCAN_RESULT,
    pub ThreatStats: MPTHREAT_STATS,
    pub ThreatState: [MPTHREAT_STATS_DATA; STATES],
    pub Component: [MPCOMPONENT_STATUS; COMPONENTS],
    pub padding_2: u32,
    pub ProductExpirationTime: ULARGE_INTEGER,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct MPTHREAT_INFO {
    pub ThreatID: MPTHREAT_ID,
    pub DetectionID: GUID,
    pub Name: LPWSTR,
    pub ThreatType: ENUM,
    pub ThreatCriticality: ENUM,
    pub ThreatCategory: ENUM,
    pub ThreatShortDescriptionID: DWORD,
    pub ThreatAdviseDescriptionID: DWORD,
    pub ThreatStatus: ENUM,
    pub SuggestedActionCount: DWORD,
    pub SuggestedActionArray: [ENUM; MP_MAX_SUGGESTIONS as usize],
    pub ResourceCount: DWORD,
    pub ResourceList: *mut *mut MPRESOURCE_INFO,
    pub ThreatStatusTime: ULARGE_INTEGER,
    pub ThreatStatusCode: HRESULT,
    pub ThreatDetection: ENUM,
    pub QuarantineGuid: GUID,
    pub ExecutionStatus: ENUM,
    /// A union of pointers in C.
    pub Data: PVOID,
    pub State: ENUM,
    pub DetectionUser: LPWSTR,
    pub DetectionSource: ENUM,
    pub ProcessName: LPWSTR,
    pub DetectionOrigin: ENUM,
    pub reserved1: DWORD,
    pub DetectionTime: ULARGE_INTEGER,
    pub PreExecutionStatus: ENUM,
    pub RemediationTime: ULARGE_INTEGER,
    pub PostExecutionStatus: ENUM,
    pub CriticalFailure: BOOL,
    pub NonCriticalReason: DWORD,
    pub RemediationUser: LPWSTR,
    pub RemediationResourceCount: DWORD,
    pub RemediationResourceList: *mut *mut MPRESOURCE_INFO,
    pub FailureResolved: BOOL,
    pub ResolvedReason: ENUM,
    pub AdditionalActions: DWORD,
    pub ResolvedActions: DWORD,
    pub dwThreatStatusFlag: DWORD,
}

impl Default for MPTHREAT_INFO {
    /// Zeros and null pointers.
    fn default() -> Self {
        // SAFETY: every field is a number or a pointer, or made of such, and for all of them zeros are a
        // value.
        unsafe { std::mem::zeroed() }
    }
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct MPTHREAT_LOCALIZED_INFO {
    pub ThreatID: MPTHREAT_ID,
    pub CategoryName: LPWSTR,
    pub CategoryDescription: LPWSTR,
    pub SeverityName: LPWSTR,
    pub SeverityDescription: LPWSTR,
    pub ShortDescription: LPWSTR,
    pub DefaultActionName: LPWSTR,
    pub Advice: LPWSTR,
    pub ThreatUrl: LPWSTR,
}

/// Asserts a type's size and the offsets of its fields.
macro_rules! layout {
    ($($type:ident: $size:literal { $($field:ident @ $offset:literal),* })*) => {
        $(const _: () = {
            assert!(size_of::<$type>() == $size);
            $(assert!(offset_of!($type, $field) == $offset);)*
        };)*
    };
}

layout! {
    ULARGE_INTEGER: 8 { QuadPart @ 0 }
    GUID: 16 { Data4 @ 8 }
    MPCALLBACK_INFO: 16 { CallbackHandler @ 0, pContext @ 8 }
    MPCALLBACK_DATA: 32 { Notify @ 0, hResult @ 4, TimeStamp @ 8, Type @ 16, Data @ 24 }
    MPSIGUPDATE_DATA: 32 {
        dwPercentComplete @ 0, dwTotalUpdates @ 4, dwCurrentUpdateIndex @ 8, eType @ 12, Stage @ 16, Path @ 24
    }
    MPCOMPONENT_VERSION: 16 { Version @ 0, UpdateTime @ 8 }
    MPVERSION_INFO: 192 {
        Product @ 0, Service @ 16, FileSystemFilter @ 32, Engine @ 48, ASSignature @ 64, AVSignature @ 80,
        NISEngine @ 96, NISSignature @ 112, Reserved @ 128
    }
    MPTHREAT_STATS: 24 { ThreatCount @ 0, SuspiciousThreatCount @ 4, Reserved @ 8 }
    MPRESOURCE_STATS: 72 {
        PPMProgress @ 0, ProcessCount @ 8, FileCount @ 16, FileBytesCount @ 24, RegKeyCount @ 32, Reserved @ 40
    }
    MPSCAN_RESULT: 144 {
        ScanType @ 0, Source @ 4, ScanGuid @ 8, StartTime @ 24, EndTime @ 32, ThreatStats @ 40,
        ResourceStats @ 64, SignatureVersion @ 136
    }
    MPRESOURCE_INFO: 24 { Scheme @ 0, Path @ 8, Class @ 16 }
    MPSCAN_RESOURCES: 16 { dwResourceCount @ 0, pResourceList @ 8 }
    MPSCAN_DATA: 112 { ScanType @ 0, ResourceInfo @ 8, ResourceStats @ 16, ThreatStats @ 88 }
    MPTHREAT_STATS_DATA: 4 { dwThreatCount @ 0 }
    MPCOMPONENT_STATUS: 8 { fEnable @ 0, hResult @ 4 }
    MPSTATUS_INFO: 448 {
        ProductStatus @ 0, LastQuickScan @ 8, LastFullScan @ 152, ThreatStats @ 296, ThreatState @ 320,
        Component @ 348, ProductExpirationTime @ 440
    }
    MPTHREAT_INFO: 280 {
        ThreatID @ 0, DetectionID @ 4, Name @ 24, ThreatType @ 32, ThreatCriticality @ 36, ThreatCategory @ 40,
        ThreatShortDescriptionID @ 44, ThreatAdviseDescriptionID @ 48, ThreatStatus @ 52,
        SuggestedActionCount @ 56, SuggestedActionArray @ 60, ResourceCount @ 92, ResourceList @ 96,
        ThreatStatusTime @ 104, ThreatStatusCode @ 112, ThreatDetection @ 116, QuarantineGuid @ 120,
        ExecutionStatus @ 136, Data @ 144, State @ 152, DetectionUser @ 160, DetectionSource @ 168,
        ProcessName @ 176, DetectionOrigin @ 184, reserved1 @ 188, DetectionTime @ 192,
        PreExecutionStatus @ 200, RemediationTime @ 208, PostExecutionStatus @ 216, CriticalFailure @ 220,
        NonCriticalReason @ 224, RemediationUser @ 232, RemediationResourceCount @ 240,
        RemediationResourceList @ 248, FailureResolved @ 256, ResolvedReason @ 260, AdditionalActions @ 264,
        ResolvedActions @ 268, dwThreatStatusFlag @ 272
    }
    MPTHREAT_LOCALIZED_INFO: 72 { ThreatID @ 0, CategoryName @ 8, ThreatUrl @ 64 }
}
