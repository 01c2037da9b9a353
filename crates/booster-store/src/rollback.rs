//! Going back to an earlier generation because something speaks against the current one.
//!
//! The switch and the rejection of what is left are one change of one file, the pointer: no crash can leave
//! a machine on the old set that takes the bad release again, nor on the bad set that believes it has left.

use crate::{
    Change, Installed, Operation, RejectedRelease, Store, StoreError, Verdict, Why, generation,
    pointer::Pointer, probation, rejected::remember, removal::changes, verify,
};
use booster_definitions::{Component, ReleaseManifest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A return to an earlier set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolledBack {
    /// When.
    pub time: Timestamp,
    /// What spoke against the set that was left.
    pub why: Why,
    /// The same in words.
    pub reason: String,
    /// What changed.
    pub changes: Vec<Change>,
}

impl Store {
    /// The generations on disk that came before the current one, newest first. One that cannot be read is
    /// left out.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn earlier(&self) -> Result<Vec<Installed>, StoreError> {
        let Some(current) = Pointer::load(self.data_dir())?.and_then(|pointer| pointer.generation) else {
            return Ok(Vec::new());
        };
        let older = self.generation_numbers()?.into_iter().rev().filter(|&number| number < current);
        Ok(older.filter_map(|number| self.generation(number).ok()).collect())
    }

    /// Whether the last switch is still to be approved: whoever made it died before it could say.
    ///
    /// # Errors
    /// The store is damaged or cannot be read.
    pub fn awaits_approval(&self) -> Result<bool, StoreError> {
        Ok(Pointer::load(self.data_dir())?.is_some_and(|pointer| pointer.before.is_some()))
    }
}

impl Operation {
    /// Makes an earlier generation current and rejects the releases that are left with it: those of every
    /// generation since, where they differ; only those of some components, where they are named.
    ///
    /// Whether the generation is still whole is for callers to find out before, with
    /// [`verify`](crate::verify::verify).
    ///
    /// # Errors
    /// The system's answer; nothing has changed then.
    pub fn roll_back(
        &self,
        to: &Installed,
        verdict: &Verdict,
        only: Option<&[Component]>,
    ) -> Result<RolledBack, StoreError> {
        let current = self.replaced();
        let number = to.record().number;
        let left = self.left_for(to)?;
        let guilty = left.iter().flat_map(|left| differing(left, Some(to), verdict));
        let guilty: Vec<_> =
            guilty.filter(|release| only.is_none_or(|only| only.contains(&release.component))).collect();
        let older = self.store().generation_numbers()?.into_iter().rev().find(|&n| n < number);
        let changes = changes(current.as_ref(), Some(to));
        self.point(|pointer| {
            (pointer.generation, pointer.last_known_good) = (Some(number), older);
            pointer.before = None;
            remember(&mut pointer.rejected, guilty);
        })?;
        Ok(self.told(verdict, changes))
    }

    /// The switch that was to be approved is good: what was kept for its undoing may go.
    ///
    /// # Errors
    /// The system's answer; the switch is still to be approved then.
    pub fn approve(&self) -> Result<(), StoreError> {
        self.point(|pointer| pointer.before = None)
    }

    /// Undoes the switch that was to be approved: exactly what was in use before is in use again. With a
    /// verdict, the releases that came with it are rejected; only those of some components, where they are
    /// named. Says what changed; it writes no history.
    ///
    /// # Errors
    /// The system's answer; nothing has changed then.
    pub fn undo(
        &self,
        verdict: Option<&Verdict>,
        only: Option<&[Component]>,
    ) -> Result<Vec<Change>, StoreError> {
        let Some(before) = Pointer::load(self.store().data_dir())?.and_then(|pointer| pointer.before) else {
            return Ok(Vec::new());
        };
        let earlier = before.generation.map(|number| self.store().generation(number)).transpose()?;
        let current = self.replaced();
        let guilty = match (verdict, &current) {
            (Some(verdict), Some(current)) => {
                let guilty = differing(current, earlier.as_ref(), verdict);
                guilty.filter(|release| only.is_none_or(|only| only.contains(&release.component))).collect()
            }
            _ => Vec::new(),
        };
        self.point(|pointer| {
            (pointer.generation, pointer.last_known_good) = (before.generation, before.last_known_good);
            pointer.before = None;
            remember(&mut pointer.rejected, guilty);
        })?;
        Ok(changes(current.as_ref(), earlier.as_ref()))
    }

    /// Goes back if whoever loads the current set crashes, as far as that can be done: an operation that
    /// begins is worth more than a failure here.
    pub(crate) fn leave_what_crashes(&self) -> Option<RolledBack> {
        self.try_to_leave_what_crashes().unwrap_or_else(|error| {
            tracing::warn!(%error, "the last known good definitions could not be restored");
            None
        })
    }

    fn try_to_leave_what_crashes(&self) -> Result<Option<RolledBack>, StoreError> {
        let store = self.store();
        let Some(deaths) = probation::deaths(store)? else { return Ok(None) };
        let Some(earlier) = store.last_known_good()? else { return Ok(None) };
        if let Some(problem) = verify::verify(&earlier, &mut |_| {})?.problems.first() {
            // Counted from the start again: a check of every byte is nothing for each operation.
            probation::forget(store.data_dir());
            let path = generation::record_path(earlier.dir());
            return Err(StoreError::damaged(&path, format!("{} is not as it was signed", problem.path)));
        }
        let verdict = Verdict { why: Why::Crashed, reason: deaths.to_string(), time: Timestamp::now() };
        let rolled_back = self.roll_back(&earlier, &verdict, None)?;
        tracing::warn!(reason = %rolled_back.reason, "the last known good definitions are in use again");
        Ok(Some(rolled_back))
    }

    /// The generations that are left when this one becomes current.
    fn left_for(&self, to: &Installed) -> Result<Vec<Installed>, StoreError> {
        let mut left = self.store().earlier()?;
        left.extend(self.replaced());
        left.retain(|set| set.record().number > to.record().number);
        Ok(left)
    }

    fn told(&self, verdict: &Verdict, changes: Vec<Change>) -> RolledBack {
        let Verdict { why, reason, time } = verdict.clone();
        self.tell_history("rolled_back", changes.clone(), time, Some(reason.clone()));
        RolledBack { time, why, reason, changes }
    }
}

/// What is rejected of a set that is left for another.
fn differing<'a>(
    left: &'a Installed,
    to: Option<&'a Installed>,
    verdict: &'a Verdict,
) -> impl Iterator<Item = RejectedRelease> + 'a {
    // The same content under another number is not what is wrong.
    let stays = move |manifest: &ReleaseManifest| {
        let kept = to.and_then(|to| to.component(manifest.component)).map(|kept| &kept.manifest);
        kept.is_some_and(|kept| kept.archive == manifest.archive)
    };
    let releases = left.record().components.values().map(|installed| &installed.manifest);
    releases.filter(move |manifest| !stays(manifest)).map(|manifest| RejectedRelease::new(manifest, verdict))
}
