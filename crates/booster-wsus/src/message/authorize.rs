//! `GetAuthorizationCookie` and `GetCookie`: who a machine is, and what it shows from then on.

use super::inside;
use crate::{
    Call, Read, Reader, Service, Write, Writer, XmlError,
    identity::{read_base64, write_base64},
    time::{read_time, write_time},
};
use jiff::Timestamp;

/// Says who the machine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetAuthorizationCookie {
    /// What the machine calls itself for its whole life.
    pub client_id: String,
    /// The group that it wants to be in.
    pub target_group: Option<String>,
    /// Its host name.
    pub dns_name: String,
}

/// What a plug-in gives, for [`GetCookie`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthorizationCookie {
    /// The plug-in.
    pub plug_in: String,
    /// The server's own.
    pub data: Vec<u8>,
}

/// Asks for the cookie that every other call shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetCookie {
    /// What the plug-ins gave.
    pub authorization: Vec<AuthorizationCookie>,
    /// The cookie that is to be replaced.
    pub old_cookie: Option<Cookie>,
    /// [`ServerConfig::last_change`](super::ServerConfig::last_change), as it came.
    pub last_change: String,
    /// The client's time.
    pub current_time: Timestamp,
    /// The version of the protocol, as in [`GetConfig`](super::GetConfig).
    pub protocol_version: String,
}

/// A server's cookie. It goes back as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cookie {
    /// Until when it is good, as the server wrote it.
    pub expiration: String,
    /// The server's own.
    pub data: Vec<u8>,
}

impl Cookie {
    /// A cookie that is good until this time.
    pub fn new(expiration: Timestamp, data: Vec<u8>) -> Self {
        Self { expiration: write_time(expiration), data }
    }

    /// Until when it is good, where that can be read.
    pub fn expires(&self) -> Option<Timestamp> {
        read_time(&self.expiration)
    }
}

impl Call for GetAuthorizationCookie {
    const OPERATION: &'static str = "GetAuthorizationCookie";
    const SERVICE: Service = Service::SimpleAuth;
    type Answer = AuthorizationCookie;
}

impl Call for GetCookie {
    const OPERATION: &'static str = "GetCookie";
    const SERVICE: Service = Service::Client;
    type Answer = Cookie;
}

impl Read for GetAuthorizationCookie {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let (mut client_id, mut target_group, mut dns_name) = (None, None, String::new());
        reader.children(|reader, name| {
            match name {
                "clientId" => client_id = Some(reader.text()?),
                "targetGroupName" => target_group = Some(reader.text()?).filter(|group| !group.is_empty()),
                "dnsName" => dns_name = reader.text()?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self { client_id: client_id.ok_or(XmlError::Missing("clientId"))?, target_group, dns_name })
    }
}

impl Write for GetAuthorizationCookie {
    fn write(&self, writer: &mut Writer) {
        writer.text("clientId", &self.client_id);
        if let Some(group) = &self.target_group {
            writer.text("targetGroupName", group);
        }
        writer.text("dnsName", &self.dns_name);
    }
}

impl Read for AuthorizationCookie {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        inside::<PlugInCookie>(reader, "GetAuthorizationCookieResult").map(|cookie| cookie.0)
    }
}

impl Write for AuthorizationCookie {
    fn write(&self, writer: &mut Writer) {
        writer.element("GetAuthorizationCookieResult", |writer| self.content(writer));
    }
}

impl AuthorizationCookie {
    fn content(&self, writer: &mut Writer) {
        writer.text("PlugInId", &self.plug_in);
        writer.value("CookieData", write_base64(&self.data));
    }
}

struct PlugInCookie(AuthorizationCookie);

impl Read for PlugInCookie {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let mut cookie = AuthorizationCookie::default();
        reader.children(|reader, name| {
            match name {
                "PlugInId" => cookie.plug_in = reader.text()?,
                "CookieData" => cookie.data = read_base64(name, &reader.text()?)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self(cookie))
    }
}

impl Read for GetCookie {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let (mut authorization, mut old_cookie) = (Vec::new(), None);
        let (mut last_change, mut current_time, mut protocol_version) = (None, None, None);
        reader.children(|reader, name| {
            match name {
                "authCookies" => {
                    let read = |reader: &mut Reader<'_>| PlugInCookie::read(reader).map(|cookie| cookie.0);
                    authorization = reader.list("AuthorizationCookie", read)?;
                }
                "oldCookie" => old_cookie = Some(read_cookie(reader)?),
                "lastChange" => last_change = Some(reader.text()?),
                "currentTime" => {
                    let text = reader.text()?;
                    let time = read_time(&text).ok_or_else(|| XmlError::value(name, &text, "a time"))?;
                    current_time = Some(time);
                }
                "protocolVersion" => protocol_version = Some(reader.text()?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self {
            authorization,
            old_cookie,
            last_change: last_change.ok_or(XmlError::Missing("lastChange"))?,
            current_time: current_time.ok_or(XmlError::Missing("currentTime"))?,
            protocol_version: protocol_version.ok_or(XmlError::Missing("protocolVersion"))?,
        })
    }
}

impl Write for GetCookie {
    fn write(&self, writer: &mut Writer) {
        writer.list("authCookies", &self.authorization, |writer, cookie| {
            writer.element("AuthorizationCookie", |writer| cookie.content(writer));
        });
        if let Some(cookie) = &self.old_cookie {
            write_cookie(writer, "oldCookie", cookie);
        }
        writer.text("lastChange", &self.last_change);
        writer.value("currentTime", write_time(self.current_time));
        writer.text("protocolVersion", &self.protocol_version);
    }
}

impl Read for Cookie {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        inside::<CookieContent>(reader, "GetCookieResult").map(|cookie| cookie.0)
    }
}

impl Write for Cookie {
    fn write(&self, writer: &mut Writer) {
        write_cookie(writer, "GetCookieResult", self);
    }
}

struct CookieContent(Cookie);

impl Read for CookieContent {
    fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        read_cookie(reader).map(Self)
    }
}

/// Reads the cookie that the reader's element holds.
pub(super) fn read_cookie(reader: &mut Reader<'_>) -> Result<Cookie, XmlError> {
    let mut cookie = Cookie::default();
    reader.children(|reader, name| {
        match name {
            "Expiration" => cookie.expiration = reader.text()?,
            "EncryptedData" => cookie.data = read_base64(name, &reader.text()?)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(cookie)
}

/// Writes a cookie into an element of this name.
pub(super) fn write_cookie(writer: &mut Writer, name: &str, cookie: &Cookie) {
    writer.element(name, |writer| {
        writer.text("Expiration", &cookie.expiration);
        writer.value("EncryptedData", write_base64(&cookie.data));
    });
}
