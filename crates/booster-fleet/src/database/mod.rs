//! The database: SQLite in a file, or PostgreSQL where several servers share it.
//!
//! Both are spoken to with the same statements; parameters are `$1`, which both know. Times are texts
//! in UTC that sort as times do.

mod schema;

use crate::{FleetError, Result};
use jiff::Timestamp;
use sqlx::{
    Any, AnyPool, Row as _, Transaction,
    any::{AnyPoolOptions, AnyRow},
};
use std::{fmt, path::Path, time::Duration};
use url::Url;

/// How long an answer of the database is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections to PostgreSQL. SQLite has one writer whatever is opened.
const CONNECTIONS: u32 = 8;
/// Attempts at what other connections may stand in the way of.
const ATTEMPTS: u32 = 6;
/// The pause before the second attempt, which doubles before each further one.
const PAUSE: Duration = Duration::from_millis(20);

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sqlite,
    Postgres,
}

/// An open database with our tables in it.
pub(crate) struct Database {
    pool: AnyPool,
    kind: Kind,
    location: String,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("location", &self.location).finish_non_exhaustive()
    }
}

impl Database {
    /// Opens a database, and makes the tables where they are not there.
    pub(crate) async fn open(location: &str) -> Result<Self> {
        let (kind, url, shown) = resolve(location)?;
        sqlx::any::install_default_drivers();
        let failed = |source| FleetError::Open { location: shown.clone(), source };
        let connections = if kind == Kind::Sqlite { 4 } else { CONNECTIONS };
        let options = AnyPoolOptions::new().max_connections(connections).acquire_timeout(PATIENCE);
        let pool = options.connect(&url).await.map_err(failed)?;
        let database = Self { pool, kind, location: shown.clone() };
        database.prepare().await?;
        Ok(database)
    }

    /// Makes the tables where they are not there. Where they are, nothing is written and nobody waited for.
    async fn prepare(&self) -> Result<()> {
        let failed = |source| FleetError::Open { location: self.location.clone(), source };
        let found = match self.setting("form").await {
            Ok(Some(found)) => Some(found),
            // No such table, or one that somebody else is just making.
            Ok(None) | Err(_) => {
                self.again(|| self.make()).await.map_err(failed)?;
                self.setting("form").await?
            }
        };
        match found {
            Some(found) if found == schema::FORM.to_string() => Ok(()),
            found => Err(FleetError::OtherForm {
                location: self.location.clone(),
                found: found.unwrap_or_default(),
                ours: schema::FORM,
            }),
        }
    }

    async fn make(&self) -> sqlx::Result<()> {
        let mut transaction = self.begin().await?;
        if self.kind == Kind::Postgres {
            // Two servers that start at once would both make the tables.
            let lock = "SELECT 1 FROM (SELECT pg_advisory_xact_lock(6017283190)) AS locked";
            sqlx::query(lock).fetch_all(&mut *transaction).await?;
        }
        for statement in schema::statements(self.kind) {
            sqlx::query(statement).execute(&mut *transaction).await?;
        }
        let form =
            "INSERT INTO fleet_settings (name, value) VALUES ('form', $1) ON CONFLICT (name) DO NOTHING";
        sqlx::query(form).bind(schema::FORM.to_string()).execute(&mut *transaction).await?;
        transaction.commit().await?;
        if self.kind == Kind::Sqlite {
            // Readers do not wait for a writer, and a power cut costs at most the last seconds.
            sqlx::query("PRAGMA journal_mode = WAL").fetch_all(&self.pool).await?;
        }
        Ok(())
    }

