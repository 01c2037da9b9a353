//! Where this library lies.

use std::path::PathBuf;

/// The file that this code was loaded from: the shared library, or the program that the static library
/// was linked into.
#[cfg(unix)]
pub fn file() -> Option<PathBuf> {
    use std::{ffi::CStr, mem::MaybeUninit, os::unix::ffi::OsStrExt as _};
    let mut about = MaybeUninit::<libc::Dl_info>::uninit();
    let here = file as *const () as *const libc::c_void;
    // SAFETY: dladdr takes any address, and `about` is good for writing its answer.
    if unsafe { libc::dladdr(here, about.as_mut_ptr()) } == 0 {
        return None;
    }
    // SAFETY: dladdr has said that it filled the answer in.
    let about = unsafe { about.assume_init() };
    if about.dli_fname.is_null() {
        return None;
    }
    // SAFETY: a name that is not null is text that lives as long as the library is loaded, and this code
    // is part of it.
    let name = unsafe { CStr::from_ptr(about.dli_fname) };
    // The name is as the loader was told: it may be relative, or a link to where the library lies.
    std::fs::canonicalize(std::ffi::OsStr::from_bytes(name.to_bytes())).ok()
}

/// Not known here: what is looked for beside the library is found beside the program or in `PATH`.
#[cfg(not(unix))]
pub fn file() -> Option<PathBuf> {
    None
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    #[test]
    fn code_that_is_linked_into_a_program_lies_in_it() {
        assert_eq!(super::file(), Some(std::env::current_exe().unwrap().canonicalize().unwrap()));
    }
}
