//! Signals, as far as a library must care: a broken pipe must not end the program that uses it.
//!
//! Rust's own programs ignore `SIGPIPE`, those in C are ended by it. The threads that write to the
//! engine's worker and to servers hold it back; the error that comes in its place is dealt with. The
//! program's own threads, and those that call its handlers, keep what the program has chosen.

/// Holds `SIGPIPE` back on this thread, and on those that it starts. Child processes begin without that.
#[cfg(unix)]
pub(crate) fn survive_broken_pipes() {
    let mut set = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the set is made before it is read, the signal's number is a valid one, and the old mask is
    // not asked for. None of the three can fail then.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGPIPE);
        libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut());
    }
}

/// There is no such signal.
#[cfg(not(unix))]
pub(crate) fn survive_broken_pipes() {}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::io::{ErrorKind, Write as _};

    #[test]
    fn a_thread_of_a_program_in_c_gets_an_error_for_a_broken_pipe_and_lives() {
        // As a program in C has it; Rust's tests ignore the signal.
        // SAFETY: no handler is installed, and the signal's number is a valid one.
        let before = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let writing = std::thread::spawn(|| {
            survive_broken_pipes();
            let (reader, mut writer) = std::io::pipe().unwrap();
            drop(reader);
            writer.write_all(b"nobody reads this").unwrap_err().kind()
        });
        let kind = writing.join().unwrap();
        // SAFETY: as above; what was set before is set again.
        unsafe { libc::signal(libc::SIGPIPE, before) };
        assert_eq!(kind, ErrorKind::BrokenPipe);
    }
}
