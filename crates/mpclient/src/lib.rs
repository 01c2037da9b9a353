//! MpClient: the documented C API of antimalware updates over Booster, and its safe twin for Rust.
//!
//! C and C++ programs include `include/MpClient.h` and link `libmpclient`. Rust programs use
//! [`Manager`] and what it gives: the same behaviour, without raw pointers. The antimalware service
//! does the work where one answers; where none does, the library is the service: everything runs in the
//! process that calls it, over the same settings, data folder and locks as the command line.
//!
//! It promises that no wrong, stale or foreign handle and no null pointer does more than give an
//! error, that nothing unwinds into C, and that each failure of the crates below has one code
//! ([`Hresult`]) and one sentence ([`message::of`]). It does not decide what an update does
//! (`booster-update`) or where settings come from (`booster-config`).
#![deny(unsafe_code)]

mod delivery;
pub mod error;
#[allow(unsafe_code)]
mod ffi;
pub mod filetime;
pub mod hresult;
mod manager;
pub mod message;
pub mod numbers;
mod removal;
pub mod scan;
mod service;
#[allow(unsafe_code)]
mod signals;
pub mod status;
pub mod threats;
pub mod update;
pub mod version;
mod worker;

pub use delivery::Handler;
pub use error::Error;
pub use hresult::Hresult;
pub use manager::Manager;
