//! An operation: the right to change a data folder, and the recovery that comes with it.

use crate::{
    Downloads, HistoryEntry, Installed, RolledBack, SourceCheck, Staging, Store, StoreError, Traffic,
    journal,
    journal::Damage,
    lock::Lock,
    pointer::{Before, Pointer},
    probation,
    verify::Verification,
};
use std::{fs, io, path::Path};

/// The right to change a data folder. Dropping it gives the right back.
#[derive(Debug)]
pub struct Operation {
    store: Store,
    rolled_back: Option<RolledBack>,
    // Held, never read: it is released when the operation ends.
    _lock: Lock,
}

impl Operation {
    /// Puts the folder in order: what a crash left is removed, a damaged pointer is set anew, and a set that
    /// crashes whoever loads it is left.
    pub(crate) fn recover(store: Store, lock: Lock) -> Result<Self, StoreError> {
        let mut operation = Self { store, rolled_back: None, _lock: lock };
        operation.remove_leftovers()?;
        let pointer = operation.repaired_pointer()?;
        operation.collect(pointer.as_ref())?;
        operation.rolled_back = operation.leave_what_crashes();
        probation::tidy(&operation.store);
        Ok(operation)
    }

    /// What this operation has gone back from when it began, because whoever loaded it crashed.
    pub const fn rolled_back(&self) -> Option<&RolledBack> {
        self.rolled_back.as_ref()
    }

    /// The store that this operation changes.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Starts a new generation. Nothing of it is visible before [`Staging::commit`].
    ///
    /// # Errors
    /// The system's answer.
    pub fn stage(&self) -> Result<Staging<'_>, StoreError> {
        Staging::new(self)
    }

    /// The downloads that outlive operations.
    pub fn downloads(&self) -> Downloads {
        Downloads::new(self.store.downloads_dir())
    }

    /// Notes what has been downloaded. It survives the process; a power cut may take the last note.
    ///
    /// # Errors
    /// The system's answer.
    pub fn record_traffic(&self, traffic: Traffic) -> Result<(), StoreError> {
        journal::record_traffic(self.store.data_dir(), traffic)
    }

    /// Writes a finished operation into the history.
    ///
    /// # Errors
    /// The system's answer.
    pub fn record_history(&self, entry: HistoryEntry) -> Result<(), StoreError> {
        journal::append(self.store.data_dir(), entry)
    }

    /// Remembers when a source (its kind and location) was asked, and what it answered.
    ///
    /// # Errors
    /// The system's answer.
    pub fn record_check(&self, source: &str, check: SourceCheck) -> Result<(), StoreError> {
        journal::record_check(self.store.data_dir(), source, check)
    }

    /// Remembers what a verification found damaged, so that the next update installs it afresh.
    ///
    /// # Errors
    /// The system's answer.
    pub fn record_damage(&self, installed: &Installed, found: &Verification) -> Result<(), StoreError> {
        let damage = Damage { generation: found.generation, components: found.damaged_components(installed) };
        journal::record_damage(self.store.data_dir(), &damage)
    }

    /// Makes a complete generation current and the one before it the last known good one, unless that
    /// one is known to be damaged. Where the switch is still to be approved, what was before is kept.
    pub(crate) fn switch_to(&self, number: u64, approved: bool) -> Result<Installed, StoreError> {
        let damaged = !self.store.damaged_components()?.is_empty();
        self.point(|pointer| {
            // What was never approved is nothing to return to.
            let before = pointer.before.take().unwrap_or(Before {
                generation: pointer.generation,
                last_known_good: pointer.last_known_good,
            });
            pointer.last_known_good = if damaged { before.last_known_good } else { before.generation };
            pointer.generation = Some(number);
            pointer.before = (!approved).then_some(before);
        })?;
        self.store.generation(number)
    }

    /// Switches, in one flushed step, and removes what is no longer needed.
    pub(crate) fn point_to(
        &self,
        generation: Option<u64>,
        last_known_good: Option<u64>,
    ) -> Result<(), StoreError> {
        self.point(|pointer| {
            (pointer.generation, pointer.last_known_good) = (generation, last_known_good);
            pointer.before = None;
        })
    }

    /// Changes the pointer in one flushed step, and removes what is no longer needed.
    pub(crate) fn point(&self, change: impl FnOnce(&mut Pointer)) -> Result<(), StoreError> {
        let pointer = self.change_pointer(change)?;
        // The switch has happened: old generations that cannot be removed now go with the next start.
        if let Err(error) = self.collect(Some(&pointer)) {
            tracing::warn!(%error, "old generations could not be removed");
        }
        Ok(())
    }

    /// Changes the pointer in one flushed step.
    pub(crate) fn change_pointer(&self, change: impl FnOnce(&mut Pointer)) -> Result<Pointer, StoreError> {
        let mut pointer = Pointer::load(self.store.data_dir())?.unwrap_or_default();
        change(&mut pointer);
        pointer.highest = self.highest()?;
        pointer.save(self.store.data_dir())?;
        Ok(pointer)
    }

    /// Removes a generation that is in its place and could not be made current, as on a full disk.
    pub(crate) fn withdraw(&self) {
        let pointer = Pointer::load(self.store.data_dir());
        if let Err(error) = pointer.and_then(|pointer| self.collect(pointer.as_ref())) {
            tracing::warn!(%error, "a generation that is not used stays until the next operation removes it");
        }
    }

    /// The highest number that a generation has or had.
    pub(crate) fn highest(&self) -> Result<u64, StoreError> {
        let remembered = Pointer::load(self.store.data_dir())?.map_or(0, |pointer| pointer.highest);
        let newest = self.store.generation_numbers()?.last().copied().unwrap_or(0);
        Ok(newest.max(remembered))
    }

    /// Removes staging areas and half-written small files.
    fn remove_leftovers(&self) -> Result<(), StoreError> {
        remove_tree(&self.store.staging_dir())?;
        for dir in [self.store.data_dir(), &self.store.trust_dir()] {
            for path in leftovers(dir).map_err(StoreError::io(format!("listing {}", dir.display())))? {
                fs::remove_file(&path).map_err(StoreError::io(format!("removing {}", path.display())))?;
            }
        }
        Ok(())
    }

    /// The pointer, set anew to the newest whole generation where it is missing or damaged.
    fn repaired_pointer(&self) -> Result<Option<Pointer>, StoreError> {
        let remembered = match Pointer::load(self.store.data_dir()) {
            Ok(Some(pointer)) if pointer.generation.is_none_or(|n| self.store.generation(n).is_ok()) => {
                return Ok(Some(pointer));
            }
            Ok(pointer) => pointer.unwrap_or_default(),
            Err(StoreError::Damaged { path, reason }) => {
                tracing::warn!(path = %path.display(), %reason, "the pointer to the current generation is damaged");
                Pointer::default()
            }
            Err(error) => return Err(error),
        };
        let numbers = self.store.generation_numbers()?;
        let highest = numbers.last().copied().unwrap_or(0).max(remembered.highest);
        let whole = numbers.into_iter().rev().find(|&n| self.store.generation(n).is_ok());
        let Some(number) = whole else { return Ok(None) };
        tracing::warn!(generation = number, "the newest whole generation is made current");
        let rejected = remembered.rejected;
        let pointer = Pointer { generation: Some(number), highest, rejected, ..Pointer::default() };
        pointer.save(self.store.data_dir())?;
        Ok(Some(pointer))
    }

    /// Removes generations that are no longer needed, and those that never became current.
    fn collect(&self, pointer: Option<&Pointer>) -> Result<(), StoreError> {
        let numbers = self.store.generation_numbers()?;
        for number in surplus(&numbers, pointer, self.store.options().keep_generations) {
            // Renamed away first: a crash in the middle leaves debris in staging, not half a generation.
            let grave = self.store.staging_dir();
            let failed = || StoreError::io(format!("removing generation {number}"));
            fs::create_dir_all(&grave).map_err(failed())?;
            fs::rename(self.store.generation_dir(number), grave.join(format!("removed-{number}")))
                .map_err(failed())?;
        }
        remove_tree(&self.store.staging_dir())
    }
}

