//! The tests of `tests/cli` on machines with an antimalware service, which does the work.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used)]
#![cfg(unix)]

#[path = "../cli/asking.rs"]
mod asking;
#[path = "../cli/removing.rs"]
mod removing;
#[path = "../cli/scanning.rs"]
mod scanning;
#[path = "../cli/support.rs"]
mod support;
#[path = "../cli/updating.rs"]
mod updating;

/// The service does the work.
const MODE: support::Mode = support::Mode::Served;
