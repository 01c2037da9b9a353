//! Taking installed definitions away: back to the last known good set, or to none at all.
//!
//! Both have the one commit point that installing has, the pointer: a crash before it has changed
//! nothing, and after it the next operation removes what is left. Trusted metadata stays, so whoever
//! was refused as too old before is refused afterwards.

use crate::{Change, HistoryEntry, Installed, Operation, StoreError, pointer::Pointer};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Why an earlier set cannot be restored. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is no earlier set, or it was restored already.
    #[error("there is no earlier set of definitions to return to")]
    NothingToRestore,
    /// The store's own failure.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Operation {
    /// Makes the last known good generation current again and removes the one that was. An update installs
    /// what the sources offer then, be it what was just removed. It goes back one step: there is no last
    /// known good generation afterwards.
    ///
    /// Whether the generation is still whole is for callers to find out before, with
    /// [`verify`](crate::verify::verify).
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn restore_last_known_good(&self, now: Timestamp) -> Result<Installed, RestoreError> {
        let restored = self.store().last_known_good()?.ok_or(RestoreError::NothingToRestore)?;
        let changes = changes(self.replaced().as_ref(), Some(&restored));
        self.point_to(Some(restored.record().number), None)?;
        self.tell_history("restored", changes, now, None);
        Ok(restored)
    }

    /// Removes every installed definition; whether there were any.
    ///
    /// # Errors
    /// The system's answer; nothing has changed then.
    pub fn remove_all(&self, now: Timestamp) -> Result<bool, StoreError> {
        if Pointer::load(self.store().data_dir())?.is_none_or(|pointer| pointer.generation.is_none()) {
            return Ok(false);
        }
        let changes = changes(self.replaced().as_ref(), None);
        self.point_to(None, None)?;
        self.tell_history("removed", changes, now, None);
        Ok(true)
    }

    /// What is current, for the history: what cannot be read is not worth failing for.
    pub(crate) fn replaced(&self) -> Option<Installed> {
        self.store().current().ok().flatten()
    }

    pub(crate) fn tell_history(
        &self,
        outcome: &str,
        changes: Vec<Change>,
        time: Timestamp,
        reason: Option<String>,
    ) {
        let outcome = outcome.to_owned();
        let entry = HistoryEntry {
            time,
            outcome,
            source: None,
            changes,
            bytes_downloaded: 0,
            duration_ms: 0,
            error: None,
            reason,
        };
        if let Err(error) = self.record_history(entry) {
            tracing::warn!(%error, "the history could not be written");
        }
    }
}

/// The components that differ between two sets.
pub(crate) fn changes(from: Option<&Installed>, to: Option<&Installed>) -> Vec<Change> {
    let components: BTreeSet<_> =
        [from, to].into_iter().flatten().flat_map(|set| set.record().components.keys().copied()).collect();
    let version = |set: Option<&Installed>, component| Some(set?.component(component)?.manifest.version);
    let change = |component| Change { component, from: version(from, component), to: version(to, component) };
    components.into_iter().map(change).filter(|change| change.from != change.to).collect()
}
