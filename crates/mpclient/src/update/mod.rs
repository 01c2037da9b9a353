//! Updates: `MpUpdateStart` and `MpUpdateControl`, for Rust.
//!
//! An update runs on a thread of its own, its handler is called on another. Starting one takes the data
//! folder first, so whoever gets an [`Update`] has a running one; a second one is refused while it
//! runs. Dropping an `Update` forgets it: the update goes on, and is not heard of any more.

mod notification;
mod options;

pub use notification::Notification;
pub use options::{SourceOption, UpdateOptions};

use crate::{
    Error, Hresult, Manager,
    delivery::{Delivery, Handler},
    error::{Result, of_update},
    numbers::MPNOTIFY_SIGUPDATE_COMPLETE,
    signals::survive_broken_pipes,
};
use booster_config::{ConfigError, Settings, SourceChoice, Unc};
use booster_engine::Worker;
use booster_sources::{DirectorySource, Source, UncPath, UncSource};
use booster_store::Operation;
use booster_update::{Event, OPERATION, Outcome, Report, SystemClock, UpdateRequest, pin_root, run_holding};
use notification::{needs_administrator, source_type};
use std::{
    path::Path,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{
            AtomicBool, AtomicU32,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    thread::{self, JoinHandle},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How long work that cannot be interrupted, such as a name lookup, may hold an update that has ended.
const LEFT_BEHIND: Duration = Duration::from_millis(200);

/// A started update.
pub struct Update {
    asynchronous: bool,
    run: Arc<Run>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the update's thread and its owner share.
struct Run {
    cancel: CancellationToken,
    /// `MPSIGUPDATE_TYPE_*` of the source in use.
    source: AtomicU32,
    delivery: Option<Delivery<Notification>>,
    /// The last notification has been sent.
    completed: AtomicBool,
    result: Mutex<Option<Result<Hresult>>>,
    ended: Condvar,
}

impl Manager {
    /// Starts an update. It has begun when this returns, whatever the options say; [`Update::wait`] waits
    /// for its end.
    ///
    /// # Errors
    /// It could not be started: settings, sources, the engine's worker, or another update that runs. The
    /// handler is dropped without having been called.
    pub fn start_update(
        &self,
        options: UpdateOptions,
        handler: Option<Handler<Notification>>,
    ) -> Result<Update> {
        let settings = self.settings()?;
        let sources = sources(settings.clone(), options.source)?;
        self.start(&settings, sources, options, handler)
    }

    /// As [`start_update`](Self::start_update), from one share by its network name, or from one folder, such as
    /// a mounted medium, whatever sources are configured; `options.source` is not looked at.
    ///
    /// # Errors
    /// As there.
    pub fn start_update_from(
        &self,
        folder: &Path,
        options: UpdateOptions,
        handler: Option<Handler<Notification>>,
    ) -> Result<Update> {
        let settings = self.settings()?;
        let source: Arc<dyn Source> = match folder.to_str().filter(|text| UncPath::is_meant_by(text)) {
            Some(text) => {
                let unc = text.parse::<UncPath>();
                let unc = unc.map_err(|error| Error::new(Hresult::ERROR_BAD_PATHNAME, error.to_string()))?;
                Arc::new(UncSource::new(settings.share_options(unc, &Unc::default())?))
            }
            None => Arc::new(DirectorySource::new(std::path::absolute(folder)?)),
        };
        self.start(&settings, vec![source], options, handler)
    }

    fn start(
        &self,
        settings: &Settings,
        sources: Vec<Arc<dyn Source>>,
        options: UpdateOptions,
        handler: Option<Handler<Notification>>,
    ) -> Result<Update> {
        let worker = self.worker(settings)?;
        let operation = settings.store().begin(OPERATION)?;
        if let Some(root) = &settings.root {
            pin_root(&operation, root, false)?;
        }
        let request = UpdateRequest {
            sources,
            check_only: false,
            at_once: false,
            patient: false,
            progress: options.progress,
            components: settings.wanted_components(),
            options: settings.update_options(),
        };
        let run = Arc::new(Run {
            cancel: CancellationToken::new(),
            source: AtomicU32::new(source_type(None)),
            delivery: handler.map(Delivery::start).transpose()?,
            completed: AtomicBool::new(false),
            result: Mutex::new(None),
            ended: Condvar::new(),
        });
        let its = Arc::clone(&run);
        let work = move || its.perform(operation, &worker, request);
        let thread = thread::Builder::new().name("mp-update".to_owned()).spawn(work)?;
        Ok(Update { asynchronous: options.asynchronous, run, thread: Mutex::new(Some(thread)) })
    }
}

/// The sources to ask, in their order.
fn sources(mut settings: Settings, wanted: Option<SourceOption>) -> Result<Vec<Arc<dyn Source>>> {
    if let Some(wanted) = wanted {
        let kinds = wanted.kinds();
        settings.sources.retain(|source| kinds.contains(&source.kind));
        if settings.sources.is_empty() {
            return Err(ConfigError::NoSourceOfKind { kind: kinds[0] }.into());
        }
    }
    Ok(settings.sources(&SourceChoice::default())?)
}

impl Update {
    /// Cancels an asynchronous update. It ends within a second and changes nothing.
    ///
    /// # Errors
    /// `E_INVALIDARG` for a synchronous update, `ERROR_MP_ALREADY_SHUTDOWN` for one that has ended,
    /// `E_ACCESSDENIED` where the source in use wants an administrator for that.
    pub fn abort(&self) -> Result<()> {
        if !self.asynchronous {
            return Err(Error::new(Hresult::E_INVALIDARG, "a synchronous update cannot be cancelled"));
        }
        if self.has_ended() {
            return Err(Hresult::ERROR_MP_ALREADY_SHUTDOWN.into());
        }
        if needs_administrator(self.run.source.load(Relaxed)) && !is_administrator() {
            return Err(Hresult::E_ACCESSDENIED.into());
        }
        self.run.cancel.cancel();
        Ok(())
    }

    /// Whether the update has ended. Its last notification may still be on its way.
    pub fn has_ended(&self) -> bool {
        self.run.lock().is_some()
    }

    /// Waits for the update's end and for the handler to have heard of it.
    ///
    /// # Errors
    /// What the update failed with; `WU_E_CALL_CANCELLED` if it was cancelled.
    pub fn wait(&self) -> Result<Hresult> {
        let mut result = self.run.lock();
        let ended = loop {
            if let Some(result) = &*result {
                break result.clone();
            }
            result = self.run.ended.wait(result).unwrap_or_else(PoisonError::into_inner);
        };
        drop(result);
        if let Some(delivery) = &self.run.delivery {
            delivery.wait();
        }
        ended
    }

    /// Lets go of the update: from now on no call of the handler starts, and one that is going on has
    /// ended, unless this is called from a handler. A running update goes on.
    pub fn close(&self) {
        if let Some(delivery) = &self.run.delivery {
            delivery.close();
            delivery.join();
        }
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The thread of a running update ends when the update does. Whoever has been told of the end may unload
        // the library next: no thread may be left in it.
        if let Some(thread) = thread.filter(|_| self.has_ended() || self.run.completed.load(Acquire)) {
            // A panic of the update has become its result.
            _ = thread.join();
        }
    }
}

impl Drop for Update {
    fn drop(&mut self) {
        self.close();
    }
}

impl Run {
    /// Runs the update to its end, on the thread that it was given.
    fn perform(&self, operation: Operation, worker: &Worker, request: UpdateRequest) {
        survive_broken_pipes();
        let work = || self.operate(operation, worker, request);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work))
            .unwrap_or_else(|_| Err(Hresult::E_UNEXPECTED.into()));
        if let Some(delivery) = &self.delivery {
            delivery.end();
        }
        *self.lock() = Some(result);
        self.ended.notify_all();
    }

    fn operate(&self, operation: Operation, worker: &Worker, request: UpdateRequest) -> Result<Hresult> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let clock = SystemClock::default();
        let tell = |event: &Event| self.tell(event);
        let report = runtime.block_on(run_holding(operation, worker, request, &tell, &self.cancel, &clock));
        runtime.shutdown_timeout(LEFT_BEHIND);
        result_of(&report)
    }

    fn tell(&self, event: &Event) {
        let notification = Notification::from(event);
        self.source.store(notification.source, Relaxed);
        if notification.notify == MPNOTIFY_SIGUPDATE_COMPLETE {
            self.completed.store(true, Release);
        }
        if let Some(delivery) = &self.delivery {
            delivery.send(notification);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Result<Hresult>>> {
        self.result.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a synchronous update returns.
fn result_of(report: &Report) -> Result<Hresult> {
    match (&report.error, report.outcome) {
        (Some(error), _) => Err(Error::new(of_update(error), error.to_string())),
        (None, Outcome::Current | Outcome::Paused) => Ok(Hresult::S_FALSE),
        (None, _) => Ok(Hresult::S_OK),
    }
}

#[cfg(unix)]
fn is_administrator() -> bool {
    rustix::process::geteuid().is_root()
}

/// Not known here, so nobody is.
#[cfg(not(unix))]
fn is_administrator() -> bool {
    false
}
