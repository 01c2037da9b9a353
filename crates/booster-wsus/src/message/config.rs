//! `GetConfig`: how a server wants to be spoken to.

use super::{INTEGER, inside};
use crate::{Call, Read, Reader, Service, Write, Writer, XmlError};

/// Asks for the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetConfig {
    /// The version of the protocol that the client speaks, such as `1.8`.
    pub protocol_version: String,
}

/// How a server wants to be spoken to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerConfig {
    /// When this last changed, as the server wrote it: it is given back as it is.
    pub last_change: String,
    /// Whether machines have to register.
    pub is_registration_required: bool,
    /// How machines get authorized.
    pub plug_ins: Vec<AuthPlugIn>,
    /// The events that the server wants to hear of; none means all.
    pub allowed_events: Vec<i32>,
    /// Names and values.
    pub properties: Vec<(String, String)>,
}

/// One way of getting authorized.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthPlugIn {
    /// Its name, such as `SimpleTargeting`.
    pub id: String,
    /// Where its service is, usually relative to the server's root.
    pub service_url: String,
    /// A parameter for it.
    pub parameter: String,
}

impl ServerConfig {
    /// A property's value.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Call for GetConfig {
    const OPERATION: &'static str = "GetConfig";
    const SERVICE: Service = Service::Client;
    type Answer = ServerConfig;
}

impl Read for GetConfig {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let mut protocol_version = None;
        reader.children(|reader, name| {
            if name == "protocolVersion" {
                protocol_version = Some(reader.text()?);
            }
            Ok(())
        })?;
        Ok(Self { protocol_version: protocol_version.ok_or(XmlError::Missing("protocolVersion"))? })
    }
}

impl Write for GetConfig {
    fn write(&self, writer: &mut Writer) {
        writer.text("protocolVersion", &self.protocol_version);
    }
}

impl Read for ServerConfig {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        inside::<Content>(reader, "GetConfigResult").map(|content| content.0)
    }
}

struct Content(ServerConfig);

impl Read for Content {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let mut config = ServerConfig::default();
        let mut last_change = None;
        reader.children(|reader, name| {
            match name {
                "LastChange" => last_change = Some(reader.text()?),
                "IsRegistrationRequired" => config.is_registration_required = reader.boolean(name)?,
                "AuthInfo" => config.plug_ins = reader.list("AuthPlugInInfo", AuthPlugIn::read)?,
                "AllowedEventIds" => {
                    config.allowed_events = reader.list("int", |reader| reader.value("int", INTEGER))?;
                }
                "Properties" => config.properties = reader.list("ConfigurationProperty", property)?,
                _ => {}
            }
            Ok(())
        })?;
        config.last_change = last_change.ok_or(XmlError::Missing("LastChange"))?;
        Ok(Self(config))
    }
}

impl Read for AuthPlugIn {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let mut plug_in = Self::default();
        reader.children(|reader, name| {
            match name {
                "PlugInID" => plug_in.id = reader.text()?,
                "ServiceUrl" => plug_in.service_url = reader.text()?,
                "Parameter" => plug_in.parameter = reader.text()?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(plug_in)
    }
}

fn property(reader: &mut Reader<'_>) -> Result<(String, String), XmlError> {
    let (mut key, mut value) = (String::new(), String::new());
    reader.children(|reader, name| {
        match name {
            "Name" => key = reader.text()?,
            "Value" => value = reader.text()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((key, value))
}

impl Write for ServerConfig {
    fn write(&self, writer: &mut Writer) {
        writer.element("GetConfigResult", |writer| {
            writer.text("LastChange", &self.last_change);
            writer.value("IsRegistrationRequired", self.is_registration_required);
            writer.list("AuthInfo", &self.plug_ins, |writer, plug_in| {
                writer.element("AuthPlugInInfo", |writer| {
                    writer.text("PlugInID", &plug_in.id);
                    writer.text("ServiceUrl", &plug_in.service_url);
                    writer.text("Parameter", &plug_in.parameter);
                });
            });
            if !self.allowed_events.is_empty() {
                writer.list("AllowedEventIds", &self.allowed_events, |writer, id| writer.value("int", id));
            }
            writer.list("Properties", &self.properties, |writer, (name, value)| {
                writer.element("ConfigurationProperty", |writer| {
                    writer.text("Name", name);
                    writer.text("Value", value);
                });
            });
        });
    }
}
