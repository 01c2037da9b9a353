//! The built-in engine as a process has it loaded: a service's.
//!
//! It goes over to new definitions in two steps. They are opened beside those in use before anybody is asked
//! whether the switch may stay: what cannot be opened undoes it. When all have approved, the engine goes over,
//! and nothing can fail any more.

use crate::EngineError;
use booster_engine::{ImageError, adapter::Fault};
use booster_store::Installed;
use std::{fmt::Debug, sync::Arc};

/// Goes over to what was opened.
pub type GoOver = Box<dyn FnOnce() + Send>;

/// The engine of this process.
pub trait LoadedEngine: Debug + Send + Sync {
    /// Opens a set beside the one in use, and says how to go over to it. It may take a second.
    ///
    /// # Errors
    /// The set cannot be used.
    fn open(&self, installed: &Installed) -> Result<GoOver, ImageError>;
}

/// What the engine is called in errors.
const NAME: &str = "built-in";

/// Opens a set on a thread for that.
pub(crate) async fn open(
    engine: &Arc<dyn LoadedEngine>,
    installed: &Installed,
) -> Result<GoOver, crate::Cause> {
    let (engine, installed) = (Arc::clone(engine), installed.clone());
    let opened = tokio::task::spawn_blocking(move || engine.open(&installed)).await;
    let opened = opened.map_err(|error| crate::Cause::Internal(error.to_string()))?;
    opened.map_err(|error| {
        let fault = Fault::Rejected { reason: error.to_string() };
        crate::Cause::Engine(EngineError { engine: NAME.to_owned(), fault, proven: true })
    })
}
