//! What is kept of a fleet, and the questions that are asked about it.

use crate::{
    Approvals, Decision, FleetError, Machine, ReleaseKey, Report, Result,
    database::{Database, written},
};
use booster_wsus::message::Computer;
use jiff::Timestamp;
use sqlx::{Any, Transaction, any::AnyRow};
use uuid::Uuid;

/// Reports that are kept of each machine.
const REPORTS: i64 = 20;
/// The longest name of a group, in bytes.
pub(crate) const GROUP_BYTES: usize = 64;

/// A fleet: approvals, machines and their reports, in a database.
#[derive(Debug)]
pub struct Fleet {
    database: Database,
}

/// What one report says.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) machine: Uuid,
    pub(crate) report: Report,
    /// What is installed, as JSON; `None` where it does not say.
    pub(crate) versions: Option<String>,
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

/// What the server writes.
impl Fleet {
    /// Whether a machine has registered.
    pub(crate) async fn knows(&self, machine: Uuid) -> Result<bool> {
        let query = sqlx::query("SELECT 1 FROM fleet_machines WHERE id = $1").bind(machine.to_string());
        let row = query.fetch_optional(self.database.pool()).await;
        Ok(row.map_err(self.database.failed("looking a machine up"))?.is_some())
    }

    /// How many machines have registered.
    pub(crate) async fn count(&self) -> Result<i64> {
        let row = sqlx::query("SELECT COUNT(*) FROM fleet_machines").fetch_one(self.database.pool()).await;
        self.database.number(&row.map_err(self.database.failed("counting machines"))?, 0)
    }

    /// Registers a machine, or what it is now.
    pub(crate) async fn register(
        &self,
        machine: Uuid,
        group: &str,
        computer: &Computer,
        now: Timestamp,
    ) -> Result<()> {
        let client = computer.client_version.map(|part| part.to_string()).join(".");
        sqlx::query(
            "INSERT INTO fleet_machines (id, name, target_group, system, architecture, client, registered, \
             last_asked, last_report, outcome, failure, versions) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, '', '', '', '', '{}') ON CONFLICT (id) DO UPDATE SET \
             name = excluded.name, target_group = excluded.target_group, system = excluded.system, \
             architecture = excluded.architecture, client = excluded.client",
        )
        .bind(machine.to_string())
        .bind(plain(&computer.dns_name))
        .bind(group.to_owned())
        .bind(plain(&computer.os_description))
        .bind(plain(&computer.architecture))
        .bind(client)
        .bind(written(now))
        .execute(self.database.pool())
        .await
        .map_err(self.database.failed("registering a machine"))?;
        Ok(())
    }

    /// Notes in one step when machines asked, and what they reported.
    pub(crate) async fn note(&self, asked: &[(Uuid, String, Timestamp)], told: &[Told]) -> Result<()> {
        if asked.is_empty() && told.is_empty() {
            return Ok(());
        }
        let failed = self.database.failed("noting what machines say");
        let mut transaction = self.database.pool().begin().await.map_err(&failed)?;
        for (machine, group, time) in asked {
            sqlx::query("UPDATE fleet_machines SET last_asked = $2, target_group = $3 WHERE id = $1")
                .bind(machine.to_string())
                .bind(written(*time))
                .bind(group.clone())
                .execute(&mut *transaction)
                .await
                .map_err(&failed)?;
        }
        for told in told {
            keep(&mut transaction, told).await.map_err(&failed)?;
        }
        transaction.commit().await.map_err(failed)
    }
}

async fn keep(transaction: &mut Transaction<'static, Any>, told: &Told) -> sqlx::Result<()> {
    let (machine, report) = (told.machine.to_string(), &told.report);
    let time = written(report.time);
    // The machine's own line first: a report of one that is not registered is not kept.
    let updated = sqlx::query(
        "UPDATE fleet_machines SET last_report = $2, outcome = $3, failure = $4, \
         versions = CASE WHEN $5 = '' THEN versions ELSE $5 END WHERE id = $1",
    )
    .bind(machine.clone())
    .bind(time.clone())
    .bind(report.outcome.clone())
    .bind(report.failure.clone())
    .bind(told.versions.clone().unwrap_or_default())
    .execute(&mut **transaction)
    .await?;
    if updated.rows_affected() == 0 {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO fleet_reports (machine, time, event, result, outcome, failure) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(machine.clone())
    .bind(time)
    .bind(i64::from(report.event))
    .bind(i64::from(report.result))
    .bind(report.outcome.clone())
    .bind(report.failure.clone())
    .execute(&mut **transaction)
    .await?;
    sqlx::query(
        "DELETE FROM fleet_reports WHERE machine = $1 AND id NOT IN \
         (SELECT id FROM fleet_reports WHERE machine = $1 ORDER BY id DESC LIMIT $2)",
    )
    .bind(machine)
    .bind(REPORTS)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Whether a text can be the name of a group.
pub(crate) fn is_group(name: &str) -> bool {
    (1..=GROUP_BYTES).contains(&name.len()) && !name.chars().any(char::is_control)
}

/// A text that somebody sent, as it is kept: short, and without what could move a terminal's cursor.
pub(crate) fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
