//! What an administrator decided about a machine's updates: a pin for each component, and a pause.
//!
//! They are kept in `decisions.json`. A file that cannot be read is an error and not a fresh start: an update that
//! passes over a pin does what somebody has forbidden.

use crate::{Operation, Store, StoreError, generation};
use booster_definitions::{Component, Version};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// What an administrator decided.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decisions {
    /// How far components may go.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pins: BTreeMap<Component, Pin>,
    /// Whether nothing is to be updated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
}

/// How far a component may go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The limit.
    #[serde(flatten)]
    pub limit: PinLimit,
    /// Since when.
    pub since: Timestamp,
    /// Why, in the administrator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a pinned component may not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PinLimit {
    /// No release above this version.
    Version(Version),
    /// No release that was published after this moment.
    Date(Timestamp),
}

impl PinLimit {
    /// Whether a release is within the limit. One whose date nobody knows is not within a date.
    pub fn allows(&self, version: Version, published: Option<Timestamp>) -> bool {
        match self {
            Self::Version(limit) => version <= *limit,
            Self::Date(limit) => published.is_some_and(|published| published <= *limit),
        }
    }
}

impl fmt::Display for PinLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(f, "{version}"),
            Self::Date(date) => write!(f, "{date}"),
        }
    }
}

/// Nothing is updated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Since when.
    pub since: Timestamp,
    /// Until when; without it until somebody resumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Why, in the administrator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Decisions {
    /// The pause, unless it is over.
    pub fn paused(&self, now: Timestamp) -> Option<&Pause> {
        self.pause.as_ref().filter(|pause| pause.until.is_none_or(|until| now < until))
    }
}

impl Store {
    /// What the administrator decided.
    ///
    /// # Errors
    /// The file is damaged or cannot be read.
    pub fn decisions(&self) -> Result<Decisions, StoreError> {
        let read = generation::read_json_if_present(&self.data_dir().join("decisions.json"));
        match read {
            Err(StoreError::Damaged { path, reason }) => Err(StoreError::Decisions { path, reason }),
            read => Ok(read?.unwrap_or_default()),
        }
    }
}

impl Operation {
    /// Remembers what the administrator decided.
    ///
    /// # Errors
    /// The system's answer.
    pub fn decide(&self, decisions: &Decisions) -> Result<(), StoreError> {
        let failed = || StoreError::io("writing decisions.json");
        let bytes = generation::to_json(decisions).map_err(failed())?;
        let path = self.store().data_dir().join("decisions.json");
        booster_durable::replace_file(&path, &bytes).map_err(failed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreOptions;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn decisions_are_kept_and_a_damaged_file_is_never_a_fresh_start() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path(), StoreOptions::default());
        assert_eq!(store.decisions().unwrap(), Decisions::default());
        let pin = |limit| Pin { limit, since: at(1), reason: Some("a freeze".to_owned()) };
        let decisions = Decisions {
            pins: BTreeMap::from([
                (Component::Antivirus, pin(PinLimit::Version(Version([1, 2, 3, 4])))),
                (Component::Nis, pin(PinLimit::Date(at(77)))),
            ]),
            pause: Some(Pause { since: at(2), until: None, reason: None }),
        };
        store.begin("test").unwrap().decide(&decisions).unwrap();
        assert_eq!(store.decisions().unwrap(), decisions);
        std::fs::write(dir.path().join("decisions.json"), "{").unwrap();
        let error = store.decisions().unwrap_err();
        assert!(matches!(error, StoreError::Decisions { .. }), "{error}");
    }

    #[test]
    fn a_pause_ends_at_its_end() {
        let paused = |until| Decisions {
            pause: Some(Pause { since: at(0), until, reason: None }),
            ..Decisions::default()
        };
        for (until, now, holds) in
            [(None, 1_000_000, true), (Some(at(10)), 9, true), (Some(at(10)), 10, false)]
        {
            assert_eq!(paused(until).paused(at(now)).is_some(), holds, "{until:?} at {now}");
        }
    }
}
