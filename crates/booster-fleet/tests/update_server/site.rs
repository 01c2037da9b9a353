//! A site: a repository with a publisher, a fleet, and a server that gives both out.

use booster_definitions::Component;
use booster_fleet::{
    Fleet, Rule,
    server::{UpdateService, UpdateServiceOptions},
};
use booster_publish::{KeyRing, KeySet, PublishRequest, Repository, RepositoryOptions, serve::ServeOptions};
use booster_sources::{HttpOptions, SourceKind, WsusOptions, WsusSource};
use jiff::Timestamp;
use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// One answered request: method, path and status.
pub type Line = (String, String, u16);

/// A running server, ended when it is dropped.
pub struct Server {
    pub fleet: Arc<Fleet>,
    pub url: String,
    pub log: Arc<Mutex<Vec<Line>>>,
    port: u16,
    cancel: CancellationToken,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

/// A repository, a database, and the first of their servers.
pub struct Site {
    pub dir: TempDir,
    database: String,
    server: Server,
}

impl std::ops::Deref for Site {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

/// How a site is set up where it is not as usual.
#[derive(Clone)]
pub struct Setup {
    pub rule: Rule,
    pub cookie_lifetime: Duration,
    pub database: Option<String>,
    pub turn: Duration,
    pub revisions: usize,
    pub registrations_per_address: u32,
    pub proxies: Vec<IpAddr>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            rule: Rule::Automatic,
            cookie_lifetime: Duration::from_secs(3600),
            database: None,
            turn: TURN,
            revisions: 50,
            registrations_per_address: 1000,
            proxies: Vec::new(),
        }
    }
}

impl Site {
    /// A site with one release of nis, 1.0.0.0.
    pub async fn new(setup: Setup) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let keys = KeySet::in_folder(&dir.path().join("keys"), 3, 2).unwrap();
        repository(dir.path()).init(keys, Timestamp::now()).await.unwrap();
        publish(dir.path(), 1).await;
        let database = setup.database.clone();
        let database = database.unwrap_or_else(|| dir.path().join("fleet.sqlite").display().to_string());
        let server = serve(dir.path(), &database, &setup, None).await;
        Self { dir, database, server }
    }

    /// Publishes the next release of nis.
    pub async fn publish(&self, number: u16) {
        self.put(number).await;
        self.taken_up().await;
    }

    /// Publishes the next release of nis, and does not wait for the server to take it up.
    pub async fn put(&self, number: u16) {
        publish(self.dir.path(), number).await;
    }

    /// Another server over the same repository and database.
    pub async fn another(&self, setup: Setup) -> Server {
        serve(self.dir.path(), &self.database, &setup, None).await
    }

    /// Copies its SQLite database.
    pub async fn back_up(&self, to: &Path) {
        let pool = sqlx::AnyPool::connect(&format!("sqlite:{}", self.database)).await.unwrap();
        let copy = sqlx::AssertSqlSafe(format!("VACUUM INTO '{}'", to.display()));
        sqlx::query(copy).execute(&pool).await.unwrap();
    }

    /// The site's first server, started again at the same address over a database; what is done while none runs.
    pub async fn again(self, database: &Path, setup: Setup, stopped: impl AsyncFnOnce(&Path)) -> Self {
        let Self { dir, server, .. } = self;
        let port = server.port;
        drop(server);
        stopped(dir.path()).await;
        let database = database.to_str().unwrap().to_owned();
        let server = serve(dir.path(), &database, &setup, Some(port)).await;
        Self { dir, database, server }
    }

    /// Waits until the server has taken up what was published or decided before.
    pub async fn taken_up(&self) {
        // Two turns, of which the second one began after this.
        tokio::time::sleep(TURN * 4).await;
    }

    pub fn source(&self, machine: &Path) -> WsusSource {
        WsusSource::new(self.options(machine)).unwrap()
    }

    pub fn options(&self, machine: &Path) -> WsusOptions {
        let http = HttpOptions::new(self.url.parse().unwrap());
        WsusOptions {
            plain_http: true,
            retry_pause: Duration::ZERO,
            ..WsusOptions::new(SourceKind::Managed, http, machine.join("wsus"))
        }
    }

    /// What was asked since the last time, without content of files.
    pub fn asked(&self) -> Vec<String> {
        let lines = std::mem::take(&mut *self.log.lock().unwrap());
        lines.into_iter().map(|(method, path, status)| format!("{method} {path} {status}")).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.cancel.cancel();
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

const TURN: Duration = Duration::from_millis(50);

async fn serve(dir: &Path, database: &str, setup: &Setup, port: Option<u16>) -> Server {
    let fleet = Arc::new(Fleet::open(database).await.unwrap());
    // The address is needed before the service is made.
    let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let port = port.unwrap_or_else(free);
    let url = format!("http://127.0.0.1:{port}");
    let options = UpdateServiceOptions {
        rule: setup.rule,
        cookie_lifetime: setup.cookie_lifetime,
        turn: setup.turn,
        revisions: setup.revisions,
        registrations_per_address: setup.registrations_per_address,
        proxies: setup.proxies.clone(),
        ..UpdateServiceOptions::new(url.clone())
    };
    let folder = dir.join("repository");
    let service = UpdateService::new(&folder, repository(dir), Arc::clone(&fleet), options).await.unwrap();
    let service = Arc::new(service);
    let log: Arc<Mutex<Vec<Line>>> = Arc::default();
    let lines = Arc::clone(&log);
    let options = ServeOptions {
        beside: Some(Arc::clone(&service) as _),
        observer: Some(Arc::new(move |record| {
            let line = (record.method.clone(), record.path.clone(), record.status);
            lines.lock().unwrap().push(line);
        })),
        ..ServeOptions::default()
    };
    let server = bind(&folder, port, options).await;
    let cancel = CancellationToken::new();
    let stop = cancel.clone().cancelled_owned();
    let maintained = {
        let cancel = cancel.clone();
        async move { service.maintain(cancel).await }
    };
    let tasks = vec![tokio::spawn(server.run(stop)), tokio::spawn(maintained)];
    Server { fleet, url, log, port, cancel, tasks }
}

/// Binds a port, which a server that was just stopped may hold for a moment yet.
async fn bind(folder: &Path, port: u16, options: ServeOptions) -> booster_publish::serve::Server {
    let address = format!("127.0.0.1:{port}").parse().unwrap();
    for _ in 0..100 {
        if let Ok(server) = booster_publish::serve::Server::bind(folder, address, options.clone()).await {
            return server;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{address} is taken");
}

fn repository(dir: &Path) -> Repository {
    let place = dir.join("repository");
    Repository::open(place.to_str().unwrap(), RepositoryOptions::default()).unwrap()
}

pub async fn publish(dir: &Path, number: u16) {
    let rules: PathBuf = dir.join(format!("rules-{number}"));
    std::fs::create_dir(&rules).unwrap();
    let rule = format!("rule r{number} {{ strings: $a = \"evil-{number}\" condition: $a }}");
    std::fs::write(rules.join("a.yar"), rule).unwrap();
    let version = format!("1.{number}.0.0").parse().unwrap();
    let release = PublishRequest::new(Component::Nis, version, rules);
    let keys = KeyRing::from_folder(&dir.join("keys")).unwrap();
    repository(dir).publish(&release, &keys, Timestamp::now()).await.unwrap();
}
