//! Paths of files in a repository: what may be asked of a source, and how it reads in a URL.

use crate::SourceError;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// Longest path in bytes that is asked of any source.
const MAX_LENGTH: usize = 1024;

/// What a URL's path cannot hold as it is: RFC 3986 section 3.3, and the backslash, which URL
/// parsers take for a slash. `%` is kept: TUF clients hand over role names that are already
/// percent-encoded, and encoding them again would ask for another file.
const NOT_IN_A_URL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Refuses a path that could lead out of the repository on any kind of source.
pub(crate) fn check(path: &str) -> Result<(), SourceError> {
    match fault(path) {
        Some(reason) => Err(SourceError::UnsafePath { path: path.to_owned(), reason }),
        None => Ok(()),
    }
}

/// The path as it stands in a URL.
pub(crate) fn encode(path: &str) -> String {
    utf8_percent_encode(path, NOT_IN_A_URL).to_string()
}

fn fault(path: &str) -> Option<&'static str> {
    if path.len() > MAX_LENGTH {
        return Some("longer than 1024 bytes");
    }
    if path.contains(['\\', '\0']) {
        return Some("a backslash or a zero byte");
    }
    if path.starts_with('/') {
        return Some("absolute");
    }
    path.split('/').find_map(|segment| {
        // A URL parser takes `%2e` for a dot, so an encoded `..` is one too.
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        match plain.as_str() {
            "" => Some("an empty segment"),
            "." | ".." => Some("a relative segment"),
            // `c:x` names another drive on Windows.
            _ if plain.as_bytes().get(1) == Some(&b':') => Some("a drive letter"),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_leave_the_repository_are_refused() {
        let long = "a".repeat(1025);
        for path in [
            "",
            "/etc/passwd",
            "..",
            "a/../../b",
            "a/..",
            ".",
            "./a",
            "a//b",
            "a/",
            "%2e%2E/a",
            ".%2e",
            "c:/x",
            "C:x",
            "a\\..\\b",
            "a\0",
            &long,
        ] {
            assert!(matches!(check(path), Err(SourceError::UnsafePath { .. })), "{path:?} was taken");
        }
    }

    #[test]
    fn ordinary_and_encoded_names_are_taken() {
        for path in [
            "timestamp.json",
            "1.root.json",
            "antivirus/ab12.release.json",
            "1...%2Fdelegated.json",
            "1.%3F.json",
            "a b",
            "..a",
            "a..",
        ] {
            assert!(check(path).is_ok(), "{path:?} was refused");
        }
    }

    #[test]
    fn encoded_names_are_not_encoded_twice_and_others_cannot_become_a_query() {
        assert_eq!(encode("1.%3F.json"), "1.%3F.json");
        assert_eq!(encode("a b/ü?x#y"), "a%20b/%C3%BC%3Fx%23y");
    }
}
