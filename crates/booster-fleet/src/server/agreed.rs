//! What servers on one database agree about their configuration: since when it says what it says.
//!
//! Machines keep the configuration and show its time of change; a changed one reaches them because that is
//! another. The time stands in the database beside the digest of what is said, so that it changes once,
//! whichever server says it first.

use super::{UpdateService, operations::configuration};
use crate::{FleetError, Result, database::Database};
use booster_definitions::Digest;
use booster_wsus::{message::GetConfig, soap};
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, PoisonError};

/// The setting that holds both.
const NAME: &str = "configuration";
/// Attempts at changing it while others do.
const ATTEMPTS: u32 = 10;

/// Since when the configuration says what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Agreed {
    /// The time as machines show it.
    pub(super) last_change: String,
    /// The same in seconds.
    pub(super) second: i64,
}

impl Agreed {
    fn since(time: Timestamp) -> Self {
        Self { last_change: crate::database::written(time), second: time.as_second() }
    }

    /// Finds or sets the time of a configuration: that of its first server.
    pub(super) async fn of(database: &Database, revisions: usize, now: Timestamp) -> Result<Self> {
        let said = soap::answer::<GetConfig>(&configuration(String::new(), revisions));
        let digest = Digest::of(said.as_bytes()).to_string();
        let mut since = now;
        for _ in 0..ATTEMPTS {
            let ours = format!("{digest} {}", crate::database::written(since));
            let kept = database.setting_or(NAME, &ours).await?;
            let (other, before) = read(database, &kept)?;
            if other == digest {
                return Ok(Self::since(before));
            }
            // Another time than before, whatever clocks say: times are kept in seconds.
            since = now.max(before + SignedDuration::from_secs(1));
            let ours = format!("{digest} {}", crate::database::written(since));
            if database.replace_setting(NAME, &kept, &ours).await? {
                return Ok(Self::since(since));
            }
        }
        Err(database.damaged("the configuration's time", "other servers change it all the time"))
    }
}

impl UpdateService {
    /// Learns the time that servers agree about, which another one may have changed.
    pub(super) async fn agree(&self) -> Result<Arc<Agreed>> {
        let database = self.fleet.database();
        if let Some(kept) = database.setting(NAME).await? {
            let agreed = Agreed::since(read(database, &kept)?.1);
            *self.agreed.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(agreed);
        }
        Ok(self.agreed())
    }

    pub(super) fn agreed(&self) -> Arc<Agreed> {
        // Only a whole one is ever put there.
        Arc::clone(&self.agreed.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn read<'a>(database: &Database, kept: &'a str) -> Result<(&'a str, Timestamp)> {
    let damaged = |reason: &str| -> FleetError { database.damaged("the configuration's time", reason) };
    let (digest, time) = kept.split_once(' ').ok_or_else(|| damaged("no time"))?;
    Ok((digest, time.parse().map_err(|error: jiff::Error| damaged(&error.to_string()))?))
}
