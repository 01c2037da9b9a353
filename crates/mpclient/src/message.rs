//! The sentence for a code: ours, else the system's, else that nobody knows it.

use crate::Hresult;

/// What a code means, in a sentence for people. Never empty.
pub fn of(code: Hresult) -> String {
    if let Some(known) = code.known() {
        return known.sentence.to_owned();
    }
    let system = code.win32().and_then(system_text);
    system.unwrap_or_else(|| unknown(code))
}

fn unknown(code: Hresult) -> String {
    let outcome = if code.is_failure() { "an error" } else { "a success" };
    match code.win32() {
        Some(number) => format!("{code} is the Win32 error {number}, for which there is no text here."),
        None => format!("{code} is not a known code; it stands for {outcome}."),
    }
}

/// The system's own words for a Win32 error number.
#[cfg(windows)]
fn system_text(number: u16) -> Option<String> {
    Some(words(std::io::Error::from_raw_os_error(i32::from(number))))
}

/// The system's own words for a Win32 error number that has a counterpart among its error numbers.
#[cfg(unix)]
fn system_text(number: u16) -> Option<String> {
    COUNTERPARTS
        .iter()
        .find(|(win32, _)| *win32 == number)
        .map(|&(_, errno)| words(std::io::Error::from_raw_os_error(errno)))
}

/// An error's text as a sentence, without the number that Rust adds.
fn words(error: std::io::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" (os error ").map_or(text.as_str(), |(words, _)| words);
    format!("{}.", text.trim_end_matches(['.', '\r', '\n', ' ']))
}

/// Win32 error numbers that have no sentence of ours, and the POSIX ones that mean the same.
#[cfg(unix)]
const COUNTERPARTS: &[(u16, i32)] = &[
    (8, libc::ENOMEM),           // ERROR_NOT_ENOUGH_MEMORY
    (17, libc::EXDEV),           // ERROR_NOT_SAME_DEVICE
    (33, libc::EAGAIN),          // ERROR_LOCK_VIOLATION
    (50, libc::EOPNOTSUPP),      // ERROR_NOT_SUPPORTED
    (145, libc::ENOTEMPTY),      // ERROR_DIR_NOT_EMPTY
    (170, libc::EBUSY),          // ERROR_BUSY
    (183, libc::EEXIST),         // ERROR_ALREADY_EXISTS
    (267, libc::ENOTDIR),        // ERROR_DIRECTORY
    (1142, libc::EMLINK),        // ERROR_TOO_MANY_LINKS
    (1231, libc::ENETUNREACH),   // ERROR_NETWORK_UNREACHABLE
    (1232, libc::EHOSTUNREACH),  // ERROR_HOST_UNREACHABLE
    (10013, libc::EACCES),       // WSAEACCES
    (10048, libc::EADDRINUSE),   // WSAEADDRINUSE
    (10054, libc::ECONNRESET),   // WSAECONNRESET
    (10060, libc::ETIMEDOUT),    // WSAETIMEDOUT
    (10061, libc::ECONNREFUSED), // WSAECONNREFUSED
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_code_has_our_sentence() {
        let text = of(Hresult::ERROR_INSTALL_ALREADY_RUNNING);
        assert!(text.starts_with("Another update is running"), "{text}");
    }

    #[test]
    fn every_known_code_has_a_sentence_and_a_system_one_does_not_hide_it() {
        for code in crate::hresult::all() {
            assert_eq!(of(code.hresult), code.sentence);
        }
        #[cfg(unix)]
        for (win32, _) in COUNTERPARTS {
            assert_eq!(Hresult::from_win32(*win32).known(), None, "{win32} has a sentence of ours");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_code_of_the_system_has_the_systems_words() {
        assert_eq!(of(Hresult::from_win32(145)), "Directory not empty.");
    }

    #[test]
    fn an_unknown_code_says_so_and_names_its_number() {
        for (bits, expected) in [
            (0x8A5B_0001, "0x8A5B0001 is not a known code; it stands for an error."),
            (0x0000_0002, "0x00000002 is not a known code; it stands for a success."),
        ] {
            assert_eq!(of(Hresult::from_bits(bits)), expected);
        }
        #[cfg(unix)]
        assert_eq!(
            of(Hresult::from_win32(7777)),
            "0x80071E61 is the Win32 error 7777, for which there is no text here."
        );
    }
}
