//! The antimalware service: one owner of the definitions, many callers.
//!
//! [`service::run`] owns a data folder: it runs updates one at a time, has an engine loaded that goes over to new
//! definitions without a pause, and answers local callers over a Unix socket. [`client::Client`] is the callers'
//! side. The protocol is gRPC, and stands in `proto/antimalware.proto` for programs in any language.
//!
//! It promises that an update goes on whoever leaves, that nobody's slowness holds anybody else, that who may do
//! what is decided by what the system says of a caller ([`Administrators`]), and that its death leaves what an
//! update's death leaves: the old set or the new one. What an update does is decided in `booster-update`.
#![forbid(unsafe_code)]

mod caller;
pub mod client;
mod connections;
mod descriptors;
mod desk;
mod engine;
mod exporter;
mod feed;
mod figures;
mod going_back;
mod listen;
mod loader;
mod log;
mod manager;
mod operator;
mod overview;
mod ownership;
mod rpc;
pub mod schedule;
mod scheduled;
pub mod service;
pub mod status;
mod watchman;
pub mod wire;

pub use caller::{Administrators, Caller, NotAllowed, cancelling_needs_administrator};
pub use desk::Asked;
pub use engine::Swapped;
pub use listen::ListenError;
pub use operator::WorkerCommand;
pub use ownership::OwnershipError;
