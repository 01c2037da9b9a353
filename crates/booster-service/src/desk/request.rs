//! What is asked of the desk, by whom, and why it is not taken.

use crate::caller::{Caller, NotAllowed};
use booster_config::{ConfigError, Settings, SourceChoice, SourceSettings};
use booster_sources::SourceKind;
use std::fmt;

/// What is asked for. Requests for the same join one another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The kinds of source to ask, of those configured; empty for all.
    pub kinds: Vec<SourceKind>,
    /// A URL or folder in place of what is configured.
    pub from: Option<String>,
    /// Whether to look only.
    pub check_only: bool,
    /// Whether to take releases before their turn.
    pub at_once: bool,
    /// Whether the daily budget is passed over.
    pub ignore_budget: bool,
    /// Bytes a second at most, in place of what is configured.
    pub max_rate: Option<u64>,
    /// Whether sources that failed lately are left alone for a while.
    pub patient: bool,
}

impl Asked {
    /// The settings of the sources that are meant, in the order in which they are asked.
    ///
    /// # Errors
    /// There are none.
    pub fn meant(&self, settings: &Settings) -> Result<Vec<SourceSettings>, ConfigError> {
        let (settings, choice) = self.narrowed(settings)?;
        Ok(settings.chosen(&choice)?.into_iter().cloned().collect())
    }

    /// Settings with the sources that are meant and no others, and what to choose of them.
    pub(crate) fn narrowed(&self, settings: &Settings) -> Result<(Settings, SourceChoice), ConfigError> {
        let from = self.from.as_deref().map(str::parse).transpose().map_err(ConfigError::InvalidSource)?;
        let mut settings = settings.clone();
        if let (Some(&kind), None) = (self.kinds.first(), &from) {
            settings.sources.retain(|source| self.kinds.contains(&source.kind));
            if settings.sources.is_empty() {
                return Err(ConfigError::NoSourceOfKind { kind });
            }
        }
        Ok((settings, SourceChoice { kind: None, from }))
    }
}

/// Who asked for an update, or went back from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A local program.
    Caller(Caller),
    /// The service itself: its schedule.
    Schedule,
    /// The service itself, which puts in order what it finds.
    Service,
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caller(caller) => caller.fmt(f),
            Self::Schedule => f.write_str("schedule"),
            Self::Service => f.write_str("service"),
        }
    }
}

/// A request as it comes to the desk.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub asked: Asked,
    /// The sources that it means, by the settings of this moment.
    pub sources: Vec<SourceSettings>,
    pub by: By,
    /// Whether who asks is held to no share of the line: an administrator, or the service itself.
    pub privileged: bool,
}

impl Request {
    /// Whether who asks for this is content with that, which may be another way to say the same. A patient update
    /// may pass over a source that an impatient one asks.
    pub fn is_content_with(&self, that: &Self) -> bool {
        let (this, its) = (&self.asked, &that.asked);
        let other = |asked: &Asked| Asked { kinds: Vec::new(), patient: false, ..asked.clone() };
        self.sources == that.sources && other(this) == other(its) && (this.patient || !its.patient)
    }

    /// The user who asked, if one did.
    pub const fn uid(&self) -> Option<u32> {
        match self.by {
            By::Caller(caller) => Some(caller.uid),
            By::Schedule | By::Service => None,
        }
    }
}

/// A request that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("{0} updates are waiting already: try again later")]
    TooMany(usize),
    #[error("{0} updates that you asked for are waiting already: try again later")]
    TooManyOfOne(usize),
    #[error("the service is ending: try again when it runs")]
    Ending,
    #[error("there is no update {0} any more, or none yet")]
    NoSuchUpdate(u64),
    #[error("no update is running")]
    NothingRuns,
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
}
