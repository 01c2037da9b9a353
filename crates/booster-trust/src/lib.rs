//! Trust: which bytes of a repository are the publisher's, and how a publisher makes them so.
//!
//! A machine's side of The Update Framework (TUF 1.0) is [`Client`]: it fetches a repository's
//! metadata through any [`Repository`], has `sigstore-tuf` verify it, and keeps what was verified in
//! one file, [`TrustedState`], replaced in one step. A publisher's side is [`signing`].
//!
//! It promises that nothing is persisted before every check on it has passed; that no version once
//! trusted is ever taken back for an older one, not even after a refresh that failed half-way; that a
//! damaged state file is an error and never a fresh start; and that a clock that steps back brings no
//! expired metadata back to life. It downloads no targets: it says where a target is and which
//! digests it must have ([`VerifiedTarget`]), and whoever downloads checks with
//! [`VerifiedTarget::verifier`].
//!
//! One folder of state belongs to one operation at a time: whoever makes a [`Client`] holds the data
//! folder's lock.
#![forbid(unsafe_code)]

mod admission;
mod client;
mod clock;
mod error;
mod floors;
mod overlay;
mod roles;
mod saved;
mod signatures;
pub mod signing;
mod state;
mod target;
mod watch;

pub use client::{Check, Client, ClientOptions, Limits};
pub use clock::FreshnessPolicy;
pub use error::{Result, TrustError};
pub use roles::RoleVersions;
pub use saved::verify_saved;
pub use sigstore_tuf::{Repository, TargetFile, transport::FetchFuture};
pub use state::{STATE_FILE, TrustedState};
pub use target::{TargetVerifier, VerifiedTarget, WrongTarget, location_of};

/// The extra signed field of timestamp metadata that holds the publisher's signed time, RFC 3339.
///
/// TUF 1.0, section 4 ("File formats: general principles"), lets a publisher add fields, and has
/// clients include them when they verify signatures.
pub const SIGNED_AT_FIELD: &str = "x-booster-signed-at";
