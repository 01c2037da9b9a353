//! The desk: takes requests for updates, and has one update run at a time.
//!
//! A request for what is running, or waits, already joins that: its caller hears the events from the first one
//! on. Another request waits in line. An update belongs to the desk and not to who asked for it: callers come
//! and go. How an update is run is not known here ([`Operator`]).

use crate::{
    caller::{Administrators, Caller, NotAllowed, cancelling_needs_administrator},
    feed::{Feed, Reader},
};
use booster_sources::SourceKind;
use booster_store::RolledBack;
use booster_update::{Event, EventKind, Report};
use jiff::Timestamp;
use std::{
    collections::VecDeque,
    convert::Infallible,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How many messages of an update are kept for those who join it. One has some dozens.
const KEPT_OF_AN_UPDATE: usize = 4096;
/// How many messages are kept for watchers that are slow.
const KEPT_FOR_WATCHERS: usize = 1024;

/// What is asked for. Requests for the same join one another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The kinds of source to ask, of those configured; empty for all.
    pub kinds: Vec<SourceKind>,
    /// A URL or folder in place of what is configured.
    pub from: Option<String>,
    /// Whether to look only.
    pub check_only: bool,
    /// Whether to take releases before their turn.
    pub at_once: bool,
    /// Whether the daily budget is passed over.
    pub ignore_budget: bool,
    /// Bytes a second at most, in place of what is configured.
    pub max_rate: Option<u64>,
    /// Whether sources that failed lately are left alone for a while.
    pub patient: bool,
}

impl Asked {
    /// Whether who asks for this is content with that. A patient update may pass over a source that an impatient
    /// one asks.
    fn is_content_with(&self, that: &Self) -> bool {
        let same = Self { patient: that.patient, ..self.clone() } == *that;
        same && (self.patient || !that.patient)
    }
}

/// Who asked for an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A local program.
    Caller(Caller),
    /// The service itself: its schedule.
    Schedule,
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caller(caller) => caller.fmt(f),
            Self::Schedule => f.write_str("schedule"),
        }
    }
}

/// Where an update's events go.
pub(crate) type Tell = Arc<dyn Fn(&Event) + Send + Sync>;

/// Who runs updates.
#[async_trait::async_trait]
pub(crate) trait Operator: Send + Sync {
    /// Runs one to its end, telling its events.
    async fn operate(&self, asked: &Asked, tell: Tell, cancel: CancellationToken) -> Report;
}

/// What an update tells those who follow it.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    /// So many updates come first.
    Queued(u32),
    Event(Arc<Event>),
    Report(Arc<Report>),
}

/// What the desk tells watchers.
#[derive(Debug, Clone)]
pub(crate) enum Notice {
    Started {
        update: u64,
        by: By,
        time: Timestamp,
    },
    Event {
        update: u64,
        event: Arc<Event>,
    },
    Report {
        update: u64,
        report: Arc<Report>,
    },
    Engine(Arc<crate::engine::Swapped>),
    /// Somebody has gone back to an earlier set.
    RolledBack {
        by: By,
        generation: u64,
        rolled_back: Arc<RolledBack>,
    },
}

/// An update that was asked for.
#[derive(Debug)]
pub(crate) struct Update {
    pub number: u64,
    pub by: By,
    asked: Asked,
    feed: Arc<Feed<Told>>,
    cancel: CancellationToken,
    course: Mutex<Course>,
}

#[derive(Debug, Default)]
struct Course {
    /// The kind of source in use.
    source: Option<SourceKind>,
    /// Whether others than the one who began it follow it.
    joined: bool,
    report: Option<Arc<Report>>,
}

impl Update {
    /// A reader of all that the update tells, from its beginning.
    pub fn follow(&self) -> Reader<Told> {
        self.feed.from_the_start()
    }

    fn tell(&self, event: &Event) -> Arc<Event> {
        let event = Arc::new(event.clone());
        self.course().source = event.source;
        if is_progress(event.kind) {
            self.feed.pass(Told::Event(Arc::clone(&event)));
        } else {
            self.feed.push(Told::Event(Arc::clone(&event)));
        }
        event
    }

