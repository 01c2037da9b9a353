//! The update server with our own client, with clients of other kinds, and with hostile ones.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code outside test functions")]

mod conversations;
#[cfg(unix)]
mod databases;
mod deciding;
mod hostile;
mod native;
mod recorded;
#[cfg(unix)]
mod several;
mod site;
