//! Runs the updates that the desk takes, with the settings in force and the engine in hand.

use crate::{
    desk::{Asked, Desk, Notice, Operator, Tell},
    engine::{Engine, Followed, LoadError, Swapped},
    log,
};
use arc_swap::ArcSwap;
use booster_config::{ConfigError, Settings, Size};
use booster_engine::{ImageError, Worker};
use booster_sources::Source;
use booster_store::Installed;
use booster_update::{
    Cause, Event, GoOver, LoadedEngine, OPERATION, Outcome, Report, Stage, SystemClock, UpdateError,
    UpdateRequest, pin_root, run, run_holding,
};
use std::{
    ffi::OsString,
    path::PathBuf,
    sync::{Arc, Weak},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How long work that cannot be interrupted, such as a name lookup, may hold an update that has ended.
const LEFT_BEHIND: Duration = Duration::from_millis(200);

/// The program that builds and tests definitions, and its arguments.
#[derive(Debug, Clone)]
pub struct WorkerCommand {
    /// The program, unless the settings name another.
    pub program: PathBuf,
    /// The arguments that make it one.
    pub arguments: Vec<OsString>,
}

/// Runs updates.
pub(crate) struct Updater {
    pub settings: Arc<ArcSwap<Settings>>,
    pub worker: WorkerCommand,
    pub engine: Arc<Engine>,
    /// Where it is told that the engine has gone over.
    pub desk: Weak<Desk>,
    /// One look at what is installed at a time.
    pub following: tokio::sync::Mutex<()>,
}

impl Asked {
    /// The sources that are meant. Certificates are read.
    ///
    /// # Errors
    /// There are none, or a setting cannot work.
    pub fn sources(&self, settings: &Settings) -> Result<Vec<Arc<dyn Source>>, ConfigError> {
        let (mut settings, choice) = self.narrowed(settings)?;
        if let Some(rate) = self.max_rate {
            settings.transfer.max_rate = Size(rate);
        }
        settings.sources(&choice)
    }

    fn request(&self, settings: &Settings) -> Result<UpdateRequest, ConfigError> {
        let mut options = settings.update_options();
        if self.ignore_budget {
            options.download.daily_budget = None;
        }
        Ok(UpdateRequest {
            sources: self.sources(settings)?,
            check_only: self.check_only,
            at_once: self.at_once,
            patient: self.patient,
            // Somebody who joins later may want it.
            progress: true,
            components: settings.wanted_components(),
            options,
        })
    }
}

#[async_trait::async_trait]
impl Operator for Updater {
    async fn operate(&self, asked: &Asked, tell: Tell, cancel: CancellationToken) -> Report {
        let settings = self.settings.load_full();
        let request = match asked.request(&settings) {
            Ok(mut request) => {
                request.options.loaded = Some(Arc::new(self.loaded(&settings)));
                request
            }
            // Looked at when it was asked for; the settings have changed since.
            Err(error) => return failed(Cause::Internal(error.to_string())),
        };
        let worker = settings.worker(self.worker.program.clone(), self.worker.arguments.clone());
        let its = Arc::clone(&settings);
        let work = move || perform(&its, &worker, request, &*tell, &cancel);
        // A thread of its own: other callers are not to wait while something is unpacked or hashed.
        let report = tokio::task::spawn_blocking(work).await;
        let report = report.unwrap_or_else(|error| failed(Cause::Internal(error.to_string())));
        self.follow(settings).await;
        report
    }
}

/// The engine, as an update has it go over.
#[derive(Debug, Clone)]
struct Loaded {
    engine: Arc<Engine>,
    settings: Arc<Settings>,
    desk: Weak<Desk>,
    runtime: tokio::runtime::Handle,
}

impl LoadedEngine for Loaded {
    fn open(&self, installed: &Installed) -> Result<GoOver, ImageError> {
        let opened = self.engine.open(installed, &self.settings).map_err(|error| {
            self.told(self.engine.stays(&error));
            match error {
                LoadError::Image { source, .. } => source,
                error => ImageError::Changed(error.to_string()),
            }
        })?;
        let its = self.clone();
        Ok(Box::new(move || its.told(its.engine.go_over(opened))))
    }
}

impl Loaded {
    /// Tells the watchers what the engine uses now, and has it settle.
    fn told(&self, swapped: Swapped) {
        if let Some(in_use) = self.engine.in_use().filter(|_| swapped.failed.is_none()) {
            self.runtime.spawn(in_use.settle());
        }
        if let Some(desk) = self.desk.upgrade() {
            desk.announce(Notice::Engine(Arc::new(swapped)));
        }
    }
}

impl Updater {
    /// On the service's own runtime.
    fn loaded(&self, settings: &Arc<Settings>) -> Loaded {
        Loaded {
            engine: Arc::clone(&self.engine),
            settings: Arc::clone(settings),
            desk: self.desk.clone(),
            runtime: tokio::runtime::Handle::current(),
        }
    }

    /// Has the engine go over to what is installed now, and tells the watchers.
    pub async fn follow(&self, settings: Arc<Settings>) {
        // Two at once would tell the same twice.
        let _turn = self.following.lock().await;
        let loaded = self.loaded(&settings);
        let (engine, its) = (Arc::clone(&self.engine), Arc::clone(&settings));
        let followed = tokio::task::spawn_blocking(move || engine.follow(&its)).await;
        let Followed { swapped, rolled_back } = followed.unwrap_or_else(|error| {
            log::engine_died(&error).write();
            Followed::default()
        });
        if let Some(rolled_back) = rolled_back {
            self.went_back_by_itself(&settings, rolled_back).await;
        }
        if let Some(swapped) = swapped {
            loaded.told(swapped);
        }
    }
}

/// Runs one update on this thread.
fn perform(
    settings: &Settings,
    worker: &Worker,
    request: UpdateRequest,
    tell: &(dyn Fn(&Event) + Send + Sync),
    cancel: &CancellationToken,
) -> Report {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(Cause::Io { what: "starting an update".into(), error }),
    };
    let store = settings.store();
    // Where the folder cannot be had, the update says so itself.
    let held = store.begin(OPERATION).ok();
    if let (Some(held), Some(root)) = (&held, &settings.root)
        && let Err(error) = pin_root(held, root, false)
    {
        return Report { rolled_back: held.rolled_back().cloned(), ..failed(error.into()) };
    }
    let clock = SystemClock::default();
    let report = runtime.block_on(async {
        match held {
            Some(held) => run_holding(held, worker, request, tell, cancel, &clock).await,
            None => run(&store, worker, request, tell, cancel, &clock).await,
        }
    });
    runtime.shutdown_timeout(LEFT_BEHIND);
    report
}

/// The report of an update that could not begin, or whose end nobody saw.
fn failed(cause: Cause) -> Report {
    Report::unasked(Outcome::Failed, Some(UpdateError::new(Stage::Unknown, None, cause)))
}
