//! The product as its users run it: real processes, real servers, real definitions, real faults.
//!
//! Each module is one promise. Nothing here looks inside: a publisher is `booster publish`, a machine
//! is a data folder and `booster update`, and what counts is what `status`, `verify` and `scan` say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod clock;
mod disk_full;
mod history;
mod kills;
mod mirrors;
mod resuming;
mod support;
mod tmpfs;
