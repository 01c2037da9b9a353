//! The handle table: which number stands for which object.
//!
//! A handle is a number and never an address: a wrong, stale or invented one is looked up, not found
//! and refused. Numbers are never used twice, so a stale handle cannot come to mean something else.
//! The table's lock is held for look-ups only: objects are cloned out, and dropped, without it.

use super::types::MPHANDLE;
use crate::{Error, Hresult, Manager, error::Result, scan::Scan, threats::Threats, update::Update};
use std::{
    collections::BTreeMap,
    ffi::c_void,
    ptr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

#[cfg(not(target_pointer_width = "64"))]
compile_error!("the layouts of MpClient.h are those of 64-bit systems");

/// What a handle stands for.
#[derive(Clone)]
pub enum Object {
    /// From `MpManagerOpen`.
    Manager(Arc<Manager>),
    /// From `MpUpdateStart`.
    Update(Arc<Update>),
    /// From `MpScanStart`.
    Scan(Arc<Scan>),
    /// From `MpThreatOpen`.
    Threats(Arc<Threats>),
}

impl Object {
    /// Whether it is of use only in the process that made it, because threads belong to it.
    const fn is_operation(&self) -> bool {
        match self {
            Self::Manager(_) | Self::Threats(_) => false,
            Self::Update(_) | Self::Scan(_) => true,
        }
    }
}

/// What a closed handle stood for.
pub enum Closed {
    /// An object of this process.
    Object(Object),
    /// An operation of the process that this one was forked from. It is none of our business, and
    /// neither is its end: it stays in memory.
    OfParent,
}

/// All open handles.
pub struct Table {
    next: u64,
    entries: BTreeMap<u64, Entry>,
}

struct Entry {
    object: Object,
    /// The process that made it, as [`generation`] counts.
    process: u32,
}

/// Every handle lies above this. No program has such an address on x86-64 or AArch64, so a handle that
/// is taken for a pointer faults at once, and a pointer or a small number is no handle. In text, "MP".
const BASE: u64 = 0x4D50_0000_0000_0000;
/// The first number beyond those that handles may have.
const END: u64 = 0x4D51_0000_0000_0000;

static TABLE: Mutex<Table> = Mutex::new(Table { next: BASE + 1, entries: BTreeMap::new() });

/// Takes the table's lock, also when a panic has passed while it was held: every change is one step.
pub fn lock() -> MutexGuard<'static, Table> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn generation() -> u32 {
    #[cfg(unix)]
    {
        super::fork::keep();
        super::fork::generation()
    }
    #[cfg(not(unix))]
    0
}

/// Gives an object a handle.
///
/// # Errors
/// `E_OUTOFMEMORY` when all numbers have been used.
pub fn insert(object: Object) -> Result<MPHANDLE> {
    let entry = Entry { object, process: generation() };
    let mut table = lock();
    let number = table.next;
    if number >= END {
        // The entry is dropped after the lock.
        drop(table);
        return Err(Hresult::E_OUTOFMEMORY.into());
    }
    table.next += 1;
    table.entries.insert(number, entry);
    Ok(to_handle(number))
}

/// The object that a handle stands for.
///
/// # Errors
/// `E_WIN_INVALID_HANDLE` for whatever is no open handle of this process.
pub fn get(handle: MPHANDLE) -> Result<Object> {
    let process = generation();
    let table = lock();
    match table.entries.get(&to_number(handle)) {
        Some(entry) if entry.process == process || !entry.object.is_operation() => Ok(entry.object.clone()),
        _ => Err(invalid()),
    }
}

/// The manager that a handle stands for.
///
/// # Errors
/// `E_WIN_INVALID_HANDLE` for a handle of another kind, and for whatever is no open handle.
pub fn manager(handle: MPHANDLE) -> Result<Arc<Manager>> {
    match get(handle)? {
        Object::Manager(manager) => Ok(manager),
        _ => Err(invalid()),
    }
}

/// Everything that this process has a handle for and can use.
pub fn all() -> Vec<Object> {
    let process = generation();
    let table = lock();
    let usable = |entry: &&Entry| entry.process == process || !entry.object.is_operation();
    table.entries.values().filter(usable).map(|entry| entry.object.clone()).collect()
}

/// Forgets a handle, and gives what it stood for to be closed.
///
/// # Errors
/// `E_WIN_INVALID_HANDLE` for whatever is no open handle.
pub fn remove(handle: MPHANDLE) -> Result<Closed> {
    let process = generation();
    let Some(entry) = lock().entries.remove(&to_number(handle)) else { return Err(invalid()) };
    if entry.process != process && entry.object.is_operation() {
        // Its threads are in the other process, so its end would wait for ever.
        std::mem::forget(entry);
        return Ok(Closed::OfParent);
    }
    Ok(Closed::Object(entry.object))
}

fn invalid() -> Error {
    Hresult::E_WIN_INVALID_HANDLE.into()
}

fn to_handle(number: u64) -> MPHANDLE {
    ptr::without_provenance_mut::<c_void>(number as usize)
}

fn to_number(handle: MPHANDLE) -> u64 {
    handle.addr() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object() -> Object {
        Object::Manager(Arc::new(Manager::open()))
    }

    #[test]
    fn a_handle_works_until_it_is_closed_and_never_again() {
        let handle = insert(object()).unwrap();
        assert!(manager(handle).is_ok());
        assert!(matches!(remove(handle), Ok(Closed::Object(Object::Manager(_)))));
        assert_eq!(manager(handle).unwrap_err().code, Hresult::E_WIN_INVALID_HANDLE);
        assert_eq!(remove(handle).err().map(|error| error.code), Some(Hresult::E_WIN_INVALID_HANDLE));
    }

    #[test]
    fn numbers_are_never_used_twice_and_never_null_or_minus_one() {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..1000 {
            let handle = insert(object()).unwrap();
            assert!(seen.insert(to_number(handle)));
            remove(handle).unwrap();
        }
        assert!(seen.iter().all(|&number| number > BASE && number < END));
    }

    #[test]
    fn an_object_outlives_its_handle_while_a_call_uses_it() {
        let handle = insert(object()).unwrap();
        let in_use = manager(handle).unwrap();
        remove(handle).unwrap();
        assert!(Arc::strong_count(&in_use) == 1);
    }
}
