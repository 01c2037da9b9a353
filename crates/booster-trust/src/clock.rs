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

#[cfg(test)]
mod tests {
    use super::*;

    fn day(days: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap() + SignedDuration::from_hours(24 * days)
    }

    #[test]
    fn the_enforced_clock_never_goes_back_behind_a_signed_time() {
        let judged = |system, trusted| judged_at(FreshnessPolicy::Enforced, system, trusted, Some(day(99)));
        assert_eq!(judged(day(1), None).unwrap(), day(1));
        assert_eq!(judged(day(1), Some(day(5))).unwrap(), day(5));
        assert_eq!(judged(day(9), Some(day(5))).unwrap(), day(9));
    }

    #[test]
    fn the_air_gapped_clock_stands_at_the_newest_signed_time_for_as_long_as_allowed() {
        let policy = FreshnessPolicy::SignedTime { max_age: SignedDuration::from_hours(240) };
        let cases = [
            // system, trusted, offered -> judged at
            (0, None, Some(0), Ok(0)),
            (10, None, Some(0), Ok(0)),
            (11, None, Some(0), Err("old")),
            (11, Some(0), Some(5), Ok(5)),
            (11, Some(5), Some(0), Ok(5)),
            (11, Some(0), None, Err("old")),
            (4, None, Some(5), Ok(5)),
            (3, None, Some(5), Err("behind")),
            (0, None, None, Err("none")),
        ];
        for (system, trusted, offered, expected) in cases {
            let judged = judged_at(policy, day(system), trusted.map(day), offered.map(day));
            let judged = judged.map_err(|error| match error {
                TrustError::TooOld { .. } => "old",
                TrustError::ClockBehind { .. } => "behind",
                TrustError::NoSignedTime => "none",
                _ => "other",
            });
            assert_eq!(judged, expected.map(day), "{system} {trusted:?} {offered:?}");
        }
    }
}
