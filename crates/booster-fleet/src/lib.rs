//! A site's update server: which machine gets which release, which machines there are, and what they
//! report.
//!
//! [`Fleet`] is what is kept: approvals by release and group, machines, and their reports, in SQLite or
//! PostgreSQL, where several servers share it. [`server::UpdateService`] gives a repository out over the
//! Windows Update client-server protocol, beside the plain files of `booster serve`. It promises that
//! unauthenticated input reaches no reader but the bounded ones of `booster-wsus`, that cookies are of a
//! fixed layout and checked before a field of them is looked at, that only files of the published metadata
//! are given out, and that memory is bounded whatever machines send.
//!
//! It signs nothing and vouches for nothing: machines check the publisher's signatures as everywhere. What
//! machines report is theirs to claim; it is shown, and never decides anything.
#![forbid(unsafe_code)]

mod approval;
mod database;
mod error;
mod fleet;
mod machine;
mod registry;
mod revisions;
pub mod server;

pub use approval::{Approvals, Decision, ReleaseKey, Rule, Verdict};
pub use error::{FleetError, Result};
pub use fleet::Fleet;
pub use machine::{Machine, Report};
