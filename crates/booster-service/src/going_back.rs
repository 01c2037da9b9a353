//! Going back to an earlier set, with everybody who uses definitions: the engine, other engines, and the watchers.
//!
//! A return is made in one step, and what follows from it takes its time. It is the service's own work
//! ([`Desk::finish`](crate::desk::Desk::finish)): whoever asked for it may leave.

use crate::{
    desk::{By, Notice},
    operator::Updater,
};
use booster_config::Settings;
use booster_store::{Operation, RolledBack};
use booster_update::{RollbackError, RollbackRequest, SystemClock, bring_engines};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Why there was no return.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotDone {
    #[error(transparent)]
    Rollback(#[from] RollbackError),
    #[error("going back: {0}")]
    Died(#[from] tokio::task::JoinError),
}

impl Updater {
    /// Goes back as somebody wishes: the number of the set that is in use then, and what was left. When it comes
    /// back, the engine uses that set, and other engines have been brought along.
    ///
    /// # Errors
    /// There is no such set, or another operation runs.
    pub async fn roll_back(&self, request: RollbackRequest, by: By) -> Result<(u64, RolledBack), NotDone> {
        let settings = self.settings.load_full();
        let store = settings.store();
        let work = move || booster_update::roll_back(&store, &request);
        let (operation, generation, rolled_back) = tokio::task::spawn_blocking(work).await??;
        self.tell_of_return(by, generation, &rolled_back);
        self.follow(Arc::clone(&settings)).await;
        // The rollback stands whatever they say: it was asked for. The status tells what they use.
        bring_along(&operation, &settings).await;
        drop(operation);
        Ok((generation, rolled_back))
    }

    /// The data folder was put in order, and a set left that crashes whoever loads it: tells that, and has other
    /// engines brought along.
    pub async fn went_back_by_itself(&self, settings: &Arc<Settings>, rolled_back: RolledBack) {
        let store = settings.store();
        let current = tokio::task::spawn_blocking(move || store.current()).await;
        let current = current.ok().and_then(Result::ok).flatten();
        self.tell_of_return(By::Service, current.map_or(0, |current| current.record().number), &rolled_back);
        let settings = Arc::clone(settings);
        let work = async move {
            let store = settings.store();
            match tokio::task::spawn_blocking(move || store.begin("bringing other engines along")).await {
                Ok(Ok(operation)) => bring_along(&operation, &settings).await,
                // Who runs one brings them along, and so does the next update.
                Ok(Err(error)) => tracing::info!(%error, "other engines are brought along later"),
                Err(error) => tracing::warn!(%error, "other engines could not be brought along"),
            }
        };
        if let Some(desk) = self.desk.upgrade() {
            // Where the service ends, the next one's first update does it.
            drop(desk.finish(work));
        }
    }

    fn tell_of_return(&self, by: By, generation: u64, rolled_back: &RolledBack) {
        let rolled_back = Arc::new(rolled_back.clone());
        if let Some(desk) = self.desk.upgrade() {
            desk.announce(Notice::RolledBack { by, generation, rolled_back });
        }
    }
}

async fn bring_along(operation: &Operation, settings: &Settings) {
    let (adapters, clock, cancel) = (settings.adapters(), SystemClock::default(), CancellationToken::new());
    match bring_engines(operation, &adapters, &clock, &cancel).await {
        Ok(errors) => {
            for error in errors {
                tracing::warn!(%error, "an engine does not use the definitions that are current");
            }
        }
        Err(error) => tracing::warn!(%error, "other engines could not be brought along"),
    }
}
