//! Mirrors: copies of a publisher's repository for sites that do not reach it themselves.
//!
//! A mirror holds the publisher's signed files byte for byte, so that machines trust it as they trust the
//! original, and whoever keeps it needs no keys. Nothing comes into it that the publisher has not signed:
//! metadata goes through the same verification as on a machine, and each file through its signed digest
//! before it gets its name. Files first, then versioned metadata, `timestamp.json` last: a reader at any
//! moment sees the state before or the state after. (Where keys change, see [`roots`].) What is there already is
//! not copied again, a broken copy is gone on with, and what is no longer offered is deleted as in the publisher's
//! own repository.

mod copy;
mod metadata;
mod roots;
mod trust;

use crate::{
    PublishError, Repository,
    repository::{FolderLock, TARGETS, TIMESTAMP},
};
use booster_sources::{Source, SourceError, TransferRules};
use booster_trust::{
    Client, ClientOptions, TargetVerifier, TrustError, VerifiedTarget, WrongTarget,
    signing::{self, TimestampRole},
};
use copy::Copier;
use jiff::Timestamp;
use serde::Serialize;
use std::{collections::BTreeMap, io, path::PathBuf, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// What is mirrored, and how.
#[derive(Debug, Clone)]
pub struct MirrorRequest {
    /// Where the repository comes from.
    pub source: Arc<dyn Source>,
    /// A folder of this machine for this one mirror: what is trusted, and copies that are gone on with.
    pub work: PathBuf,
    /// The publisher's root metadata: trusted at the first time, and compared with what is trusted later.
    pub root: Option<Vec<u8>>,
    /// How metadata is judged.
    pub trust: ClientOptions,
    /// How long the source may take.
    pub transfer: TransferRules,
    /// How often a copy that was broken off is gone on with, as long as that brings more, and how often a mirror is
    /// begun again whose place let go of its lock.
    pub retries: u32,
    /// The pause before that.
    pub retry_pause: Duration,
    /// Whether the files that are there already are read and compared with their signed digests.
    pub verify: bool,
}

/// What a mirror has come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MirrorReport {
    /// Whether anything was copied or replaced.
    pub changed: bool,
    /// The version of the timestamp that readers see.
    pub timestamp: u64,
    /// Files of releases that were copied.
    pub copied: u64,
    /// Their bytes, those of earlier tries not counted.
    pub copied_bytes: u64,
    /// Files of releases that were there already.
    pub kept: u64,
    /// Files among those that were damaged and copied again.
    pub repaired: u64,
}

/// How far a mirror is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MirrorProgress {
    /// Bytes that are there of the files that are missing.
    pub bytes: u64,
    /// Their bytes in all.
    pub total: u64,
}

/// Why a mirror was not brought up to date. Its readers see the state before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MirrorError {
    /// The source failed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// What the source offers is not to be believed, or nobody is trusted yet.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A file has not the bytes that were signed.
    #[error("{target}: {wrong}; the copy at the source is damaged or was changed")]
    WrongTarget {
        /// The file's name in the repository.
        target: String,
        /// What differs.
        wrong: WrongTarget,
    },
    /// The mirror's place failed, or a folder of this machine.
    #[error(transparent)]
    Place(#[from] PublishError),
    /// The mirror is newer than the source.
    #[error(
        "{location} has version {there} of the timestamp and the source offers {offered}: another source is ahead, \
         or the place is not this repository's mirror"
    )]
    Ahead {
        /// The mirror.
        location: String,
        /// Its version.
        there: u64,
        /// The source's version.
        offered: u64,
    },
    /// The caller cancelled.
    #[error("cancelled; what has been copied is there for the next time")]
    Cancelled,
}

impl Repository {
    /// Brings this place up to date with a source: a mirror, also where there was nothing before.
    ///
    /// # Errors
    /// [`MirrorError`]. What has been copied stays, unseen by readers, for the next time.
    pub async fn mirror(
        &self,
        request: &MirrorRequest,
        now: Timestamp,
        cancel: &CancellationToken,
        progress: &(dyn Fn(MirrorProgress) + Sync),
    ) -> Result<MirrorReport, MirrorError> {
        std::fs::create_dir_all(&request.work).map_err(PublishError::io("make", &request.work))?;
        let _work = FolderLock::take(&request.work)?;
        let mut tries = request.retries;
        loop {
            match self.mirror_under_lock(request, now, cancel, progress).await {
                // Whoever came meanwhile may have deleted what was there, so everything is looked at again.
                Err(MirrorError::Place(error @ PublishError::LockLost { .. })) if tries > 0 => {
                    tries -= 1;
                    tracing::info!(%error, "the mirror is begun again");
                    unless_cancelled(cancel, async {
                        tokio::time::sleep(request.retry_pause).await;
                        Ok(())
                    })
                    .await?;
                }
                mirrored => return mirrored,
            }
        }
    }

