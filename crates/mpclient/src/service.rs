//! Questions to the antimalware service, for calls that wait for the answer.
//!
//! Each has a connection and a thread of its own, and both are gone when the answer is there. So a manager holds
//! nothing open, a fork copies nothing that matters, the program's own threads keep the signals that it has chosen,
//! and none of them holds data of the library's.

use crate::{Hresult, error::Result, signals::survive_broken_pipes};
use booster_config::{Settings, UseService};
use booster_service::client::{Choice, Client};
use std::thread;
use tokio::runtime;

/// Asks the service for these settings; `None` where the work is this process's own.
///
/// # Errors
/// What the service answers; that a service has to be used, and none is there.
pub(crate) fn ask<T: Send + 'static>(
    settings: &Settings,
    question: impl AsyncFnOnce(Client) -> Result<T> + Send + 'static,
) -> Result<Option<T>> {
    let using = settings.service.using;
    if using == UseService::Never {
        return Ok(None);
    }
    let settings = settings.clone();
    apart(async move || match Client::choose(using, &settings).await? {
        Choice::Service(client) => question(client).await.map(Some),
        Choice::Embedded(_) => Ok(None),
    })
}

/// Runs what waits for the service on a thread of its own, to the end.
pub(crate) fn apart<T: Send + 'static>(work: impl AsyncFnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let work = || {
        survive_broken_pipes();
        runtime::Builder::new_current_thread().enable_all().build()?.block_on(work())
    };
    // Not a scoped one: a scope leaves data of its own on the thread that waits.
    let thread = thread::Builder::new().name("mp-service".to_owned()).spawn(work)?;
    thread.join().unwrap_or_else(|_| Err(Hresult::E_UNEXPECTED.into()))
}