    fn course(&self) -> MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an event is good only until the next one.
pub(crate) const fn is_progress(kind: EventKind) -> bool {
    matches!(kind, EventKind::DownloadProgress | EventKind::InstallProgress)
}

/// A request that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("{0} updates are waiting already: try again later")]
    TooMany(usize),
    #[error("the service is ending: try again when it runs")]
    Ending,
    #[error("there is no update {0} any more, or none yet")]
    NoSuchUpdate(u64),
    #[error("no update is running")]
    NothingRuns,
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
}

/// Takes requests, and has one update run at a time.
#[derive(Debug)]
pub(crate) struct Desk {
    line: Mutex<Line>,
    /// How many may wait.
    max_waiting: usize,
    /// Says that somebody waits.
    asked: Notify,
    /// Asks whether somebody looks after the line, and says so.
    knocked: Notify,
    answered: Notify,
    notices: Arc<Feed<Notice>>,
}

#[derive(Debug, Default)]
struct Line {
    running: Option<Arc<Update>>,
    waiting: VecDeque<Arc<Update>>,
    last_number: u64,
    ending: bool,
}

/// What became of a request.
#[derive(Debug)]
pub(crate) struct Taken {
    pub update: Arc<Update>,
    pub joined: bool,
    pub ahead: u32,
}

impl Desk {
    pub fn new(max_waiting: usize) -> Arc<Self> {
        let notices = Feed::new(KEPT_FOR_WATCHERS);
        Arc::new(Self {
            line: Mutex::default(),
            max_waiting,
            asked: Notify::new(),
            knocked: Notify::new(),
            answered: Notify::new(),
            notices,
        })
    }

    /// Takes a request: joins it to one for the same, or puts it at the end of the line.
    ///
    /// # Errors
    /// Too many wait already, or the service ends.
    pub fn ask(&self, asked: Asked, by: By) -> Result<Taken, Refused> {
        let mut line = self.line();
        if line.ending {
            return Err(Refused::Ending);
        }
        if let Some((position, update)) =
            line.find(|update| asked.is_content_with(&update.asked) && !update.is_cancelled())
        {
            update.course().joined = true;
            return Ok(Taken { update, joined: true, ahead: position });
        }
        if line.waiting.len() >= self.max_waiting {
            return Err(Refused::TooMany(line.waiting.len()));
        }
        line.last_number += 1;
        let update = Arc::new(Update {
            number: line.last_number,
            by,
            asked,
            feed: Feed::new(KEPT_OF_AN_UPDATE),
            cancel: CancellationToken::new(),
            course: Mutex::default(),
        });
        let ahead = line.all().count() as u32;
        line.waiting.push_back(Arc::clone(&update));
        drop(line);
        self.asked.notify_one();
        Ok(Taken { update, joined: false, ahead })
    }

    /// Cancels an update; 0 is the one that is running.
    ///
    /// # Errors
    /// There is none, or the caller may not.
    pub fn cancel(
        &self,
        number: u64,
        caller: &Caller,
        administrators: &Administrators,
    ) -> Result<(), Refused> {
        let line = self.line();
        let update = match number {
            0 => line.running.clone().ok_or(Refused::NothingRuns)?,
            number => {
                let found = line.find(|update| update.number == number);
                found.map(|(_, update)| update).ok_or(Refused::NoSuchUpdate(number))?
            }
        };
        drop(line);
        update.may_be_cancelled_by(caller, administrators)?;
        update.cancel.cancel();
        Ok(())
    }

    /// A reader of everything that happens from now on.
    pub fn watch(&self) -> Reader<Notice> {
        self.notices.from_now()
    }

    /// Tells the watchers something.
    pub fn announce(&self, notice: Notice) {
        self.notices.push(notice);
    }

