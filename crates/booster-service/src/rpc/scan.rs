//! Looking for threats in contents that callers send.
//!
//! The service reads no file for a caller: what a caller may not read, it cannot send either. What it sends is
//! held in memory, of which all callers together get a bounded amount, and looked at by a bounded number of
//! threads with the definitions that are in use when its last piece arrives. No user gets more than half of either.

use super::{Rpc, refusal};
use crate::{
    caller::Caller,
    engine::Engine,
    wire::{failed_file, generated as proto},
};
use booster_engine::{ContentScanner as _, FileError};
use booster_update::ErrorKind;
use futures_util::stream::{self, BoxStream, Stream, StreamExt as _};
use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::{Status, Streaming};

/// How long a caller may be silent in the middle of a content.
const SILENCE: Duration = Duration::from_secs(30);
/// How long a content may take to come whole. It holds memory of others all that time.
const WHOLE: Duration = Duration::from_secs(120);
/// The memory for contents is counted in pieces of this size, in bytes.
const UNIT: u64 = 64 << 10;

/// What the contents of all callers may use.
#[derive(Debug)]
pub(crate) struct Contents {
    all: Room,
    /// What one user may use of it. Shares that nobody uses just now are gone.
    shares: Mutex<HashMap<u32, Weak<Room>>>,
    share: (usize, usize),
}

/// Room for contents.
#[derive(Debug)]
struct Room {
    /// Units of memory.
    memory: Arc<Semaphore>,
    /// Threads.
    threads: Arc<Semaphore>,
}

impl Room {
    fn new(units: usize, threads: usize) -> Self {
        Self { memory: Arc::new(Semaphore::new(units)), threads: Arc::new(Semaphore::new(threads)) }
    }
}

impl Contents {
    /// Room for two contents of the largest size, and so many threads; half of it for any one user.
    pub fn new(largest: u64, threads: usize) -> Arc<Self> {
        let largest = usize::try_from(largest.div_ceil(UNIT)).unwrap_or(usize::MAX);
        let largest = largest.clamp(1, Semaphore::MAX_PERMITS / 2);
        let threads = threads.clamp(1, Semaphore::MAX_PERMITS);
        Arc::new(Self {
            all: Room::new(2 * largest, threads),
            shares: Mutex::default(),
            share: (largest, threads.div_ceil(2)),
        })
    }

    fn share_of(&self, uid: u32) -> Arc<Room> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(&uid).and_then(Weak::upgrade) {
            return share;
        }
        shares.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Room::new(self.share.0, self.share.1));
        shares.insert(uid, Arc::downgrade(&share));
        share
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
    /// Of the user's share, and of all.
    memory: [Option<OwnedSemaphorePermit>; 2],
}

/// One caller's contents, one after the other.
struct Incoming<S> {
    requests: S,
    contents: Arc<Contents>,
    share: Arc<Room>,
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
        let (contents, share) = (Arc::clone(&self.contents), self.contents.share_of(caller.uid));
        let incoming = Incoming { requests, contents, share, engine };
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

impl<S: Stream<Item = Result<proto::ScanRequest, Status>> + Unpin> Incoming<S> {
    /// The reply to the next content.
    async fn next(&mut self) -> Result<Option<proto::ScanReply>, Status> {
        let Some(first) = self.piece().await? else { return Ok(None) };
        let whole = tokio::time::timeout(WHOLE, self.content(first)).await;
        let whole = whole.map_err(|_| Status::deadline_exceeded("the content did not come whole in time"))?;
        self.scan(whole?).await.map(Some)
    }

    /// The content that begins with this piece.
    async fn content(&mut self, first: proto::ScanRequest) -> Result<Content, Status> {
        let mut content = Content {
            path: first.path.unwrap_or_default(),
            owner: first.owner.unwrap_or_default(),
            ..Content::default()
        };
        let (mut piece, mut last) = (first.content, first.last);
        loop {
            self.add(&mut content, &piece)?;
            if last {
                return Ok(content);
            }
            let next = self.piece().await?;
            let next = next.ok_or_else(|| refusal::invalid("the content ends without its last piece"))?;
            (piece, last) = (next.content, next.last);
        }
    }

