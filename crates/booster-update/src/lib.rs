//! The update operation: search, download, install, with its events and one outcome.
#![forbid(unsafe_code)]

mod clock;
mod error;
mod event;
mod kind;
mod order;
mod plan;
mod progress;
mod report;
mod sequencer;

pub use clock::{Clock, FakeClock, SystemClock};
pub use error::{Cause, SourceRef, UpdateError};
pub use event::{Event, EventKind, EventResult, Stage};
pub use kind::ErrorKind;
pub use order::{Order, OutOfOrder};
pub use plan::{Held, InstalledRelease, Plan, Policy, Step, plan};
pub use report::{ComponentChange, How, Outcome, Report, SourceTried};
pub use sequencer::Observer;
