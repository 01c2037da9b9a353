//! What is written of machines: that they registered, when they asked, what they reported, and that they
//! are forgotten.
//!
//! Several servers write at the same time, and about the same machines: all of them go through machines in
//! the order of their ids, and write a machine's own line before its reports, so that none waits for another
//! in a circle.

use crate::{Fleet, Report, Result, database::written, fleet::plain};
use booster_wsus::message::Computer;
use jiff::Timestamp;
use sqlx::{Any, Transaction};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Reports that are kept of each machine.
const REPORTS: i64 = 20;

/// What one report says.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) report: Report,
    /// What is installed, as JSON; `None` where it does not say.
    pub(crate) versions: Option<String>,
}

/// What one machine has said since the last writing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Note {
    /// In which group it asked last, and when.
    pub(crate) asked: Option<(String, Timestamp)>,
    /// What it reported, in order.
    pub(crate) told: Vec<Told>,
}

/// What machines have said, in the order in which it is written.
pub(crate) type Notes = BTreeMap<Uuid, Note>;

impl Fleet {
    /// Whether a machine has registered.
    pub(crate) async fn knows(&self, machine: Uuid) -> Result<bool> {
        Ok(self.registration(machine).await?.is_some())
    }

    /// How many machines have registered.
    pub(crate) async fn count(&self) -> Result<i64> {
        let database = self.database();
        let row = sqlx::query("SELECT COUNT(*) FROM fleet_machines").fetch_one(database.pool()).await;
        database.number(&row.map_err(database.failed("counting machines"))?, 0)
    }

    /// What a machine registered as.
    async fn registration(&self, machine: Uuid) -> Result<Option<[String; 5]>> {
        let database = self.database();
        let query =
            "SELECT name, target_group, system, architecture, client FROM fleet_machines WHERE id = $1";
        let row = sqlx::query(query).bind(machine.to_string()).fetch_optional(database.pool()).await;
        let Some(row) = row.map_err(database.failed("looking a machine up"))? else { return Ok(None) };
        let text = |column| database.text(&row, column);
        Ok(Some([text(0)?, text(1)?, text(2)?, text(3)?, text(4)?]))
    }

    /// Registers a machine, or what it is now. Nothing is written where that is known.
    pub(crate) async fn register(
        &self,
        machine: Uuid,
        group: &str,
        computer: &Computer,
        now: Timestamp,
    ) -> Result<()> {
        let registration = [
            plain(&computer.dns_name),
            group.to_owned(),
            plain(&computer.os_description),
            plain(&computer.architecture),
            computer.client_version.map(|part| part.to_string()).join("."),
        ];
        if self.registration(machine).await?.as_ref() == Some(&registration) {
            return Ok(());
        }
        let [name, group, system, architecture, client] = registration;
        sqlx::query(
            "INSERT INTO fleet_machines (id, name, target_group, system, architecture, client, registered, \
             last_asked, last_report, outcome, failure, versions) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, '', '', '', '', '{}') ON CONFLICT (id) DO UPDATE SET \
             name = excluded.name, target_group = excluded.target_group, system = excluded.system, \
             architecture = excluded.architecture, client = excluded.client",
        )
        .bind(machine.to_string())
        .bind(name)
        .bind(group)
        .bind(system)
        .bind(architecture)
        .bind(client)
        .bind(written(now))
        .execute(self.database().pool())
        .await
        .map_err(self.database().failed("registering a machine"))?;
        Ok(())
    }

    /// Notes in one step when machines asked, and what they reported. Gives those that are not registered, of
    /// which nothing is kept.
    pub(crate) async fn note(&self, notes: &Notes) -> Result<Vec<Uuid>> {
        if notes.is_empty() {
            return Ok(Vec::new());
        }
        let noted = self.database().again(|| self.try_note(notes)).await;
        noted.map_err(self.database().failed("noting what machines say"))
    }

    async fn try_note(&self, notes: &Notes) -> sqlx::Result<Vec<Uuid>> {
        let mut unknown = Vec::new();
        let mut transaction = self.database().begin().await?;
        for (machine, note) in notes {
            if !keep(&mut transaction, *machine, note).await? {
                unknown.push(*machine);
            }
        }
        transaction.commit().await?;
        Ok(unknown)
    }

    /// Forgets a machine with its reports. One that asks again registers again.
    ///
    /// # Errors
    /// The database fails.
    pub async fn forget(&self, machine: Uuid) -> Result<()> {
        let forgotten = self.database().again(|| self.try_forget(machine)).await;
        forgotten.map_err(self.database().failed("forgetting a machine"))
    }

    async fn try_forget(&self, machine: Uuid) -> sqlx::Result<()> {
        let mut transaction = self.database().begin().await?;
        for statement in
            ["DELETE FROM fleet_machines WHERE id = $1", "DELETE FROM fleet_reports WHERE machine = $1"]
        {
            sqlx::query(statement).bind(machine.to_string()).execute(&mut *transaction).await?;
        }
        transaction.commit().await
    }

