//! The publisher's side: test, sign and publish releases, and serve them to trial machines.
//!
//! A [`Repository`] lies in a folder or a bucket. [`Repository::init`] makes it, [`Repository::publish`]
//! puts a release into it that has passed the same engine and self-tests that machines use, and
//! [`Repository::refresh`] keeps its signatures fresh. Readers see the old state or the new one at
//! every moment. [`serve`] gives a folder to machines over HTTP, and [`Repository::mirror`] keeps a copy for a
//! site that does not reach the original.
//!
//! It does not decide who may publish: whoever holds the keys and can write may.
//!
//! ```
//! use booster_publish::{KeyRing, KeySet, PublishRequest, Repository, RepositoryOptions};
//! use jiff::Timestamp;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let (keys, rules, place) = (dir.path().join("keys"), dir.path().join("rules"), dir.path().join("repository"));
//! # std::fs::create_dir(&rules)?;
//! # std::fs::write(rules.join("a.yar"), "rule a { strings: $a = \"evil\" condition: $a }")?;
//! # let place = place.to_str().ok_or("not UTF-8")?;
//! let repository = Repository::open(place, RepositoryOptions::default())?;
//! repository.init(KeySet::in_folder(&keys, 3, 2)?, Timestamp::now()).await?;
//! let release = PublishRequest::new("antivirus".parse()?, "1.0.0.0".parse()?, rules);
//! let report = repository.publish(&release, &KeyRing::from_folder(&keys)?, Timestamp::now()).await?;
//! assert_eq!(report.counts.rules, 1);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod error;
pub mod feeds;
mod keys;
mod mirror;
mod publish;
mod repository;
pub mod serve;

pub use error::{PublishError, Result};
pub use keys::{DEFAULT_ROOT_KEYS, KEY_VARIABLES, KeyRing, KeySet, OFFLINE, ONLINE};
pub use mirror::{MirrorError, MirrorProgress, MirrorReport, MirrorRequest};
pub use publish::{
    DEFAULT_LEVEL, Outcome, PublishReport, PublishRequest, PublishedPatch, RolloutChange, RolloutReport,
    Withdrawal,
};
pub use repository::{
    InitReport, Lifetimes, Publication, PublishedFile, PublishedTarget, RefreshReport, ReleaseStatus,
    Repository, RepositoryOptions, RepositoryStatus, RoleStatus, RootChange, RootReport, sign_draft,
};
