//! `RegisterComputer`: what a machine is.

use super::{
    Cookie, INTEGER,
    authorize::{read_cookie, write_cookie},
};
use crate::{Call, Read, Reader, Service, Write, Writer, XmlError};

/// Says what the machine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterComputer {
    /// The cookie.
    pub cookie: Cookie,
    /// The machine.
    pub computer: Computer,
}

/// A machine, as far as anybody asks for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Computer {
    /// Its host name, as in the authorization.
    pub dns_name: String,
    /// The operating system's version: major, minor, build.
    pub os_version: [i32; 3],
    /// The operating system's language.
    pub os_locale: String,
    /// Who made the machine.
    pub manufacturer: String,
    /// Its model.
    pub model: String,
    /// The processor, such as `AMD64`.
    pub architecture: String,
    /// The client's version.
    pub client_version: [i16; 4],
    /// The operating system in words.
    pub os_description: String,
}

/// The answer, which says nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Registered;

impl Call for RegisterComputer {
    const OPERATION: &'static str = "RegisterComputer";
    const SERVICE: Service = Service::Client;
    type Answer = Registered;
}

impl Read for RegisterComputer {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let (mut cookie, mut computer) = (None, None);
        reader.children(|reader, name| {
            match name {
                "cookie" => cookie = Some(read_cookie(reader)?),
                "computerInfo" => computer = Some(Computer::read(reader)?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self {
            cookie: cookie.ok_or(XmlError::Missing("cookie"))?,
            computer: computer.ok_or(XmlError::Missing("computerInfo"))?,
        })
    }
}

impl Write for RegisterComputer {
    fn write(&self, writer: &mut Writer) {
        write_cookie(writer, "cookie", &self.cookie);
        writer.message("computerInfo", &self.computer);
    }
}

impl Read for Computer {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let mut computer = Self::default();
        reader.children(|reader, name| {
            match name {
                "DnsName" => computer.dns_name = reader.text()?,
                "OSMajorVersion" => computer.os_version[0] = reader.value(name, INTEGER)?,
                "OSMinorVersion" => computer.os_version[1] = reader.value(name, INTEGER)?,
                "OSBuildNumber" => computer.os_version[2] = reader.value(name, INTEGER)?,
                "OSLocale" => computer.os_locale = reader.text()?,
                "ComputerManufacturer" => computer.manufacturer = reader.text()?,
                "ComputerModel" => computer.model = reader.text()?,
                "ProcessorArchitecture" => computer.architecture = reader.text()?,
                "ClientVersionMajorNumber" => computer.client_version[0] = reader.value(name, INTEGER)?,
                "ClientVersionMinorNumber" => computer.client_version[1] = reader.value(name, INTEGER)?,
                "ClientVersionBuildNumber" => computer.client_version[2] = reader.value(name, INTEGER)?,
                "ClientVersionQfeNumber" => computer.client_version[3] = reader.value(name, INTEGER)?,
                "OSDescription" => computer.os_description = reader.text()?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(computer)
    }
}

impl Write for Computer {
    fn write(&self, writer: &mut Writer) {
        writer.text("DnsName", &self.dns_name);
        for (name, value) in ["OSMajorVersion", "OSMinorVersion", "OSBuildNumber"].iter().zip(self.os_version)
        {
            writer.value(name, value);
        }
        // Numbers and dates are always there on the wire; these have no meaning here.
        writer.value("OSServicePackMajorNumber", 0);
        writer.value("OSServicePackMinorNumber", 0);
        writer.text("OSLocale", &self.os_locale);
        writer.text("ComputerManufacturer", &self.manufacturer);
        writer.text("ComputerModel", &self.model);
        writer.text("BiosVersion", "");
        writer.text("BiosName", "");
        writer.value("BiosReleaseDate", "0001-01-01T00:00:00");
        writer.text("ProcessorArchitecture", &self.architecture);
        for name in ["SuiteMask", "OldProductType", "NewProductType", "SystemMetrics"] {
            writer.value(name, 0);
        }
        let parts = ["Major", "Minor", "Build", "Qfe"];
        for (part, value) in parts.iter().zip(self.client_version) {
            writer.value(&format!("ClientVersion{part}Number"), value);
        }
        writer.text("OSDescription", &self.os_description);
    }
}

impl Read for Registered {
    fn read(_: &mut Reader<'_>) -> Result<Self, XmlError> {
        Ok(Self)
    }
}

impl Write for Registered {
    fn write(&self, _: &mut Writer) {}
}
