//! The publisher's side: test, sign and publish releases, and serve them to trial machines.
//!
//! A [`Repository`] lies in a folder or a bucket. [`Repository::init`] makes it, [`Repository::publish`]
//! puts a release into it that has passed the same engine and self-tests that machines use, and
//! [`Repository::refresh`] keeps its signatures fresh. Readers see the old state or the new one at
//! every moment. [`serve`] gives a folder to machines over HTTP.
//!
//! It does not decide who may publish: whoever holds the keys and can write may.
#![forbid(unsafe_code)]

mod error;
pub mod feeds;
mod keys;
mod publish;
mod repository;
pub mod serve;

pub use error::{PublishError, Result};
pub use keys::{DEFAULT_ROOT_KEYS, KEY_VARIABLES, KeyRing, KeySet, OFFLINE, ONLINE};
pub use publish::{DEFAULT_LEVEL, Outcome, PublishReport, PublishRequest};
pub use repository::{
    InitReport, Lifetimes, RefreshReport, ReleaseStatus, Repository, RepositoryOptions, RepositoryStatus,
    RoleStatus, RootChange, RootReport, sign_draft,
};
