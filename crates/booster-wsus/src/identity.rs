//! How updates and files are named.

use crate::XmlError;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::fmt;
use uuid::Uuid;

/// An update, and which of its revisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UpdateIdentity {
    /// The update.
    pub update: Uuid,
    /// The revision; a higher one replaces a lower one.
    pub revision: i32,
}

/// The SHA-1 of a file: its name in this protocol, and no proof of anything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha1(pub [u8; 20]);

impl Sha1 {
    /// The digest in the alphabet of `base64Binary`.
    pub fn to_base64(self) -> String {
        BASE64_STANDARD.encode(self.0)
    }
}

impl fmt::Display for Sha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode_upper(self.0))
    }
}

impl fmt::Debug for Sha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha1({self})")
    }
}

/// Reads `base64Binary`, in which white space may stand.
pub(crate) fn read_base64(name: &str, text: &str) -> Result<Vec<u8>, XmlError> {
    let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    BASE64_STANDARD.decode(packed).map_err(|_| XmlError::value(name, text, "base64"))
}

/// Reads `base64Binary` of a fixed length.
pub(crate) fn read_digest<const N: usize>(name: &str, text: &str) -> Result<[u8; N], XmlError> {
    let bytes = read_base64(name, text)?;
    bytes.try_into().map_err(|_| XmlError::value(name, text, "a digest of the right length"))
}

pub(crate) fn write_base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}
