//! The file `current`: the one commit point of an installation, of going back, and of what is not taken again.

use crate::{RejectedRelease, StoreError, generation};
use serde::{Deserialize, Deserializer, Serialize};
use std::path::Path;

/// Which generation is current, which one to return to, and what is not to be installed.
///
/// All of it stands in one file, so that a set is left and its releases are rejected in one step: no crash
/// comes between the two.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pointer {
    /// Nothing where all definitions were removed. It must be said: a file without it is damaged.
    #[serde(deserialize_with = "said")]
    pub(crate) generation: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_known_good: Option<u64>,
    /// The highest number that a generation ever had: numbers are not used again, so whatever names one
    /// can never come to mean another.
    #[serde(default)]
    pub(crate) highest: u64,
    /// What was in use before a switch that is still to be approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<Before>,
    /// The releases that this machine does not take, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) rejected: Vec<RejectedRelease>,
}

/// The two generations that the pointer named before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Before {
    pub(crate) generation: Option<u64>,
    pub(crate) last_known_good: Option<u64>,
}

fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Option::deserialize(deserializer)
}

impl Pointer {
    pub(crate) fn load(data: &Path) -> Result<Option<Self>, StoreError> {
        generation::read_json_if_present(&data.join("current"))
    }

    /// Makes this the truth, in one flushed step.
    pub(crate) fn save(&self, data: &Path) -> Result<(), StoreError> {
        let failed = "switching the current generation";
        let bytes = generation::to_json(self).map_err(StoreError::io(failed))?;
        booster_durable::replace_file(&data.join("current"), &bytes).map_err(StoreError::io(failed))
    }

    /// Whether this generation has to stay on disk.
    pub(crate) fn names(&self, number: u64) -> bool {
        let before = self.before.into_iter().flat_map(|before| [before.generation, before.last_known_good]);
        [self.generation, self.last_known_good].into_iter().chain(before).any(|named| named == Some(number))
    }
}
