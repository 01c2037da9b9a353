//! What can be wrong with settings.

use crate::{InvalidSource, Position};
use booster_sources::{CredentialsError, SourceError, SourceKind};
use booster_update::{Detail, ErrorKind};
use std::{io, path::PathBuf};

/// Settings that cannot be used, with the place to correct.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file {} cannot be read: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The file is not TOML, has an unknown key or a wrong value.
    #[error("{}{}: {message}", file.display(), position.map(|p| p.to_string()).unwrap_or_default())]
    File {
        /// The file.
        file: PathBuf,
        /// The place in it.
        position: Option<Position>,
        /// What is wrong there.
        message: String,
    },
    /// An environment variable has an unknown key or a wrong value.
    #[error("environment variable {name}: {message}")]
    Variable {
        /// The variable's name.
        name: String,
        /// What is wrong with it.
        message: String,
    },
    /// A value that no single layer explains.
    #[error("setting \"{key}\": {message}")]
    Value {
        /// The key, with dots.
        key: String,
        /// What is wrong with it.
        message: String,
    },
    /// There is nowhere to look.
    #[error(
        "no source is configured: name one with --from URL|PATH|UNC, or under \"sources\" in the configuration file"
    )]
    NoSource,
    /// None of the configured sources is of the kind that was asked for.
    #[error(
        "no source of kind \"{kind}\" is configured: name one with --from, or under \"sources\" in the configuration file"
    )]
    NoSourceOfKind {
        /// The kind.
        kind: SourceKind,
    },
    /// A kind that this build does not speak.
    #[error("sources of kind \"{kind}\" are not part of this build: use http, unc or directory")]
    Unsupported {
        /// The kind.
        kind: SourceKind,
    },
    /// Two settings that belong together, of which one is absent.
    #[error("\"{given}\" is set and \"{missing}\" is not: set both, under [{table}] or for the source")]
    Incomplete {
        /// The one that is set.
        given: &'static str,
        /// The one that is not.
        missing: &'static str,
        /// The table that they belong in.
        table: &'static str,
    },
    /// A share, and no way to sign in to it.
    #[error(
        "no way to sign in to {unc} is set: name a credentials_file, a keytab or a ticket_cache under [unc], or set \
         guest = true there"
    )]
    NoSignIn {
        /// The share.
        unc: String,
    },
    /// More than one account for a share.
    #[error(
        "more than one of \"credentials_file\", \"keytab\" and \"ticket_cache\" is set: name one, under [unc] or for the source"
    )]
    SeveralSignIns,
    /// What Windows decides by itself.
    #[error("\"{setting}\" cannot be set under [unc] on Windows: the system opens shares; set it there")]
    NotOnWindows {
        /// The setting.
        setting: &'static str,
    },
    /// A credentials file that cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// A proxy that is neither a URL nor `none`.
    #[error("the setting \"proxy\" is neither an http or https URL nor \"none\"")]
    InvalidProxy,
    /// A source that makes no sense.
    #[error(transparent)]
    InvalidSource(#[from] InvalidSource),
    /// A source that cannot be set up, by a certificate that cannot be read for example.
    #[error(transparent)]
    Source(Box<SourceError>),
}

impl ConfigError {
    /// Which of the known cases of failures it is.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NoSource | Self::NoSourceOfKind { .. } => ErrorKind::NoSource,
            Self::Unreadable { .. }
            | Self::File { .. }
            | Self::Variable { .. }
            | Self::Value { .. }
            | Self::Unsupported { .. }
            | Self::Incomplete { .. }
            | Self::NoSignIn { .. }
            | Self::SeveralSignIns
            | Self::NotOnWindows { .. }
            | Self::Credentials(_)
            | Self::InvalidProxy
            | Self::InvalidSource(_)
            | Self::Source(_) => ErrorKind::Configuration,
        }
    }

    /// What is known beside the kind, if anything is.
    pub fn detail(&self) -> Option<Detail> {
        match self {
            Self::NoSourceOfKind { .. } => Some(Detail::NoSourceOfKind),
            Self::Unsupported { .. } => Some(Detail::SourceNotSupported),
            Self::InvalidProxy => Some(Detail::InvalidProxy),
            Self::Source(error) => Detail::of_source(error),
            Self::NoSource
            | Self::Unreadable { .. }
            | Self::File { .. }
            | Self::Variable { .. }
            | Self::Value { .. }
            | Self::Incomplete { .. }
            | Self::NoSignIn { .. }
            | Self::SeveralSignIns
            | Self::NotOnWindows { .. }
            | Self::Credentials(_)
            | Self::InvalidSource(_) => None,
        }
    }
}
