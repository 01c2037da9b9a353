//! What is kept of a fleet, and the questions that are asked about it.

use crate::{
    Approvals, Decision, FleetError, Machine, ReleaseKey, Report, Result,
    database::{Database, written},
};
use jiff::Timestamp;
use sqlx::any::AnyRow;
use uuid::Uuid;

/// The longest name of a group, in bytes.
pub(crate) const GROUP_BYTES: usize = 64;

/// A fleet: approvals, machines and their reports, in a database.
#[derive(Debug)]
pub struct Fleet {
    database: Database,
}

impl Fleet {
    /// Opens a database: a file's path, or a `postgres://` URL. Tables are made where they are not there.
    ///
    /// # Errors
    /// [`FleetError::Open`], [`FleetError::Location`] or [`FleetError::OtherForm`].
    pub async fn open(location: &str) -> Result<Self> {
        Ok(Self { database: Database::open(location).await? })
    }

    pub(crate) const fn database(&self) -> &Database {
        &self.database
    }

    /// Every decision about releases.
    ///
    /// # Errors
    /// The database fails.
    pub async fn approvals(&self) -> Result<Approvals> {
        let database = &self.database;
        let query = "SELECT release, target_group, decision, deadline FROM fleet_approvals";
        let rows = sqlx::query(query).fetch_all(database.pool()).await;
        let mut approvals = Approvals::default();
        for row in rows.map_err(database.failed("reading approvals"))? {
            let (release, group) = (database.text(&row, 0)?, database.text(&row, 1)?);
            let key = release.parse().map_err(|()| database.damaged("an approval", release))?;
            let decision = match database.text(&row, 2)?.as_str() {
                "approved" => Decision::Approved { deadline: database.time(&row, 3)? },
                "declined" => Decision::Declined,
                other => return Err(database.damaged("an approval", other)),
            };
            approvals.insert(key, Some(group).filter(|group| !group.is_empty()), decision);
        }
        Ok(approvals)
    }

    /// Decides about a release, for a group or for all machines; what was decided before is replaced.
    ///
    /// # Errors
    /// [`FleetError::Group`], or the database fails.
    pub async fn decide(
        &self,
        release: ReleaseKey,
        group: Option<&str>,
        decision: Decision,
        now: Timestamp,
    ) -> Result<()> {
        if group.is_some_and(|group| !is_group(group)) {
            return Err(FleetError::Group(group.unwrap_or_default().to_owned()));
        }
        let (word, deadline) = match decision {
            Decision::Approved { deadline } => ("approved", deadline.map(written).unwrap_or_default()),
            Decision::Declined => ("declined", String::new()),
        };
        sqlx::query(
            "INSERT INTO fleet_approvals (release, target_group, decision, deadline, changed) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (release, target_group) DO UPDATE SET \
             decision = excluded.decision, deadline = excluded.deadline, changed = excluded.changed",
        )
        .bind(release.to_string())
        .bind(group.unwrap_or_default().to_owned())
        .bind(word)
        .bind(deadline)
        .bind(written(now))
        .execute(self.database.pool())
        .await
        .map_err(self.database.failed("keeping an approval"))?;
        Ok(())
    }

    /// Every machine, by name.
    ///
    /// # Errors
    /// The database fails.
    pub async fn machines(&self) -> Result<Vec<Machine>> {
        let query = "SELECT id, name, target_group, system, architecture, client, registered, last_asked, \
                     last_report, outcome, failure, versions FROM fleet_machines ORDER BY name, id";
        let rows = sqlx::query(query).fetch_all(self.database.pool()).await;
        let rows = rows.map_err(self.database.failed("reading machines"))?;
        rows.iter().map(|row| self.machine_of(row)).collect()
    }

    /// The one machine that goes by a name, an id or the beginning of one.
    ///
    /// # Errors
    /// [`FleetError::Machine`], or the database fails.
    pub async fn machine(&self, name: &str) -> Result<Machine> {
        let mut all = self.machines().await?;
        let goes_by = |machine: &Machine| {
            machine.name.eq_ignore_ascii_case(name)
                || (name.len() >= 4 && machine.id.to_string().starts_with(&name.to_ascii_lowercase()))
        };
        all.retain(goes_by);
        match all.len() {
            1 => Ok(all.remove(0)),
            count => Err(FleetError::Machine { name: name.to_owned(), count }),
        }
    }

    /// A machine's reports, the newest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn reports(&self, machine: Uuid) -> Result<Vec<Report>> {
        let database = &self.database;
        let query = "SELECT time, event, result, outcome, failure FROM fleet_reports \
                     WHERE machine = $1 ORDER BY id DESC LIMIT 100";
        let rows = sqlx::query(query).bind(machine.to_string()).fetch_all(database.pool()).await;
        let rows = rows.map_err(database.failed("reading reports"))?;
        let report = |row: &AnyRow| {
            Ok(Report {
                time: database.time(row, 0)?.unwrap_or_default(),
                event: database.number(row, 1)?.try_into().unwrap_or_default(),
                result: database.number(row, 2)?.try_into().unwrap_or_default(),
                outcome: database.text(row, 3)?,
                failure: database.text(row, 4)?,
            })
        };
        rows.iter().map(report).collect()
    }

    fn machine_of(&self, row: &AnyRow) -> Result<Machine> {
        let database = &self.database;
        let text = |column| database.text(row, column);
        let id = text(0)?.parse().map_err(|error| database.damaged("a machine's id", error))?;
        let versions = serde_json::from_str(&text(11)?);
        Ok(Machine {
            id,
            name: text(1)?,
            group: text(2)?,
            system: text(3)?,
            architecture: text(4)?,
            client: text(5)?,
            registered: database.time(row, 6)?.unwrap_or_default(),
            last_asked: database.time(row, 7)?,
            last_report: database.time(row, 8)?,
            outcome: text(9)?,
            failure: text(10)?,
            versions: versions.map_err(|error| database.damaged("a machine's versions", error))?,
        })
    }
}

/// Whether a text can be the name of a group.
pub(crate) fn is_group(name: &str) -> bool {
    (1..=GROUP_BYTES).contains(&name.len()) && !name.chars().any(is_unseen)
}

/// A text that somebody sent, as it is kept: short, and without what could move a terminal's cursor or turn
/// the direction of what stands beside it.
pub(crate) fn plain(text: &str) -> String {
    text.chars().filter(|c| !is_unseen(*c)).take(200).collect()
}

/// Whether a character is not shown but changes how others are: controls, line separators, and those of
/// bidirectional text.
const fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_neither_kept_nor_a_groups_name() {
        let text = "\u{1b}[2Jmail\u{202e}gpj\u{2066}\u{200f}\u{61c}\u{2028}\n\u{85}-\u{e9}";
        assert_eq!(plain(text), "[2Jmailgpj-\u{e9}");
        assert!(is_group("Servers \u{e9}") && !is_group("a\u{202e}b") && !is_group(""));
    }
}
