//! Ed25519 keys: PKCS#8 in, PKCS#8 out, and never in a log.

use super::SigningError;
use aws_lc_rs::{
    encoding::{AsBigEndian as _, Curve25519SeedBin},
    signature::{Ed25519KeyPair, KeyPair as _},
};
use booster_definitions::Digest;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, OpenOptions},
    io::Write as _,
    path::Path,
};
use zeroize::Zeroizing;

const PEM_TAG: &str = "PRIVATE KEY";

/// An Ed25519 private key.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

/// A public key as TUF metadata has it (TUF 1.0, section 4.2 "Key objects").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// `ed25519` for keys made here.
    pub keytype: String,
    /// `ed25519` for keys made here.
    pub scheme: String,
    /// The key itself.
    pub keyval: KeyValue,
    /// Fields added by other tools, kept as they are.
    #[serde(flatten)]
    pub extra: BTreeMap<String, serde_json::Value>,
}

/// The public value of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyValue {
    /// 32 bytes in hexadecimal for Ed25519, PEM for other kinds.
    pub public: String,
}

impl PublicKey {
    /// The key's name in metadata: the SHA-256 of its canonical JSON, as securesystemslib has it.
    pub fn key_id(&self) -> String {
        // Canonical JSON sorts keys; strings need escapes for two characters only.
        let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let canonical = format!(
            r#"{{"keytype":{},"keyval":{{"public":{}}},"scheme":{}}}"#,
            quoted(&self.keytype),
            quoted(&self.keyval.public),
            quoted(&self.scheme)
        );
        Digest::of(canonical.as_bytes()).to_string()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, private)", self.key_id())
    }
}

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// [`SigningError::Crypto`].
    pub fn generate() -> Result<Self, SigningError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| SigningError::Crypto("generating a key"))?;
        Ok(Self::new(pair))
    }

    /// Reads PKCS#8 DER.
    ///
    /// # Errors
    /// [`SigningError::NotAKey`].
    pub fn from_der(der: &[u8]) -> Result<Self, SigningError> {
        Self::read_der("the given DER", der)
    }

    /// Reads PKCS#8 PEM, as `openssl genpkey -algorithm ed25519` writes it.
    ///
    /// # Errors
    /// [`SigningError::NotAKey`].
    pub fn from_pem(text: &str) -> Result<Self, SigningError> {
        Self::read_pem("the given PEM", text)
    }

    /// Reads an environment variable that holds the PEM (with line breaks, or with `\n` in their
    /// place), or the base64 of the DER alone.
    ///
    /// # Errors
    /// [`SigningError::NoVariable`], [`SigningError::NotAKey`].
    pub fn from_env(name: &str) -> Result<Self, SigningError> {
        let value = std::env::var(name).map_err(|_| SigningError::NoVariable { name: name.to_owned() })?;
        let value = Zeroizing::new(value);
        let text = Zeroizing::new(if value.contains("-----BEGIN") {
            value.replace("\\n", "\n")
        } else {
            format!("-----BEGIN {PEM_TAG}-----\n{}\n-----END {PEM_TAG}-----\n", value.trim())
        });
        Self::read_pem(&format!("the environment variable {name}"), &text)
    }

    /// Reads a PKCS#8 file, PEM or DER, that only its owner may read.
    ///
    /// # Errors
    /// [`SigningError::KeyFile`], [`SigningError::KeyFileIsOpen`], [`SigningError::NotAKey`].
    pub fn from_file(path: &Path) -> Result<Self, SigningError> {
        let failed = |source| SigningError::KeyFile { action: "reading", path: path.to_owned(), source };
        let mut file = fs::File::open(path).map_err(failed)?;
        check_mode(path, &file.metadata().map_err(failed)?)?;
        let mut bytes = Zeroizing::new(Vec::new());
        std::io::Read::read_to_end(&mut file, &mut bytes).map_err(failed)?;
        let origin = format!("the file {}", path.display());
        match std::str::from_utf8(&bytes) {
            Ok(text) if text.contains("-----BEGIN") => Self::read_pem(&origin, text),
            _ => Self::read_der(&origin, &bytes),
        }
    }

    /// Writes a new PEM file that only its owner may read. An existing file is never overwritten.
    ///
    /// # Errors
    /// [`SigningError::KeyFile`], [`SigningError::Crypto`].
    pub fn write_file(&self, path: &Path) -> Result<(), SigningError> {
        let text = self.to_pkcs8_pem()?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(path).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(|source| SigningError::KeyFile { action: "writing", path: path.to_owned(), source })
    }

    /// The key as PKCS#8 PEM. The text is wiped from memory when it is dropped.
    ///
    /// # Errors
    /// [`SigningError::Crypto`].
    pub fn to_pkcs8_pem(&self) -> Result<Zeroizing<String>, SigningError> {
        let failed = |_| SigningError::Crypto("encoding a key");
        let seed: Curve25519SeedBin<'_> =
            self.pair.seed().and_then(|seed| seed.as_be_bytes()).map_err(failed)?;
        // RFC 8410, section 7: OneAsymmetricKey, version 0, id-Ed25519, the seed in two OCTET STRINGs.
        const PREFIX: [u8; 16] = *b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
        let der = [&PREFIX, seed.as_ref()].concat();
        let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        Ok(Zeroizing::new(pem::encode_config(&pem::Pem::new(PEM_TAG, der), config)))
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        self.public.clone()
    }

    /// The key's name in metadata.
    pub fn key_id(&self) -> String {
        self.public.key_id()
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<String, SigningError> {
        let signature = self.pair.try_sign(message).map_err(|_| SigningError::Crypto("signing"))?;
        Ok(hex::encode(signature))
    }

    fn new(pair: Ed25519KeyPair) -> Self {
        let public = PublicKey {
            keytype: "ed25519".to_owned(),
            scheme: "ed25519".to_owned(),
            keyval: KeyValue { public: hex::encode(pair.public_key()) },
            extra: BTreeMap::new(),
        };
        Self { pair, public }
    }

    fn read_pem(origin: &str, text: &str) -> Result<Self, SigningError> {
        let refused = |reason: String| SigningError::NotAKey { origin: origin.to_owned(), reason };
        // The parser's error may quote its input: it is not passed on.
        let parsed = pem::parse(text).map_err(|_| refused("it is not PEM".to_owned()))?;
        if parsed.tag() != PEM_TAG {
            return Err(refused(format!("it is a PEM of kind {:?}, not {PEM_TAG:?}", parsed.tag())));
        }
        Self::read_der(origin, &Zeroizing::new(parsed.into_contents()))
    }

    fn read_der(origin: &str, der: &[u8]) -> Result<Self, SigningError> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|error| {
            SigningError::NotAKey { origin: origin.to_owned(), reason: error.to_string() }
        })?;
        Ok(Self::new(pair))
    }
}

/// Key files are for their owner alone, as ssh has it.
#[cfg(unix)]
fn check_mode(path: &Path, metadata: &fs::Metadata) -> Result<(), SigningError> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o7777;
    if mode & 0o077 != 0 {
        return Err(SigningError::KeyFileIsOpen { path: path.to_owned(), mode });
    }
    Ok(())
}

/// Other systems guard files by access control lists, which the administrator sets.
#[cfg(not(unix))]
fn check_mode(_path: &Path, _metadata: &fs::Metadata) -> Result<(), SigningError> {
    Ok(())
}
