//! The file `current`: the one commit point of an installation.

use crate::{StoreError, generation};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Which generation is current, and which one to return to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pointer {
    pub(crate) generation: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_known_good: Option<u64>,
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
        self.generation == number || self.last_known_good == Some(number)
    }
}
