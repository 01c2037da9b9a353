//! When the service updates by itself: names, bounds and meaning follow Defender's settings.

use crate::{Interval, units::InvalidUnit};
use booster_update::BackOff;
use jiff::civil::{Time, Weekday};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Visitor},
};
use std::{fmt, str::FromStr, time::Duration};

/// When the service updates by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// How long after a success the next update is due; nothing for no such updates.
    #[serde(deserialize_with = "bounds::update_interval")]
    pub update_interval: Interval,
    /// The days on which one is due at `time`.
    pub day: Day,
    /// The time of day, in the machine's own time zone.
    #[serde(serialize_with = "show_time", deserialize_with = "read_time")]
    pub time: Time,
    /// How long ago the last success must be for a missed `time` to be made up for; nothing for never.
    #[serde(deserialize_with = "bounds::catchup_interval")]
    pub catchup_interval: Interval,
    /// For how long after a success nothing is updated unbidden.
    #[serde(deserialize_with = "bounds::grace_period")]
    pub grace_period: Interval,
    /// The same, after the first definitions came to the machine.
    #[serde(deserialize_with = "bounds::first_grace_period")]
    pub first_grace_period: Interval,
    /// Whether an update comes before a scheduled scan.
    pub check_before_scan: bool,
    /// Whether one is due when the service starts.
    pub update_on_start: bool,
    /// Over how long a time machines that are due together are spread.
    #[serde(deserialize_with = "bounds::randomization_time")]
    pub randomization_time: Interval,
    /// The pause after a failure. It doubles with each further one.
    #[serde(deserialize_with = "bounds::first_retry")]
    pub first_retry: Interval,
    /// The longest pause after failures.
    #[serde(deserialize_with = "bounds::longest_retry")]
    pub longest_retry: Interval,
    /// Whether to update over lines that are paid by volume.
    pub metered_updates: bool,
    /// A program and its arguments that says in one word how the line is; none to look at the routes only.
    #[serde(deserialize_with = "crate::source::list_or_text")]
    pub link_command: Vec<String>,
    /// How long it may take.
    #[serde(deserialize_with = "bounds::link_timeout")]
    pub link_timeout: Interval,
}

impl Default for Schedule {
    fn default() -> Self {
        let BackOff { first, longest } = BackOff::default();
        Self {
            // Of the documents' three defaults, the one that keeps machines freshest.
            update_interval: Interval::seconds(8 * 3600),
            day: Day::Never,
            time: Time::constant(1, 45, 0, 0),
            catchup_interval: Interval::days(1),
            grace_period: Interval::seconds(3600),
            first_grace_period: Interval::seconds(2 * 3600),
            check_before_scan: false,
            update_on_start: true,
            randomization_time: Interval::seconds(30 * 60),
            first_retry: Interval(first),
            longest_retry: Interval(longest),
            metered_updates: false,
            link_command: Vec::new(),
            link_timeout: Interval::seconds(10),
        }
    }
}

impl Schedule {
    /// The pauses after failures.
    pub const fn back_off(&self) -> BackOff {
        BackOff { first: self.first_retry.0, longest: self.longest_retry.0 }
    }
}

/// The days on which a time of day counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    /// Every day; 0 in Defender's settings.
    Daily,
    /// One day of the week; 1, Sunday, to 7.
    Weekly(Weekday),
    /// None; 8.
    Never,
}

impl Day {
    /// Every value, at its number in Defender's settings.
    const ALL: [(&str, Self); 9] = [
        ("daily", Self::Daily),
        ("sunday", Self::Weekly(Weekday::Sunday)),
        ("monday", Self::Weekly(Weekday::Monday)),
        ("tuesday", Self::Weekly(Weekday::Tuesday)),
        ("wednesday", Self::Weekly(Weekday::Wednesday)),
        ("thursday", Self::Weekly(Weekday::Thursday)),
        ("friday", Self::Weekly(Weekday::Friday)),
        ("saturday", Self::Weekly(Weekday::Saturday)),
        ("never", Self::Never),
    ];

