//! What rules may ask about a file beside its content.

use crate::rules::FileFacts;
use std::path::Path;

/// The facts as owned text.
#[derive(Debug, Default)]
pub(super) struct OwnedFacts {
    filename: String,
    filepath: String,
    extension: String,
    owner: String,
    filetype: &'static str,
}

impl OwnedFacts {
    pub fn of(path: &Path, content: &[u8], owner: &str) -> Self {
        let text = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
        Self {
            filename: text(path.file_name()).unwrap_or_default(),
            filepath: path.to_string_lossy().into_owned(),
            extension: text(path.extension()).map(|e| format!(".{}", e.to_lowercase())).unwrap_or_default(),
            owner: owner.to_owned(),
            filetype: file_type(content),
        }
    }

    pub fn borrow(&self) -> FileFacts<'_> {
        FileFacts {
            filename: &self.filename,
            filepath: &self.filepath,
            extension: &self.extension,
            filetype: self.filetype,
            owner: &self.owner,
        }
    }
}

/// First bytes and the names that public rule sets use for them in `filetype`.
const FILE_TYPES: [(&[u8], &str); 16] = [
    (b"MZ", "EXE"),
    (b"\x7fELF", "ELF"),
    (b"\xfe\xed\xfa\xce", "MACH-O"),
    (b"\xfe\xed\xfa\xcf", "MACH-O"),
    (b"\xce\xfa\xed\xfe", "MACH-O"),
    (b"\xcf\xfa\xed\xfe", "MACH-O"),
    (b"MDMP", "MDMP"),
    (b"{\\rtf", "RTF"),
    (b"%PDF", "PDF"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "OLE"),
    (b"PK\x03\x04", "ZIP"),
    (b"Rar!\x1a\x07", "RAR"),
    (b"<?php", "PHP"),
    (b"<?xml", "XML"),
    (b"#!/usr/bin/python", "Python"),
    (b"#!/usr/bin/env python", "Python"),
];

/// The kind of content, told by its first bytes; empty when unknown.
fn file_type(content: &[u8]) -> &'static str {
    FILE_TYPES.iter().find(|(magic, _)| content.starts_with(magic)).map_or("", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_tell_name_extension_and_type() {
        let facts = OwnedFacts::of(Path::new("/srv/Up Load/Shell.PHP"), b"<?php echo 1;", "www");
        let facts = facts.borrow();
        assert_eq!((facts.filename, facts.filepath), ("Shell.PHP", "/srv/Up Load/Shell.PHP"));
        assert_eq!((facts.extension, facts.filetype, facts.owner), (".php", "PHP", "www"));
        let plain = OwnedFacts::of(Path::new("README"), b"hello", "");
        assert_eq!((plain.borrow().extension, plain.borrow().filetype), ("", ""));
    }
}
