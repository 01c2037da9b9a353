//! A target that verified metadata lists, and the check of its bytes.

use crate::error::{Result, TrustError};
use aws_lc_rs::digest::{Context, SHA256, SHA512};
use booster_definitions::Digest;
use sigstore_tuf::TargetFile;
use std::collections::BTreeMap;

/// A target that the publisher's verified metadata lists. It can only come out of this crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedTarget {
    path: String,
    location: String,
    file: TargetFile,
}

impl VerifiedTarget {
    pub(crate) fn new(path: &str, file: TargetFile, consistent_snapshot: bool) -> Result<Self> {
        let location = location(path, &file.hashes, consistent_snapshot)?;
        Ok(Self { path: path.to_owned(), location, file })
    }

    /// The target's path, its name in the metadata.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where the file lies below the repository's targets: a safe relative path, in which consistent
    /// snapshots put the hash before the file name (TUF 1.0, section 5.7.3).
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The file's exact length in bytes.
    pub fn length(&self) -> u64 {
        self.file.length
    }

    /// The file's digests by algorithm, in hexadecimal.
    pub fn hashes(&self) -> &BTreeMap<String, String> {
        &self.file.hashes
    }

    /// The file's SHA-256, where the metadata has one.
    pub fn sha256(&self) -> Option<Digest> {
        self.file.hashes.get("sha256")?.to_ascii_lowercase().parse().ok()
    }

    /// What the publisher added about the target.
    pub fn custom(&self) -> Option<&serde_json::Value> {
        self.file.custom.as_ref()
    }

    /// Checks the target's bytes while they arrive.
    pub fn verifier(&self) -> TargetVerifier {
        TargetVerifier::new(&self.file)
    }

    /// Checks the whole target at once.
    ///
    /// # Errors
    /// [`WrongTarget`] if length or digest differ.
    pub fn verify(&self, bytes: &[u8]) -> Result<(), WrongTarget> {
        let mut verifier = self.verifier();
        verifier.update(bytes)?;
        verifier.finish()
    }
}

/// Bytes that are not the target that was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WrongTarget {
    /// More bytes than signed; noticed while they arrive.
    #[error("it is longer than the signed {length} bytes")]
    TooLong {
        /// The signed length.
        length: u64,
    },
    /// Fewer bytes than signed.
    #[error("it has {received} bytes of the signed {length}")]
    TooShort {
        /// Bytes seen.
        received: u64,
        /// The signed length.
        length: u64,
    },
    /// The right length, but other content.
    #[error("its {algorithm} is {found}, signed is {signed}")]
    Digest {
        /// The hash algorithm.
        algorithm: String,
        /// The digest of the bytes seen.
        found: String,
        /// The signed digest.
        signed: String,
    },
    /// The metadata has no digest of a kind that this build computes, so nothing proves the content.
    #[error("the metadata has no digest that is known here (sha256, sha512)")]
    NoKnownDigest,
}

/// Computes the signed digests of a target while its bytes arrive.
pub struct TargetVerifier {
    length: u64,
    received: u64,
    contexts: Vec<(String, String, Context)>,
}

impl std::fmt::Debug for TargetVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TargetVerifier({} of {} bytes)", self.received, self.length)
    }
}

impl TargetVerifier {
    pub(crate) fn new(file: &TargetFile) -> Self {
        let contexts = file.hashes.iter().filter_map(|(algorithm, signed)| {
            let context = match algorithm.as_str() {
                "sha256" => Context::new(&SHA256),
                "sha512" => Context::new(&SHA512),
                _ => return None,
            };
            Some((algorithm.clone(), signed.clone(), context))
        });
        Self { length: file.length, received: 0, contexts: contexts.collect() }
    }

    /// The next bytes.
    ///
    /// # Errors
    /// [`WrongTarget::TooLong`] as soon as more arrives than was signed.
    pub fn update(&mut self, bytes: &[u8]) -> Result<(), WrongTarget> {
        self.received = self.received.saturating_add(bytes.len() as u64);
        if self.received > self.length {
            return Err(WrongTarget::TooLong { length: self.length });
        }
        for (_, _, context) in &mut self.contexts {
            context.update(bytes);
        }
        Ok(())
    }

    /// The end: length and every known digest must be as signed.
    ///
    /// # Errors
    /// The other variants of [`WrongTarget`].
    pub fn finish(self) -> Result<(), WrongTarget> {
        if self.received != self.length {
            return Err(WrongTarget::TooShort { received: self.received, length: self.length });
        }
        if self.contexts.is_empty() {
            return Err(WrongTarget::NoKnownDigest);
        }
        for (algorithm, signed, context) in self.contexts {
            let found = hex::encode(context.finish());
            if !found.eq_ignore_ascii_case(&signed) {
                return Err(WrongTarget::Digest { algorithm, found, signed });
            }
        }
        Ok(())
    }
}

/// Where the file of a listed target lies below the targets of a repository with consistent snapshots, if
/// anywhere: to ask about it before it is looked up.
pub fn location_of(path: &str, file: &TargetFile) -> Option<String> {
    location(path, &file.hashes, true).ok()
}

/// The path of the file below the repository's targets.
///
/// Signed paths are still checked: a publisher's mistake must not make a machine read or write
/// outside of a folder.
fn location(path: &str, hashes: &BTreeMap<String, String>, consistent_snapshot: bool) -> Result<String> {
    let unsafe_target =
        |reason: &str| TrustError::UnsafeTarget { path: path.to_owned(), reason: reason.to_owned() };
    let parts_are_safe = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    let characters_are_safe = !path.chars().any(|c| c.is_control() || matches!(c, '\\' | ':'));
    if !parts_are_safe || !characters_are_safe {
        return Err(unsafe_target("it is not a plain relative path"));
    }
    if !consistent_snapshot {
        return Ok(path.to_owned());
    }
    let hash = hashes.get("sha256").or_else(|| hashes.get("sha512"));
    let hash = hash.ok_or_else(|| unsafe_target("it has neither a sha256 nor a sha512"))?;
    if hash.is_empty() || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(unsafe_target("its hash is not hexadecimal"));
    }
    Ok(match path.rsplit_once('/') {
        Some((folder, name)) => format!("{folder}/{hash}.{name}"),
        None => format!("{hash}.{path}"),
    })
}
