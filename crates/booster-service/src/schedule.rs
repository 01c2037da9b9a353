//! When the service updates by itself.
//!
//! What is due and why is decided by a pure function ([`decide()`]) from [`Facts`] to a named value
//! ([`Due`]); [`Scheduler`] is the loop around it, which gathers the facts, starts what is due through
//! [`Updates`], and sleeps. It promises:
//!
//! * A success, whoever asked for it, moves the next update on; within the grace period nothing is started.
//! * However many times were missed, one update makes up for them.
//! * Machines that are due together come spread over the time that the settings give.
//! * Failures are followed by longer and longer pauses, each partly random, and no source is asked before the
//!   moment that it wished for. Nothing that the clock does makes a storm or a standstill.
//! * Time is that of the wall clock, looked at every minute at least: a machine that slept, or whose clock was
//!   set, is found out.
//!
//! It keeps no file of its own. What has happened stands in the store's records, which every operation
//! renews, those of other processes too; what could not be recorded is remembered until the service ends.
//! It does not know how an update is run, joined or cancelled: that is the matter of [`Updates`].

mod calendar;
mod clocks;
mod decide;
mod due;
mod facts;
mod link;
mod records;
mod scheduler;
mod spread;

pub use decide::{before_scan, decide};
pub use due::{Because, Due, Hold};
pub use facts::{Facts, SourceFacts};
pub use link::{Link, LinkError};
pub use scheduler::{BeforeScan, Scheduler, Setup, Snapshot, Updates};
pub use spread::Spread;
