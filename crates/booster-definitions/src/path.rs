//! Paths inside a release: relative, portable, and safe to join to any folder.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{borrow::Borrow, fmt, str::FromStr};

/// Longest path in bytes: what is left of Windows' 260 after a data folder of ordinary length.
const MAX_LENGTH: usize = 200;
/// Deepest nesting of folders.
const MAX_DEPTH: usize = 12;

/// A path of a file inside a release: `/`-separated, relative, and the same file on every system.
///
/// Joining one to a folder never leaves that folder: absolute paths, `.` and `..`, drive letters,
/// streams, device names and characters that some file system refuses cannot be made into one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DefinitionPath(String);

impl DefinitionPath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form in which two paths that some file system takes for one are equal.
    pub fn case_folded(&self) -> String {
        self.0.to_lowercase()
    }
}

impl fmt::Display for DefinitionPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl AsRef<std::path::Path> for DefinitionPath {
    fn as_ref(&self) -> &std::path::Path {
        self.0.as_ref()
    }
}

impl Borrow<str> for DefinitionPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A path that no release may hold, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unsafe path {path:?} in a release: {reason}")]
pub struct UnsafePath {
    /// The path as it was written.
    pub path: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl FromStr for DefinitionPath {
    type Err = UnsafePath;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        let refuse = |reason| Err(UnsafePath { path: path.to_owned(), reason });
        if path.len() > MAX_LENGTH {
            return refuse("longer than 200 bytes");
        }
        if path.starts_with('/') {
            return refuse("absolute");
        }
        if path.split('/').count() > MAX_DEPTH {
            return refuse("more than 12 folders deep");
        }
        match path.split('/').find_map(component_fault) {
            Some(reason) => refuse(reason),
            None => Ok(Self(path.to_owned())),
        }
    }
}

/// Why one component of a path is not portable, if it is not.
///
/// The reserved names and characters are those of Microsoft's "Naming Files, Paths, and
/// Namespaces".
fn component_fault(component: &str) -> Option<&'static str> {
    match component {
        "" => return Some("an empty component"),
        "." | ".." => return Some("a relative component"),
        _ => {}
    }
    if component.chars().any(|c| c.is_control() || "\\:*?\"<>|".contains(c)) {
        return Some("a character that is not portable");
    }
    if component.ends_with(['.', ' ']) {
        return Some("a component that ends in a dot or a space");
    }
    let stem = component.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let numbered = |name: &str| {
        stem.strip_prefix(name).is_some_and(|n| n.len() == 1 && n.as_bytes()[0].is_ascii_digit())
    };
    if ["CON", "PRN", "AUX", "NUL"].contains(&stem.as_str()) || numbered("COM") || numbered("LPT") {
        return Some("a device name");
    }
    None
}

impl Serialize for DefinitionPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for DefinitionPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portable_paths_are_taken() {
        for path in [
            "a.yar",
            "rules/apt/x y.yar",
            "selftest/must-detect/eicar.b64",
            "ünïcode.yar",
            "console.yar",
            "com.yar",
        ] {
            assert_eq!(path.parse::<DefinitionPath>().unwrap().as_str(), path);
        }
    }

    #[test]
    fn paths_that_leave_the_folder_or_differ_between_systems_are_refused() {
        let long = "a/".repeat(12) + "b";
        let wide = "a".repeat(201);
        for path in [
            "",
            "/etc/passwd",
            "../a",
            "a/../b",
            "./a",
            "a//b",
            "a/",
            "c:/x",
            "a\\b",
            "file:stream",
            "a\nb",
            "nul\0",
            "x.",
            "x ",
            "CON",
            "con.yar",
            "aux /x",
            "com1.txt",
            "LPT9",
            "a*b",
            "a?b",
            &long,
            &wide,
        ] {
            assert!(path.parse::<DefinitionPath>().is_err(), "{path:?} was taken");
        }
    }
}
