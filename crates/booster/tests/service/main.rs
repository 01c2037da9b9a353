//! The antimalware service as a process, and its callers: what it tells, whom it serves, and what survives it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod calling;
mod clamd;
mod disks;
mod dying;
mod engine;
mod floods;
mod hostile;
mod operating;
mod packaging;
mod returning;
mod rights;
mod sharing;
mod starting;

/// The same builders as the acceptance tests'; not every test binary uses each of them.
#[allow(dead_code)]
#[path = "../acceptance/support.rs"]
mod support;
#[path = "../acceptance/tmpfs.rs"]
mod tmpfs;
mod world;
