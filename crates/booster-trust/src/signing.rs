//! The publisher's side: keys, the four top-level roles, and signed metadata files.
//!
//! What comes out is TUF 1.0 in securesystemslib's canonical form, which every common client reads.
//! Where files are kept, who holds which key and what is published when is the caller's.
//!
//! ```
//! use booster_trust::signing::{self, MetaEntry, RootRole, SigningKey, TopRole};
//! use jiff::{Timestamp, ToSpan};
//!
//! let expires = Timestamp::now() + 24.hours();
//! let key = SigningKey::generate()?;
//! let mut root = RootRole::new(1, expires);
//! for role in TopRole::ALL {
//!     root.authorise(role, &key.public());
//! }
//! let root_json = signing::sign(&root, &[&key])?;
//! assert_eq!(signing::read_unverified::<RootRole>(&root_json)?, root);
//! # Ok::<(), signing::SigningError>(())
//! ```

mod envelope;
mod key;
mod roles;

pub use envelope::{add_signatures, read_unverified, sign, signed_by, verify_current};
pub use key::{PublicKey, SigningKey};
pub use roles::{
    MetaEntry, RoleData, RoleKeys, RootRole, SnapshotRole, TargetEntry, TargetsRole, TimestampRole, TopRole,
};

use std::{io, path::PathBuf};

/// Why a key could not be used or metadata could not be signed. No variant holds key material.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SigningError {
    /// A key file could not be read or written.
    #[error("{action} the key file {path} failed", path = path.display())]
    KeyFile {
        /// What was done.
        action: &'static str,
        /// The key file.
        path: PathBuf,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
    /// A key file that others may read.
    #[error(
        "the key file {path} has mode {mode:04o}, so others can read it: run chmod 600 on it, and think about \
         whether it has leaked", path = path.display()
    )]
    KeyFileIsOpen {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// An environment variable that should hold a key is not there.
    #[error("the environment variable {name} is not set or is not text")]
    NoVariable {
        /// The variable.
        name: String,
    },
    /// The bytes are no Ed25519 private key.
    #[error("{origin} holds no usable key: {reason}; needed is an unencrypted Ed25519 private key, PKCS#8")]
    NotAKey {
        /// Where the bytes came from.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// The cryptographic library failed, for example for want of randomness.
    #[error("{0} failed in the cryptographic library")]
    Crypto(&'static str),
    /// The bytes are no metadata of the expected role.
    #[error("not {expected} metadata: {reason}")]
    NotMetadata {
        /// The expected role.
        expected: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Signing without a key.
    #[error("no key was given to sign {role} with")]
    NoKeys {
        /// The role.
        role: &'static str,
    },
}
