//! An update that was asked for: what it tells, and who may cancel it.

use super::request::{By, Request};
use crate::{
    caller::{Caller, cancelling_needs_administrator},
    feed::{Feed, Reader},
};
use booster_sources::SourceKind;
use booster_update::{Event, EventKind, Report};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How many messages of an update are kept for those who join it. One has some dozens.
const KEPT_OF_AN_UPDATE: usize = 4096;

/// What an update tells those who follow it.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    /// So many updates come first.
    Queued(u32),
    Event(Arc<Event>),
    Report(Arc<Report>),
}

/// An update that was asked for.
#[derive(Debug)]
pub(crate) struct Update {
    pub number: u64,
    pub request: Request,
    pub(super) cancel: CancellationToken,
    feed: Arc<Feed<Told>>,
    course: Mutex<Course>,
}

#[derive(Debug)]
struct Course {
    /// The kind of source in use; before there is one, that of the source that is asked first.
    source: Option<SourceKind>,
    /// Whether others than the one who began it follow it.
    joined: bool,
    /// When it was last heard of.
    heard: Instant,
}

impl Update {
    pub(super) fn new(number: u64, request: Request) -> Arc<Self> {
        let source = request.sources.first().map(|source| source.kind);
        Arc::new(Self {
            number,
            request,
            cancel: CancellationToken::new(),
            feed: Feed::new(KEPT_OF_AN_UPDATE),
            course: Mutex::new(Course { source, joined: false, heard: Instant::now() }),
        })
    }

    /// A reader of all that the update tells, from its beginning.
    pub fn follow(&self) -> Reader<Told> {
        self.feed.from_the_start()
    }

    /// Somebody else follows it.
    pub(super) fn join(&self) {
        self.course().joined = true;
    }

    /// It waits behind so many.
    pub(super) fn wait_behind(&self, ahead: u32) {
        self.feed.pass(Told::Queued(ahead));
    }

    /// It begins to run.
    pub(super) fn begin(&self) {
        self.course().heard = Instant::now();
    }

    /// When it was last heard of.
    pub(super) fn heard(&self) -> Instant {
        self.course().heard
    }

    pub(super) fn tell(&self, event: &Event) -> Arc<Event> {
        let event = Arc::new(event.clone());
        let mut course = self.course();
        course.heard = Instant::now();
        course.source = event.source.or(course.source);
        drop(course);
        if is_progress(event.kind) {
            self.feed.pass(Told::Event(Arc::clone(&event)));
        } else {
            self.feed.push(Told::Event(Arc::clone(&event)));
        }
        event
    }

    /// Tells how it ended; nothing follows.
    pub(super) fn end(&self, report: Arc<Report>) {
        self.feed.push(Told::Report(report));
        self.feed.close();
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Whoever alone asked for an update may cancel it, unless its source is the whole system's.
    pub(super) fn is_at_the_disposal_of(&self, caller: &Caller) -> bool {
        let course = self.course();
        let own = matches!(self.request.by, By::Caller(by) if by.uid == caller.uid) && !course.joined;
        own && !cancelling_needs_administrator(course.source)
    }

    fn course(&self) -> MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an event is good only until the next one.
pub(crate) const fn is_progress(kind: EventKind) -> bool {
    matches!(kind, EventKind::DownloadProgress | EventKind::InstallProgress)
}
