//! What servers on one database agree about: the ids of revisions, and the digests of files.

use crate::{Result, fleet::Fleet};
use booster_definitions::Digest;
use booster_wsus::Sha1;
use sqlx::Row as _;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// How many of the newest revisions are remembered although they are not offered: another server may be about to
/// take them up.
const REMEMBERED: i64 = 1000;

impl Fleet {
    /// The SHA-1 that files were found to have, by their SHA-256.
    pub(crate) async fn known_files(&self) -> Result<HashMap<Digest, Sha1>> {
        let database = self.database();
        let rows = sqlx::query("SELECT sha256, sha1 FROM fleet_files").fetch_all(database.pool()).await;
        let mut known = HashMap::new();
        for row in rows.map_err(database.failed("reading files"))? {
            let mut sha1 = [0; 20];
            let read = hex::decode_to_slice(database.text(&row, 1)?, &mut sha1);
            read.map_err(|error| database.damaged("a digest", error))?;
            let sha256 = database.text(&row, 0)?.parse();
            known.insert(sha256.map_err(|error| database.damaged("a digest", error))?, Sha1(sha1));
        }
        Ok(known)
    }

    /// Keeps the SHA-1 of a file.
    pub(crate) async fn know_file(&self, sha256: Digest, sha1: Sha1) -> Result<()> {
        sqlx::query("INSERT INTO fleet_files (sha256, sha1) VALUES ($1, $2) ON CONFLICT (sha256) DO NOTHING")
            .bind(sha256.to_string())
            .bind(hex::encode(sha1.0))
            .execute(self.database().pool())
            .await
            .map_err(self.database().failed("keeping a file's digest"))?;
        Ok(())
    }

    /// The revision id of an update with this content: the same for every server on this database, whoever
    /// sees it first.
    pub(crate) async fn revision(&self, update: Uuid, content: Digest) -> Result<i32> {
        let database = self.database();
        let (update, content) = (update.to_string(), content.to_string());
        let find = || async {
            let query = "SELECT id FROM fleet_revisions WHERE update_id = $1 AND content = $2";
            let query = sqlx::query(query).bind(update.clone()).bind(content.clone());
            let row =
                query.fetch_optional(database.pool()).await.map_err(database.failed("finding a revision"))?;
            row.map(|row| database.number(&row, 0)).transpose()
        };
        let id = match find().await? {
            Some(id) => id,
            None => {
                let insert = "INSERT INTO fleet_revisions (update_id, content) VALUES ($1, $2) \
                              ON CONFLICT (update_id, content) DO NOTHING";
                let query = sqlx::query(insert).bind(update.clone()).bind(content.clone());
                query.execute(database.pool()).await.map_err(database.failed("keeping a revision"))?;
                find()
                    .await?
                    .ok_or_else(|| database.damaged("a revision", "it was written and is not there"))?
            }
        };
        id.try_into().map_err(|_| database.damaged("a revision", "no ids are left"))
    }

    /// The highest revision id that was ever given.
    pub(crate) async fn highest_revision(&self) -> Result<i32> {
        let query = sqlx::query("SELECT COALESCE(MAX(id), 0) FROM fleet_revisions");
        let row = query.fetch_one(self.database().pool()).await;
        let row = row.map_err(self.database().failed("finding the highest revision"))?;
        let highest: i64 = row.try_get(0).map_err(|error| self.database().damaged("a revision", error))?;
        highest.try_into().map_err(|_| self.database().damaged("a revision", "no ids are left"))
    }

    /// Forgets the digests of files that are not offered any more, and such revisions but for the newest.
    ///
    /// Ids are not given again. Where another server still offers what is forgotten here, it makes it anew.
    pub(crate) async fn forget_revisions(&self, offered: &HashSet<i32>, files: &HashSet<Sha1>) -> Result<()> {
        let (database, failed) = (self.database(), self.database().failed("forgetting what is not offered"));
        let newest = i64::from(self.highest_revision().await?);
        let query = sqlx::query("SELECT id FROM fleet_revisions WHERE id <= $1").bind(newest - REMEMBERED);
        for row in query.fetch_all(database.pool()).await.map_err(&failed)? {
            let id = database.number(&row, 0)?;
            if !i32::try_from(id).is_ok_and(|id| offered.contains(&id)) {
                let delete = sqlx::query("DELETE FROM fleet_revisions WHERE id = $1").bind(id);
                delete.execute(database.pool()).await.map_err(&failed)?;
            }
        }
        for (sha256, sha1) in self.known_files().await? {
            if !files.contains(&sha1) {
                let delete =
                    sqlx::query("DELETE FROM fleet_files WHERE sha256 = $1").bind(sha256.to_string());
                delete.execute(database.pool()).await.map_err(&failed)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_not_offered_is_forgotten_and_its_id_is_not_given_again() {
        let folder = tempfile::tempdir().unwrap();
        let fleet = Fleet::open(folder.path().join("fleet.sqlite").to_str().unwrap()).await.unwrap();
        let (update, content) = (Uuid::from_u128(1), |number: i64| Digest::of(&number.to_be_bytes()));
        for number in 1..=REMEMBERED + 3 {
            assert_eq!(i64::from(fleet.revision(update, content(number)).await.unwrap()), number);
        }
        let [kept, gone] = [Sha1([1; 20]), Sha1([2; 20])];
        fleet.know_file(content(1), kept).await.unwrap();
        fleet.know_file(content(2), gone).await.unwrap();
        fleet.forget_revisions(&HashSet::from([2]), &HashSet::from([kept])).await.unwrap();

        assert_eq!(fleet.known_files().await.unwrap(), HashMap::from([(content(1), kept)]));
        for (number, id) in [(2, 2), (4, 4), (1, REMEMBERED + 4), (3, REMEMBERED + 5)] {
            assert_eq!(i64::from(fleet.revision(update, content(number)).await.unwrap()), id, "{number}");
        }
    }
}
