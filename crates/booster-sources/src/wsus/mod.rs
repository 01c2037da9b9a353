//! A repository that reaches machines through an update server (WSUS), or through the public update
//! service: the same client, with an endpoint, rules of TLS and a kind of its own each.
//!
//! The server's updates carry the files of a repository: signed metadata, manifests, archives and
//! patches, by their names. Before anything is opened, [`Source::prepare`] holds the conversation of the
//! protocol and learns which files there are ([`shelf`]); with a kept cookie and nothing new that is
//! one request for each round of `SyncUpdates`, and nothing else is fetched. The server decides what a
//! machine gets ([`Source::approval`]), never what it believes: that is decided where it always is, by
//! the publisher's signatures. What an update wants to have run is not even read.
//!
//! A server's addresses are used on its own host alone, or on hosts that the configuration names; a
//! challenge to sign in is a failure, and no proxy of the user's environment is used.

mod conversation;
mod exchange;
mod machine;
mod options;
mod reaction;
mod report;
mod scan;
mod shelf;
mod state;

pub use options::{DEFINITION_UPDATES, PRODUCT, WsusOptions};

use crate::{
    Approval, Area, Counters, Ended, Opened, Resume, Source, SourceError, SourceKind,
    http::{HttpSource, shown},
    path,
    transfer::collect,
};
use booster_wsus::Limits;
use bytes::Bytes;
use conversation::{Conversation, Interrupted};
use exchange::Exchange;
use futures_util::{FutureExt as _, StreamExt as _};
use scan::Scan;
use shelf::{Entry, Shelf};
use state::{KeptTimestamp, Sha1Hash, StateFolder};
use std::sync::{Arc, RwLock};
use tokio_util::sync::CancellationToken;

/// The file that says whether anything is new.
const TIMESTAMP: &str = "timestamp.json";
/// The most bytes that are kept of it.
const TIMESTAMP_BYTES: u64 = 64 << 10;
/// How often a scan is begun anew in one conversation.
const RESTARTS: u32 = 2;

/// A source that is an update server.
#[derive(Debug)]
pub struct WsusSource {
    options: WsusOptions,
    exchange: Exchange,
    states: StateFolder,
    shelf: RwLock<Option<Arc<Shelf>>>,
}

impl WsusSource {
    /// A source as the options describe it. Reads the TLS files that they name; sends nothing.
    ///
    /// # Errors
    /// [`SourceError::Configuration`].
    pub fn new(options: WsusOptions) -> Result<Self, SourceError> {
        options.check()?;
        let http = HttpSource::new(options.http_options())?;
        let exchange = Exchange::new(http, &options);
        let states = StateFolder::new(&options.state_folder, options.kind, exchange.root());
        Ok(Self { options, exchange, states, shelf: RwLock::default() })
    }

