//! File shares by their network names, `\\server\share\folder`: signed in to, read and written.
//!
//! A [`Share`] is one signed-in connection to the folder that a [`UncPath`] names. It speaks SMB 3.1.1 and
//! nothing older, signs what it sends for an account and encrypts where the server or the configuration
//! wants that, tells every failure by its own name ([`ShareError`]), bounds every wait, and never sends
//! credentials to a server that the configuration does not name. It does not judge what it carries:
//! nothing on a share is believed because it is on that share.
//!
//! The protocol is the crate `smb2`'s, and no type of it is seen outside of this one.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use booster_smb::{Account, Share, ShareOptions, SignIn};
//!
//! let mut options = ShareOptions::new(r"\\files.example\definitions".parse()?);
//! options.sign_in = SignIn::Account(Account::from_file("/etc/booster/share.credentials".as_ref())?);
//! let share = Share::connect(&options).await?;
//! let file = share.read_small("metadata/timestamp.json", 16_384).await?;
//! # Ok(()) }
//! ```
#![forbid(unsafe_code)]

mod change;
mod connect;
mod credentials;
mod dfs;
mod error;
mod kerberos;
mod options;
mod read;
mod share;
mod unc;
mod wire;

pub use change::{Held, Upload};
pub use credentials::{Account, CredentialsError};
pub use error::ShareError;
pub use kerberos::Tickets;
pub use options::{DEFAULT_PORT, ShareOptions, SignIn};
pub use read::RemoteFile;
pub use share::{Entry, Share, Small};
pub use unc::{InvalidUnc, UncPath};
