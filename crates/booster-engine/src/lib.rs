//! The built-in detection engine: YARA rules and hash lists.
//!
//! [`build`] turns the definition files of a generation into an *image*, a folder that scanning
//! processes open and share, and runs the release's self-tests on it. [`Worker`] does the same in a
//! short-lived child process with limits, so that hostile or broken definitions can harm nothing
//! but that child; [`Worker::trial`] then opens what was built, and tries it on files of the machine. [`Scanner`] opens an image and looks for threats in files.
//!
//! The crate promises that an image is used only if every self-test passed, that the hash index is
//! mapped and never loaded, and that whatever goes wrong in the child comes back as a typed error.
//! It does not know where definitions come from, nor which generation is current.
#![forbid(unsafe_code)]

pub mod adapter;
mod build;
mod command;
pub mod hash;
mod image;
mod report;
pub mod rules;
mod scan;
mod trial;
mod worker;

pub use build::{BuildLimits, BuildOptions, BuildRequest, OnInvalid, build};
pub use command::{CommandError, CommandLine};
pub use image::{Image, ImageError};
pub use report::{BuildError, BuildReport, IoKind, RejectedRule, SelfTestFailure};
pub use scan::{
    ContentScanner, Detection, FileError, FileOutcome, FileReport, ScanLimits, ScanOptions, ScanSummary,
    Scanner, SkipReason, scan_paths,
};
pub use trial::{Definitions, FlaggedFile, Sample, TrialReport, TrialRequest, trial};
pub use worker::{Worker, WorkerError, WorkerLimits, worker_main};

/// The version of this engine: what a release's `requires.engine` is compared with.
///
/// The second number grows when definitions can use something that the engine before it lacked.
pub const ENGINE_VERSION: booster_definitions::Version = booster_definitions::Version([1, 0, 0, 0]);
