//! The way in: a manager, which gives everything else.

use crate::{error::Result, worker};
use booster_config::{Flags, Layers, Settings};
use booster_engine::Worker;
use std::path::PathBuf;

/// The malware protection manager: knows where settings are, and holds nothing open.
///
/// Opening one always succeeds. Settings are read afresh by each call that needs them, from the same
/// file and environment variables as the command line's; a mistake in them is that call's error.
#[derive(Debug, Clone, Default)]
pub struct Manager {
    library: Option<fn() -> Option<PathBuf>>,
}

impl Manager {
    /// Opens a manager.
    pub fn open() -> Self {
        Self::default()
    }

    /// Opens a manager of a shared library, which is asked for its own file when something is looked
    /// for beside it.
    pub fn of_library(file: fn() -> Option<PathBuf>) -> Self {
        Self { library: Some(file) }
    }

    /// The settings in force now.
    ///
    /// # Errors
    /// A file or a variable has an unknown key or a wrong value, or cannot be read.
    pub fn settings(&self) -> Result<Settings> {
        let file = std::env::var_os("BOOSTER_CONFIG").map(PathBuf::from);
        Ok(Layers::from_process(file, Flags::default()).load()?.settings)
    }

    /// The child process that compiles and tests definitions: the program that the settings name, else
    /// the first that is there of `booster-engine-worker` and `booster`, beside the library, in
    /// `../libexec/booster` beside it, beside this program, and in the folders of `PATH`.
    ///
    /// # Errors
    /// `ERROR_MP_NOENGINE` where there is none.
    pub fn worker(&self, settings: &Settings) -> Result<Worker> {
        let (program, arguments) = match settings.engine.worker_command() {
            Some(named) => named,
            None => worker::find(self.library.and_then(|file| file()))?,
        };
        Ok(settings.worker(program, arguments))
    }
}