    /// Whether a time on this day of the week counts.
    pub fn includes(self, weekday: Weekday) -> bool {
        match self {
            Self::Daily => true,
            Self::Weekly(wanted) => wanted == weekday,
            Self::Never => false,
        }
    }

    fn numbered(number: u64) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).map(|(_, day)| *day)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every value stands in the list.
        f.pad(Self::ALL.iter().find(|(_, day)| day == self).map_or("", |(name, _)| name))
    }
}

/// A text that is no day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no day: write \"daily\", \"sunday\" to \"saturday\" or \"never\", or 0 (daily), 1 (Sunday) to 7, 8 (never)"
)]
pub struct InvalidDay(String);

impl FromStr for Day {
    type Err = InvalidDay;

    fn from_str(text: &str) -> Result<Self, InvalidDay> {
        let name = text.trim().to_ascii_lowercase();
        let named = Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, day)| *day);
        let day = named.or_else(|| name.parse().ok().and_then(Self::numbered));
        day.ok_or_else(|| InvalidDay(text.to_owned()))
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Day;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name or the number of a day")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Day, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Day, E> {
                Day::numbered(number).ok_or_else(|| E::custom(InvalidDay(number.to_string())))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Day, E> {
                let day = u64::try_from(number).ok().and_then(Day::numbered);
                day.ok_or_else(|| E::custom(InvalidDay(number.to_string())))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn show_time<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&time.strftime("%H:%M:%S"))
}

fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
    let text = String::deserialize(deserializer)?;
    let time = Time::strptime("%H:%M:%S", &text).or_else(|_| Time::strptime("%H:%M", &text));
    time.map_err(|_| {
        de::Error::custom(format_args!(
            "{text:?} is no time of day: write hours and minutes, as in \"01:45\""
        ))
    })
}

/// A duration outside what its setting may be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum InvalidDuration {
    #[error(transparent)]
    Unit(#[from] InvalidUnit),
    #[error("{text:?} is out of bounds: {key} is {allowed}")]
    OutOfBounds { text: String, key: &'static str, allowed: String },
}

/// What a duration may be: within two bounds, and nothing at all where that means something.
struct Bounds {
    key: &'static str,
    zero: bool,
    least: &'static str,
    most: &'static str,
}

impl Bounds {
    fn read<'de, D: Deserializer<'de>>(&self, deserializer: D) -> Result<Interval, D::Error> {
        let text = String::deserialize(deserializer)?;
        self.parse(&text).map_err(de::Error::custom)
    }

    fn parse(&self, text: &str) -> Result<Interval, InvalidDuration> {
        let (value, least, most): (Interval, Interval, Interval) =
            (text.parse()?, self.least.parse()?, self.most.parse()?);
        if (least..=most).contains(&value) || self.zero && value.0 == Duration::ZERO {
            return Ok(value);
        }
        let nothing = if self.zero { "\"0s\", or " } else { "" };
        let allowed = format!("{nothing}\"{}\" to \"{}\"", self.least, self.most);
        Err(InvalidDuration::OutOfBounds { text: text.to_owned(), key: self.key, allowed })
    }
}

/// The bounds of Defender's settings; those without a counterpart have bounds that make sense.
mod bounds {
    use super::{Bounds, Deserializer, Interval};

    macro_rules! bounded {
        ($($key:ident: $zero:expr, $least:literal, $most:literal;)*) => {$(
            pub(super) fn $key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Interval, D::Error> {
                Bounds { key: stringify!($key), zero: $zero, least: $least, most: $most }.read(deserializer)
            }
        )*};
    }
    bounded! {
        update_interval: true, "1h", "24h";
        catchup_interval: true, "1d", "4294967295d";
        grace_period: true, "1m", "4294967295m";
        first_grace_period: false, "20m", "4320m";
        randomization_time: true, "1m", "23h";
        first_retry: false, "1m", "24h";
        longest_retry: false, "1m", "24h";
        link_timeout: false, "1s", "1m";
    }
}
