//! What every step of an operation works with.

use crate::{Cause, Clock, UpdateRequest};
use booster_definitions::Component;
use booster_engine::Worker;
use booster_store::Store;
use std::future::Future;
use tokio_util::sync::CancellationToken;

pub(crate) struct Context<'a> {
    pub(crate) store: &'a Store,
    pub(crate) worker: &'a Worker,
    pub(crate) request: &'a UpdateRequest,
    pub(crate) cancel: &'a CancellationToken,
    pub(crate) clock: &'a dyn Clock,
}

impl Context<'_> {
    /// The components to update.
    pub(crate) fn components(&self) -> impl Iterator<Item = Component> + '_ {
        let wanted = |component: &Component| {
            self.request.components.as_ref().is_none_or(|wanted| wanted.contains(component))
        };
        Component::ALL.into_iter().filter(wanted)
    }

    /// Stops here if the operation has been cancelled.
    pub(crate) fn check(&self) -> Result<(), Cause> {
        if self.cancel.is_cancelled() { Err(Cause::Cancelled) } else { Ok(()) }
    }

    /// Waits for something, or until the operation is cancelled.
    pub(crate) async fn unless_cancelled<T>(&self, work: impl Future<Output = T>) -> Result<T, Cause> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Cause::Cancelled),
            done = work => Ok(done),
        }
    }
}
