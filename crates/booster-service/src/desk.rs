//! The desk: takes requests for updates, and has one update run at a time.
//!
//! A request for what is running, or waits, already joins that: its caller hears the events from the first one
//! on. Another request waits in line, in which no user but an administrator has more than a share. An update
//! belongs to the desk and not to who asked for it: callers come and go, and what is finished for one of them
//! ([`Desk::finish`]) is finished without it. How an update is run is not known here ([`Operator`]).

mod request;
mod update;

pub use request::{Asked, By};
pub(crate) use request::{Refused, Request};
pub(crate) use update::{Told, Update, is_progress};

use crate::{
    caller::{Administrators, Caller},
    feed::{Feed, Reader},
};
use booster_store::RolledBack;
use booster_update::{Event, Report, SystemClock, unbegun};
use jiff::Timestamp;
use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, task::JoinHandle, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How many messages are kept for watchers that are slow.
const KEPT_FOR_WATCHERS: usize = 1024;

/// Where an update's events go.
pub(crate) type Tell = Arc<dyn Fn(&Event) + Send + Sync>;

/// Who runs updates.
#[async_trait::async_trait]
pub(crate) trait Operator: Send + Sync {
    /// Runs one to its end, telling its events.
    async fn operate(&self, asked: &Asked, tell: Tell, cancel: CancellationToken) -> Report;
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
    /// An earlier set is in use again, and no update's report says so.
    RolledBack {
        by: By,
        generation: u64,
        rolled_back: Arc<RolledBack>,
    },
}

/// How much of something that is there for all, one user gets who is no administrator.
pub(crate) const fn share(all: usize) -> usize {
    all.div_ceil(4)
}

/// How much of it all these users get together: the rest is for administrators.
pub(crate) const fn without_reserve(all: usize) -> usize {
    all - all / 8
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
    /// What is finished before the desk closes.
    work: TaskTracker,
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
        Arc::new(Self {
            line: Mutex::default(),
            max_waiting,
            asked: Notify::new(),
            knocked: Notify::new(),
            answered: Notify::new(),
            notices: Feed::new(KEPT_FOR_WATCHERS),
            work: TaskTracker::new(),
        })
    }

    /// Takes a request: joins it to one for the same, or puts it at the end of the line.
    ///
    /// # Errors
    /// Too many wait already, or the service ends.
    pub fn ask(&self, request: Request) -> Result<Taken, Refused> {
        let mut line = self.line();
        if line.ending {
            return Err(Refused::Ending);
        }
        if let Some((position, update)) =
            line.find(|update| request.is_content_with(&update.request) && !update.is_cancelled())
        {
            update.join();
            return Ok(Taken { update, joined: true, ahead: position });
        }
        line.has_room_for(&request, self.max_waiting)?;
        line.last_number += 1;
        let update = Update::new(line.last_number, request);
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
    pub async fn cancel(
        &self,
        number: u64,
        caller: &Caller,
        administrators: &Administrators,
    ) -> Result<(), Refused> {
        let update = self.wanted(number)?;
        if !update.is_at_the_disposal_of(caller) {
            administrators.require(caller, "cancelling this update").await?;
        }
        update.cancel.cancel();
        if self.line().leave(&update) {
            // Nobody runs it any more: this is all that it tells.
            let report = unbegun(&|event| drop(update.tell(event)), &SystemClock::default());
            update.end(Arc::new(report));
        }
        Ok(())
    }

    fn wanted(&self, number: u64) -> Result<Arc<Update>, Refused> {
        let line = self.line();
        if number == 0 {
            return line.running.clone().ok_or(Refused::NothingRuns);
        }
        let found = line.find(|update| update.number == number);
        found.map(|(_, update)| update).ok_or(Refused::NoSuchUpdate(number))
    }

    /// Has something done to its end, whoever waits for it or leaves: the desk does not close before.
    ///
    /// # Errors
    /// The service ends.
    pub fn finish<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<JoinHandle<T>, Refused> {
        // Held, so that nothing begins when nobody waits for it any more.
        let line = self.line();
        if line.ending { Err(Refused::Ending) } else { Ok(self.work.spawn(work)) }
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

    /// The update that runs, if it has told nothing for longer than that.
    pub fn stuck(&self, limit: Duration) -> Option<u64> {
        let running = self.line().running.clone()?;
        (Instant::now().duration_since(running.heard()) > limit).then_some(running.number)
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
        self.work.close();
        self.work.wait().await;
        self.notices.close();
    }

    async fn run(&self, update: &Arc<Update>, operator: &dyn Operator, end: &CancellationToken) {
        let (number, by) = (update.number, update.request.by);
        update.begin();
        self.notices.push(Notice::Started { update: number, by, time: Timestamp::now() });
        let (its, notices) = (Arc::clone(update), Arc::clone(&self.notices));
        let tell = Arc::new(move |event: &Event| {
            let event = its.tell(event);
            let progress = is_progress(event.kind);
            let notice = Notice::Event { update: number, event };
            if progress { notices.pass(notice) } else { notices.push(notice) }
        });
        let work = operator.operate(&update.request.asked, tell, update.cancel.clone());
        tokio::pin!(work);
        let report = tokio::select! {
            report = &mut work => report,
            () = end.cancelled() => {
                update.cancel.cancel();
                work.await
            }
        };
        let report = Arc::new(report);
        // Before anybody hears of the end: who does may ask for the next at once, which is not to join this one.
        self.line().running = None;
        update.end(Arc::clone(&report));
        self.notices.push(Notice::Report { update: number, report });
    }

    /// The next in line, which is now the one that runs.
    fn next(&self) -> Option<Arc<Update>> {
        let mut line = self.line();
        let next = line.waiting.pop_front()?;
        line.running = Some(Arc::clone(&next));
        line.tell_places();
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

    /// Whether one more may wait, and whether whose request it is has no more than a share of the line.
    fn has_room_for(&self, request: &Request, max_waiting: usize) -> Result<(), Refused> {
        let all = self.waiting.len();
        if request.privileged {
            return if all < max_waiting { Ok(()) } else { Err(Refused::TooMany(all)) };
        }
        let own = self.waiting.iter().filter(|update| update.request.uid() == request.uid()).count();
        if all >= without_reserve(max_waiting) {
            Err(Refused::TooMany(all))
        } else if own >= share(max_waiting) {
            Err(Refused::TooManyOfOne(own))
        } else {
            Ok(())
        }
    }

    /// Takes an update out of the line; whether it was in it.
    fn leave(&mut self, update: &Update) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| waiting.number != update.number);
        let left = self.waiting.len() < before;
        if left {
            self.tell_places();
        }
        left
    }

    fn tell_places(&self) {
        let first = self.running.iter().count() as u32;
        for (ahead, waiting) in (first..).zip(&self.waiting) {
            waiting.wait_behind(ahead);
        }
    }
}

#[cfg(test)]
mod tests;
