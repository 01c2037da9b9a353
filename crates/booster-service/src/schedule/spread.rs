//! How machines that are due together are spread, so that a fleet does not come at once.

use booster_definitions::{Digest, Place};
use booster_store::Store;
use booster_update::part;
use jiff::{SignedDuration, Timestamp};
use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

/// A machine's own share of every spread.
///
/// Its times of day keep their distance from the scheduled time, so that people know when a machine comes and
/// two days' updates are a day apart. Everything else is drawn anew for each occasion, so that no machine is
/// always the last one, and machines that met once do not meet again. Both follow from the machine's identity
/// and the occasion alone: a restart of the service draws nothing again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread(u64);

impl Spread {
    /// The spread of the machine with this place.
    pub fn of_place(place: Place) -> Self {
        // Not the place itself: who is first in roll-outs is not always the first of the day as well.
        Self(number(format!("schedule {}", place.number()).as_bytes()))
    }

    /// The spread of the machine that this store is on. Where it has no identity yet, one is drawn that lasts as
    /// long as this process. The place that the settings may name is nothing to go by: many machines can have
    /// the same.
    pub fn of_machine(store: &Store) -> Self {
        match store.place() {
            Ok(Some(place)) => Self::of_place(place),
            // The standard library seeds its hashers from the system's random numbers.
            Ok(None) | Err(_) => Self(RandomState::new().hash_one(0)),
        }
    }

    /// How long after a scheduled time of day this machine comes: always the same.
    pub fn daily(self, over: Duration) -> SignedDuration {
        signed(part(over, self.0))
    }

    /// How long after an occasion this machine comes.
    pub fn after(self, occasion: Timestamp, over: Duration) -> SignedDuration {
        signed(part(over, self.number(occasion)))
    }

    /// The number that this machine draws for an occasion.
    pub fn number(self, occasion: Timestamp) -> u64 {
        number(format!("{} {}", self.0, occasion.as_second()).as_bytes())
    }
}

/// An even number for each text.
fn number(of: &[u8]) -> u64 {
    let digest = Digest::of(of);
    let [a, b, c, d, e, f, g, h, ..] = *digest.as_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// Settings may be thousands of years long: such a duration is the longest that there is.
pub(super) fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// A moment so much later, or the last one that there is.
pub(super) fn later(moment: Timestamp, by: SignedDuration) -> Timestamp {
    moment.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// How many of ten thousand machines fall on each of ten parts.
    fn tenths(of: impl Fn(Spread) -> SignedDuration) -> Vec<usize> {
        let mut counts = vec![0; 10];
        for place in 0..Place::COUNT {
            let offset = of(Spread::of_place(Place::new(place).unwrap()));
            counts[usize::try_from(offset.as_millis() * 10 / 3_600_000).unwrap()] += 1;
        }
        counts
    }

    #[test]
    fn ten_thousand_machines_are_spread_evenly() {
        let occasion = Timestamp::from_second(1_800_000_000).unwrap();
        for counts in [tenths(|spread| spread.daily(HOUR)), tenths(|spread| spread.after(occasion, HOUR))] {
            assert!(counts.iter().all(|count| (850..=1150).contains(count)), "{counts:?}");
        }
    }

    #[test]
    fn a_machine_keeps_its_time_of_day_and_draws_the_rest_for_each_occasion() {
        let spread = Spread::of_place(Place::new(77).unwrap());
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(spread.daily(HOUR), spread.daily(HOUR));
        assert_eq!(spread.after(at(1), HOUR), spread.after(at(1), HOUR));
        assert_ne!(spread.after(at(1), HOUR), spread.after(at(2), HOUR));
        assert_eq!(spread.daily(Duration::ZERO), SignedDuration::ZERO);
    }
}
