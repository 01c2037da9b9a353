//! What a server answers when it does not do what it was asked.

use crate::{Reader, Uuid, Writer, XmlError};
use std::fmt;

/// A SOAP fault, as far as anything follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What went wrong, where the server has a code for it.
    pub code: Option<ErrorCode>,
    /// What else it says: of wrong parameters, which one.
    pub message: Option<String>,
    /// The fault in words.
    pub text: String,
    /// The server's own name for this very fault.
    pub id: Option<Uuid>,
    /// The operation's action, quoted.
    pub method: Option<String>,
}

/// A fault's code, which alone decides what a client does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The cookie is none of this server's.
    InvalidCookie,
    /// The server is another one, or was set up anew: what is known of its updates is void.
    ServerChanged,
    /// The configuration has changed since it was asked for.
    ConfigChanged,
    /// The machine has to register first.
    RegistrationRequired,
    /// The cookie's time is over.
    CookieExpired,
    /// Registering was not needed.
    RegistrationNotRequired,
    /// The authorization cookie is none of this server's, or its time is over.
    InvalidAuthorizationCookie,
    /// A parameter is wrong, or over a limit.
    InvalidParameters,
    /// Files have other addresses now.
    FileLocationChanged,
    /// The server has failed.
    InternalServerError,
    /// The server has no time now.
    ServerBusy,
    /// A code that is not known here.
    Other(String),
}

/// Codes by name. Where one has several spellings, the first is the one that is written.
const NAMES: [(&str, ErrorCode); 13] = [
    ("InvalidCookie", ErrorCode::InvalidCookie),
    ("ServerChanged", ErrorCode::ServerChanged),
    ("ConfigChanged", ErrorCode::ConfigChanged),
    ("RegistrationRequired", ErrorCode::RegistrationRequired),
    ("CookieExpired", ErrorCode::CookieExpired),
    ("RegistrationNotRequired", ErrorCode::RegistrationNotRequired),
    ("InvalidAuthorizationCookie", ErrorCode::InvalidAuthorizationCookie),
    ("InvalidParameters", ErrorCode::InvalidParameters),
    ("InvalidParameter", ErrorCode::InvalidParameters),
    ("FileLocationChanged", ErrorCode::FileLocationChanged),
    ("FileLocationsChanged", ErrorCode::FileLocationChanged),
    ("InternalServerError", ErrorCode::InternalServerError),
    ("ServerBusy", ErrorCode::ServerBusy),
];

impl ErrorCode {
    /// Every code that the protocol has.
    pub fn known() -> impl Iterator<Item = Self> {
        let mut known: Vec<Self> = Vec::new();
        for (_, code) in &NAMES {
            if !known.contains(code) {
                known.push(code.clone());
            }
        }
        known.into_iter()
    }

    /// The code's name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Other(name) => name,
            known => NAMES.iter().find(|(_, code)| code == known).map_or("", |(name, _)| name),
        }
    }

    fn of(name: &str) -> Self {
        let known = NAMES.iter().find(|(known, _)| *known == name).map(|(_, code)| code.clone());
        known.unwrap_or_else(|| Self::Other(name.chars().take(60).collect()))
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Fault {
    /// A fault with a code, and what it is about.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code: Some(code), message: Some(message.into()), text: String::new(), id: None, method: None }
    }

    /// Reads what a `Fault` element holds. Its parts are in no namespace.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, XmlError> {
        let mut fault = Self { code: None, message: None, text: String::new(), id: None, method: None };
        // Some servers qualify them nevertheless.
        reader.set_namespace(None);
        reader.children(|reader, name| {
            match name {
                "faultstring" => fault.text = reader.text()?,
                "detail" => reader.children(|reader, name| {
                    match name {
                        "ErrorCode" => fault.code = Some(ErrorCode::of(reader.text()?.trim())),
                        "Message" => fault.message = Some(reader.text()?),
                        // Nothing follows from it, so one that is none does no harm.
                        "ID" => fault.id = reader.text()?.trim().parse().ok(),
                        "Method" => fault.method = Some(reader.text()?),
                        _ => {}
                    }
                    Ok(())
                })?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(fault)
    }

    /// Writes the content of a `Fault` element.
    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.text("faultcode", "soap:Client");
        let text = if self.text.is_empty() { "Fault occurred" } else { self.text.as_str() };
        writer.text("faultstring", text);
        writer.element("detail", |writer| {
            if let Some(code) = &self.code {
                writer.text("ErrorCode", code.as_str());
            }
            writer.text("Message", self.message.as_deref().unwrap_or_default());
            writer.value("ID", self.id.unwrap_or_default());
            if let Some(method) = &self.method {
                writer.text("Method", method);
            }
        });
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "{code}")?,
            None => f.write_str("a fault without a code")?,
        }
        let words = self.message.as_deref().filter(|words| !words.is_empty()).unwrap_or(&self.text);
        let words: String = words.chars().filter(|c| !c.is_control()).take(200).collect();
        if words.is_empty() { Ok(()) } else { write!(f, " ({words})") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_one_name_and_both_spellings_are_read() {
        for code in ErrorCode::known() {
            assert_eq!(ErrorCode::of(code.as_str()), code);
        }
        assert_eq!(ErrorCode::of("InvalidParameter"), ErrorCode::InvalidParameters);
        assert_eq!(ErrorCode::of("FileLocationsChanged").as_str(), "FileLocationChanged");
        assert_eq!(ErrorCode::of("New"), ErrorCode::Other("New".to_owned()));
        assert_eq!(ErrorCode::known().count(), 11);
    }
}
