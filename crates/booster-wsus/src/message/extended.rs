//! `GetExtendedUpdateInfo` and `GetFileLocations`: what updates hold, and where.

use super::{
    Cookie, INTEGER,
    authorize::{read_cookie, write_cookie},
    inside,
    sync::{integers, write_integers},
};
use crate::{
    Call, Read, Reader, Service, Sha1, Write, Writer, XmlError,
    identity::{read_digest, write_base64},
};

/// Asks what revisions hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetExtendedUpdateInfo {
    /// The cookie.
    pub cookie: Cookie,
    /// The revisions.
    pub revisions: Vec<i32>,
    /// The fragments to send, such as `Extended`.
    pub fragments: Vec<String>,
    /// The languages of those that have one.
    pub locales: Vec<String>,
}

/// What revisions hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExtendedInfo {
    /// Fragments, of several kinds and in any order.
    pub updates: Vec<UpdateFragment>,
    /// Where files are.
    pub locations: Vec<FileLocation>,
    /// Revisions that are not there any more.
    pub out_of_scope: Vec<i32>,
}

/// One fragment of one revision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateFragment {
    /// The revision.
    pub id: i32,
    /// The fragment; which one, its elements tell.
    pub xml: String,
}

/// Where a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileLocation {
    /// The file.
    pub digest: Sha1,
    /// Its address, used as it is.
    pub url: String,
}

/// Asks where files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetFileLocations {
    /// The cookie.
    pub cookie: Cookie,
    /// The files.
    pub digests: Vec<Sha1>,
}

/// Where files are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileLocations {
    /// Those that are known.
    pub locations: Vec<FileLocation>,
    /// The cookie to show from now on.
    pub new_cookie: Option<Cookie>,
}

impl Call for GetExtendedUpdateInfo {
    const OPERATION: &'static str = "GetExtendedUpdateInfo";
    const SERVICE: Service = Service::Client;
    type Answer = ExtendedInfo;
}

impl Call for GetFileLocations {
    const OPERATION: &'static str = "GetFileLocations";
    const SERVICE: Service = Service::Client;
    type Answer = FileLocations;
}

impl Read for GetExtendedUpdateInfo {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let mut cookie = None;
        let (mut revisions, mut fragments, mut locales) = (Vec::new(), Vec::new(), Vec::new());
        reader.children(|reader, name| {
            match name {
                "cookie" => cookie = Some(read_cookie(reader)?),
                "revisionIDs" => revisions = integers(reader)?,
                "infoTypes" => fragments = reader.list("XmlUpdateFragmentType", Reader::text)?,
                "locales" => locales = reader.list("string", Reader::text)?,
                _ => {}
            }
            Ok(())
        })?;
        let cookie = cookie.ok_or(XmlError::Missing("cookie"))?;
        Ok(Self { cookie, revisions, fragments, locales })
    }
}

impl Write for GetExtendedUpdateInfo {
    fn write(&self, writer: &mut Writer) {
        write_cookie(writer, "cookie", &self.cookie);
        write_integers(writer, "revisionIDs", &self.revisions);
        writer.list("infoTypes", &self.fragments, |writer, kind| writer.text("XmlUpdateFragmentType", kind));
        writer.list("locales", &self.locales, |writer, locale| writer.text("string", locale));
    }
}

impl Read for ExtendedInfo {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        inside::<Content>(reader, "GetExtendedUpdateInfoResult").map(|content| content.0)
    }
}

struct Content(ExtendedInfo);

impl Read for Content {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let mut info = ExtendedInfo::default();
        reader.children(|reader, name| {
            match name {
                "Updates" => info.updates = reader.list("Update", UpdateFragment::read)?,
                "FileLocations" => info.locations = reader.list("FileLocation", FileLocation::read)?,
                "OutOfScopeRevisionIDs" => info.out_of_scope = integers(reader)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self(info))
    }
}

impl Write for ExtendedInfo {
    fn write(&self, writer: &mut Writer) {
        writer.element("GetExtendedUpdateInfoResult", |writer| {
            writer.list("Updates", &self.updates, |writer, update| {
                writer.element("Update", |writer| {
                    writer.value("ID", update.id);
                    writer.text("Xml", &update.xml);
                });
            });
            writer.list("FileLocations", &self.locations, FileLocation::put);
            if !self.out_of_scope.is_empty() {
                write_integers(writer, "OutOfScopeRevisionIDs", &self.out_of_scope);
            }
        });
    }
}

impl Read for UpdateFragment {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let (mut id, mut xml) = (None, String::new());
        reader.children(|reader, name| {
            match name {
                "ID" => id = Some(reader.value(name, INTEGER)?),
                "Xml" => xml = reader.text()?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self { id: id.ok_or(XmlError::Missing("ID"))?, xml })
    }
}

impl Read for FileLocation {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let (mut digest, mut url) = (None, String::new());
        reader.children(|reader, name| {
            match name {
                "FileDigest" => digest = Some(Sha1(read_digest(name, &reader.text()?)?)),
                "Url" => url = reader.text()?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self { digest: digest.ok_or(XmlError::Missing("FileDigest"))?, url })
    }
}

impl FileLocation {
    fn put(writer: &mut Writer, location: &Self) {
        writer.element("FileLocation", |writer| {
            writer.value("FileDigest", write_base64(&location.digest.0));
            writer.text("Url", &location.url);
        });
    }
}

impl Read for GetFileLocations {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let (mut cookie, mut digests) = (None, Vec::new());
        reader.children(|reader, name| {
            match name {
                "cookie" => cookie = Some(read_cookie(reader)?),
                "fileDigests" => {
                    digests = reader.list("base64Binary", |reader| {
                        read_digest("base64Binary", &reader.text()?).map(Sha1)
                    })?;
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self { cookie: cookie.ok_or(XmlError::Missing("cookie"))?, digests })
    }
}

impl Write for GetFileLocations {
    fn write(&self, writer: &mut Writer) {
        write_cookie(writer, "cookie", &self.cookie);
        writer.list("fileDigests", &self.digests, |writer, digest| {
            writer.value("base64Binary", digest.to_base64());
        });
    }
}

impl Read for FileLocations {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        inside::<LocationsContent>(reader, "GetFileLocationsResult").map(|content| content.0)
    }
}

struct LocationsContent(FileLocations);

impl Read for LocationsContent {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let mut found = FileLocations::default();
        reader.children(|reader, name| {
            match name {
                "FileLocations" => found.locations = reader.list("FileLocation", FileLocation::read)?,
                "NewCookie" => {
                    found.new_cookie = Some(read_cookie(reader)?).filter(|cookie| !cookie.data.is_empty());
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self(found))
    }
}

impl Write for FileLocations {
    fn write(&self, writer: &mut Writer) {
        writer.element("GetFileLocationsResult", |writer| {
            writer.list("FileLocations", &self.locations, FileLocation::put);
            if let Some(cookie) = &self.new_cookie {
                write_cookie(writer, "NewCookie", cookie);
            }
        });
    }
}
