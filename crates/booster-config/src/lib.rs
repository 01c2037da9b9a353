//! What can be set, where it is set, and the parts that are made from it.
//!
//! Settings come in layers: defaults, a TOML file, environment variables, flags; each covers the one
//! before. An unknown key or a wrong value is an error that names the file and the line, or the
//! variable: a typing error never silently means "default". From the settings this crate makes
//! sources, store options, engine limits and the freshness policy. It opens no connection and
//! writes no file.
#![forbid(unsafe_code)]

mod assemble;
mod engines;
mod error;
mod guard;
mod load;
mod mirror;
mod position;
mod schedule;
mod secret;
mod service;
mod settings;
mod source;
mod unc;
mod units;
mod wsus;

pub use assemble::SourceChoice;
pub use engines::EngineSettings;
pub use error::ConfigError;
pub use guard::{Health, Probation, Trial};
pub use load::{FileChoice, Flags, Layers, Loaded};
pub use position::Position;
pub use schedule::{Day, InvalidDay, Schedule};
pub use secret::Secret;
pub use service::{Service, UseService};
pub use settings::{Engine, Expiry, Freshness, Http, Limits, Publish, Scan, Settings, Store, Transfer};
pub use source::{InvalidSource, SourceSettings};
pub use unc::Unc;
pub use units::{Interval, InvalidUnit, Share, Size};
pub use wsus::{Approval, Fallback, FallbackOrder, Fleet, UnknownFallback, WsusSettings};
