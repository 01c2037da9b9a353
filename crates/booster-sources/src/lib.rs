//! Where a machine looks for definitions: HTTP servers, file shares and folders behind one trait.
//!
//! A [`Source`] opens files of a repository and streams them. It promises that what it says about
//! a failure is true and typed ([`SourceError`]), that nothing from outside can hold it for ever,
//! fill memory or lead it to another place ([`TransferRules`], size limits, bounded redirects,
//! paths that stay inside the base), and that a cancelled transfer ends within a second. It does
//! not judge what it carries: whether bytes can be trusted is decided by `booster-trust`, and a
//! source is never trusted, whichever way it is reached.
//!
//! ```no_run
//! # async fn example() -> Result<(), booster_sources::SourceError> {
//! use booster_sources::{Area, HttpOptions, HttpSource, TransferRules, read};
//! use tokio_util::sync::CancellationToken;
//!
//! let source = HttpSource::new(HttpOptions::new("https://definitions.example/".parse().expect("a URL")))?;
//! let rules = TransferRules::default();
//! let cancel = CancellationToken::new();
//! let timestamp = read(&source, Area::Metadata, "timestamp.json", 16_384, &rules, &cancel).await?;
//! # Ok(()) }
//! ```
#![forbid(unsafe_code)]

mod directory;
mod error;
mod http;
mod metadata;
mod path;
mod source;
mod transfer;
mod unc;
mod wsus;

pub use booster_smb::{
    Account, CredentialsError, DEFAULT_PORT, InvalidUnc, ShareError, ShareOptions, SignIn, Tickets, UncPath,
};
pub use directory::DirectorySource;
pub use error::{RedirectRefusal, SourceError};
pub use http::{BaseUrls, ClientCertificate, Credentials, HttpOptions, HttpSource, ProxyChoice};
pub use metadata::MetadataRepository;
pub use source::{
    Approval, Area, ByteStream, Counters, Ended, EndedBadly, Opened, Resume, Source, SourceKind,
    UnknownSourceKind,
};
pub use transfer::{RateLimit, Sink, TransferRules, download, download_from, read};
pub use unc::{Refusals, UncSource};
pub use wsus::{DEFINITION_UPDATES, PRODUCT, WsusOptions, WsusSource};
