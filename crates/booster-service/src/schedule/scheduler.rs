//! The loop around the decision: gathers the facts, starts what is due, sleeps, and lets itself be woken.

use super::{
    Because, Due, Facts, Hold, Link, Spread, before_scan,
    clocks::{Clocks, Jump},
    decide, link,
    records::{Records, Sources, Warning},
};
use async_trait::async_trait;
use booster_config::{Schedule, Settings};
use booster_store::{Attempts, Store};
use booster_update::{Clock, Report, attempted};
use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

/// The longest sleep: within this time a clock that was set, a machine that woke up, and an update or a pause
/// of another process are noticed.
const LOOK: Duration = Duration::from_secs(60);

/// Who runs updates for the schedule.
#[async_trait]
pub trait Updates: Send + Sync {
    /// Updates from the sources of the settings, or joins an update that is running, and comes back with its
    /// report. Its request is patient ([`booster_update::UpdateRequest::patient`]). Dropping the future ends
    /// the waiting and not the update.
    async fn update(&self, because: Because) -> Arc<Report>;
}

/// What a schedule is made of.
pub struct Setup {
    /// The data folder, whose records are read.
    pub store: Store,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// Who runs updates.
    pub updates: Arc<dyn Updates>,
    /// The machine's share of every spread: [`Spread::of_machine`].
    pub spread: Spread,
}

/// What the schedule is up to, for `status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When the next update is due, and why; or why there is none.
    pub next: Due,
    /// Why an update of the schedule's is running, if one is.
    pub running: Option<Because>,
    /// How operations went, whoever asked for them: the last one, the last success, the failures in a row.
    pub attempts: Option<Attempts>,
}

/// What came of asking for an update before a scan. In any case the scan can begin.
#[derive(Debug, Clone)]
pub enum BeforeScan {
    /// None was started.
    Skipped(Hold),
    /// It has ended.
    Ended(Arc<Report>),
}

/// The schedule of a service. It is shared by reference; [`Scheduler::run`] is to run once.
pub struct Scheduler {
    setup: Setup,
    settings: Mutex<Arc<Wanted>>,
    state: Mutex<State>,
    snapshot: watch::Sender<Snapshot>,
    woken: Notify,
}

/// The part of the settings that counts.
struct Wanted {
    schedule: Schedule,
    sources: Sources,
}

/// What is remembered between two looks.
struct State {
    clocks: Clocks,
    started: Timestamp,
    able_since: Timestamp,
    /// When the schedule's last update ended, by the monotonic clock.
    last_run: Option<Duration>,
    /// What stood in the way at the last look.
    hold: Option<Hold>,
    /// How operations went, where that could not be recorded, and the record that it goes on from.
    unrecorded: Option<(Option<Attempts>, Attempts)>,
    records: Warning,
    link: Warning,
}

impl Scheduler {
    /// A schedule that begins now: this is the start of the service.
    pub fn new(settings: &Settings, setup: Setup) -> Self {
        let (now, monotonic) = (setup.clock.now(), setup.clock.monotonic());
        let state = State {
            clocks: Clocks::new(now, monotonic),
            started: now,
            able_since: now,
            last_run: None,
            hold: None,
            unrecorded: None,
            records: Warning::default(),
            link: Warning::default(),
        };
        let wanted = Wanted::of(settings);
        let nothing = Due::Never { hold: Hold::NothingScheduled };
        let scheduler = Self {
            setup,
            settings: Mutex::new(Arc::new(wanted)),
            state: Mutex::new(state),
            snapshot: watch::Sender::new(Snapshot { next: nothing, running: None, attempts: None }),
            woken: Notify::new(),
        };
        let wanted = scheduler.wanted();
        let facts = scheduler.facts(&wanted);
        scheduler.tell(&facts, decide(&wanted.schedule, &facts));
        scheduler
    }

