//! What the tests of all crates need from the world outside: a web server that misbehaves on
//! order, a real nginx, a real forward proxy, a real file server, a real Kerberos realm, real engines, a
//! real PostgreSQL, and certificates.
//!
//! Everything listens on loopback only, on a port of its own, is bounded in time and memory, and
//! ends when it is dropped. What needs a program that is not installed says `skipped: ...` and
//! gives `None`, so that a test can return. This crate is for tests alone: it panics where a test
//! would.
#![forbid(unsafe_code)]
// Tests may fail loudly and talk to whoever runs them, and this crate is part of tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod certificates;
#[cfg(unix)]
mod engines;
mod faulty_server;
#[cfg(unix)]
mod kerberos;
#[cfg(unix)]
mod postgres;
mod program;
#[cfg(unix)]
mod samba;
mod smb_tap;

pub use certificates::{TestAuthority, TestIdentity};
#[cfg(unix)]
pub use engines::{Clamd, Suricata, eventually, installed};
pub use faulty_server::{Announce, Fault, FaultyServer, Request, ServerTls};
#[cfg(unix)]
pub use kerberos::KerberosRealm;
#[cfg(unix)]
pub use postgres::Postgres;
pub use program::{ForwardProxy, Nginx};
#[cfg(unix)]
pub use samba::{Samba, SambaShare};
pub use smb_tap::{SmbMessage, SmbTap};