    async fn mirror_under_lock(
        &self,
        request: &MirrorRequest,
        now: Timestamp,
        cancel: &CancellationToken,
        progress: &(dyn Fn(MirrorProgress) + Sync),
    ) -> Result<MirrorReport, MirrorError> {
        let _place = unless_cancelled(cancel, self.storage.lock()).await?;
        let before = unless_cancelled(cancel, async {
            self.storage.delete_unfinished().await?;
            let before = self.storage.read(TIMESTAMP).await?;
            self.withdraw_roots(before.as_ref()).await?;
            Ok(before)
        })
        .await?;
        let mut client = trust::verified(request, now, cancel).await?;
        let timestamp = client.versions().timestamp.unwrap_or_default();
        if let Some(stored) = &before {
            self.refuse_to_go_back(&stored.bytes, timestamp)?;
        }
        let mut report =
            MirrorReport { changed: false, timestamp, copied: 0, copied_bytes: 0, kept: 0, repaired: 0 };
        let missing = self.missing(request, &mut client, now, cancel, &mut report).await?;
        let mut copier = Copier::new(request, cancel, progress, &missing);
        for target in &missing {
            let (file, bytes) = copier.file(target).await?;
            unless_cancelled(cancel, self.storage.upload(&object(target), &file)).await?;
            std::fs::remove_file(&file).map_err(PublishError::io("remove", &file))?;
            (report.copied, report.copied_bytes) = (report.copied + 1, report.copied_bytes + bytes);
        }
        let replaced = self.put_metadata(&client, before.as_ref()).await?;
        trust::keep(request, &client)?;
        report.changed = replaced || report.copied > 0;
        if let Err(error) = self.clean().await {
            tracing::warn!(%error, "files that are no longer offered could not all be deleted");
        }
        if let Err(error) = copy::tidy(&request.work) {
            tracing::warn!(%error, "copies that are no longer needed could not all be deleted");
        }
        Ok(report)
    }

    /// An older state never takes the place of a newer one, whoever put that there.
    fn refuse_to_go_back(&self, there: &[u8], offered: u64) -> Result<(), MirrorError> {
        let there: Option<TimestampRole> = signing::read_unverified(there).ok();
        match there.map(|role| role.version).filter(|&there| there > offered) {
            Some(there) => Err(MirrorError::Ahead { location: self.location(), there, offered }),
            None => Ok(()),
        }
    }

    /// The offered files that are not there, or not as they were signed.
    async fn missing(
        &self,
        request: &MirrorRequest,
        client: &mut Client,
        now: Timestamp,
        cancel: &CancellationToken,
        report: &mut MirrorReport,
    ) -> Result<Vec<VerifiedTarget>, MirrorError> {
        let listed = unless_cancelled(cancel, self.storage.list()).await?;
        let there: BTreeMap<String, u64> =
            listed.into_iter().map(|object| (object.name, object.size)).collect();
        let names: Vec<String> = client.targets().map(|(name, _)| name.to_owned()).collect();
        let mut missing = Vec::new();
        for name in names {
            if cancel.is_cancelled() {
                return Err(MirrorError::Cancelled);
            }
            let target = client.target(&name, now).await?;
            let is_whole = match there.get(&object(&target)) {
                None => false,
                Some(&size) => {
                    let is_whole = size == target.length()
                        && (!request.verify || unless_cancelled(cancel, self.is_whole(&target)).await?);
                    report.repaired += u64::from(!is_whole);
                    is_whole
                }
            };
            if is_whole {
                report.kept += 1;
            } else {
                missing.push(target);
            }
        }
        Ok(missing)
    }

    /// Whether the file that is there is the one that was signed.
    async fn is_whole(&self, target: &VerifiedTarget) -> Result<bool, PublishError> {
        let mut check = Check { verifier: target.verifier(), is_wrong: false };
        self.storage.download(&object(target), &mut check).await?;
        Ok(!check.is_wrong && check.verifier.finish().is_ok())
    }
}

/// Work at the mirror's place, which the caller may cancel. What that leaves unfinished is deleted by the next run.
async fn unless_cancelled<T>(
    cancel: &CancellationToken,
    work: impl Future<Output = Result<T, PublishError>>,
) -> Result<T, MirrorError> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(MirrorError::Cancelled),
        done = work => Ok(done?),
    }
}

/// Looks at a file while it passes.
struct Check {
    verifier: TargetVerifier,
    is_wrong: bool,
}

impl io::Write for Check {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.is_wrong |= self.verifier.update(bytes).is_err();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where a file of a release lies in the repository.
fn object(target: &VerifiedTarget) -> String {
    format!("{TARGETS}/{}", target.location())
}
