//! Versions of four 16-bit numbers.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{fmt, str::FromStr};

/// A definition or engine version such as `1.419.25.0`, ordered number by number.
///
/// The 64-bit form holds the numbers as four 16-bit words with the first on top, as
/// `MPCOMPONENT_VERSION` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version(pub [u16; 4]);

impl Version {
    /// The version as one 64-bit number, first word on top.
    pub const fn to_u64(self) -> u64 {
        let [a, b, c, d] = self.0;
        (a as u64) << 48 | (b as u64) << 32 | (c as u64) << 16 | d as u64
    }
}

impl From<u64> for Version {
    fn from(value: u64) -> Self {
        Self([48, 32, 16, 0].map(|shift| (value >> shift) as u16))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.0;
        f.pad(&format!("{a}.{b}.{c}.{d}"))
    }
}

/// The text is not four numbers from 0 to 65535 joined by dots.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a version: four numbers from 0 to 65535 joined by dots, as in 1.419.25.0")]
pub struct InvalidVersion(pub String);

impl FromStr for Version {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidVersion(text.to_owned());
        let mut words = [0u16; 4];
        let mut parts = text.split('.');
        for word in &mut words {
            *word = parse_word(parts.next().ok_or_else(invalid)?).ok_or_else(invalid)?;
        }
        if parts.next().is_some() {
            return Err(invalid());
        }
        Ok(Self(words))
    }
}

/// One version has one spelling: no sign, no leading zero.
fn parse_word(part: &str) -> Option<u16> {
    let canonical = part.bytes().all(|b| b.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
    canonical.then(|| part.parse().ok()).flatten()
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_number_and_not_by_text() {
        let sorted = ["0.0.0.0", "1.9.0.0", "1.10.0.0", "1.419.3.0", "1.419.25.0", "65535.65535.65535.65535"];
        let versions: Vec<Version> = sorted.iter().map(|v| v.parse().unwrap()).collect();
        assert!(versions.is_sorted());
        for (text, version) in sorted.iter().zip(versions) {
            assert_eq!(version.to_string(), *text);
            assert_eq!(Version::from(version.to_u64()), version);
        }
    }

    #[test]
    fn a_version_has_only_one_spelling() {
        for text in [
            "",
            "1",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.65536",
            "01.2.3.4",
            "1.+2.3.4",
            "1.2.3.-4",
            "1..3.4",
            " 1.2.3.4",
        ] {
            assert!(text.parse::<Version>().is_err(), "{text:?} was taken");
        }
    }
}
