//! Who gets a release when: steps in time, channel by channel.

use super::{Channel, Place};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

/// How long the `delayed` channel waits unless a roll-out says otherwise.
pub const DELAY: Duration = Duration::from_secs(48 * 3600);

/// A share of machines, in hundredths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Share(u16);

impl Share {
    /// All machines.
    pub const ALL: Self = Self(Place::COUNT);

    /// Whether a place is within the share.
    pub const fn holds(self, place: Place) -> bool {
        place.0 < self.0
    }
}

/// Written as a percentage with up to two decimals: `0.5%`.
impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, hundredths) = (self.0 / 100, self.0 % 100);
        match hundredths {
            0 => f.pad(&format!("{whole}%")),
            n if n % 10 == 0 => f.pad(&format!("{whole}.{}%", n / 10)),
            n => f.pad(&format!("{whole}.{n:02}%")),
        }
    }
}

/// From some time after its start on, a release is there for a share of machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// How long after the start.
    #[serde(rename = "after_s", with = "seconds")]
    pub after: Duration,
    /// The share, from then on.
    pub share: Share,
}

/// How a release is given out, channel by channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Schedule(BTreeMap<Channel, Vec<Step>>);

/// A schedule that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the roll-out {text:?} {reason}; write shares and times as in \"1%@0h,10%@4h,100%@1d\"")]
pub struct InvalidSchedule {
    text: String,
    reason: &'static str,
}

impl Schedule {
    /// Everybody at once, and the delayed ones after [`DELAY`].
    pub fn immediate() -> Self {
        Self::default()
    }

    /// A day's roll-out: previewers at once, a sample within six hours, the rest within a day.
    pub fn gradual() -> Self {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        let steps = |steps: &[(u16, u64)]| {
            steps
                .iter()
                .map(|&(percent, after)| Step { after: hours(after), share: Share(percent * 100) })
                .collect()
        };
        Self(BTreeMap::from([
            (Channel::Staged, steps(&[(10, 0), (50, 2), (100, 6)])),
            (Channel::Broad, steps(&[(1, 1), (10, 6), (50, 12), (100, 24)])),
        ]))
    }

    /// The steps of a channel. One that the publisher did not mention is served at once; the delayed one
    /// waits for [`DELAY`], and for the broad one to be complete.
    pub fn steps(&self, channel: Channel) -> Vec<Step> {
        match (self.0.get(&channel), channel) {
            (Some(steps), _) => steps.clone(),
            (None, Channel::Delayed) => {
                let broad = self.0.get(&Channel::Broad).and_then(|steps| steps.last()).map(|step| step.after);
                vec![Step { after: broad.unwrap_or_default().max(DELAY), share: Share::ALL }]
            }
            (None, _) => vec![Step { after: Duration::ZERO, share: Share::ALL }],
        }
    }

    /// Whether it says no more than [`Schedule::immediate`].
    pub fn is_immediate(&self) -> bool {
        self.0.is_empty()
    }
}

/// `immediate`, `gradual`, or steps: `1%@0h,100%@1d` for the broad channel, and `staged=10%@0h,100%@6h; broad=...`
/// for several.
impl FromStr for Schedule {
    type Err = InvalidSchedule;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "immediate" => return Ok(Self::immediate()),
            "gradual" => return Ok(Self::gradual()),
            _ => {}
        }
        let invalid = |reason| InvalidSchedule { text: text.to_owned(), reason };
        let mut channels = BTreeMap::new();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (channel, steps) = match part.split_once('=') {
                Some((name, steps)) => {
                    (name.trim().parse().map_err(|_| invalid("names an unknown channel"))?, steps)
                }
                None => (Channel::Broad, part),
            };
            let steps: Option<Vec<Step>> = steps.split(',').map(parse_step).collect();
            let steps = steps.ok_or_else(|| invalid("has a step that is no share and time"))?;
            let grows =
                steps.windows(2).all(|pair| pair[0].after < pair[1].after && pair[0].share < pair[1].share);
            if !grows {
                return Err(invalid("has steps that do not grow"));
            }
            if steps.last().is_none_or(|last| last.share != Share::ALL) {
                return Err(invalid("never reaches 100%"));
            }
            if channels.insert(channel, steps).is_some() {
                return Err(invalid("names a channel twice"));
            }
        }
        if channels.is_empty() { Err(invalid("is empty")) } else { Ok(Self(channels)) }
    }
}

