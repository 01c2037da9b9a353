//! `ReportEventBatch`: what machines tell.

use super::{
    Cookie, INTEGER,
    authorize::{read_cookie, write_cookie},
    sync::{read_identity, write_identity},
};
use crate::{
    Call, Read, Reader, Service, UpdateIdentity, Uuid, Write, Writer, XmlError,
    time::{read_time, write_time},
};
use jiff::Timestamp;

/// Tells what has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportEventBatch {
    /// The cookie.
    pub cookie: Cookie,
    /// The machine's time.
    pub client_time: Timestamp,
    /// The events.
    pub events: Vec<ReportingEvent>,
}

/// One thing that has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportingEvent {
    /// The machine's own id.
    pub client_id: String,
    /// When it happened.
    pub time: Timestamp,
    /// This very event.
    pub instance: Uuid,
    /// What happened: one of this type's numbers.
    pub event: i16,
    /// The update that it is about; a nil one where it is about none.
    pub update: UpdateIdentity,
    /// How it went, as an HRESULT.
    pub result: i32,
    /// Texts that go with the event.
    pub replacements: Vec<String>,
    /// Facts, each as `name=value`.
    pub facts: Vec<String>,
}

impl ReportingEvent {
    /// A search has ended well.
    pub const DETECTION_FINISHED: i16 = 147;
    /// A search has failed.
    pub const DETECTION_FAILED: i16 = 148;
    /// A download has failed.
    pub const DOWNLOAD_FAILED: i16 = 161;
    /// An installation has failed.
    pub const INSTALL_FAILED: i16 = 182;
    /// An installation has ended well.
    pub const INSTALL_SUCCEEDED: i16 = 183;
}

/// Whether a report was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reported(pub bool);

impl Call for ReportEventBatch {
    const OPERATION: &'static str = "ReportEventBatch";
    const SERVICE: Service = Service::Reporting;
    type Answer = Reported;
}

impl Read for ReportEventBatch {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let (mut cookie, mut client_time, mut events) = (None, None, Vec::new());
        reader.children(|reader, name| {
            match name {
                "cookie" => cookie = Some(read_cookie(reader)?),
                "clientTime" => client_time = Some(time(reader, name)?),
                "eventBatch" => events = reader.list("ReportingEvent", ReportingEvent::read)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self {
            cookie: cookie.ok_or(XmlError::Missing("cookie"))?,
            client_time: client_time.ok_or(XmlError::Missing("clientTime"))?,
            events,
        })
    }
}

impl Write for ReportEventBatch {
    fn write(&self, writer: &mut Writer) {
        write_cookie(writer, "cookie", &self.cookie);
        writer.value("clientTime", write_time(self.client_time));
        writer.list("eventBatch", &self.events, |writer, event| writer.message("ReportingEvent", event));
    }
}

impl Read for ReportingEvent {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let mut event = Self {
            client_id: String::new(),
            time: Timestamp::UNIX_EPOCH,
            instance: Uuid::nil(),
            event: 0,
            update: UpdateIdentity { update: Uuid::nil(), revision: 0 },
            result: 0,
            replacements: Vec::new(),
            facts: Vec::new(),
        };
        reader.children(|reader, name| match name {
            "BasicData" => event.read_basic(reader),
            "ExtendedData" => reader.children(|reader, name| {
                match name {
                    "ReplacementStrings" => event.replacements = reader.list("string", Reader::text)?,
                    "MiscData" => event.facts = reader.list("string", Reader::text)?,
                    _ => {}
                }
                Ok(())
            }),
            _ => Ok(()),
        })?;
        Ok(event)
    }
}

impl ReportingEvent {
    fn read_basic(&mut self, reader: &mut Reader<'_>) -> Result<(), XmlError> {
        reader.children(|reader, name| {
            match name {
                "TargetID" => reader.children(|reader, name| {
                    if name == "Sid" {
                        self.client_id = reader.text()?;
                    }
                    Ok(())
                })?,
                "TimeAtTarget" => self.time = time(reader, name)?,
                "EventInstanceID" => self.instance = reader.value(name, super::GUID)?,
                "EventID" => self.event = reader.value(name, INTEGER)?,
                "UpdateID" => self.update = read_identity(reader)?,
                "Win32HResult" => self.result = reader.value(name, INTEGER)?,
                _ => {}
            }
            Ok(())
        })
    }
}

impl Write for ReportingEvent {
    fn write(&self, writer: &mut Writer) {
        writer.element("BasicData", |writer| {
            writer.element("TargetID", |writer| writer.text("Sid", &self.client_id));
            writer.value("SequenceNumber", 0);
            writer.value("TimeAtTarget", write_time(self.time));
            writer.value("EventInstanceID", self.instance);
            writer.value("NamespaceID", 1);
            writer.value("EventID", self.event);
            writer.value("SourceID", 101);
            write_identity(writer, "UpdateID", self.update);
            writer.value("Win32HResult", self.result);
            writer.text("AppName", "Booster");
        });
        writer.element("ExtendedData", |writer| {
            writer.list("ReplacementStrings", &self.replacements, |w, text| w.text("string", text));
            writer.list("MiscData", &self.facts, |writer, fact| writer.text("string", fact));
            for name in ["ComputerBrand", "ComputerModel", "BiosRevision"] {
                writer.text(name, "");
            }
            writer.text("ProcessorArchitecture", "Unknown");
            writer.element("OSVersion", |writer| {
                let parts = ["Major", "Minor", "Build", "Revision", "ServicePackMajor", "ServicePackMinor"];
                parts.iter().for_each(|part| writer.value(part, 0));
            });
            writer.value("OSLocaleID", 0);
        });
        writer.text("PrivateData", "");
    }
}

impl Read for Reported {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let mut taken = None;
        reader.children(|reader, name| {
            if name == "ReportEventBatchResult" {
                taken = Some(reader.boolean(name)?);
            }
            Ok(())
        })?;
        Ok(Self(taken.ok_or(XmlError::Missing("ReportEventBatchResult"))?))
    }
}

impl Write for Reported {
    fn write(&self, writer: &mut Writer) {
        writer.value("ReportEventBatchResult", self.0);
    }
}

fn time(reader: &mut Reader<'_>, name: &str) -> Result<Timestamp, XmlError> {
    let text = reader.text()?;
    read_time(&text).ok_or_else(|| XmlError::value(name, &text, "a time"))
}
