//! The program, run as scripts run it, against real repositories, without a service. `tests/served` runs all of it
//! once more with one.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used)]
#![cfg(unix)]

mod asking;
mod removing;
mod scanning;
mod support;
mod updating;

/// The program does its work itself.
const MODE: support::Mode = support::Mode::Embedded;
