//! What the schedule knows when it decides: facts, and no decisions.

use super::{Link, Spread};
use booster_store::{Attempts, Pause};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use std::time::Duration;

/// A moment of the past may lie so far ahead when a clock was corrected since.
const CORRECTED: SignedDuration = SignedDuration::from_mins(10);

/// Everything that a decision depends on, besides the settings.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The time.
    pub now: Timestamp,
    /// The machine's time zone.
    pub zone: TimeZone,
    /// The machine's share of every spread.
    pub spread: Spread,
    /// When the service started.
    pub started: Timestamp,
    /// Since when the machine has been able to update: awake, with this clock, with a line, and not paused.
    pub able_since: Timestamp,
    /// How long ago the schedule's last update ended, by the clock that nobody can set.
    pub since_run: Option<Duration>,
    /// The administrator's pause, if it is on.
    pub paused: Option<Pause>,
    /// The sources of the settings.
    pub sources: Vec<SourceFacts>,
    /// The line; usable where nobody has asked.
    pub link: Link,
    /// How operations went, whoever asked for them.
    pub attempts: Option<Attempts>,
    /// When the set that is in use was installed.
    pub installed: Option<Timestamp>,
    /// The same, where it is the first that this machine has ever had.
    pub first_installed: Option<Timestamp>,
}

/// What counts of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceFacts {
    /// Whether it is reached over the network, rather than on this machine.
    pub remote: bool,
    /// Until when it is left alone, or was last.
    pub left_alone_until: Option<Timestamp>,
}

/// What the records say of the past, as far as this clock can believe it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lately {
    /// When the last operation ended.
    pub(super) last: Option<Timestamp>,
    /// When one last went well.
    pub(super) success: Option<Timestamp>,
    /// Whether the last one was cancelled.
    pub(super) cancelled: bool,
    /// How many have failed since the last success.
    pub(super) failures: u32,
}

impl Facts {
    /// A moment that must have passed. One that lies ahead was written under another clock and says nothing.
    pub(super) fn past(&self, moment: Option<Timestamp>) -> Option<Timestamp> {
        let moment = moment.filter(|moment| moment.duration_since(self.now) <= CORRECTED)?;
        Some(moment.min(self.now))
    }

    /// What operations have come to.
    pub(super) fn lately(&self) -> Lately {
        let installed = self.past(self.installed);
        let Some(attempts) = &self.attempts else {
            return Lately { success: installed, ..Lately::default() };
        };
        let Some(last) = self.past(Some(attempts.last)) else {
            let success = self.past(attempts.last_success);
            return Lately { success, ..Lately::default() };
        };
        Lately {
            last: Some(last),
            success: self.past(attempts.last_success.or(self.installed)),
            cancelled: attempts.outcome == booster_update::Outcome::Cancelled.as_str(),
            failures: attempts.failures,
        }
    }
}
