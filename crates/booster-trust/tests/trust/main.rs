//! Trust, seen from outside: real keys, real signatures, real files.
#![allow(clippy::unwrap_used, reason = "in a test a failed step is a failed test")]
#![allow(clippy::print_stdout, reason = "skipped tests say so")]

mod attacks;
mod crash;
mod publisher;
mod python_tuf;
mod saved_state;
mod support;
mod time;
mod workflow;