    fn shelf(&self) -> Option<Arc<Shelf>> {
        // Only a whole shelf is ever put there.
        self.shelf.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// The file of this name, where the server has it for this machine.
    fn entry(&self, path: &str) -> Option<Entry> {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.shelf()?.entry(name).cloned()
    }

    /// Holds the conversation, with scans that are begun anew where the server says that its ids are void.
    async fn converse(&self, conversation: &mut Conversation<'_>) -> Result<Shelf, SourceError> {
        for _ in 0..RESTARTS {
            match self.scan(conversation).await {
                Ok(shelf) => return Ok(shelf),
                Err(Interrupted::Restart) => tracing::info!("the scan begins anew"),
                Err(Interrupted::Failed(error)) => return Err(error),
            }
        }
        self.scan(conversation).await.map_err(|interrupted| match interrupted {
            Interrupted::Failed(error) => error,
            Interrupted::Restart => {
                self.exchange.refused("SyncUpdates", "the server changes again and again")
            }
        })
    }

    async fn scan(&self, conversation: &mut Conversation<'_>) -> Result<Shelf, Interrupted> {
        let options = &self.options;
        let mut scan = Scan::new(&options.products, &options.classifications, &options.ancestors);
        loop {
            let result = conversation.sync(scan.parameters()).await?;
            let more = scan.take(result).map_err(|error| self.exchange.garbled("SyncUpdates", error))?;
            if !more {
                break;
            }
        }
        let wanted = scan.wanted();
        conversation.learn(&wanted).await?;
        let shelf = Shelf::of(&wanted, &conversation.state().revisions);
        self.fetch_timestamp(conversation, shelf).await
    }

    /// Gets the file that says whether anything is new, unless it is the one that is kept. The server may
    /// have published again since it named it, so its address is asked for once more then.
    async fn fetch_timestamp(
        &self,
        conversation: &mut Conversation<'_>,
        mut shelf: Shelf,
    ) -> Result<Shelf, Interrupted> {
        let location = shown(self.exchange.root());
        let Some(mut entry) = shelf.entry(TIMESTAMP).cloned() else {
            return Err(SourceError::NotOffered { location }.into());
        };
        let kept = conversation.state().timestamp.as_ref();
        if kept.is_some_and(|kept| kept.sha256 == entry.sha256) {
            return Ok(shelf);
        }
        let bytes = match self.read_checked(&entry).await? {
            Some(bytes) => bytes,
            None => {
                tracing::info!("the timestamp is not where it was, its address is asked for again");
                entry.url = conversation.locate(entry.sha1).await?.unwrap_or(entry.url);
                let bytes = self.read_checked(&entry).await?;
                bytes.ok_or_else(|| SourceError::NotFound { location: entry.url.clone() })?
            }
        };
        conversation.state_mut().timestamp = Some(KeptTimestamp { sha256: entry.sha256, bytes });
        shelf.set_url(TIMESTAMP, &entry.url);
        Ok(shelf)
    }

    /// Reads a small file. `None`: it is not there, or not what the server said it is.
    async fn read_checked(&self, entry: &Entry) -> Result<Option<Vec<u8>>, SourceError> {
        let url = self.exchange.address(&entry.url)?;
        let opening = self.exchange.http().open_at(url.clone(), Resume::WHOLE);
        let (rules, cancel) = (&self.options.http.rules, CancellationToken::new());
        let bytes = collect(shown(&url), opening, TIMESTAMP_BYTES, rules, &cancel).await?;
        Ok(bytes.filter(|bytes| state::sha256(bytes) == entry.sha256 && state::sha1(bytes) == entry.sha1))
    }

    /// Opens a file at its address; where it is not there any more, its address is asked for once.
    async fn open_entry(&self, entry: &Entry, from: Resume<'_>) -> Result<Option<Opened>, SourceError> {
        let opened = self.exchange.http().open_at(self.exchange.address(&entry.url)?, from).await?;
        if opened.is_some() {
            return Ok(opened);
        }
        let mut conversation = self.conversation()?;
        let located = conversation.locate(entry.sha1).await;
        self.save(&conversation);
        match located {
            Ok(Some(url)) if url != entry.url => {
                self.exchange.http().open_at(self.exchange.address(&url)?, from).await
            }
            Ok(_) | Err(Interrupted::Restart) => Ok(None),
            Err(Interrupted::Failed(error)) => Err(error),
        }
    }

    fn conversation(&self) -> Result<Conversation<'_>, SourceError> {
        Ok(Conversation::new(&self.exchange, &self.options, self.states.client_id()?, self.states.load()))
    }

    fn save(&self, conversation: &Conversation<'_>) {
        if let Err(error) = self.states.save(conversation.state()) {
            // It costs a handshake the next time.
            tracing::warn!(%error, "what is known of the update server could not be kept");
        }
    }
}

#[async_trait::async_trait]
impl Source for WsusSource {
    fn kind(&self) -> SourceKind {
        self.options.kind
    }

