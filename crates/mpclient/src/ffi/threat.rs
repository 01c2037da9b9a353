//! `MpThreatOpen`, `MpThreatEnumerate` and `MpThreatQuery`.

use super::{
    block::{Block, room_for, room_for_text},
    call,
    handles::{self, Object},
    pointer::Out,
    types::{
        ENUM, HRESULT, LPWSTR, MPHANDLE, MPRESOURCE_INFO, MPTHREAT_ID, MPTHREAT_INFO,
        MPTHREAT_LOCALIZED_INFO, PMPHANDLE, ULARGE_INTEGER,
    },
};
use crate::{
    Hresult,
    error::Result,
    numbers::{
        MP_RESOURCE_CLASS_CONCRETE, MP_THREAT_CATEGORY_UNKNOWN, MP_THREAT_DETECTION_CONCRETE,
        MP_THREAT_SEVERITY_UNKNOWN, MP_THREAT_STATUS_DETECTED, MPDETECTION_ORIGIN_UNKNOWN,
        MPDETECTION_STATE_ACTIVE, MPSOURCE_USER, MPTHREAT_TYPE_KNOWNBAD,
    },
    scan::FILE,
    threats::{Threat, ThreatType, check_source},
};
use std::{ptr, sync::Arc};

/// `HRESULT MpThreatOpen(MPHANDLE, MPTHREAT_SOURCE, MPTHREAT_TYPE, PMPHANDLE)`: see the header.
///
/// # Safety
/// `list` is null or good for writing a handle.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn MpThreatOpen(
    scan: MPHANDLE,
    source: ENUM,
    threat_type: ENUM,
    list: PMPHANDLE,
) -> HRESULT {
    call(|| {
        // SAFETY: by this function's contract.
        let out = unsafe { Out::new(list) }?;
        out.write(ptr::null_mut());
        let object = handles::get(scan)?;
        if !matches!(object, Object::Scan(_) | Object::Manager(_)) {
            return Err(Hresult::E_WIN_INVALID_HANDLE.into());
        }
        let wanted = ThreatType::from_number(threat_type)?;
        check_source(source)?;
        // A manager has no threats of a scan.
        let Object::Scan(scan) = object else { return Err(Hresult::E_WIN_INVALID_HANDLE.into()) };
        out.write(handles::insert(Object::Threats(Arc::new(scan.threats(wanted))))?);
        Ok(Hresult::S_OK)
    })
}

/// `HRESULT MpThreatEnumerate(MPHANDLE, PMPTHREAT_INFO *)`: see the header.
///
/// # Safety
/// `info` is null or good for writing a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn MpThreatEnumerate(list: MPHANDLE, info: *mut *mut MPTHREAT_INFO) -> HRESULT {
    call(|| {
        // SAFETY: by this function's contract.
        let out = unsafe { Out::new(info) }?;
        out.write(ptr::null_mut());
        let Object::Threats(list) = handles::get(list)? else {
            return Err(Hresult::E_WIN_INVALID_HANDLE.into());
        };
        let Some(threat) = list.next() else { return Ok(Hresult::S_FALSE) };
        out.write(found(&threat)?.give_out());
        Ok(Hresult::S_OK)
    })
}

/// `HRESULT MpThreatQuery(MPHANDLE, MPTHREAT_ID, PMPTHREAT_INFO *, PMPTHREAT_LOCALIZED_INFO *)`: see the
/// header.
///
/// # Safety
/// `info` and `words` are null or good for writing a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn MpThreatQuery(
    handle: MPHANDLE,
    id: MPTHREAT_ID,
    info: *mut *mut MPTHREAT_INFO,
    words: *mut *mut MPTHREAT_LOCALIZED_INFO,
) -> HRESULT {
    call(|| {
        // SAFETY: by this function's contract.
        let words = unsafe { Out::new(words) }.ok();
        if let Some(words) = &words {
            words.write(ptr::null_mut());
        }
        // SAFETY: by this function's contract.
        let out = unsafe { Out::new(info) }?;
        out.write(ptr::null_mut());
        let object = handles::get(handle)?;
        let threat = match &object {
            Object::Manager(_) => handles::all().iter().find_map(|object| known(object, id)),
            Object::Scan(_) | Object::Threats(_) => known(&object, id),
            Object::Update(_) => return Err(Hresult::E_WIN_INVALID_HANDLE.into()),
        };
        let threat = threat.ok_or(Hresult::ERROR_MP_THREAT_NOT_FOUND)?;
        // What a manager tells of a threat is the same wherever it was found.
        let of_manager = matches!(object, Object::Manager(_));
        let info = if of_manager { fixed(&threat) } else { found(&threat) }?;
        if let Some(words) = words {
            words.write(in_words(&threat)?.give_out());
        }
        out.write(info.give_out());
        Ok(Hresult::S_OK)
    })
}

