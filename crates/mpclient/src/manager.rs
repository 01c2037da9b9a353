//! The way in: a manager, which gives everything else.

use crate::error::Result;
use booster_config::{Flags, Layers, Settings};
use std::path::{Path, PathBuf};

/// The malware protection manager: knows where settings are, and holds nothing open.
///
/// Opening one always succeeds. Settings are read afresh by each call that needs them, from the same
/// file and environment variables as the command line's; a mistake in them is that call's error.
#[derive(Debug, Clone, Default)]
pub struct Manager {
    library: Option<PathBuf>,
}

impl Manager {
    /// Opens a manager.
    pub fn open() -> Self {
        Self::default()
    }

    /// Opens a manager of a library that lies in this file: the engine's worker may be beside it.
    pub fn of_library(library: Option<PathBuf>) -> Self {
        Self { library }
    }

    /// The file that the library lies in, where the caller knew it.
    pub fn library(&self) -> Option<&Path> {
        self.library.as_deref()
    }

    /// The settings in force now.
    ///
    /// # Errors
    /// A file or a variable has an unknown key or a wrong value, or cannot be read.
    pub fn settings(&self) -> Result<Settings> {
        let file = std::env::var_os("BOOSTER_CONFIG").map(PathBuf::from);
        Ok(Layers::from_process(file, Flags::default()).load()?.settings)
    }
}