    /// Begins a transaction that writes.
    ///
    /// SQLite has to be told at once: one that has read before it writes fails where another has written in
    /// between, and does not wait.
    pub(crate) async fn begin(&self) -> sqlx::Result<Transaction<'static, Any>> {
        match self.kind {
            Kind::Sqlite => self.pool.begin_with("BEGIN IMMEDIATE").await,
            Kind::Postgres => self.pool.begin().await,
        }
    }

    /// Attempts something again while it fails for what other connections do at the same time.
    pub(crate) async fn again<T, F>(&self, attempt: impl Fn() -> F) -> sqlx::Result<T>
    where
        F: Future<Output = sqlx::Result<T>>,
    {
        let mut pause = PAUSE;
        for _ in 1..ATTEMPTS {
            match attempt().await {
                Err(error) if self.is_passing(&error) => tokio::time::sleep(pause).await,
                done => return done,
            }
            pause *= 2;
        }
        attempt().await
    }

    fn is_passing(&self, error: &sqlx::Error) -> bool {
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        match (self.kind, code.as_deref()) {
            // Busy or locked, in the lower byte of an extended code.
            (Kind::Sqlite, Some(code)) => code.parse().is_ok_and(|code: u32| matches!(code & 0xff, 5 | 6)),
            // A serialization failure, or a deadlock.
            (Kind::Postgres, Some(code)) => matches!(code, "40001" | "40P01"),
            (_, None) => false,
        }
    }

    pub(crate) const fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// A setting that servers share.
    pub(crate) async fn setting(&self, name: &str) -> Result<Option<String>> {
        let query = sqlx::query("SELECT value FROM fleet_settings WHERE name = $1").bind(name.to_owned());
        let row = query.fetch_optional(&self.pool).await.map_err(self.failed("reading a setting"))?;
        row.map(|row| self.text(&row, 0)).transpose()
    }

    /// Keeps a setting unless another server has, and gives the one that counts.
    pub(crate) async fn setting_or(&self, name: &str, value: &str) -> Result<String> {
        sqlx::query("INSERT INTO fleet_settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
            .bind(name.to_owned())
            .bind(value.to_owned())
            .execute(&self.pool)
            .await
            .map_err(self.failed("keeping a setting"))?;
        Ok(self.setting(name).await?.unwrap_or_else(|| value.to_owned()))
    }

    /// Keeps another value of a setting where it still has the one that was read; whether it did.
    pub(crate) async fn replace_setting(&self, name: &str, before: &str, value: &str) -> Result<bool> {
        let update = "UPDATE fleet_settings SET value = $3 WHERE name = $1 AND value = $2";
        let query = sqlx::query(update).bind(name.to_owned()).bind(before.to_owned()).bind(value.to_owned());
        let done = query.execute(&self.pool).await.map_err(self.failed("replacing a setting"))?;
        Ok(done.rows_affected() == 1)
    }

    /// What makes an error of a failed query.
    pub(crate) fn failed(&self, what: &'static str) -> impl Fn(sqlx::Error) -> FleetError + '_ {
        move |source| FleetError::Query { location: self.location.clone(), what, source }
    }

    pub(crate) fn damaged(&self, what: &'static str, reason: impl ToString) -> FleetError {
        FleetError::Damaged { location: self.location.clone(), what, reason: reason.to_string() }
    }

    pub(crate) fn text(&self, row: &AnyRow, column: usize) -> Result<String> {
        row.try_get(column).map_err(|error| self.damaged("a text", error))
    }

    pub(crate) fn number(&self, row: &AnyRow, column: usize) -> Result<i64> {
        row.try_get(column).map_err(|error| self.damaged("a number", error))
    }

    /// A time; an empty text is none.
    pub(crate) fn time(&self, row: &AnyRow, column: usize) -> Result<Option<Timestamp>> {
        let text = self.text(row, column)?;
        let read = (!text.is_empty()).then(|| text.parse()).transpose();
        read.map_err(|error| self.damaged("a time", error))
    }
}

/// A time as it is kept: in whole seconds, so that texts sort as times do.
pub(crate) fn written(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The database's URL, and how it is shown.
fn resolve(location: &str) -> Result<(Kind, String, String)> {
    if let Some((scheme, _)) = location.split_once("://") {
        let shown = Url::parse(location).ok().map(|mut url| {
            // Fails for addresses without a user only.
            let _ = url.set_password(None);
            url.set_query(None);
            String::from(url)
        });
        let unknown = || FleetError::Location { location: format!("{scheme}://...") };
        return match (scheme, shown) {
            ("postgres" | "postgresql", Some(shown)) => Ok((Kind::Postgres, location.to_owned(), shown)),
            _ => Err(unknown()),
        };
    }
    let path =
        std::path::absolute(Path::new(location)).ok().and_then(|path| path.to_str().map(str::to_owned));
    let path = path.filter(|_| !location.is_empty());
    let path = path.ok_or_else(|| FleetError::Location { location: location.to_owned() })?;
    let mut url = "sqlite:".to_owned();
    // What has a meaning of its own in the URL is written otherwise.
    for character in path.chars() {
        match character {
            '%' | '?' | '#' => url.push_str(&format!("%{:02X}", u32::from(character))),
            plain => url.push(plain),
        }
    }
    url.push_str("?mode=rwc");
    Ok((Kind::Sqlite, url, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_a_path_or_a_url_and_passwords_are_not_shown() {
        let (kind, url, shown) = resolve("postgres://u:secret@db.example/fleet?sslmode=require").unwrap();
        assert_eq!((kind, shown.as_str()), (Kind::Postgres, "postgres://u@db.example/fleet"));
        assert!(url.contains("secret"));
        let (kind, url, _) = resolve("/srv/a?b.sqlite").unwrap();
        assert_eq!((kind, url.as_str()), (Kind::Sqlite, "sqlite:/srv/a%3Fb.sqlite?mode=rwc"));
        for location in ["", "mysql://u:secret@h/d"] {
            let error = resolve(location).map(drop).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    /// A transaction of somebody else that has written, and ends when its time is over.
    async fn writes_for(path: &str, time: Duration) -> tokio::task::JoinHandle<()> {
        let options = AnyPoolOptions::new().max_connections(1);
        let pool = options.connect(&format!("sqlite:{path}?mode=rwc")).await.unwrap();
        let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
        sqlx::query("CREATE TABLE other (a TEXT)").execute(&mut *transaction).await.unwrap();
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            transaction.commit().await.unwrap();
        })
    }

    #[tokio::test]
    async fn a_database_is_opened_while_somebody_else_writes() {
        sqlx::any::install_default_drivers();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fleet.sqlite");
        let path = path.to_str().unwrap();
        // One that is to be made waits for the other to end.
        let other = writes_for(path, Duration::from_millis(300)).await;
        drop(Database::open(path).await.unwrap());
        other.await.unwrap();
        sqlx::query("DROP TABLE other").execute(Database::open(path).await.unwrap().pool()).await.unwrap();
        // One that is there does not: the other writes as long as we like.
        let other = writes_for(path, Duration::MAX).await;
        let opened: Vec<_> = open_at_once(path).await;
        assert_eq!(opened.len(), 8);
        assert!(!other.is_finished());
        other.abort();
    }

    /// Opens a database several times at once.
    async fn open_at_once(path: &str) -> Vec<Database> {
        let mut opened = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let path = path.to_owned();
            opened.spawn(async move { Database::open(&path).await.unwrap() });
        }
        opened.join_all().await
    }

    #[tokio::test]
    async fn a_database_of_another_form_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fleet ü%.sqlite");
        let path = path.to_str().unwrap();
        let database = Database::open(path).await.unwrap();
        assert_eq!(database.setting_or("a", "1").await.unwrap(), "1");
        assert_eq!(database.setting_or("a", "2").await.unwrap(), "1");
        sqlx::query("UPDATE fleet_settings SET value = '9' WHERE name = 'form'")
            .execute(database.pool())
            .await
            .unwrap();
        let error = Database::open(path).await.unwrap_err();
        assert!(matches!(&error, FleetError::OtherForm { found, .. } if found == "9"), "{error}");
        assert!(std::fs::metadata(path).unwrap().len() > 0, "the file has the name that was given");
    }
}