/// The threat with this number, if this object knows of it.
fn known(object: &Object, id: MPTHREAT_ID) -> Option<Arc<Threat>> {
    match object {
        Object::Scan(scan) => scan.threat(id),
        Object::Threats(list) => list.find(id),
        Object::Manager(_) | Object::Update(_) => None,
    }
}

/// A threat as a scan has found it, with its files.
fn found(threat: &Threat) -> Result<Block> {
    let files = &threat.files;
    let size = room_for_fixed(threat)
        + room_for::<*mut MPRESOURCE_INFO>(files.len())
        + room_for::<MPRESOURCE_INFO>(files.len())
        + room_for_text(FILE)
        + files.iter().map(|file| room_for_text(file)).sum::<usize>();
    let mut block = Block::new(size)?;
    let place = block.place::<MPTHREAT_INFO>(1)?;
    let mut info = fixed_info(threat, &mut block)?;
    info.ThreatStatus = MP_THREAT_STATUS_DETECTED;
    info.State = MPDETECTION_STATE_ACTIVE;
    info.DetectionSource = MPSOURCE_USER;
    info.DetectionTime = ULARGE_INTEGER { QuadPart: threat.time };
    info.ThreatStatusTime = info.DetectionTime;
    let list = block.place::<*mut MPRESOURCE_INFO>(files.len())?;
    let resources = block.place::<MPRESOURCE_INFO>(files.len())?;
    let scheme = block.text(FILE)?;
    for (index, file) in files.iter().enumerate() {
        let resource =
            MPRESOURCE_INFO { Scheme: scheme, Path: block.text(file)?, Class: MP_RESOURCE_CLASS_CONCRETE };
        // SAFETY: the index is below the number of resources for which there is room.
        let place = unsafe { resources.add(index) };
        // SAFETY: as above; nothing else refers to the place.
        unsafe { place.write(resource) };
        // SAFETY: the list has room for as many pointers.
        unsafe { list.add(index).write(place.as_ptr()) };
    }
    // The list came from memory, so it has not more files than that.
    info.ResourceCount = files.len().try_into().unwrap_or(u32::MAX);
    info.ResourceList = list.as_ptr();
    // SAFETY: the place is the first piece of the block, and has room for the structure.
    unsafe { place.write(info) };
    Ok(block)
}

/// What is always true of a threat.
fn fixed(threat: &Threat) -> Result<Block> {
    let mut block = Block::new(room_for_fixed(threat))?;
    let place = block.place::<MPTHREAT_INFO>(1)?;
    let info = fixed_info(threat, &mut block)?;
    // SAFETY: the place is the first piece of the block, and has room for the structure.
    unsafe { place.write(info) };
    Ok(block)
}

fn room_for_fixed(threat: &Threat) -> usize {
    room_for::<MPTHREAT_INFO>(1) + room_for_text(threat.name()) + room_for_text("")
}

/// The fields that are always the same; the rest is zero. Text that is not known is empty, never null.
fn fixed_info(threat: &Threat, block: &mut Block) -> Result<MPTHREAT_INFO> {
    let name = block.text(threat.name())?;
    let empty = block.text("")?;
    Ok(MPTHREAT_INFO {
        ThreatID: threat.id,
        Name: name,
        ThreatType: MPTHREAT_TYPE_KNOWNBAD,
        ThreatCriticality: MP_THREAT_SEVERITY_UNKNOWN,
        ThreatCategory: MP_THREAT_CATEGORY_UNKNOWN,
        ThreatDetection: MP_THREAT_DETECTION_CONCRETE,
        DetectionUser: empty,
        ProcessName: empty,
        DetectionOrigin: MPDETECTION_ORIGIN_UNKNOWN,
        RemediationUser: empty,
        ..MPTHREAT_INFO::default()
    })
}

/// A threat in words.
fn in_words(threat: &Threat) -> Result<Block> {
    let words = threat.words();
    let texts = [
        words.category,
        words.category_description,
        words.severity,
        words.severity_description,
        &words.short_description,
        words.default_action,
        words.advice,
        words.url,
    ];
    let size = texts.iter().map(|text| room_for_text(text)).sum::<usize>();
    let mut block = Block::new(room_for::<MPTHREAT_LOCALIZED_INFO>(1) + size)?;
    let place = block.place::<MPTHREAT_LOCALIZED_INFO>(1)?;
    let mut placed: [LPWSTR; 8] = [ptr::null_mut(); 8];
    for (text, place) in texts.iter().zip(&mut placed) {
        *place = block.text(text)?;
    }
    let [category, category_is, severity, severity_is, description, action, advice, url] = placed;
    let info = MPTHREAT_LOCALIZED_INFO {
        ThreatID: threat.id,
        CategoryName: category,
        CategoryDescription: category_is,
        SeverityName: severity,
        SeverityDescription: severity_is,
        ShortDescription: description,
        DefaultActionName: action,
        Advice: advice,
        ThreatUrl: url,
    };
    // SAFETY: the place is the first piece of the block, and has room for the structure.
    unsafe { place.write(info) };
    Ok(block)
}
