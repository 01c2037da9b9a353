//! The share, signed in to from here.

use super::Refusals;
use crate::{Area, Counters, Opened, Resume, Source, SourceError, SourceKind, path, source::Meter};
use booster_smb::{RemoteFile, Share, ShareError, ShareOptions, Small};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use std::sync::Arc;
use tokio::sync::Mutex;

/// Metadata up to this size is had with one request: opened, read and closed at once.
const SMALL: u64 = 64 * 1024;
/// The one file of a repository that is replaced by another of its name.
const TIMESTAMP: &str = "timestamp.json";

/// A source that is a folder of a file share, with `metadata/` and `targets/` in it.
///
/// The server is signed in to once for all files. A session that has broken is made anew, and what is then
/// missing of a file is read from there on. Files are opened in such a way that nobody is kept from reading,
/// writing or replacing them.
#[derive(Debug)]
pub struct UncSource {
    options: ShareOptions,
    session: Mutex<Option<Share>>,
    refusals: Refusals,
    meter: Arc<Meter>,
}

impl UncSource {
    /// A source as the options describe it. Nothing is sent yet.
    pub fn new(options: ShareOptions) -> Self {
        Self::beside(options, &Refusals::default())
    }

    /// As [`new`](Self::new), beside others that are used in the same update.
    pub fn beside(options: ShareOptions, refusals: &Refusals) -> Self {
        Self { options, session: Mutex::new(None), refusals: refusals.clone(), meter: Arc::default() }
    }

    async fn share(&self) -> Result<Share, ShareError> {
        let mut session = self.session.lock().await;
        if let Some(share) = session.take_if(|share| share.is_lost()) {
            tracing::debug!(share = %share.unc(), "the session has ended");
        }
        if let Some(share) = &*session {
            return Ok(share.clone());
        }
        let share = self.refusals.connect(&self.options).await?;
        *session = Some(share.clone());
        Ok(share)
    }

    async fn find(&self, area: Area, path: &str) -> Result<Option<Found>, ShareError> {
        let share = self.share().await?;
        let below = format!("{}/{path}", area.as_str());
        if area == Area::Metadata {
            match share.read_small(&below, SMALL).await? {
                Some(Small::Whole(bytes)) => return Ok(Some(Found::Whole(bytes))),
                Some(Small::Larger(_)) => {}
                None => return Ok(None),
            }
        }
        Ok(share.open(&below).await?.map(Found::Large))
    }

    /// As `find`, with a new session in place of one that turns out to have ended meanwhile.
    async fn find_again(&self, area: Area, path: &str) -> Result<Option<Found>, ShareError> {
        let had_session = self.session.lock().await.is_some();
        match self.find(area, path).await {
            Err(error) if error.is_lost() && had_session => {
                *self.session.lock().await = None;
                self.find(area, path).await
            }
            // Samba looks a name up twice when it opens it, and misses one that is replaced between.
            Ok(None) if path == TIMESTAMP => self.find(area, path).await,
            found => found,
        }
    }
}

enum Found {
    Whole(Vec<u8>),
    Large(RemoteFile),
}

#[async_trait::async_trait]
impl Source for UncSource {
    fn kind(&self) -> SourceKind {
        SourceKind::Unc
    }

    fn location(&self) -> String {
        self.options.unc.to_string()
    }

    async fn open(&self, area: Area, path: &str, from: Resume<'_>) -> Result<Option<Opened>, SourceError> {
        path::check(path)?;
        self.meter.request();
        let location = self.locate(area, path);
        let found = self.find_again(area, path).await.map_err(|error| failure(location.clone(), 0, error))?;
        Ok(found.map(|found| match found {
            Found::Whole(bytes) => whole(bytes, from.offset, &self.meter),
            Found::Large(file) => large(file, from, location, &self.meter),
        }))
    }

    fn counters(&self) -> Counters {
        self.meter.counters()
    }

    fn locate(&self, area: Area, path: &str) -> String {
        self.options.unc.locate(&format!("{}/{path}", area.as_str()))
    }
}

fn whole(mut bytes: Vec<u8>, offset: u64, meter: &Meter) -> Opened {
    let start = usize::try_from(offset).ok().filter(|&start| start <= bytes.len()).unwrap_or(0);
    bytes.drain(..start);
    meter.received(bytes.len());
    let length = Some(bytes.len() as u64);
    let stream = Box::pin(stream::iter([Ok(Bytes::from(bytes))]));
    Opened { start: start as u64, length, etag: None, stream }
}

fn large(file: RemoteFile, from: Resume<'_>, location: String, meter: &Arc<Meter>) -> Opened {
    let (size, identity) = (file.size(), file.identity());
    let same = from.etag.is_none_or(|etag| etag == identity);
    let start = if same && from.offset <= size { from.offset } else { 0 };
    let (meter, mut received) = (Arc::clone(meter), start);
    let stream = file.bytes_from(start).map(move |chunk| match chunk {
        Ok(chunk) => {
            meter.received(chunk.len());
            received += chunk.len() as u64;
            Ok(chunk)
        }
        Err(ShareError::Shrunk) => {
            Err(SourceError::TooShort { location: location.clone(), expected: Some(size), received })
        }
        Err(error) => Err(failure(location.clone(), received, error)),
    });
    Opened { start, length: Some(size - start), etag: Some(identity), stream: Box::pin(stream) }
}

/// A share's failure as a source's, with the name that all sources have for it where there is one.
fn failure(location: String, received: u64, error: ShareError) -> SourceError {
    match error {
        ShareError::Unreachable { reason } => SourceError::Unreachable { location, reason },
        ShareError::ConnectTimeout { limit } => SourceError::ConnectTimeout { location, limit },
        ShareError::NoAnswer { limit } => SourceError::NoAnswer { location, limit },
        ShareError::Lost { reason } => SourceError::ConnectionLost { location, received, reason },
        ShareError::Name { reason } => SourceError::UnsafePath { path: location, reason },
        ShareError::NotAFile => SourceError::UnsafePath { path: location, reason: "not a regular file" },
        error => SourceError::Share { location, error },
    }
}
