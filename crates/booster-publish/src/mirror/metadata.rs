//! A mirror's metadata: written in an order in which readers are led from one whole state to the next.

use super::{
    MirrorError,
    roots::{Split, State, Verdict, split},
};
use crate::{
    PublishError, Repository, Result,
    repository::{METADATA, Stored, TIMESTAMP, Versioned, highest},
};
use booster_trust::Client;
use bytes::Bytes;

impl Repository {
    /// Writes the metadata that differs: what the timestamp names first, `timestamp.json` last, but for new roots
    /// that have to come behind it. Whether there was any.
    pub(super) async fn put_metadata(
        &self,
        client: &Client,
        before: Option<&Stored>,
    ) -> Result<bool, MirrorError> {
        let files = client.state().repository_files();
        let newest = highest(&self.storage.list().await?, Versioned::Root);
        let (mut differing, mut roots, mut timestamp) = (Vec::new(), Vec::new(), None);
        for (name, bytes) in files {
            let object = format!("{METADATA}/{name}");
            match Versioned::parse(&object) {
                Some((Versioned::Root, version)) if version > newest => roots.push((object, bytes)),
                _ if object == TIMESTAMP => {
                    timestamp = Some(bytes).filter(|&bytes| before.is_none_or(|there| there.bytes != bytes));
                }
                _ => {
                    if self.readable(&object).await?.is_none_or(|there| there != bytes) {
                        differing.push((object, bytes));
                    }
                }
            }
        }
        let order = self.order(client, before, newest, &roots).await?;
        let changed = !differing.is_empty() || !roots.is_empty() || timestamp.is_some();
        let behind = roots.split_off(order.before);
        // They have been verified, so what differs is damaged: there is nothing that may not be overwritten.
        let committed = self.write_all(differing.into_iter().chain(roots), timestamp, before).await;
        if committed.is_err() && order.has_gap {
            // Readers are refused as long as the new roots stand beside the old state.
            let withdrawn = async { self.withdraw_roots(self.storage.read(TIMESTAMP).await?.as_ref()).await };
            if let Err(error) = withdrawn.await {
                tracing::warn!(%error, "new roots could not be taken back: machines refuse the mirror until its next run");
            }
        }
        committed?;
        self.write_all(behind, None, None).await?;
        Ok(changed)
    }

    /// When the new roots are written, the newest that lies there being of this version.
    async fn order(
        &self,
        client: &Client,
        before: Option<&Stored>,
        newest: u64,
        roots: &[(String, &[u8])],
    ) -> Result<Split> {
        let together = Split { before: roots.len(), has_gap: false };
        if roots.is_empty() {
            return Ok(together);
        }
        // Where nothing whole lies there, nobody reads it.
        let Some(seen) = self.seen(before).await? else { return Ok(together) };
        let file = |name: &str| {
            let found = client.state().role_files().find(|(file, _)| *file == name);
            Bytes::copy_from_slice(found.map(|(_, bytes)| bytes).unwrap_or_default())
        };
        let offered = State {
            timestamp: file("timestamp.json"),
            snapshot: file("snapshot.json"),
            targets: file("targets.json"),
        };
        let newest = self.readable(&Versioned::Root.object(newest)).await?;
        let verdicts: Vec<Verdict> = roots
            .iter()
            .map(|(_, root)| Verdict { old: seen.is_accepted_by(root), new: offered.is_accepted_by(root) })
            .collect();
        Ok(split(newest.is_some_and(|root| offered.is_accepted_by(&root)), &verdicts))
    }

    async fn write_all<'a>(
        &self,
        files: impl IntoIterator<Item = (String, &'a [u8])>,
        timestamp: Option<&[u8]>,
        before: Option<&Stored>,
    ) -> Result<(), PublishError> {
        for (object, bytes) in files {
            self.storage.write_over(&object, bytes).await?;
        }
        match timestamp {
            Some(bytes) => self.storage.commit(bytes, before.map(|stored| &stored.state)).await,
            None => Ok(()),
        }
    }
}
