//! A repository on a file share, by the share's network name.
//!
//! On Windows the system opens network names itself, with the account of whoever runs this. Elsewhere the
//! share is signed in to at the first file, and the session is kept for the others.

#[cfg(not(windows))]
mod refusals;
#[cfg(not(windows))]
mod smb;
#[cfg(not(windows))]
pub use refusals::Refusals;
#[cfg(not(windows))]
pub use smb::UncSource;

#[cfg(windows)]
mod system;
#[cfg(windows)]
pub use system::{Refusals, UncSource};
