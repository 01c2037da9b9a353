//! What a definition file is, told by its place and its extension.

use crate::DefinitionPath;

/// What a definition file is to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    /// YARA source: `.yar`, `.yara`.
    Yara,
    /// Hashes of malware in ClamAV's text formats: `.hdb` (MD5), `.hsb` (SHA-1, SHA-256).
    HashList,
    /// Hashes of known-good files in the same formats: `.fp` (MD5), `.sfp` (SHA-1, SHA-256).
    KnownGood,
    /// A file that the new set must, or must not, flag.
    SelfTest(SelfTest),
    /// Anything else: carried untouched for other engines.
    Other,
}

/// What a self-test file demands of the new set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SelfTest {
    /// Below `selftest/must-detect/`.
    MustDetect,
    /// Below `selftest/must-not-detect/`.
    MustNotDetect,
}

impl FileKind {
    /// The kind of the file at a path inside a release.
    pub fn of(path: &DefinitionPath) -> Self {
        let path = path.as_str();
        if path.starts_with("selftest/must-detect/") {
            return Self::SelfTest(SelfTest::MustDetect);
        }
        if path.starts_with("selftest/must-not-detect/") {
            return Self::SelfTest(SelfTest::MustNotDetect);
        }
        let extension = path.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
        match extension.as_deref() {
            Some("yar" | "yara") => Self::Yara,
            Some("hdb" | "hsb") => Self::HashList,
            Some("fp" | "sfp") => Self::KnownGood,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_and_extension_tell_the_kind() {
        for (path, kind) in [
            ("rules/a.yar", FileKind::Yara),
            ("b.YARA", FileKind::Yara),
            ("x.hdb", FileKind::HashList),
            ("x.hsb", FileKind::HashList),
            ("good.fp", FileKind::KnownGood),
            ("good.sfp", FileKind::KnownGood),
            ("suricata.rules", FileKind::Other),
            ("README", FileKind::Other),
            ("selftest/must-detect/a.yar", FileKind::SelfTest(SelfTest::MustDetect)),
            ("selftest/must-not-detect/b", FileKind::SelfTest(SelfTest::MustNotDetect)),
            ("selftest/other/b.yar", FileKind::Yara),
        ] {
            assert_eq!(FileKind::of(&path.parse().unwrap()), kind, "{path}");
        }
    }
}
