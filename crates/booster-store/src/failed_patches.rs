//! Patches that did not give what was signed: each is tried once.

use crate::{Operation, Store, StoreError, generation, journal};
use booster_definitions::{Component, Digest};
use serde::{Deserialize, Serialize};

const NAME: &str = "failed-patches.json";
/// How many are remembered, the last ones.
const KEPT: usize = 64;

/// A patch from one archive to another that could not be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedPatch {
    /// The component.
    pub component: Component,
    /// SHA-256 of the archive that it starts from.
    pub base: Digest,
    /// SHA-256 of the archive that it was to give.
    pub result: Digest,
    /// When it was tried.
    pub time: jiff::Timestamp,
    /// What was wrong with it.
    pub reason: String,
}

impl Store {
    /// The patches that are not tried again, oldest first.
    ///
    /// # Errors
    /// The record is damaged or cannot be read.
    pub fn failed_patches(&self) -> Result<Vec<FailedPatch>, StoreError> {
        Ok(generation::read_json_if_present(&self.data_dir().join(NAME))?.unwrap_or_default())
    }
}

impl Operation {
    /// Remembers that a patch is not to be tried again.
    ///
    /// # Errors
    /// The system's answer.
    pub fn record_failed_patch(&self, patch: FailedPatch) -> Result<(), StoreError> {
        // An unreadable record is begun anew: without it a patch is tried once more.
        let mut all = self.store().failed_patches().unwrap_or_default();
        all.retain(|known| (known.base, known.result) != (patch.base, patch.result));
        all.push(patch);
        all.drain(..all.len().saturating_sub(KEPT));
        journal::save(self.store().data_dir(), NAME, &all)
    }
}