fn parse_step(text: &str) -> Option<Step> {
    let (share, after) = text.trim().split_once('@')?;
    Some(Step { after: parse_time(after)?, share: parse_share(share)? })
}

fn parse_share(text: &str) -> Option<Share> {
    let number = text.strip_suffix('%')?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(decimals) || decimals.len() > 2 {
        return None;
    }
    let hundredths: u16 = format!("{decimals:0<2}").parse().ok()?;
    let share = whole.parse::<u16>().ok()?.checked_mul(100)?.checked_add(hundredths)?;
    (1..=Place::COUNT).contains(&share).then_some(Share(share))
}

fn parse_time(text: &str) -> Option<Duration> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    let number: u64 = text.get(..text.len() - 1)?.parse().ok()?;
    number.checked_mul(unit).map(Duration::from_secs)
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_immediate() {
            return f.write_str("immediate");
        }
        for (position, (channel, steps)) in self.0.iter().enumerate() {
            let separator = if position == 0 { "" } else { "; " };
            write!(f, "{separator}{channel}=")?;
            for (position, step) in steps.iter().enumerate() {
                let separator = if position == 0 { "" } else { "," };
                write!(f, "{separator}{}@{}", step.share, ShownTime(step.after))?;
            }
        }
        Ok(())
    }
}

struct ShownTime(Duration);

impl fmt::Display for ShownTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let units = [("d", 86_400), ("h", 3600), ("m", 60)];
        let fits = |unit: u64| seconds > 0 && seconds.is_multiple_of(unit);
        let (name, unit) = units.into_iter().find(|(_, unit)| fits(*unit)).unwrap_or(("s", 1));
        write!(f, "{}{name}", seconds / unit)
    }
}

mod seconds {
    use super::*;

    pub(super) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(time.as_secs())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_read_as_it_was_written() {
        for (text, shown) in [
            ("immediate", "immediate"),
            ("1%@0h,10%@4h,100%@1d", "broad=1%@0s,10%@4h,100%@1d"),
            ("broad=0.25%@90m,12.5%@2h,100%@3h", "broad=0.25%@90m,12.5%@2h,100%@3h"),
            ("delayed=100%@7d; staged=50%@0s,100%@45s", "staged=50%@0s,100%@45s; delayed=100%@7d"),
        ] {
            let schedule: Schedule = text.parse().unwrap();
            assert_eq!(schedule.to_string(), shown);
            assert_eq!(shown.parse(), Ok(schedule.clone()));
            let json = serde_json::to_string(&schedule).unwrap();
            assert_eq!(serde_json::from_str::<Schedule>(&json).unwrap(), schedule, "{json}");
        }
        assert_eq!(Schedule::gradual().to_string().parse(), Ok(Schedule::gradual()));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "is empty"),
            ("now", "no share and time"),
            ("1%@0h", "never reaches"),
            ("101%@0h", "no share and time"),
            ("0%@0h,100%@1h", "no share and time"),
            ("1.001%@0h,100%@1h", "no share and time"),
            ("10%@2h,100%@1h", "do not grow"),
            ("50%@1h,10%@2h,100%@3h", "do not grow"),
            ("beta=100%@0h", "unknown channel"),
            ("broad=100%@0h; 100%@1h", "twice"),
            ("100%@18446744073709551615d", "no share and time"),
        ] {
            let error = text.parse::<Schedule>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn channels_that_are_not_mentioned_have_their_usual_turn() {
        let all_after = |after| vec![Step { after, share: Share::ALL }];
        let quick = Schedule::immediate();
        assert_eq!(quick.steps(Channel::Preview), all_after(Duration::ZERO));
        assert_eq!(quick.steps(Channel::Broad), all_after(Duration::ZERO));
        assert_eq!(quick.steps(Channel::Delayed), all_after(DELAY));
        let slow: Schedule = "1%@0h,100%@7d".parse().unwrap();
        assert_eq!(slow.steps(Channel::Staged), all_after(Duration::ZERO));
        assert_eq!(slow.steps(Channel::Delayed), all_after(Duration::from_secs(7 * 86_400)));
    }
}
