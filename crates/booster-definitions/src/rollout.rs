//! The order in which machines take a release: channels, a machine's place, and a publisher's schedule.

mod schedule;

pub use schedule::{DELAY, InvalidSchedule, Schedule, Share, Step};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use std::{fmt, str::FromStr};

/// Which machines a machine goes with. The names are those of Defender's gradual roll-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// First, to try what is coming.
    Preview,
    /// Early, as a sample of the fleet.
    Staged,
    /// With most.
    Broad,
    /// Last, where a mistake would cost most.
    Delayed,
}

impl Channel {
    /// Every channel, in the order in which releases reach them.
    pub const ALL: [Self; 4] = [Self::Preview, Self::Staged, Self::Broad, Self::Delayed];

    /// The name used in settings, metadata and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Preview => "preview",
            Self::Staged => "staged",
            Self::Broad => "broad",
            Self::Delayed => "delayed",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name that is no channel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown channel {0:?}: expected preview, staged, broad or delayed")]
pub struct UnknownChannel(pub String);

impl FromStr for Channel {
    type Err = UnknownChannel;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|channel| channel.as_str() == name);
        found.ok_or_else(|| UnknownChannel(name.to_owned()))
    }
}

/// A machine's place in the order of a roll-out: from 0, the first in ten thousand, to 9,999, the last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place(u16);

impl Place {
    /// How many places there are.
    pub const COUNT: u16 = 10_000;

    /// The place of this number, if there is one.
    pub fn new(number: u16) -> Option<Self> {
        (number < Self::COUNT).then_some(Self(number))
    }

    /// The place that a seed falls on: the same for the same seed, and even over seeds.
    pub fn of_seed(seed: &[u8]) -> Self {
        let digest = crate::Digest::of(seed);
        let [a, b, c, d, ..] = *digest.as_bytes();
        // 2^32 is so far above ten thousand that the remainder favours no place noticeably.
        Self((u32::from_be_bytes([a, b, c, d]) % u32::from(Self::COUNT)) as u16)
    }

    /// Its number.
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u16::deserialize(deserializer)?;
        Self::new(number).ok_or_else(|| D::Error::custom(format!("{number} is no place: 0 to 9999")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_has_one_place_and_seeds_spread_over_all() {
        assert_eq!(Place::of_seed(b"a"), Place::of_seed(b"a"));
        let below = (0..10_000u32).filter(|n| Place::of_seed(&n.to_be_bytes()).number() < 1000).count();
        assert!((900..1100).contains(&below), "{below} of 10,000 seeds fall on the first tenth");
    }

    #[test]
    fn a_place_beyond_the_last_is_refused() {
        assert_eq!(serde_json::from_str::<Place>("9999").ok(), Place::new(9999));
        assert!(serde_json::from_str::<Place>("10000").is_err() && Place::new(10_000).is_none());
    }

    #[test]
    fn a_channel_has_one_name_in_text_and_in_json() {
        for channel in Channel::ALL {
            assert_eq!(channel.as_str().parse(), Ok(channel));
            assert_eq!(serde_json::to_string(&channel).unwrap(), format!("\"{channel}\""));
        }
    }
}