    /// Forgets machines that have not asked since a time, and did not register after it either. Gives how many
    /// there were.
    pub(crate) async fn forget_silent(&self, since: Timestamp) -> Result<usize> {
        let database = self.database();
        // A machine that never asked has an empty text there, which sorts before every time.
        let query = "SELECT id FROM fleet_machines WHERE last_asked < $1 AND registered < $1 ORDER BY id";
        let rows = sqlx::query(query).bind(written(since)).fetch_all(database.pool()).await;
        let rows = rows.map_err(database.failed("looking for silent machines"))?;
        for row in &rows {
            let machine = database.text(row, 0)?.parse();
            self.forget(machine.map_err(|error| database.damaged("a machine's id", error))?).await?;
        }
        Ok(rows.len())
    }
}

/// Keeps what a machine has said; whether it is registered.
async fn keep(transaction: &mut Transaction<'static, Any>, machine: Uuid, note: &Note) -> sqlx::Result<bool> {
    let id = machine.to_string();
    if let Some((group, time)) = &note.asked {
        let asked = "UPDATE fleet_machines SET last_asked = $2, target_group = $3 WHERE id = $1";
        let asked = sqlx::query(asked).bind(id.clone()).bind(written(*time)).bind(group.clone());
        if asked.execute(&mut **transaction).await?.rows_affected() == 0 {
            return Ok(false);
        }
    }
    for told in &note.told {
        if !keep_report(transaction, &id, told).await? {
            return Ok(false);
        }
    }
    if !note.told.is_empty() {
        sqlx::query(
            "DELETE FROM fleet_reports WHERE machine = $1 AND id NOT IN \
             (SELECT id FROM fleet_reports WHERE machine = $1 ORDER BY id DESC LIMIT $2)",
        )
        .bind(id)
        .bind(REPORTS)
        .execute(&mut **transaction)
        .await?;
    }
    Ok(true)
}

/// Keeps a report of a machine; whether that is registered. What the machine is known for stays where the
/// report says nothing about it.
async fn keep_report(
    transaction: &mut Transaction<'static, Any>,
    machine: &str,
    Told { report, versions }: &Told,
) -> sqlx::Result<bool> {
    let time = written(report.time);
    let updated = sqlx::query(
        "UPDATE fleet_machines SET last_report = $2, \
         outcome = CASE WHEN $3 = '' AND $4 = '' THEN outcome ELSE $3 END, \
         failure = CASE WHEN $3 = '' AND $4 = '' THEN failure ELSE $4 END, \
         versions = CASE WHEN $5 = '' THEN versions ELSE $5 END WHERE id = $1",
    )
    .bind(machine.to_owned())
    .bind(time.clone())
    .bind(report.outcome.clone())
    .bind(report.failure.clone())
    .bind(versions.clone().unwrap_or_default())
    .execute(&mut **transaction)
    .await?;
    if updated.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query(
        "INSERT INTO fleet_reports (machine, time, event, result, outcome, failure) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(machine.to_owned())
    .bind(time)
    .bind(i64::from(report.event))
    .bind(i64::from(report.result))
    .bind(report.outcome.clone())
    .bind(report.failure.clone())
    .execute(&mut **transaction)
    .await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    async fn fleet(dir: &tempfile::TempDir) -> Fleet {
        Fleet::open(dir.path().join("fleet.sqlite").to_str().unwrap()).await.unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
    }

    #[tokio::test]
    async fn what_is_registered_already_is_not_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let (fleet, machine) = (fleet(&dir).await, Uuid::from_u128(1));
        let computer = Computer { dns_name: "a".to_owned(), ..Computer::default() };
        fleet.register(machine, "g", &computer, at(0)).await.unwrap();
        // Whoever wanted to write now would wait, and fail.
        let writing = fleet.database().begin().await.unwrap();
        fleet.register(machine, "g", &computer, at(1)).await.unwrap();
        writing.rollback().await.unwrap();
        fleet.register(machine, "h", &computer, at(2)).await.unwrap();
        let all = fleet.machines().await.unwrap();
        assert_eq!((all.len(), all[0].group.as_str(), all[0].registered), (1, "h", at(0)));
    }

    #[tokio::test]
    async fn machines_are_forgotten_by_name_and_when_they_have_long_been_silent() {
        let dir = tempfile::tempdir().unwrap();
        let fleet = fleet(&dir).await;
        let [never, silent, new, asking] = [1, 2, 3, 4].map(Uuid::from_u128);
        for (machine, registered) in [(never, 0), (silent, 0), (new, 100), (asking, 0)] {
            fleet.register(machine, "", &Computer::default(), at(registered)).await.unwrap();
        }
        let asked = |time| Note { asked: Some((String::new(), at(time))), told: Vec::new() };
        let gone = Uuid::from_u128(9);
        let notes = Notes::from([(silent, asked(40)), (asking, asked(60)), (gone, asked(60))]);
        assert_eq!(fleet.note(&notes).await.unwrap(), [gone], "nothing is kept of what never registered");
        assert_eq!(fleet.forget_silent(at(50)).await.unwrap(), 2);
        let left = async || fleet.machines().await.unwrap().into_iter().map(|it| it.id).collect::<Vec<_>>();
        assert_eq!(left().await, [new, asking]);
        fleet.forget(new).await.unwrap();
        assert_eq!(left().await, [asking]);
    }
}