    /// Runs the schedule until it is cancelled. An update that it waits for then is not: that is up to who runs
    /// it.
    pub async fn run(&self, cancel: &CancellationToken) {
        loop {
            let due = self.look().await;
            let step = async {
                match due {
                    Due::Now { because } => {
                        self.update(because).await;
                    }
                    due => self.sleep(&due).await,
                }
            };
            tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                () = step => {}
            }
        }
        self.snapshot.send_modify(|snapshot| snapshot.running = None);
    }

    /// Has the schedule look again: an update has ended that it did not start, or something was decided.
    pub fn wake(&self) {
        self.woken.notify_one();
    }

    /// Goes on with other settings.
    pub fn reload(&self, settings: &Settings) {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(Wanted::of(settings));
        self.wake();
    }

    /// What the schedule is up to, as of its last look.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.borrow().clone()
    }

    /// The same, each time that it changes.
    pub fn watch(&self) -> watch::Receiver<Snapshot> {
        self.snapshot.subscribe()
    }

    /// Updates before a scheduled scan, where the settings want that and nothing speaks against it. Whatever
    /// comes of it, the scan is to begin afterwards.
    pub async fn before_scan(&self) -> BeforeScan {
        let wanted = self.wanted();
        let mut facts = self.facts(&wanted);
        let mut hold = before_scan(&wanted.schedule, &facts);
        if hold.is_none() {
            facts.link = self.ask_link(&wanted, &facts).await;
            hold = before_scan(&wanted.schedule, &facts);
        }
        if let Some(hold) = hold {
            tracing::debug!(%hold, "no update before the scan");
            return BeforeScan::Skipped(hold);
        }
        let report = self.update(Because::Scan).await;
        self.wake();
        BeforeScan::Ended(report)
    }

    /// Gathers the facts and decides. Only where an update is due is it asked how the line is.
    async fn look(&self) -> Due {
        let wanted = self.wanted();
        let mut facts = self.facts(&wanted);
        let mut due = decide(&wanted.schedule, &facts);
        if matches!(due, Due::Now { .. }) {
            facts.link = self.ask_link(&wanted, &facts).await;
            due = decide(&wanted.schedule, &facts);
        }
        if self.is_released(&due, facts.now) {
            facts.able_since = facts.now;
            due = decide(&wanted.schedule, &facts);
        }
        self.tell(&facts, due.clone());
        due
    }

    /// Starts an update, waits for its end, and counts it.
    async fn update(&self, because: Because) -> Arc<Report> {
        let before = self.recorded();
        tracing::info!(%because, "the schedule starts an update");
        let running = Running::begin(&self.snapshot, because);
        let report = self.setup.updates.update(because).await;
        drop(running);
        let (now, recorded) = (self.setup.clock.now(), self.recorded());
        let mut state = self.state();
        state.last_run = Some(self.setup.clock.monotonic());
        if recorded == before {
            let last = state.unrecorded.take().filter(|(base, _)| *base == before).map(|(_, last)| last);
            let next = attempted(last.as_ref().or(before.as_ref()), &report, now);
            state.unrecorded = next.or(last).map(|attempts| (before, attempts));
        }
        drop(state);
        report
    }

    async fn sleep(&self, due: &Due) {
        tokio::select! {
            () = tokio::time::sleep(pause(due, self.setup.clock.now())) => {}
            () = self.woken.notified() => {}
        }
    }

    fn facts(&self, wanted: &Wanted) -> Facts {
        let (now, monotonic) = (self.setup.clock.now(), self.setup.clock.monotonic());
        let (records, problem) = Records::read(&self.setup.store, now);
        let mut state = self.state();
        state.records.about(problem);
        state.look_at_clocks(now, monotonic);
        let unrecorded = state.unrecorded.take_if(|(base, _)| *base != records.attempts);
        drop(unrecorded);
        let unrecorded = state.unrecorded.as_ref().map(|(_, attempts)| attempts.clone());
        Facts {
            now,
            zone: TimeZone::system(),
            spread: self.setup.spread,
            started: state.started,
            able_since: state.able_since,
            since_run: state.last_run.map(|last| monotonic.saturating_sub(last)),
            sources: wanted.sources.facts(&records.checks, now),
            link: Link::default(),
            paused: records.paused,
            attempts: unrecorded.or(records.attempts),
            installed: records.installed,
            first_installed: records.first_installed,
        }
    }

    /// Asks how the line is, if any source needs it.
    async fn ask_link(&self, wanted: &Wanted, facts: &Facts) -> Link {
        if !facts.sources.iter().any(|source| source.remote) {
            return Link::default();
        }
        let asked = link::ask(&wanted.schedule.link_command, wanted.schedule.link_timeout.0).await;
        let problem = asked.as_ref().err().map(ToString::to_string);
        self.state().link.about(problem);
        asked.unwrap_or_default()
    }

    /// Whether what stood in the way has just gone. What begins and ends is told once.
    fn is_released(&self, due: &Due, now: Timestamp) -> bool {
        let hold = match due {
            Due::Never { hold } => Some(hold.clone()),
            Due::Now { .. } | Due::At { .. } => None,
        };
        let mut state = self.state();
        let before = std::mem::replace(&mut state.hold, hold.clone());
        match (before, hold) {
            (before, Some(hold)) if before.as_ref() != Some(&hold) => {
                tracing::info!(%hold, "the schedule starts no update");
                false
            }
            (Some(before), None) => {
                tracing::info!(%before, "the schedule goes on");
                state.able_since = now;
                true
            }
            _ => false,
        }
    }

    fn tell(&self, facts: &Facts, next: Due) {
        self.snapshot.send_if_modified(|snapshot| {
            let attempts = facts.attempts.clone();
            let new = Snapshot { next, running: snapshot.running, attempts };
            if new.next != snapshot.next {
                tracing::debug!(next = %new.next, "the schedule");
            }
            let changed = *snapshot != new;
            *snapshot = new;
            changed
        });
    }

    fn recorded(&self) -> Option<Attempts> {
        // What is damaged has been told, and is as good as absent.
        self.setup.store.attempts().ok().flatten()
    }

    fn wanted(&self) -> Arc<Wanted> {
        Arc::clone(&self.settings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The snapshot says that an update of the schedule's is being waited for, as long as somebody does: the caller who
/// wants to scan may leave.
struct Running<'a>(&'a watch::Sender<Snapshot>);

impl<'a> Running<'a> {
    fn begin(snapshot: &'a watch::Sender<Snapshot>, because: Because) -> Self {
        snapshot.send_modify(|snapshot| snapshot.running = Some(because));
        Self(snapshot)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|snapshot| snapshot.running = None);
    }
}

/// How long nothing needs to be looked at.
fn pause(due: &Due, now: Timestamp) -> Duration {
    let left = due.time(now).and_then(|time| Duration::try_from(time.duration_since(now)).ok());
    left.unwrap_or(LOOK).min(LOOK)
}

impl Wanted {
    fn of(settings: &Settings) -> Self {
        Self { schedule: settings.schedule.clone(), sources: Sources::of(settings) }
    }
}

impl State {
    fn look_at_clocks(&mut self, now: Timestamp, monotonic: Duration) {
        match self.clocks.look(now, monotonic) {
            None => return,
            Some(Jump::Ahead(by)) => {
                tracing::info!(seconds = by.as_secs(), "the machine slept, or its clock was set ahead");
            }
            Some(Jump::Back(by)) => {
                tracing::info!(seconds = by.as_secs(), "the machine's clock was set back");
                self.started = self.started.min(now);
            }
        }
        self.able_since = now;
    }
}

#[cfg(test)]
mod tests;
