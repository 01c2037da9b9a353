//! The localized fragment: an update in words.

use crate::{Limits, Reader, Writer, XmlError};

/// An update in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Localized {
    /// The language of the words.
    pub language: String,
    /// The title.
    pub title: String,
    /// More about it.
    pub description: String,
}

impl Localized {
    /// Reads a fragment. `None`: it is one of another kind.
    ///
    /// # Errors
    /// It is not well-formed, or goes over a limit.
    pub fn read(fragment: &str, limits: &Limits) -> Result<Option<Self>, XmlError> {
        let mut found = None;
        super::read(fragment, limits, |reader, name| {
            if name == "LocalizedProperties" {
                found = Some(Self::content(reader)?);
            }
            Ok(())
        })?;
        Ok(found)
    }

    fn content(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let mut words = Self::default();
        reader.children(|reader, name| {
            match name {
                "Language" => words.language = reader.text()?,
                "Title" => words.title = reader.text()?,
                "Description" => words.description = reader.text()?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(words)
    }

    /// Writes the fragment.
    pub fn write(&self) -> String {
        let mut writer = Writer::default();
        writer.element("LocalizedProperties", |writer| {
            writer.text("Language", &self.language);
            writer.text("Title", &self.title);
            writer.text("Description", &self.description);
        });
        writer.finish()
    }
}
