//! Durations, sizes and shares as people write them: `"30s"`, `"14d"`, `"64KiB"`, `"1%"`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{fmt, str::FromStr, time::Duration};

/// A duration written as a whole number and a unit: `ms`, `s`, `m`, `h` or `d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval(pub Duration);

/// A number of bytes written as a whole number and a unit: `B`, `KiB`, `MiB` or `GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// A share in parts of a million, written in percent: `1%`, `0.25%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(pub u32);

const INTERVAL_UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
const SIZE_UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl Interval {
    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// So many days of 24 hours.
    pub const fn days(days: u64) -> Self {
        Self::seconds(days * 86_400)
    }
}

/// The text is not a number with one of the units.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {what}: write a number and a unit, as in {example}")]
pub struct InvalidUnit {
    text: String,
    what: &'static str,
    example: &'static str,
}

impl FromStr for Interval {
    type Err = InvalidUnit;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let milliseconds = parse(text, &INTERVAL_UNITS).ok_or_else(|| InvalidUnit {
            text: text.to_owned(),
            what: "duration",
            example: "\"30s\", \"12h\" or \"7d\"",
        })?;
        Ok(Self(Duration::from_millis(milliseconds)))
    }
}

impl FromStr for Size {
    type Err = InvalidUnit;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = parse(text, &SIZE_UNITS).ok_or_else(|| InvalidUnit {
            text: text.to_owned(),
            what: "size",
            example: "\"64KiB\", \"512MiB\" or \"2GiB\"",
        })?;
        Ok(Self(bytes))
    }
}

impl FromStr for Share {
    type Err = InvalidUnit;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let share = text.strip_suffix('%').and_then(parse_percent).filter(|&share| share <= 1_000_000);
        share.map(Self).ok_or_else(|| InvalidUnit {
            text: text.to_owned(),
            what: "share",
            example: "\"1%\" or \"0.25%\", up to \"100%\"",
        })
    }
}

/// Percent with up to four decimals, in parts of a million.
fn parse_percent(text: &str) -> Option<u32> {
    let (whole, decimals) = text.trim_end().split_once('.').unwrap_or((text.trim_end(), "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(decimals) || decimals.len() > 4 {
        return None;
    }
    let decimals: u32 = format!("{decimals:0<4}").parse().ok()?;
    whole.parse::<u32>().ok()?.checked_mul(10_000)?.checked_add(decimals)
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start();
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// Writes with the largest unit that needs no fraction, so that a value round-trips.
fn write(f: &mut fmt::Formatter<'_>, value: u64, units: &[(&str, u64)]) -> fmt::Result {
    let whole = |factor: u64| value.is_multiple_of(factor) && (value > 0 || factor == 1);
    let (name, factor) = units.iter().find(|(_, factor)| whole(*factor)).copied().unwrap_or(("", 1));
    f.pad(&format!("{}{name}", value / factor))
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX), &INTERVAL_UNITS)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.0, &SIZE_UNITS)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, decimals) = (self.0 / 10_000, format!("{:04}", self.0 % 10_000));
        match decimals.trim_end_matches('0') {
            "" => f.pad(&format!("{whole}%")),
            decimals => f.pad(&format!("{whole}.{decimals}%")),
        }
    }
}

macro_rules! as_text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    };
}
as_text!(Interval);
as_text!(Size);
as_text!(Share);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_round_trip_in_their_largest_unit() {
        for (text, milliseconds, shown) in [
            ("7d", 604_800_000, "7d"),
            ("168h", 604_800_000, "7d"),
            ("90s", 90_000, "90s"),
            ("120 s", 120_000, "2m"),
            ("250ms", 250, "250ms"),
            ("0s", 0, "0ms"),
        ] {
            let interval: Interval = text.parse().unwrap();
            assert_eq!(
                (interval.0.as_millis(), interval.to_string().as_str()),
                (milliseconds, shown),
                "{text}"
            );
        }
        for (text, bytes, shown) in
            [("1GiB", 1 << 30, "1GiB"), ("1536 MiB", 1536 << 20, "1536MiB"), ("10B", 10, "10B")]
        {
            let size: Size = text.parse().unwrap();
            assert_eq!((size.0, size.to_string().as_str()), (bytes, shown), "{text}");
        }
    }

    #[test]
    fn shares_are_percent_with_up_to_four_decimals() {
        for (text, parts, shown) in [
            ("1%", 10_000, "1%"),
            ("0%", 0, "0%"),
            ("100 %", 1_000_000, "100%"),
            ("0.25%", 2_500, "0.25%"),
            ("12.3456%", 123_456, "12.3456%"),
            ("0.0001%", 1, "0.0001%"),
        ] {
            let share: Share = text.parse().unwrap();
            assert_eq!((share.0, share.to_string().as_str()), (parts, shown), "{text}");
        }
        for text in ["", "%", "1", "101%", "-1%", "1.%", ".5%", "0.00001%", "1,5%", "99999999999%"] {
            assert!(text.parse::<Share>().is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn a_number_without_a_unit_or_with_a_strange_one_is_refused() {
        for text in ["", "7", "d", "7 days", "-1s", "1.5h", "99999999999999999999s", "1w"] {
            assert!(text.parse::<Interval>().is_err(), "{text:?} was taken");
        }
        for text in ["", "7", "1MB", "1 mib", "99999999999GiB"] {
            assert!(text.parse::<Size>().is_err(), "{text:?} was taken");
        }
    }
}
