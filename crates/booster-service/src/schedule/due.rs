//! What the schedule decides, each case with a name and its reason.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Whether an update is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "due")]
pub enum Due {
    /// It is.
    Now {
        /// Why.
        because: Because,
    },
    /// It will be, if nothing changes.
    At {
        /// When.
        time: Timestamp,
        /// Why then.
        because: Because,
    },
    /// Not before something else changes than the time.
    Never {
        /// What stands in the way.
        hold: Hold,
    },
}

/// Why an update is due, or due then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// The service has started.
    Start,
    /// The last success is as long ago as `update_interval` says.
    Interval,
    /// It is the day and the time of the settings.
    Time,
    /// A day and time of the settings has passed without an update.
    CatchUp,
    /// The last update failed, and the pause after it is over.
    Retry,
    /// Every source is left alone until then.
    SourcesLeftAlone,
    /// A scheduled scan is about to begin.
    Scan,
}

/// What stands in the way of every update of the schedule's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum Hold {
    /// The settings give neither an interval nor a day.
    NothingScheduled,
    /// The settings name no source.
    NoSource,
    /// The administrator has paused updates.
    Paused {
        /// Until when; without it until somebody resumes.
        until: Option<Timestamp>,
    },
    /// The machine has no route to where its sources are.
    Offline,
    /// The line is paid by volume, and the settings keep off such lines.
    Metered,
    /// For scans: the settings do not ask for an update before them.
    NotBeforeScans,
    /// For scans: an update has succeeded within the grace period.
    FreshEnough,
    /// For scans: the last update failed, and the pause after it is not over.
    FailedLately,
}

impl Due {
    /// The moment itself, where there is one.
    pub const fn time(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Now { .. } => Some(now),
            Self::At { time, .. } => Some(*time),
            Self::Never { .. } => None,
        }
    }
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Start => "the service has started",
            Self::Interval => "the update interval is over",
            Self::Time => "it is the scheduled time",
            Self::CatchUp => "a scheduled time was missed",
            Self::Retry => "the last update failed",
            Self::SourcesLeftAlone => "every source is left alone until then",
            Self::Scan => "a scheduled scan is about to begin",
        })
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingScheduled => {
                f.write_str("nothing is scheduled: set update_interval or day under [schedule]")
            }
            Self::NoSource => f.write_str("no source is configured: name one under \"sources\""),
            Self::Paused { until: Some(until) } => write!(f, "updates are paused until {until:.0}"),
            Self::Paused { until: None } => f.write_str("updates are paused until `booster resume`"),
            Self::Offline => f.write_str("the machine is offline"),
            Self::Metered => f.write_str("the line is metered, and metered_updates under [schedule] is off"),
            Self::NotBeforeScans => f.write_str("check_before_scan under [schedule] is off"),
            Self::FreshEnough => f.write_str("an update has succeeded within the grace period"),
            Self::FailedLately => f.write_str("the last update failed, and it is too early to try again"),
        }
    }
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now { because } => write!(f, "now ({because})"),
            Self::At { time, because } => write!(f, "at {time:.0} ({because})"),
            Self::Never { hold } => write!(f, "not yet: {hold}"),
        }
    }
}
