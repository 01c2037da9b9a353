//! What can go wrong with a fleet's database and server.

use booster_publish::PublishError;
use std::io;

/// A failure. The text says what, where and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FleetError {
    /// The database cannot be opened.
    #[error("the fleet's database {location} cannot be opened: {source}; check the path or the server")]
    Open {
        /// The database, without credentials.
        location: String,
        /// What the database says.
        source: sqlx::Error,
    },
    /// The database's location is neither a path nor a URL that is known.
    #[error("{location:?} is no database: give a file's path, or a postgres:// URL")]
    Location {
        /// The location, without credentials.
        location: String,
    },
    /// The database was made by another version of Booster.
    #[error(
        "the fleet's database {location} has the form {found}, this Booster uses {ours}: use the Booster that made \
         it, or another database"
    )]
    OtherForm {
        /// The database.
        location: String,
        /// Its form.
        found: String,
        /// Ours.
        ours: u32,
    },
    /// A query has failed.
    #[error("the fleet's database {location}: {what} failed: {source}")]
    Query {
        /// The database.
        location: String,
        /// What was being done.
        what: &'static str,
        /// What the database says.
        source: sqlx::Error,
    },
    /// What stands in the database is not what was written there.
    #[error("the fleet's database {location}: {what} is damaged: {reason}")]
    Damaged {
        /// The database.
        location: String,
        /// What is damaged.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// No machine, or more than one, goes by this name.
    #[error("{count} machines go by {name:?}: `booster fleet list` shows them all with their ids")]
    Machine {
        /// The name that was asked for.
        name: String,
        /// How many there are.
        count: usize,
    },
    /// A group's name that machines could not have.
    #[error("{0:?} is no name of a group: 1 to 64 bytes, without control characters")]
    Group(String),
    /// The repository cannot be read.
    #[error(transparent)]
    Repository(#[from] PublishError),
    /// A file of the repository cannot be read.
    #[error("{object}: cannot be read: {source}")]
    File {
        /// The object below the repository.
        object: String,
        /// The system's answer.
        source: io::Error,
    },
    /// No randomness could be had.
    #[error("the system gives no randomness")]
    Randomness,
}

/// The result of what concerns a fleet.
pub type Result<T> = std::result::Result<T, FleetError>;
