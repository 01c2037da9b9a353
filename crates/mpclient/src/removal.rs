//! Taking definitions away again: what `mpcmdrun -RemoveDefinitions` does.
//!
//! Whom the machine trusts and what it has seen stays as it is, so an update afterwards installs what
//! the sources offer, and refuses what it would have refused before.

use crate::{
    Error, Hresult, Manager,
    error::{Result, of_cause},
};
use booster_engine::{Image, adapter::Adapter};
use booster_store::{Installed, Operation, RestoreError, verify};
use booster_update::{SystemClock, bring_engines};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

/// What the data folder's lock is taken for, as others read it.
const OPERATION: &str = "removal of definitions";

impl Manager {
    /// Returns to the last known good set of definitions; with `all`, to none. What was in use is removed.
    ///
    /// The earlier set is checked against the publisher's signature before it is used. `S_FALSE` says that
    /// there was nothing to remove.
    ///
    /// # Errors
    /// `ERROR_MP_NOT_FOUND` where there is no earlier set, `ERROR_MP_BAD_GLOBAL_STORAGE` where it is damaged,
    /// `ERROR_MP_NOENGINE` where it was built for another engine, `ERROR_INSTALL_ALREADY_RUNNING` while an
    /// update runs, `E_ACCESSDENIED` for those who may not. Nothing has changed then.
    pub fn remove_definitions(&self, all: bool) -> Result<Hresult> {
        let settings = self.settings()?;
        let operation = settings.store().begin(OPERATION)?;
        let removed = remove(&operation, all)?;
        bring(&operation, &settings.adapters())?;
        Ok(if removed { Hresult::S_OK } else { Hresult::S_FALSE })
    }
}

/// Whether there was something to remove.
fn remove(operation: &Operation, all: bool) -> Result<bool> {
    let now = Timestamp::now();
    if all {
        return Ok(operation.remove_all(now)?);
    }
    if operation.rolled_back().is_some() {
        // It has just happened by itself: one step further would be one too many.
        return Ok(true);
    }
    if let Some(earlier) = operation.store().last_known_good()? {
        check(&earlier)?;
    }
    operation.restore_last_known_good(now)?;
    Ok(true)
}

/// Gives other engines what is in use now. What was removed stays removed whatever they say.
fn bring(operation: &Operation, adapters: &[Adapter]) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (clock, cancel) = (SystemClock::default(), CancellationToken::new());
    let asked = runtime.block_on(bring_engines(operation, adapters, &clock, &cancel));
    // Which engines have not confirmed is kept for the status, and the next update asks them again.
    asked.map(drop).map_err(|cause| Error::new(of_cause(&cause), cause.to_string()))
}

/// Whether a set is as it was signed, and one that this engine can use.
fn check(set: &Installed) -> Result<()> {
    if let Some(problem) = verify::verify(set, &mut |_| {})?.problems.first() {
        let message =
            format!("{} of the earlier set of definitions is damaged: it is not used", problem.path);
        return Err(Error::new(Hresult::ERROR_MP_BAD_GLOBAL_STORAGE, message));
    }
    Image::read(&set.image_dir())?;
    Ok(())
}

impl From<RestoreError> for Error {
    fn from(error: RestoreError) -> Self {
        match error {
            RestoreError::NothingToRestore => Self::new(Hresult::ERROR_MP_NOT_FOUND, error.to_string()),
            RestoreError::Store(error) => error.into(),
        }
    }
}
