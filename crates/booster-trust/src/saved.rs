//! The offline question: are these bytes what the publisher signed, as far as this machine has seen?

use crate::{
    error::{Result, TrustError},
    roles::{check_signed, parse},
    state::TrustedState,
    target::TargetVerifier,
};
use sigstore_tuf::Targets;

/// Makes sure that a target's bytes are those that the saved top-level targets metadata lists, and
/// that this metadata is signed by the trusted root's keys. Expiry is ignored, and no network is used.
///
/// Snapshot and timestamp are not asked: they say which metadata is the newest, and a refresh that
/// failed half-way may know a newer snapshot than it has targets; what is asked here is who signed.
///
/// # Errors
/// [`TrustError::NoSuchTarget`] if it is not listed, [`TrustError::Mismatch`] if the bytes differ,
/// [`TrustError::Threshold`] if the saved metadata is not signed as it must be.
pub fn verify_saved(state: &TrustedState, target: &str, bytes: &[u8]) -> Result<()> {
    let absent = || TrustError::NoSuchTarget { path: target.to_owned() };
    let text = state.data()?.targets.as_ref().ok_or_else(absent)?;
    let root = &state.roles()?.root;
    let metadata = parse::<Targets>("targets.json", text.as_bytes())?;
    check_signed(root, "targets", &metadata)?;
    let file = metadata.signed().target(target).ok_or_else(absent)?;
    let mut verifier = TargetVerifier::new(file);
    let checked = verifier.update(bytes).and_then(|()| verifier.finish());
    checked.map_err(|error| TrustError::Mismatch { file: target.to_owned(), reason: error.to_string() })
}
