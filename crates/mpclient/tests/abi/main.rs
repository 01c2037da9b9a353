//! The C ABI: C and C++ programs against the header and the library, on machines of their own, without a service.
//! `tests/served` runs those that do something once more, on machines with one.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]
#![cfg(unix)]

mod documentation;
mod examples;
mod handles;
mod header;
mod installed;
mod messages;
mod query;
mod scan;
#[path = "../support/mod.rs"]
mod support;
mod update;
mod watched;

/// Each program does its work itself.
const MODE: support::Mode = support::Mode::Embedded;