/// The generations to remove: all after the current one, and the oldest beyond the number to keep.
fn surplus(numbers: &[u64], pointer: Option<&Pointer>, keep: usize) -> Vec<u64> {
    let Some(pointer) = pointer else { return numbers.to_vec() };
    let Some(current) = pointer.generation else { return numbers.to_vec() };
    let (kept, newer): (Vec<u64>, Vec<u64>) = numbers.iter().partition(|&&n| n <= current);
    let spare = kept.iter().filter(|&&n| !pointer.names(n));
    let named = kept.iter().filter(|&&n| pointer.names(n)).count();
    let room = keep.max(2).saturating_sub(named);
    let removed = spare.clone().count().saturating_sub(room);
    spare.take(removed).copied().chain(newer).collect()
}

/// Half-written small files in a folder, see [`booster_durable::LEFTOVER_ENDING`].
fn leftovers(dir: &Path) -> io::Result<Vec<std::path::PathBuf>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(booster_durable::LEFTOVER_ENDING) {
            found.push(path);
        }
    }
    Ok(found)
}

/// Removes a folder with all in it; one that is not there is fine.
pub(crate) fn remove_tree(path: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io(format!("removing {}", path.display()))(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_the_last_known_good_and_the_newest_others_are_kept() {
        let at = |generation, last_known_good| {
            Some(Pointer { generation: Some(generation), last_known_good, ..Pointer::default() })
        };
        let nothing = Some(Pointer::default());
        let to_approve = |generation, last_known_good, before| {
            let before = Some(Before { generation: last_known_good, last_known_good: before });
            Some(Pointer { generation: Some(generation), last_known_good, before, ..Pointer::default() })
        };
        for (numbers, pointer, keep, removed) in [
            (&[][..], None, 3, &[][..]),
            (&[1, 2], None, 3, &[1, 2]),
            (&[1, 2, 3], at(3, Some(2)), 3, &[]),
            (&[1, 2, 3, 4], at(4, Some(3)), 3, &[1]),
            (&[1, 2, 3, 4], at(4, Some(1)), 2, &[2, 3]),
            (&[1, 2, 3, 4], at(4, Some(1)), 3, &[2]),
            (&[1, 2, 3], at(2, Some(1)), 3, &[3]),
            (&[5], at(5, None), 0, &[]),
            (&[4, 5], nothing, 3, &[4, 5]),
            // What an undone switch returns to stays, beyond the number to keep.
            (&[1, 2, 3], to_approve(3, Some(2), Some(1)), 2, &[]),
            (&[1, 2, 3], to_approve(3, Some(1), None), 2, &[2]),
        ] {
            assert_eq!(surplus(numbers, pointer.as_ref(), keep), removed, "{numbers:?} {pointer:?} {keep}");
        }
    }
}