    async fn piece(&mut self) -> Result<Option<proto::ScanRequest>, Status> {
        let piece = tokio::time::timeout(SILENCE, self.requests.next()).await;
        piece.map_err(|_| Status::deadline_exceeded("nothing came for too long"))?.transpose()
    }

    fn add(&self, content: &mut Content, piece: &[u8]) -> Result<(), Status> {
        let length = content.bytes.len() as u64 + piece.len() as u64;
        let limit = self.engine.in_use().map_or(0, |in_use| in_use.scanner.limits().file_bytes);
        if content.too_large || length > limit {
            *content =
                Content { too_large: true, path: std::mem::take(&mut content.path), ..Content::default() };
            return Ok(());
        }
        let held = content.memory[0].as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let wanted = usize::try_from(length.div_ceil(UNIT)).unwrap_or(usize::MAX).saturating_sub(held);
        if wanted > 0 {
            let rooms = [&self.share.memory, &self.contents.all.memory];
            for (memory, room) in content.memory.iter_mut().zip(rooms) {
                let more = u32::try_from(wanted)
                    .ok()
                    .and_then(|wanted| Arc::clone(room).try_acquire_many_owned(wanted).ok());
                let more = more.ok_or_else(|| {
                    Status::resource_exhausted("too much is being scanned at once: try again later")
                })?;
                match memory {
                    Some(memory) => memory.merge(more),
                    none => *none = Some(more),
                }
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
        // The share first: who waits for its own holds nobody up.
        let share = Arc::clone(&self.share.threads).acquire_owned().await.map_err(ended)?;
        let permit = Arc::clone(&self.contents.all.threads).acquire_owned().await.map_err(ended)?;
        let in_use = self
            .engine
            .in_use()
            .ok_or_else(|| refusal::impossible(ErrorKind::NotFound, "the definitions have been removed"))?;
        let work = move || {
            let report = in_use.scanner.scan_content(Path::new(&path), &bytes, &owner);
            drop((share, permit, memory));
            match report {
                Ok(report) => report.into(),
                Err(error) => failed_file(path, &error),
            }
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| Status::internal(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Code;

    fn incoming<S>(contents: &Arc<Contents>, uid: u32, requests: S) -> Incoming<S> {
        let engine = Arc::new(Engine::start().unwrap());
        Incoming { requests, contents: Arc::clone(contents), share: contents.share_of(uid), engine }
    }

    #[tokio::test(start_paused = true)]
    async fn a_content_that_comes_in_drops_is_broken_off() {
        let contents = Contents::new(1 << 20, 2);
        let drops = stream::unfold((), |()| async {
            tokio::time::sleep(SILENCE / 2).await;
            Some((Ok(proto::ScanRequest::default()), ()))
        });
        let mut slow = incoming(&contents, 60_001, Box::pin(drops));
        let refused = slow.next().await.unwrap_err();
        assert_eq!(refused.code(), Code::DeadlineExceeded);
        assert!(refused.message().contains("whole"), "{}", refused.message());
    }

    #[test]
    fn one_user_has_half_of_the_room_however_many_streams_it_opens() {
        let contents = Contents::new(4 * UNIT, 4);
        let (one, same, other) = (contents.share_of(1), contents.share_of(1), contents.share_of(2));
        let held = one.memory.try_acquire_many(4).unwrap();
        assert!(same.memory.try_acquire().is_err());
        assert_eq!(other.memory.available_permits(), 4);
        assert_eq!((one.threads.available_permits(), contents.all.threads.available_permits()), (2, 4));
        assert_eq!(contents.all.memory.available_permits(), 8);
        drop(held);
    }
}
