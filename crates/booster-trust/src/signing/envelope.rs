//! The signed envelope: `{"signatures": [...], "signed": {...}}` (TUF 1.0, section 4.2).

use super::{RoleData, RootRole, SigningError, SigningKey};
use crate::{error::TrustError, roles::reason};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sigstore_tuf::{TrustedMetadataSet, canonical_json};

/// The version of the specification that the metadata follows.
const SPEC_VERSION: &str = "1.0.31";

#[derive(Serialize, Deserialize)]
struct Envelope {
    signatures: Vec<Signature>,
    signed: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
struct Signature {
    keyid: String,
    sig: String,
}

/// Signs a role with every given key. The same role and keys give the same bytes.
///
/// # Errors
/// [`SigningError::NoKeys`], [`SigningError::Crypto`], or [`SigningError::NotMetadata`] for a number
/// in an added field that TUF's canonical JSON does not have (a fraction).
pub fn sign<R: RoleData>(role: &R, keys: &[&SigningKey]) -> Result<Vec<u8>, SigningError> {
    let name = R::ROLE.as_str();
    if keys.is_empty() {
        return Err(SigningError::NoKeys { role: name });
    }
    let refused = |reason: String| SigningError::NotMetadata { expected: name, reason };
    let Value::Object(mut signed) = serde_json::to_value(role).map_err(|error| refused(error.to_string()))?
    else {
        return Err(refused("it is no JSON object".to_owned()));
    };
    signed.insert("_type".to_owned(), Value::from(name));
    signed.insert("spec_version".to_owned(), Value::from(SPEC_VERSION));
    let mut envelope = Envelope { signatures: Vec::new(), signed };
    envelope.sign(name, keys)?;
    envelope.to_bytes(name)
}

/// Adds signatures to a signed file, for keys that are held in different places. A key that has
/// signed before replaces its signature; the signed part stays as it is.
///
/// # Errors
/// [`SigningError::NotMetadata`], [`SigningError::Crypto`].
pub fn add_signatures(file: &[u8], keys: &[&SigningKey]) -> Result<Vec<u8>, SigningError> {
    let name = "signed";
    let mut envelope = Envelope::read(name, file)?;
    envelope.sign(name, keys)?;
    envelope.to_bytes(name)
}

/// Reads a role to prepare its next version. Nothing is verified: see [`verify_current`].
///
/// # Errors
/// [`SigningError::NotMetadata`].
pub fn read_unverified<R: RoleData>(file: &[u8]) -> Result<R, SigningError> {
    let name = R::ROLE.as_str();
    let refused = |reason: String| SigningError::NotMetadata { expected: name, reason };
    let mut signed = Envelope::read(name, file)?.signed;
    let kind = signed.remove("_type");
    if kind.as_ref().and_then(Value::as_str) != Some(name) {
        return Err(refused(format!("its _type is {}", kind.unwrap_or(Value::Null))));
    }
    signed.remove("spec_version");
    serde_json::from_value(Value::Object(signed)).map_err(|error| refused(error.to_string()))
}

/// The ids of the keys whose signatures a file carries, verified or not.
///
/// # Errors
/// [`SigningError::NotMetadata`].
pub fn signed_by(file: &[u8]) -> Result<Vec<String>, SigningError> {
    let envelope = Envelope::read("signed", file)?;
    Ok(envelope.signatures.into_iter().filter(|one| !one.sig.is_empty()).map(|one| one.keyid).collect())
}

/// Verifies a repository's current files as a client would, from the given root on, except that
/// nothing is too old: a publisher has to read what has expired to renew it.
///
/// # Errors
/// The [`TrustError`] of the first file that does not verify.
pub fn verify_current(
    root: &[u8],
    timestamp: &[u8],
    snapshot: &[u8],
    targets: &[u8],
) -> Result<RootRole, TrustError> {
    let named = |role: &str| {
        let file = format!("{role}.json");
        move |error| TrustError::verdict(file, error)
    };
    let ever = Timestamp::MIN;
    let mut set = TrustedMetadataSet::from_root(root).map_err(named("root"))?;
    set.update_timestamp(timestamp, ever).map_err(named("timestamp"))?;
    set.update_snapshot(snapshot, ever).map_err(named("snapshot"))?;
    set.update_targets(targets, ever).map_err(named("targets"))?;
    read_unverified(root).map_err(|error| TrustError::malformed("root.json", error))
}

impl Envelope {
    fn read(expected: &'static str, file: &[u8]) -> Result<Self, SigningError> {
        serde_json::from_slice(file)
            .map_err(|error| SigningError::NotMetadata { expected, reason: error.to_string() })
    }

    fn sign(&mut self, expected: &'static str, keys: &[&SigningKey]) -> Result<(), SigningError> {
        // Moved out and back in: the canonical form is that of the map as a JSON value.
        let signed = Value::Object(std::mem::take(&mut self.signed));
        let message = canonical_json::to_canonical_bytes(&signed)
            .map_err(|error| SigningError::NotMetadata { expected, reason: reason(&error) })?;
        if let Value::Object(map) = signed {
            self.signed = map;
        }
        for key in keys {
            let keyid = key.key_id();
            let sig = key.sign(&message)?;
            match self.signatures.iter_mut().find(|one| one.keyid == keyid) {
                Some(old) => old.sig = sig,
                None => self.signatures.push(Signature { keyid, sig }),
            }
        }
        Ok(())
    }

    fn to_bytes(&self, expected: &'static str) -> Result<Vec<u8>, SigningError> {
        serde_json::to_vec(self)
            .map_err(|error| SigningError::NotMetadata { expected, reason: error.to_string() })
    }
}
