//! The service as a whole: what it is made of, how it begins and how it ends.

use crate::{
    caller::Administrators,
    connections::{self, Answers, Limits},
    descriptors,
    desk::Desk,
    engine::Engine,
    listen::{ListenError, Listening},
    manager,
    operator::{Updater, WorkerCommand},
    overview::Overview,
    ownership::{Ownership, OwnershipError},
    rpc::{Contents, Rpc},
    schedule::{Scheduler, Setup, Spread},
    scheduled::{Scheduled, wake_after_updates},
    watchman,
    wire::generated::antimalware_server::AntimalwareServer,
};
use arc_swap::ArcSwap;
use booster_config::{ConfigError, Settings};
use booster_store::RolledBack;
use booster_update::SystemClock;
use jiff::Timestamp;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::Notify};
use tokio_util::sync::CancellationToken;

/// Bytes that one message of a caller may have. Contents to scan come in pieces.
const MESSAGE: usize = 1 << 20;
/// How often the service looks whether somebody else has changed what is installed.
const LOOK: Duration = Duration::from_secs(10);

/// Where the settings come from: asked for when the service begins, and when it is told to read them again.
pub type ReadSettings = Box<dyn Fn() -> Result<Settings, ConfigError> + Send + Sync>;

/// What tells the service what to do.
#[derive(Debug, Clone, Default)]
pub struct Signals {
    /// It is to end: what runs is cancelled and waited for.
    pub end: CancellationToken,
    /// It is to read its settings again.
    pub reload: Arc<Notify>,
    /// Told when callers are served.
    pub ready: Arc<Notify>,
}

/// Why a service cannot begin, or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data folder.
    #[error(transparent)]
    Ownership(#[from] OwnershipError),
    /// The socket.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The address for its figures.
    #[error("the figures cannot be served at {address}: {source}; see `metrics` under [service]")]
    Metrics {
        /// The address.
        address: SocketAddr,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The system's answer.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// The answer.
        #[source]
        source: io::Error,
    },
}

/// Runs the service until it is told to end. It needs a runtime with time and I/O.
///
/// # Errors
/// It cannot begin: the settings, the data folder or the socket.
pub async fn run(read: ReadSettings, worker: WorkerCommand, signals: Signals) -> Result<(), ServiceError> {
    let settings = read()?;
    let _owned = Ownership::take(&settings.data_dir)?;
    let socket = settings.service_socket();
    let listening = Listening::open(&socket)?;
    let listener =
        listening.listener().map_err(|source| ServiceError::Io { what: "listening for callers", source })?;
    let left = tidy(&settings);
    let open_files = descriptors::raise();
    descriptors::warn_of_bound(settings.service.max_connections, open_files);

    let engine = Engine::start().map_err(|source| ServiceError::Io { what: "starting a thread", source })?;
    let exporter = match settings.service.metrics {
        Some(address) => Some(bind(address).await?),
        None => None,
    };

    let (desk, engine) = (Desk::new(settings.service.max_waiting), Arc::new(engine));
    let contents = Contents::new(settings.scan_limits().file_bytes, threads(&settings));
    let settings = Arc::new(ArcSwap::from_pointee(settings));
    let updater = Arc::new(Updater {
        settings: Arc::clone(&settings),
        worker,
        engine: Arc::clone(&engine),
        desk: Arc::downgrade(&desk),
        following: tokio::sync::Mutex::default(),
    });
    let scheduler = Arc::new(schedule(&settings, &desk));
    let overview = Arc::new(Overview {
        settings: Arc::clone(&settings),
        administrators: ArcSwap::from_pointee(administrators(&settings.load())),
        desk: Arc::clone(&desk),
        engine,
        scheduler: Arc::clone(&scheduler),
        figures: Arc::default(),
        connected: Arc::default(),
        socket,
        metrics: exporter.as_ref().and_then(|exporter| exporter.local_addr().ok()),
        since: Timestamp::now(),
    });
    // From now on everything is logged and counted.
    let notices = desk.watch();
    if let Some(left) = left {
        updater.went_back_by_itself(&settings.load_full(), left).await;
    }
    updater.follow(settings.load_full()).await;
    let rpc = Rpc { overview: Arc::clone(&overview), updater: Arc::clone(&updater), contents };
    let answers = Answers::new(AntimalwareServer::new(rpc).max_decoding_message_size(MESSAGE));
    let limits = || Limits {
        connections: descriptors::connections(settings.load().service.max_connections, open_files),
        administrators: overview.administrators.load_full(),
    };
    tracing::info!(socket = %overview.socket.display(), "the service is ready");
    signals.ready.notify_one();
    manager::ready();

    let callers = connections::serve(listener, answers, limits, &overview.connected, &signals.end);
    let updates = desk.serve(&*updater, &signals.end);
    let house = House { updater: &updater, overview: &overview, read: &read, open_files };
    let housekeeping = house.keep(&signals);
    let scheduled = scheduler.run(&signals.end);
    let waking = wake_after_updates(&desk, &scheduler);
    let told = watchman::hear(notices, &overview.figures);
    let cared_for = watchman::watch(&overview, exporter, &signals.end);
    tokio::join!(callers, updates, housekeeping, scheduled, waking, told, cared_for);
    tracing::info!("the service has ended");
    drop(listening);
    Ok(())
}

