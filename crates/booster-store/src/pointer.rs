//! The file `current`: the one commit point of an installation.

use crate::{StoreError, generation};
use serde::{Deserialize, Deserializer, Serialize};
use std::path::Path;

/// Which generation is current, and which one to return to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
}

fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Option::deserialize(deserializer)
}

impl Pointer {
    pub(crate) fn load(data: &Path) -> Result<Option<Self>, StoreError> {
        generation::read_json_if_present(&data.join("current"))
    }

    /// Makes this the truth, in one flushed step.
    pub(crate) fn save(self, data: &Path) -> Result<(), StoreError> {
        let failed = "switching the current generation";
        let bytes = generation::to_json(&self).map_err(StoreError::io(failed))?;
        booster_durable::replace_file(&data.join("current"), &bytes).map_err(StoreError::io(failed))
    }

    pub(crate) fn names(self, number: u64) -> bool {
        self.generation == Some(number) || self.last_known_good == Some(number)
    }
}
