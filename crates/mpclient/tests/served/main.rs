//! The programs of `tests/abi` on machines with an antimalware service, which does the work for them; and what is so
//! only there.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]
#![cfg(unix)]

mod dying;
mod sharing;

#[path = "../abi/examples.rs"]
mod examples;
#[path = "../abi/handles.rs"]
mod handles;
#[path = "../abi/query.rs"]
mod query;
#[path = "../abi/scan.rs"]
mod scan;
#[path = "../support/mod.rs"]
mod support;
#[path = "../abi/update.rs"]
mod update;
#[path = "../abi/watched.rs"]
mod watched;

/// The service does the work of every program.
const MODE: support::Mode = support::Mode::Served;
