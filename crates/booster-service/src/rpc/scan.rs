//! Looking for threats in contents that callers send.
//!
//! The service reads no file for a caller: what a caller may not read, it cannot send either. What it sends is
//! held in memory, of which all callers together get a bounded amount, and looked at by a bounded number of
//! threads with the definitions that are in use when its last piece arrives.

use super::{Rpc, refusal};
use crate::{
    caller::Caller,
    engine::Engine,
    wire::{failed_file, generated as proto},
};
use booster_engine::{ContentScanner as _, FileError};
use booster_update::ErrorKind;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::{Status, Streaming};

/// How long a caller may be silent in the middle of a content.
const SILENCE: Duration = Duration::from_secs(30);
/// The memory for contents is counted in pieces of this size, in bytes.
const UNIT: u64 = 64 << 10;

/// What the contents of all callers may use.
#[derive(Debug, Clone)]
pub(crate) struct Contents {
    /// Units of memory.
    memory: Arc<Semaphore>,
    /// Threads.
    threads: Arc<Semaphore>,
}

impl Contents {
    /// Room for two contents of the largest size, and so many threads.
    pub fn new(largest: u64, threads: usize) -> Self {
        let units = usize::try_from(2 * largest.div_ceil(UNIT)).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            memory: Arc::new(Semaphore::new(units.clamp(1, Semaphore::MAX_PERMITS))),
            threads: Arc::new(Semaphore::new(threads.max(1))),
        }
    }
}

/// A content as it arrives.
#[derive(Default)]
struct Content {
    path: String,
    owner: String,
    bytes: Vec<u8>,
    /// It is longer than is looked at: what follows is passed over.
    too_large: bool,
    memory: Option<OwnedSemaphorePermit>,
}

/// One caller's contents, one after the other.
struct Incoming {
    requests: Streaming<proto::ScanRequest>,
    contents: Contents,
    engine: Arc<Engine>,
}

impl Rpc {
    pub(super) fn scan_contents(
        &self,
        requests: Streaming<proto::ScanRequest>,
        caller: Caller,
    ) -> Result<BoxStream<'static, Result<proto::ScanReply, Status>>, Status> {
        if self.overview.engine.in_use().is_none() {
            let reason =
                self.overview.engine.problem().unwrap_or_else(|| "no definitions are installed".into());
            return Err(refusal::impossible(ErrorKind::NotFound, reason));
        }
        let engine = Arc::clone(&self.overview.engine);
        let incoming = Incoming { requests, contents: self.contents.clone(), engine };
        let figures = Arc::clone(&self.overview.figures);
        let replies = stream::unfold(Some((incoming, figures)), move |incoming| async move {
            let (mut incoming, figures) = incoming?;
            match incoming.next().await {
                Ok(Some(reply)) => {
                    figures.scanned(&reply);
                    Some((Ok(reply), Some((incoming, figures))))
                }
                Ok(None) => None,
                Err(status) => {
                    tracing::warn!(%caller, error = status.message(), "a scan is broken off");
                    Some((Err(status), None))
                }
            }
        });
        Ok(replies.boxed())
    }
}

impl Incoming {
    /// The reply to the next content.
    async fn next(&mut self) -> Result<Option<proto::ScanReply>, Status> {
        let mut content = Content::default();
        let mut begun = false;
        loop {
            let piece = tokio::time::timeout(SILENCE, self.requests.message()).await;
            let piece = piece.map_err(|_| Status::deadline_exceeded("nothing came for too long"))??;
            let Some(piece) = piece else {
                let broken_off = || Err(refusal::invalid("the content ends without its last piece"));
                return if begun { broken_off() } else { Ok(None) };
            };
            if !begun {
                content.path = piece.path.unwrap_or_default();
                content.owner = piece.owner.unwrap_or_default();
                begun = true;
            }
            self.add(&mut content, &piece.content)?;
            if piece.last {
                return Ok(Some(self.scan(content).await?));
            }
        }
    }

    fn add(&self, content: &mut Content, piece: &[u8]) -> Result<(), Status> {
        let length = content.bytes.len() as u64 + piece.len() as u64;
        let limit = self.engine.in_use().map_or(0, |in_use| in_use.scanner.limits().file_bytes);
        if content.too_large || length > limit {
            *content =
                Content { too_large: true, path: std::mem::take(&mut content.path), ..Content::default() };
            return Ok(());
        }
        let held = content.memory.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let wanted = usize::try_from(length.div_ceil(UNIT)).unwrap_or(usize::MAX).saturating_sub(held);
        if wanted > 0 {
            let more = u32::try_from(wanted)
                .ok()
                .and_then(|wanted| Arc::clone(&self.contents.memory).try_acquire_many_owned(wanted).ok());
            let more = more.ok_or_else(|| {
                Status::resource_exhausted("too much is being scanned at once: try again later")
            })?;
            match &mut content.memory {
                Some(memory) => memory.merge(more),
                none => *none = Some(more),
            }
        }
        content.bytes.extend_from_slice(piece);
        Ok(())
    }

    async fn scan(&self, content: Content) -> Result<proto::ScanReply, Status> {
        let Content { path, owner, bytes, too_large, memory } = content;
        if too_large {
            return Ok(failed_file(path, &FileError::TooLarge { limit: 0 }));
        }
        let ended = |_| Status::unavailable("the service is ending");
        let permit = Arc::clone(&self.contents.threads).acquire_owned().await.map_err(ended)?;
        let in_use = self
            .engine
            .in_use()
            .ok_or_else(|| refusal::impossible(ErrorKind::NotFound, "the definitions have been removed"))?;
        let work = move || {
            let report = in_use.scanner.scan_content(Path::new(&path), &bytes, &owner);
            drop((permit, memory));
            match report {
                Ok(report) => report.into(),
                Err(error) => failed_file(path, &error),
            }
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| Status::internal(error.to_string()))
    }
}
