//! To whom a release is available, and from when on: what a publisher signs beside it.
//!
//! A release never changes once it is out; this does: a roll-out is halted, resumed or hastened by
//! signing it anew. It stands in the `custom` field of the manifest's target (TUF 1.0, section 4.5).

use crate::{Channel, ManifestError, Place, Schedule};
use serde::{Deserialize, Serialize};

/// Why a publisher stopped a roll-out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    /// Since when.
    pub since: jiff::Timestamp,
    /// The publisher's words.
    pub reason: String,
}

/// What a publisher signs about the giving out of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Availability {
    /// Counts the releases of the component, from 1.
    pub sequence: u64,
    /// When the release was first published.
    pub published: jiff::Timestamp,
    /// The moment that the schedule's times are counted from.
    pub started: jiff::Timestamp,
    /// Who gets it when.
    #[serde(default, skip_serializing_if = "Schedule::is_immediate")]
    pub schedule: Schedule,
    /// Whether everybody is to have it now, whatever the schedule and the channel say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub emergency: bool,
    /// Whether the roll-out is stopped: nobody takes it who has not taken it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halted: Option<Halt>,
}

/// Whether it is a machine's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It is.
    Now,
    /// From this moment on.
    At(jiff::Timestamp),
    /// Not at all while the roll-out is halted.
    Halted,
}

impl Availability {
    /// A release that is given out from now on.
    pub fn new(sequence: u64, now: jiff::Timestamp, schedule: Schedule) -> Self {
        let now = jiff::Timestamp::from_second(now.as_second()).unwrap_or(now);
        Self { sequence, published: now, started: now, schedule, emergency: false, halted: None }
    }

    /// Whether it is the turn of a machine in this place of this channel.
    pub fn turn(&self, channel: Channel, place: Place, now: jiff::Timestamp) -> Turn {
        if self.halted.is_some() {
            return Turn::Halted;
        }
        if self.emergency {
            return Turn::Now;
        }
        let steps = self.schedule.steps(channel);
        let Some(step) = steps.iter().find(|step| step.share.holds(place)) else { return Turn::Halted };
        let at = self.started.checked_add(step.after).unwrap_or(jiff::Timestamp::MAX);
        if at <= now { Turn::Now } else { Turn::At(at) }
    }

    /// What stands in the metadata.
    ///
    /// # Errors
    /// None for values that can be made.
    pub fn to_json(&self) -> Result<serde_json::Value, ManifestError> {
        Ok(serde_json::to_value(self)?)
    }

    /// What the metadata says.
    ///
    /// # Errors
    /// It says something else.
    pub fn from_json(value: &serde_json::Value) -> Result<Self, ManifestError> {
        Ok(Self::deserialize(value)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::{SignedDuration, Timestamp};

    fn release(schedule: &str) -> Availability {
        Availability::new(1, Timestamp::UNIX_EPOCH, schedule.parse().unwrap())
    }

    fn place(number: u16) -> Place {
        Place::new(number).unwrap()
    }

    fn hours(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    #[test]
    fn a_machine_waits_for_the_step_that_holds_its_place() {
        let release = release("1%@1h,50%@6h,100%@24h");
        for (number, at) in [(0, 1), (99, 1), (100, 6), (4999, 6), (5000, 24), (9999, 24)] {
            let turn = |now| release.turn(Channel::Broad, place(number), now);
            assert_eq!(turn(hours(at) - SignedDuration::from_secs(1)), Turn::At(hours(at)), "{number}");
            assert_eq!(turn(hours(at)), Turn::Now, "{number}");
        }
    }

    #[test]
    fn an_emergency_is_for_all_and_a_halt_for_nobody() {
        let mut release = release("1%@1h,100%@24h");
        release.emergency = true;
        for channel in Channel::ALL {
            assert_eq!(release.turn(channel, place(9999), hours(0)), Turn::Now);
        }
        release.halted = Some(Halt { since: hours(1), reason: "finds what it must not".to_owned() });
        for channel in Channel::ALL {
            assert_eq!(release.turn(channel, place(0), hours(1000)), Turn::Halted);
        }
    }

    #[test]
    fn what_is_signed_is_short_and_is_read_again() {
        let plain = release("immediate");
        let json = plain.to_json().unwrap();
        assert_eq!(json.as_object().unwrap().len(), 3, "{json}");
        let mut full = release("gradual");
        full.emergency = true;
        full.halted = Some(Halt { since: hours(1), reason: "x".to_owned() });
        for availability in [plain, full] {
            assert_eq!(Availability::from_json(&availability.to_json().unwrap()).unwrap(), availability);
        }
    }

    #[test]
    fn a_schedule_that_never_reaches_a_machine_does_not_offer_it_the_release() {
        let json = serde_json::json!({"sequence": 1, "published": "1970-01-01T00:00:00Z",
            "started": "1970-01-01T00:00:00Z", "schedule": {"broad": [{"after_s": 0, "share": 10}]}});
        let release = Availability::from_json(&json).unwrap();
        assert_eq!(release.turn(Channel::Broad, place(9), hours(0)), Turn::Now);
        assert_eq!(release.turn(Channel::Broad, place(10), hours(1000)), Turn::Halted);
    }
}
