//! What a fork means: the child finds the handle table unlocked, and knows that it is another process.
//!
//! A fork copies memory and one thread. A lock that another thread holds at that moment would stay
//! locked in the child for ever, so the forking thread takes the table's lock around the fork. The
//! threads of running operations do not exist in the child; a count of forks tells such operations
//! from the child's own.

use super::handles;
use std::{
    cell::UnsafeCell,
    sync::{
        MutexGuard,
        atomic::{AtomicU32, Ordering},
    },
};

/// How many forks lie between this process and the one that loaded the library.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// Tells this process from its forked children; equal for whatever one process makes.
pub fn generation() -> u32 {
    FORKS.load(Ordering::Relaxed)
}

/// The table's lock while a fork is going on.
struct Held(UnsafeCell<Option<MutexGuard<'static, handles::Table>>>);

// SAFETY: only `prepare`, `parent` and `child` touch the cell, and only between taking the table's lock
// and giving it back: the lock itself keeps two threads apart. The guard is dropped by the thread that
// took it, or by its copy in the child.
unsafe impl Sync for Held {}

static HELD: Held = Held(UnsafeCell::new(None));

extern "C" fn prepare() {
    let guard = handles::lock();
    // SAFETY: this thread holds the table's lock, see `Held`.
    unsafe { *HELD.0.get() = Some(guard) };
}

extern "C" fn parent() {
    // SAFETY: the lock that `prepare` took is still held, see `Held`.
    let guard = unsafe { (*HELD.0.get()).take() };
    drop(guard);
}

extern "C" fn child() {
    FORKS.fetch_add(1, Ordering::Relaxed);
    parent();
}

/// Runs when the library is loaded, before any of its functions can: later, a fork could fall between
/// the first use of the table and the registration.
extern "C" fn register() {
    // SAFETY: the handlers are functions of this library that call nothing but the allocator, which the
    // system keeps usable around a fork. The C library forgets them when this library is unloaded. The
    // call can fail only by want of memory, and then a fork is as dangerous as it is without handlers.
    unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) };
}

// SAFETY: the section is an array of functions that the loader calls once each, and `register` needs
// nothing that is not there before `main`: no thread, no thread-local, no standard stream.
#[used]
#[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
#[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
static REGISTER: extern "C" fn() = register;

/// Keeps [`REGISTER`] in programs that link the static library, from which a linker takes only what is
/// referred to.
pub fn keep() {
    std::hint::black_box(&REGISTER);
}
