//! The extended fragment: the files of an update.

use crate::{
    Limits, Reader, Sha1, Writer, XmlError,
    identity::{read_digest, write_base64},
};
use jiff::Timestamp;

/// The files of an update.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extended {
    /// The files.
    pub files: Vec<File>,
}

/// A file of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name. It is no path.
    pub name: String,
    /// Its length in bytes.
    pub size: u64,
    /// Its name in this protocol.
    pub sha1: Sha1,
    /// Its SHA-256, where the server gives one.
    pub sha256: Option<[u8; 32]>,
    /// Whether it is only a way to another file, such as an express download.
    pub is_patch: bool,
}

impl Extended {
    /// Reads a fragment. `None`: it is one of another kind.
    ///
    /// # Errors
    /// It is not well-formed, holds a file without name or digest, or goes over a limit.
    pub fn read(fragment: &str, limits: &Limits) -> Result<Option<Self>, XmlError> {
        let (mut is_extended, mut files) = (false, Vec::new());
        super::read(fragment, limits, |reader, name| {
            match name {
                "ExtendedProperties" => is_extended = true,
                "Files" => {
                    is_extended = true;
                    files = reader.list("File", File::read)?;
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(is_extended.then_some(Self { files }))
    }

    /// Writes the fragment. `modified` is the date that all files bear.
    pub fn write(&self, modified: Timestamp) -> String {
        let mut writer = Writer::default();
        let total = self.files.iter().map(|file| file.size).sum::<u64>().to_string();
        let attributes = [
            ("DefaultPropertiesLanguage", "en"),
            ("Handler", "http://schemas.microsoft.com/msus/2002/12/UpdateHandlers/CommandLineInstallation"),
            ("MaxDownloadSize", &total),
            ("MinDownloadSize", "0"),
        ];
        writer.empty("ExtendedProperties", &attributes);
        let modified = modified.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        writer.list("Files", &self.files, |writer, file| file.put(writer, &modified));
        writer.finish()
    }
}

impl File {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let required = |name: &'static str, value: Option<String>| value.ok_or(XmlError::Missing(name));
        let name = required("FileName", reader.attribute("FileName")?)?;
        let digest = required("Digest", reader.attribute("Digest")?)?;
        let size = reader.attribute_value("Size", "a length")?.ok_or(XmlError::Missing("Size"))?;
        let kind = reader.attribute("PatchingType")?;
        let is_patch = kind.is_some_and(|kind| !matches!(kind.as_str(), "" | "SelfContained" | "None"));
        let mut sha256 = None;
        reader.children(|reader, child| {
            let algorithm = if child == "AdditionalDigest" { reader.attribute("Algorithm")? } else { None };
            if algorithm.is_some_and(|name| name.eq_ignore_ascii_case("SHA256")) {
                sha256 = Some(read_digest(child, &reader.text()?)?);
            }
            Ok(())
        })?;
        Ok(Self { name, size, sha1: Sha1(read_digest("Digest", &digest)?), sha256, is_patch })
    }

    fn put(&self, writer: &mut Writer, modified: &str) {
        let (digest, size) = (self.sha1.to_base64(), self.size.to_string());
        let mut attributes = vec![
            ("Digest", digest.as_str()),
            ("DigestAlgorithm", "SHA1"),
            ("FileName", &self.name),
            ("Size", &size),
            ("Modified", modified),
        ];
        if self.is_patch {
            attributes.push(("PatchingType", "Express"));
        }
        writer.tagged("File", &attributes, |writer| {
            if let Some(sha256) = &self.sha256 {
                writer.tagged("AdditionalDigest", &[("Algorithm", "SHA256")], |writer| {
                    writer.raw(&write_base64(sha256));
                });
            }
        });
    }
}
