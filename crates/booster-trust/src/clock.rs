//! The time that expiry is judged at.
//!
//! A system clock can be set back, by a fault or by somebody who holds an old, validly signed copy of
//! a repository. The publisher therefore signs the time at which it signs
//! ([`SIGNED_AT_FIELD`](crate::SIGNED_AT_FIELD)), and the newest such time that was ever verified is a
//! second clock that only goes forward.

use crate::error::{Result, TrustError};
use jiff::{SignedDuration, Timestamp};

/// How far the system clock may be behind a signed time before the air-gapped policy gives up on it.
const TOLERANCE: SignedDuration = SignedDuration::from_hours(24);

/// How the freshness of metadata is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FreshnessPolicy {
    /// Expired metadata is refused, as TUF has it.
    #[default]
    Enforced,
    /// For air-gapped sites: expiry is judged at the time at which the publisher signed, and that time
    /// may be at most `max_age` ago.
    SignedTime {
        /// The greatest age of the signed time.
        max_age: SignedDuration,
    },
}

/// The time to judge expiry at.
///
/// `trusted` is the newest signed time that was verified before; `offered` is that of the timestamp
/// about to be verified. The caller must see to it that exactly those offered bytes are then
/// verified.
pub(crate) fn judged_at(
    policy: FreshnessPolicy,
    system: Timestamp,
    trusted: Option<Timestamp>,
    offered: Option<Timestamp>,
) -> Result<Timestamp> {
    match policy {
        FreshnessPolicy::Enforced => Ok(trusted.map_or(system, |signed_at| signed_at.max(system))),
        FreshnessPolicy::SignedTime { max_age } => {
            let signed_at = trusted.max(offered).ok_or(TrustError::NoSignedTime)?;
            let age = system.duration_since(signed_at);
            if age < -TOLERANCE {
                return Err(TrustError::ClockBehind { system, signed_at });
            }
            if age > max_age {
                return Err(TrustError::TooOld { signed_at, max_age });
            }
            Ok(signed_at)
        }
    }
}
