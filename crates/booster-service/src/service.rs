//! The service as a whole: what it is made of, how it begins and how it ends.

use crate::{
    caller::Administrators,
    connections::{self, Answers, Limits},
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
    tidy(&settings);

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
    });
    let scheduler = Arc::new(schedule(&settings.load(), &desk));
    let overview = Arc::new(Overview {
        settings: Arc::clone(&settings),
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
    updater.follow(settings.load_full()).await;
    let changed = Arc::new(Notify::new());
    let rpc = Rpc { overview: Arc::clone(&overview), contents, changed: Arc::clone(&changed) };
    let answers = Answers::new(AntimalwareServer::new(rpc).max_decoding_message_size(MESSAGE));
    let limits = || limits(&settings.load());
    tracing::info!(socket = %overview.socket.display(), "the service is ready");
    signals.ready.notify_one();
    manager::ready();

    let callers = connections::serve(listener, answers, limits, &overview.connected, &signals.end);
    let updates = desk.serve(&*updater, &signals.end);
    let house = House { updater: &updater, settings: &settings, read: &read, scheduler: &scheduler };
    let housekeeping = house.keep(&changed, &signals);
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

/// Removes what a service that died has left. Where another operation runs, that does it.
fn tidy(settings: &Settings) {
    if let Err(error) = settings.store().begin("start of the service") {
        tracing::warn!(%error, "the data folder was not put in order");
    }
}

fn limits(settings: &Settings) -> Limits {
    let administrators = Administrators { group: settings.service.administrators.clone() };
    Limits { connections: settings.service.max_connections, administrators }
}

fn threads(settings: &Settings) -> usize {
    let machine = || std::thread::available_parallelism().ok();
    settings.scan_options().threads.or_else(machine).map_or(1, usize::from)
}

/// The schedule of a service that begins.
fn schedule(settings: &Settings, desk: &Arc<Desk>) -> Scheduler {
    let store = settings.store();
    let setup = Setup {
        spread: Spread::of_machine(&store),
        store,
        clock: Arc::new(SystemClock::default()),
        updates: Arc::new(Scheduled(Arc::clone(desk))),
    };
    Scheduler::new(settings, setup)
}

/// What is done beside serving.
struct House<'a> {
    updater: &'a Updater,
    settings: &'a ArcSwap<Settings>,
    read: &'a ReadSettings,
    scheduler: &'a Scheduler,
}

impl House<'_> {
    /// Reads the settings again when it is told to, and follows what others do to the data folder.
    async fn keep(&self, changed: &Notify, signals: &Signals) {
        loop {
            tokio::select! {
                biased;
                () = signals.end.cancelled() => return,
                () = signals.reload.notified() => self.reload(),
                () = changed.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
            self.updater.follow(self.settings.load_full()).await;
        }
    }

    fn reload(&self) {
        manager::reloading();
        self.read_again();
        manager::ready();
    }

    /// Settings that cannot be read change nothing, and neither do those that a running service cannot change.
    fn read_again(&self) {
        match (self.read)() {
            Ok(new) => {
                let old = self.settings.load();
                let fixed = |settings: &Settings| {
                    (settings.data_dir.clone(), settings.service_socket(), settings.service.metrics)
                };
                if fixed(&new) != fixed(&old) {
                    tracing::error!(
                        "another data folder, socket or address for figures needs a restart of the service: nothing is changed"
                    );
                    return;
                }
                self.scheduler.reload(&new);
                self.settings.store(Arc::new(new));
                tracing::info!("the settings have been read again");
            }
            Err(error) => tracing::error!(%error, "the settings cannot be read again: nothing is changed"),
        }
    }
}
