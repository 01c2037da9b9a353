//! Is a given root of the publisher that is already trusted?
//!
//! A packaged or configured `root.json` may be older or newer than what a machine has reached by
//! walking the chain of roots, so equality of bytes is the wrong question. Two roots are of one
//! publisher if the one's keys vouch for the other.

use super::Data;
use crate::{
    error::{Result, TrustError},
    roles::{check_signed, parse},
};
use sigstore_tuf::{Metadata, Root};
use std::cmp::Ordering;

/// A root must be signed by its own keys to its own threshold (TUF 1.0, section 5.3).
pub(super) fn check_root(bytes: &[u8]) -> Result<Metadata<Root>> {
    let root = parse::<Root>("root.json", bytes)?;
    check_signed(root.signed(), "root", &root)?;
    Ok(root)
}

/// The given root connects to the trusted chain.
pub(super) fn check_same(data: &Data, given: &Metadata<Root>) -> Result<()> {
    let other = |reason: String| Err(TrustError::OtherPublisher { reason });
    let version = given.signed().version;
    let first = parse::<Root>("root.json", data.pinned_root()?.as_bytes())?;
    let latest = parse::<Root>("root.json", data.root()?.as_bytes())?;
    if let Some(known) = data.roots.get(&version) {
        let known = parse::<Root>("root.json", known.as_bytes())?;
        if known.signed_canonical() == given.signed_canonical() {
            return Ok(());
        }
        return other(format!("its version {version} has other content than the one trusted here"));
    }
    let connected = match version.cmp(&latest.signed().version) {
        Ordering::Greater => check_signed(latest.signed(), "root", given),
        _ => check_signed(given.signed(), "root", &first),
    };
    connected.or_else(|_| {
        other(format!(
            "no signatures connect its version {version} with the versions {} to {} trusted here",
            first.signed().version,
            latest.signed().version
        ))
    })
}