    /// The update that is running, and how many wait.
    pub fn occupied(&self) -> (Option<u64>, u32) {
        let line = self.line();
        (line.running.as_ref().map(|update| update.number), line.waiting.len() as u32)
    }

    /// Comes back once it is certain that somebody looks after the line.
    pub async fn answers(&self) {
        self.knocked.notify_one();
        self.answered.notified().await;
    }

    /// Has what is asked for run, one after the other, until it is told to end. What runs then is cancelled, and
    /// waited for.
    pub async fn serve(&self, operator: &dyn Operator, end: &CancellationToken) {
        tokio::select! {
            () = self.serve_line(operator, end) => {}
            never = self.answer() => match never {},
        }
    }

    async fn answer(&self) -> Infallible {
        loop {
            self.knocked.notified().await;
            self.answered.notify_one();
        }
    }

    async fn serve_line(&self, operator: &dyn Operator, end: &CancellationToken) {
        loop {
            let next = self.next();
            let Some(update) = next else {
                tokio::select! {
                    biased;
                    () = end.cancelled() => break,
                    () = self.asked.notified() => continue,
                }
            };
            if end.is_cancelled() {
                update.cancel.cancel();
            }
            self.run(&update, operator, end).await;
        }
        self.line().ending = true;
        // Who asked between the last look and this is not left waiting.
        while let Some(update) = self.next() {
            update.cancel.cancel();
            self.run(&update, operator, end).await;
        }
        self.notices.close();
    }

    async fn run(&self, update: &Arc<Update>, operator: &dyn Operator, end: &CancellationToken) {
        let number = update.number;
        self.notices.push(Notice::Started { update: number, by: update.by, time: Timestamp::now() });
        let (its, notices) = (Arc::clone(update), Arc::clone(&self.notices));
        let tell = Arc::new(move |event: &Event| {
            let event = its.tell(event);
            let progress = is_progress(event.kind);
            let notice = Notice::Event { update: number, event };
            if progress { notices.pass(notice) } else { notices.push(notice) }
        });
        let work = operator.operate(&update.asked, tell, update.cancel.clone());
        tokio::pin!(work);
        let report = tokio::select! {
            report = &mut work => report,
            () = end.cancelled() => {
                update.cancel.cancel();
                work.await
            }
        };
        let report = Arc::new(report);
        update.course().report = Some(Arc::clone(&report));
        // Before anybody hears of the end: who does may ask for the next at once, which is not to join this one.
        self.line().running = None;
        update.feed.push(Told::Report(Arc::clone(&report)));
        update.feed.close();
        self.notices.push(Notice::Report { update: number, report });
    }

    /// The next in line, which is now the one that runs.
    fn next(&self) -> Option<Arc<Update>> {
        let mut line = self.line();
        let next = line.waiting.pop_front()?;
        line.running = Some(Arc::clone(&next));
        for (ahead, waiting) in (1..).zip(&line.waiting) {
            waiting.feed.pass(Told::Queued(ahead));
        }
        Some(next)
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn all(&self) -> impl Iterator<Item = &Arc<Update>> {
        self.running.iter().chain(&self.waiting)
    }

    /// An update, and how many come before it.
    fn find(&self, wanted: impl Fn(&Update) -> bool) -> Option<(u32, Arc<Update>)> {
        (0..)
            .zip(self.all())
            .find(|(_, update)| wanted(update))
            .map(|(ahead, update)| (ahead, Arc::clone(update)))
    }
}

impl Update {
    fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Whoever alone asked for an update may cancel it, unless its source is the whole system's.
    fn may_be_cancelled_by(
        &self,
        caller: &Caller,
        administrators: &Administrators,
    ) -> Result<(), NotAllowed> {
        let course = self.course();
        let own = matches!(self.by, By::Caller(by) if by.uid == caller.uid) && !course.joined;
        if own && !cancelling_needs_administrator(course.source) {
            return Ok(());
        }
        administrators.require(caller, "cancelling this update")
    }
}

#[cfg(test)]
mod tests;
