//! The settings that guard a machine against new definitions that do harm.

use crate::{Interval, Share, Size};
use booster_engine::{CommandLine, Sample};
use booster_store::Probation as Watched;
use booster_update::TrialOptions;
use serde::{Deserialize, Serialize};
use std::{
    hash::{BuildHasher as _, RandomState},
    path::PathBuf,
};

/// What new definitions are tried on before they come into use, and how much of it they may flag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Trial {
    /// Files that are known to be good.
    #[serde(deserialize_with = "crate::source::list_or_text")]
    pub files: Vec<PathBuf>,
    /// How many more are drawn at random.
    pub random: usize,
    /// The folders that these are drawn from.
    #[serde(deserialize_with = "crate::source::list_or_text")]
    pub folders: Vec<PathBuf>,
    /// Larger files are not drawn.
    pub max_file_size: Size,
    /// The size of all files together.
    pub max_total_size: Size,
    /// How long a trial may take.
    pub time: Interval,
    /// Where more than this share of the files is newly flagged, the release is held back.
    pub max_share: Share,
}

/// How long and by what new definitions are watched after they came into use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Probation {
    /// For how long.
    pub time: Interval,
    /// How many times in a row a kind of program may die while it loads them; 0 to watch nothing.
    pub crashes: u32,
}

/// The command that says whether the machine is well with new definitions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Health {
    /// The program and its arguments, run without a shell; none for no such command.
    #[serde(deserialize_with = "crate::source::list_or_text")]
    pub command: Vec<String>,
    /// How long it may take.
    pub timeout: Interval,
}

impl Default for Trial {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            random: 0,
            folders: ["/usr/bin", "/usr/sbin", "/usr/lib", "/usr/libexec"].map(PathBuf::from).to_vec(),
            max_file_size: Size(16 << 20),
            max_total_size: Size(256 << 20),
            time: Interval::seconds(30),
            max_share: Share(10_000),
        }
    }
}

impl Default for Probation {
    fn default() -> Self {
        let Watched { time, crashes } = Watched::default();
        Self { time: Interval(time), crashes }
    }
}

impl Default for Health {
    fn default() -> Self {
        Self { command: Vec::new(), timeout: Interval::seconds(30) }
    }
}

impl Trial {
    /// The same for an update; each call draws other files.
    pub fn options(&self) -> TrialOptions {
        let sample = Sample {
            files: self.files.clone(),
            random: self.random,
            folders: self.folders.clone(),
            seed: RandomState::new().hash_one(0),
            file_bytes: self.max_file_size.0,
            total_bytes: self.max_total_size.0,
            time: self.time.0,
        };
        TrialOptions { sample, max_share: self.max_share.0 }
    }
}

impl Probation {
    /// The same for the store.
    pub const fn watched(&self) -> Watched {
        Watched { time: self.time.0, crashes: self.crashes }
    }
}

impl Health {
    /// The command, if there is one.
    pub fn command(&self) -> Option<CommandLine> {
        let (program, arguments) = self.command.split_first()?;
        let arguments = arguments.iter().map(Into::into).collect();
        Some(CommandLine { program: program.into(), arguments, timeout: self.timeout.0 })
    }
}
