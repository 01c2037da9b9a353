//! The signatures of a file, looked at before they are verified.
//!
//! Two questions that the verifier does not answer. Is a file that fails to verify damaged, or is it
//! somebody else's? And is each signature written in the one form that signers write? The verifier
//! reads hexadecimal digits in either case, so that a bit flipped on the way could go unnoticed where
//! no other file pins the bytes: in a timestamp or a root.

use serde::Deserialize;
use sigstore_tuf::{Error, Root};

#[derive(Deserialize)]
struct Envelope {
    signatures: Vec<Signature>,
}

#[derive(Deserialize)]
struct Signature {
    keyid: String,
    sig: String,
}

/// The ids of the keys that a file claims to be signed by. A file that is no metadata claims nothing:
/// the verifier will say what is wrong with it.
///
/// # Errors
/// [`Error::Malformed`] for a signature in a form that no signer writes.
pub(crate) fn claimed_signers(bytes: &[u8]) -> Result<Vec<String>, Error> {
    let Ok(envelope) = serde_json::from_slice::<Envelope>(bytes) else { return Ok(Vec::new()) };
    if let Some(odd) = envelope.signatures.iter().find(|one| one.sig.bytes().any(|b| b.is_ascii_uppercase()))
    {
        return Err(Error::Malformed(format!(
            "the signature by key {} is not lower-case hexadecimal",
            odd.keyid
        )));
    }
    Ok(envelope.signatures.into_iter().map(|one| one.keyid).collect())
}

/// None of the claimed signers may sign for this role: the file was not made by this publisher, or
/// by keys of which this machine has not been told.
pub(crate) fn all_strangers(root: &Root, role: &str, claimed: &[String]) -> bool {
    !claimed.is_empty()
        && root.role(role).is_none_or(|keys| !claimed.iter().any(|one| keys.keyids.contains(one)))
}
