//! A repository on a file share, by the share's network name.
//!
//! Every write is a new file that is flushed and renamed into place. A file that one publisher at a time holds
//! open is the lock: the server lets go of it when the connection ends, however that comes. So the work under a lock
//! is the work of one connection: where that ends, another publisher may have come and deleted what was written,
//! and nothing more is read or written ([`PublishError::LockLost`]).

use super::{
    layout::{METADATA, TARGETS},
    lock,
    storage::{Listed, is_unfinished},
};
use crate::{PublishError, Result};
use booster_smb::{Held, Share, ShareError, ShareOptions, Small};
use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture};
use std::{
    io::Read as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::Mutex;

/// Files up to this size are read with one request.
const SMALL: u64 = 1 << 20;
/// How much of a file is handed to the connection at once.
const PIECE: usize = 4 << 20;

/// A folder of a share. Signed in to when it is first used.
#[derive(Debug)]
pub(crate) struct ShareFolder {
    options: ShareOptions,
    session: Mutex<Option<Share>>,
    /// Whether the session holds the lock, and so may not be replaced by another.
    is_locked: Arc<AtomicBool>,
}

/// A held lock. While it is held, the session that took it is the only one.
#[derive(Debug)]
pub(crate) struct ShareLock {
    _held: Held,
    is_locked: Arc<AtomicBool>,
}

impl Drop for ShareLock {
    fn drop(&mut self) {
        self.is_locked.store(false, Ordering::Release);
    }
}

impl ShareFolder {
    pub fn new(options: ShareOptions) -> Self {
        Self { options, session: Mutex::new(None), is_locked: Arc::default() }
    }

    pub fn location(&self) -> String {
        self.options.unc.to_string()
    }

    /// Takes the lock, or says that somebody has it.
    pub async fn lock(&self) -> Result<ShareLock> {
        let held = self.attempt("lock", lock::NAME, |share| {
            let hold = async move {
                share.make_folder("").await?;
                share.hold(lock::NAME).await
            };
            hold.boxed()
        });
        let busy = || PublishError::Busy {
            location: self.location(),
            holder: "it has the lock file open".to_owned(),
        };
        let held = held.await?.ok_or_else(busy)?;
        self.is_locked.store(true, Ordering::Release);
        Ok(ShareLock { _held: held, is_locked: Arc::clone(&self.is_locked) })
    }

    /// Reads a whole file of at most so many bytes.
    pub async fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        match self.attempt("read", name, |share| read(share, name, limit).boxed()).await? {
            Some(Small::Whole(bytes)) => Ok(Some(bytes)),
            Some(Small::Larger(_)) => Err(PublishError::too_large(self.location(), name, limit)),
            None => Ok(None),
        }
    }

    /// Streams a file into a sink.
    pub async fn download(&self, name: &str, sink: &mut (dyn std::io::Write + Send)) -> Result<()> {
        let failed = |error| self.error("read", name, error);
        let share = self.share().await.map_err(failed)?;
        let file =
            share.open(name).await.and_then(|file| file.ok_or(ShareError::NotFound)).map_err(failed)?;
        let mut stream = std::pin::pin!(file.bytes_from(0));
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(failed)?;
            sink.write_all(&piece).map_err(PublishError::io("keep a copy of", Path::new(name)))?;
        }
        Ok(())
    }

    pub async fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.attempt("write", name, |share| async move { share.write(name, bytes).await }.boxed()).await
    }

    /// Writes a file from a local one.
    pub async fn upload(&self, name: &str, file: &Path) -> Result<()> {
        let failed = |error| self.error("write", name, error);
        let mut reader = std::fs::File::open(file).map_err(PublishError::io("open", file))?;
        let share = self.share().await.map_err(failed)?;
        let mut upload = share.upload(name).await.map_err(failed)?;
        let mut piece = vec![0; PIECE];
        let written = loop {
            match reader.read(&mut piece) {
                Ok(0) => break Ok(()),
                Ok(read) => {
                    if let Err(error) = upload.write(&piece[..read]).await {
                        break Err(failed(error));
                    }
                }
                Err(error) => break Err(PublishError::io("read", file)(error)),
            }
        };
        match written {
            Ok(()) => upload.finish().await.map_err(failed),
            Err(error) => {
                upload.abort().await;
                Err(error)
            }
        }
    }

    /// Everything below `metadata/` and `targets/`, unfinished files left out.
    pub async fn list(&self) -> Result<Vec<Listed>> {
        Ok(self.walk().await?.into_iter().filter(|object| !is_unfinished(&object.name)).collect())
    }

    /// Deletes the unfinished files that a killed publisher left; call with the lock held.
    pub async fn delete_unfinished(&self) -> Result<u64> {
        let mut deleted = 0;
        for object in self.walk().await?.into_iter().filter(|object| is_unfinished(&object.name)) {
            self.delete(&object.name).await?;
            deleted += 1;
        }
        Ok(deleted)
    }

    pub async fn delete(&self, name: &str) -> Result<()> {
        self.attempt("delete", name, |share| async move { share.delete(name).await }.boxed()).await
    }

    async fn walk(&self) -> Result<Vec<Listed>> {
        let mut listed = Vec::new();
        let mut folders = vec![METADATA.to_owned(), TARGETS.to_owned()];
        while let Some(folder) = folders.pop() {
            let path = folder.as_str();
            let list = |share: Share| async move { share.list(path).await }.boxed();
            let entries = self.attempt("list", path, list).await?;
            for entry in entries.unwrap_or_default() {
                let name = format!("{folder}/{}", entry.name);
                if entry.is_folder {
                    folders.push(name);
                } else if let Some(written) = entry.modified.and_then(|time| time.try_into().ok()) {
                    listed.push(Listed { name, size: entry.size, written });
                }
            }
        }
        Ok(listed)
    }

    /// Does something that may be done twice: once more where the session turns out to have ended, unless the
    /// lock has ended with it.
    ///
    /// The work is boxed: of an async closure that borrows, the compiler does not see that it may be sent to
    /// another thread.
    async fn attempt<'a, T>(
        &'a self,
        action: &'static str,
        name: &'a str,
        work: impl Fn(Share) -> BoxFuture<'a, Result<T, ShareError>>,
    ) -> Result<T> {
        let failed = |error| self.error(action, name, error);
        match work(self.share().await.map_err(failed)?).await {
            Err(error) if error.is_lost() && !self.is_locked() => {
                // Not every session that has ended knows of it.
                self.session.lock().await.take();
                work(self.share().await.map_err(failed)?).await.map_err(failed)
            }
            done => done.map_err(failed),
        }
    }

    async fn share(&self) -> Result<Share, ShareError> {
        let mut session = self.session.lock().await;
        if let Some(share) = session.as_ref().filter(|share| !share.is_lost()) {
            return Ok(share.clone());
        }
        if self.is_locked() {
            return Err(ShareError::Lost { reason: "the session has ended".to_owned() });
        }
        let share = Share::connect(&self.options).await?;
        *session = Some(share.clone());
        Ok(share)
    }

    fn is_locked(&self) -> bool {
        self.is_locked.load(Ordering::Acquire)
    }

    fn error(&self, action: &'static str, object: &str, source: ShareError) -> PublishError {
        if source.is_lost() && self.is_locked() {
            return PublishError::LockLost { location: self.location(), source };
        }
        PublishError::Share { action, object: object.to_owned(), location: self.location(), source }
    }
}

/// Reads a whole file of at most so many bytes, with one request where it is small.
async fn read(share: Share, name: &str, limit: u64) -> Result<Option<Small>, ShareError> {
    match share.read_small(name, SMALL.min(limit)).await? {
        Some(Small::Larger(size)) if size <= limit => {}
        read => return Ok(read),
    }
    let Some(file) = share.open(name).await? else { return Ok(None) };
    let size = file.size();
    if size > limit {
        return Ok(Some(Small::Larger(size)));
    }
    let mut bytes = Vec::new();
    let mut stream = std::pin::pin!(file.bytes_from(0));
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(Some(Small::Whole(bytes)))
}