/// Where figures are served over HTTP.
async fn bind(address: SocketAddr) -> Result<TcpListener, ServiceError> {
    TcpListener::bind(address).await.map_err(|source| ServiceError::Metrics { address, source })
}

/// Removes what a service that died has left, and says what set was left then because it crashes whoever loads it.
/// Where another operation runs, that does it.
fn tidy(settings: &Settings) -> Option<RolledBack> {
    match settings.store().begin("start of the service") {
        Ok(operation) => operation.rolled_back().cloned(),
        Err(error) => {
            tracing::warn!(%error, "the data folder was not put in order");
            None
        }
    }
}

fn administrators(settings: &Settings) -> Administrators {
    Administrators::new(settings.service.administrators.clone())
}

fn threads(settings: &Settings) -> usize {
    let machine = || std::thread::available_parallelism().ok();
    settings.scan_options().threads.or_else(machine).map_or(1, usize::from)
}

/// The schedule of a service that begins.
fn schedule(settings: &Arc<ArcSwap<Settings>>, desk: &Arc<Desk>) -> Scheduler {
    let now = settings.load();
    let store = now.store();
    let setup = Setup {
        spread: Spread::of_machine(&store),
        store,
        clock: Arc::new(SystemClock::default()),
        updates: Arc::new(Scheduled { desk: Arc::clone(desk), settings: Arc::clone(settings) }),
    };
    Scheduler::new(&now, setup)
}

/// What is done beside serving.
struct House<'a> {
    updater: &'a Updater,
    overview: &'a Overview,
    read: &'a ReadSettings,
    open_files: usize,
}

impl House<'_> {
    /// Reads the settings again when it is told to, and follows what others do to the data folder.
    async fn keep(&self, signals: &Signals) {
        loop {
            tokio::select! {
                biased;
                () = signals.end.cancelled() => return,
                () = signals.reload.notified() => self.reload(),
                () = tokio::time::sleep(LOOK) => {}
            }
            self.updater.follow(self.overview.settings.load_full()).await;
        }
    }

    fn reload(&self) {
        manager::reloading();
        self.read_again();
        manager::ready();
    }

    /// Settings that cannot be read change nothing, and neither do those that a running service cannot change.
    fn read_again(&self) {
        let new = match (self.read)() {
            Ok(new) => new,
            Err(error) => {
                tracing::error!(%error, "the settings cannot be read again: nothing is changed");
                return;
            }
        };
        let old = self.overview.settings.load();
        let fixed = |settings: &Settings| {
            (settings.data_dir.clone(), settings.service_socket(), settings.service.metrics)
        };
        if fixed(&new) != fixed(&old) {
            tracing::error!(
                "another data folder, socket or address for figures needs a restart of the service: nothing is changed"
            );
            return;
        }
        for (setting, until) in kept(&old, &new) {
            tracing::warn!(setting, until, "this setting keeps its old value for now");
        }
        descriptors::warn_of_bound(new.service.max_connections, self.open_files);
        self.overview.scheduler.reload(&new);
        // Who is a member of the group is asked anew.
        self.overview.administrators.store(Arc::new(administrators(&new)));
        self.overview.settings.store(Arc::new(new));
        tracing::info!("the settings have been read again");
    }
}

/// The settings that differ and keep their old values in a service that runs, and until when.
fn kept(old: &Settings, new: &Settings) -> Vec<(&'static str, &'static str)> {
    const RESTART: &str = "the service is started again";
    let (limits, new_limits) = (old.scan_limits(), new.scan_limits());
    let differs = [
        ("max_waiting under [service]", RESTART, old.service.max_waiting != new.service.max_waiting),
        ("threads under [scan]", RESTART, old.scan.threads != new.scan.threads),
        ("max_file_size under [scan]", RESTART, limits.file_bytes != new_limits.file_bytes),
        (
            "max_file_time under [scan]",
            "new definitions are loaded",
            limits.file_time != new_limits.file_time,
        ),
    ];
    differs.into_iter().filter(|(.., differs)| *differs).map(|(setting, until, _)| (setting, until)).collect()
}
