//! What every command has at hand: where to print, and the settings.

use crate::{cli::Global, output::Output, render::bars::spinner};
use booster_config::{ConfigError, Flags, Layers, Loaded};
use indicatif::{ProgressBar, ProgressDrawTarget};
use std::{ffi::OsString, path::PathBuf, sync::Arc};

/// What every command has at hand.
pub struct Context {
    /// Where data and messages go.
    pub output: Arc<Output>,
    /// The flags that every command takes.
    pub global: Global,
}

impl Context {
    /// Something that turns while something goes on, where somebody watches.
    pub fn spinner(&self, label: &str, quiet: bool) -> ProgressBar {
        if quiet || !self.output.terminal().stderr {
            return ProgressBar::hidden();
        }
        spinner(label.to_owned(), ProgressDrawTarget::stderr())
    }

    /// The settings in force.
    pub fn settings(&self) -> Result<Loaded, ConfigError> {
        self.settings_with(Flags::default())
    }

    /// The settings in force under a command's own flags.
    pub fn settings_with(&self, flags: Flags) -> Result<Loaded, ConfigError> {
        let data_dir = flags.data_dir.or_else(|| self.global.data_dir.clone());
        Layers::from_process(self.global.config.clone(), Flags { data_dir, ..flags }).load()
    }
}

/// This program, and the arguments that make it the engine's worker.
pub fn worker_command() -> std::io::Result<(PathBuf, Vec<OsString>)> {
    Ok((std::env::current_exe()?, vec!["engine-worker".into()]))
}