    fn location(&self) -> String {
        shown(self.exchange.root())
    }

    async fn open(&self, area: Area, path: &str, from: Resume<'_>) -> Result<Option<Opened>, SourceError> {
        path::check(path)?;
        if self.shelf().is_none() {
            self.prepare().await?;
        }
        let Some(entry) = self.entry(path) else { return Ok(None) };
        if area == Area::Metadata
            && path == TIMESTAMP
            && let Some(kept) = self.states.load().timestamp.filter(|kept| kept.sha256 == entry.sha256)
        {
            return Ok(Some(in_memory(kept.bytes)));
        }
        let opened = self.open_entry(&entry, from).await?;
        let Some(opened) = opened else { return Ok(None) };
        let whole = opened.length.map(|follows| opened.start.saturating_add(follows));
        match whole.filter(|announced| *announced != entry.size) {
            Some(announced) => {
                let location = self.locate(area, path);
                Err(SourceError::WrongLength { location, expected: entry.size, announced })
            }
            None => Ok(Some(named_so(opened, self.locate(area, path), &entry))),
        }
    }

    fn counters(&self) -> Counters {
        self.exchange.http().counters()
    }

    async fn prepare(&self) -> Result<(), SourceError> {
        let mut conversation = self.conversation()?;
        let limit = self.options.conversation_time;
        let shelf = tokio::time::timeout(limit, self.converse(&mut conversation)).await;
        let too_long = |_| SourceError::ConversationTooLong { location: self.location(), limit };
        let shelf = shelf.map_err(too_long).flatten();
        // A cookie is worth keeping even where what followed has failed.
        self.save(&conversation);
        *self.shelf.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(Arc::new(shelf?));
        Ok(())
    }

    fn approval(&self, area: Area, path: &str) -> Approval {
        match (area, self.entry(path)) {
            (Area::Metadata, _) => Approval::Unsaid,
            (Area::Targets, Some(entry)) => Approval::Approved { deadline: entry.deadline },
            (Area::Targets, None) => Approval::Withheld,
        }
    }

    async fn tell(&self, ended: &Ended) {
        let mut conversation = match self.conversation() {
            Ok(conversation) => conversation,
            Err(error) => return tracing::warn!(%error, "the update server is not told"),
        };
        if !conversation.wants_to_hear(ended) {
            return;
        }
        match conversation.report(ended).await {
            Ok(()) => self.save(&conversation),
            Err(error) => tracing::warn!(%error, "the update server could not be told how the update went"),
        }
    }

    fn locate(&self, area: Area, path: &str) -> String {
        match self.entry(path) {
            Some(entry) => entry.url,
            None => format!("{} ({}/{path})", self.location(), area.as_str()),
        }
    }
}

/// A file that breaks off at its end where it is not the one that the server named. One of which only a part
/// comes cannot be told. What it may do is decided by the signed digests, by whoever reads it.
fn named_so(opened: Opened, location: String, entry: &Entry) -> Opened {
    if opened.start > 0 {
        return opened;
    }
    let (expected, size) = (entry.sha1, entry.size);
    let (mut hash, mut received) = (Sha1Hash::default(), 0);
    let stream = opened.stream.map(move |chunk| {
        let chunk: Bytes = chunk?;
        hash.take(&chunk);
        received += chunk.len() as u64;
        if received == size && hash.clone().digest() != expected {
            return Err(SourceError::WrongDigest { location: location.clone() });
        }
        Ok(chunk)
    });
    Opened { stream: Box::pin(stream), ..opened }
}

fn in_memory(bytes: Vec<u8>) -> Opened {
    let length = bytes.len() as u64;
    let stream = async move { Ok(Bytes::from(bytes)) }.into_stream();
    Opened { start: 0, length: Some(length), etag: None, stream: Box::pin(stream) }
}

/// How much of an update's own words is read.
const FRAGMENT: Limits = Limits::FRAGMENT;
