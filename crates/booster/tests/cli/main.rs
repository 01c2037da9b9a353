//! The command line as scripts and people use it: what it prints, what it returns, what it leaves.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod cancelling;
mod configuration;
mod guarding;
mod publisher;
mod quickstart;
mod rollout;
mod shares;
mod streams;
mod update_server;
mod updating;

/// The same builders as the acceptance tests'; not every test binary uses each of them.
#[allow(dead_code)]
#[path = "../acceptance/support.rs"]
mod support;
