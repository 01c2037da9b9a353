//! The server: a repository over the Windows Update client-server protocol.
//!
//! [`UpdateService`] answers beside the plain files of a [`booster_publish::serve::Server`].
//! [`UpdateService::maintain`] runs next to it: it takes up what was published and decided since, and
//! writes down what machines have said.

mod catalog;
mod cookie;
mod ledger;
mod operations;

use crate::{Approvals, FleetError, Result, Rule, fleet::Fleet};
use booster_publish::{
    Repository,
    serve::{Beside, Reply},
};
use booster_wsus::{ErrorCode, Fault, Limits, Service, soap};
use bytes::Bytes;
use catalog::{Catalog, Content, GroupView};
use cookie::Sealer;
use http_body_util::{BodyExt as _, Limited};
use hyper::{
    Method, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderValue},
    http::request::Parts,
};
use jiff::Timestamp;
use ledger::Ledger;
use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long a request's body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);
/// Groups whose updates are kept written.
const GROUPS: usize = 256;

/// How an update server is set up.
#[derive(Debug, Clone)]
pub struct UpdateServiceOptions {
    /// What becomes of releases that nobody has decided about.
    pub rule: Rule,
    /// The address under which machines reach this site: content is fetched below it.
    pub public_url: String,
    /// How long a cookie is good; one that is used is renewed.
    pub cookie_lifetime: Duration,
    /// How long an authorization is good for getting a cookie.
    pub authorization_lifetime: Duration,
    /// How often what was published and decided is looked at, and what machines said is written down.
    pub turn: Duration,
    /// The most machines that may register.
    pub machines: u32,
    /// New machines that may register in one turn.
    pub registrations: u32,
}

impl UpdateServiceOptions {
    /// The defaults, for a site with this address.
    pub fn new(public_url: impl Into<String>) -> Self {
        Self {
            rule: Rule::default(),
            public_url: public_url.into(),
            cookie_lifetime: Duration::from_secs(24 * 3600),
            authorization_lifetime: Duration::from_secs(600),
            turn: Duration::from_secs(1),
            machines: 200_000,
            registrations: 1000,
        }
    }
}

/// An update server over a repository and a fleet.
pub struct UpdateService {
    fleet: Arc<Fleet>,
    repository: Repository,
    folder: PathBuf,
    options: UpdateServiceOptions,
    sealer: Sealer,
    last_change: String,
    config_second: i64,
    state: RwLock<Arc<State>>,
    registered: RwLock<HashSet<Uuid>>,
    registrations: AtomicU32,
    ledger: Ledger,
}

impl std::fmt::Debug for UpdateService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpdateService").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// What is published and decided, at one moment.
#[derive(Debug, Default)]
struct State {
    catalog: Arc<Catalog>,
    approvals: Arc<Approvals>,
    /// What the catalog was made from.
    timestamp: Vec<u8>,
    views: Mutex<HashMap<String, Arc<GroupView>>>,
}

impl State {
    /// What machines of a group get, written once.
    fn view(&self, group: &str, rule: Rule) -> Arc<GroupView> {
        // A view is only put there whole.
        let lock = || self.views.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = lock().get(group) {
            return Arc::clone(view);
        }
        let view = Arc::new(self.catalog.view(&self.approvals, group, rule));
        let mut views = lock();
        if views.len() >= GROUPS {
            views.clear();
        }
        views.insert(group.to_owned(), Arc::clone(&view));
        view
    }
}

impl UpdateService {
    /// Takes up what a repository's folder publishes. Its files are read once, so a first start takes a while.
    ///
    /// # Errors
    /// The repository cannot be read or verified, or the database fails.
    pub async fn new(
        folder: impl Into<PathBuf>,
        repository: Repository,
        fleet: Arc<Fleet>,
        options: UpdateServiceOptions,
    ) -> Result<Self> {
        let database = fleet.database();
        let key = database.setting_or("cookie_key", &Sealer::new_key()?).await?;
        let mut server = [0; 16];
        aws_lc_rs::rand::fill(&mut server).map_err(|_| FleetError::Randomness)?;
        let server = uuid::Builder::from_random_bytes(server).into_uuid();
        let server = database.setting_or("server", &server.to_string()).await?;
        let server = server.parse().map_err(|error| database.damaged("the server's id", error))?;
        let sealer =
            Sealer::new(&key, server).ok_or_else(|| database.damaged("the cookies' key", "no key"))?;
        let now = crate::database::written(Timestamp::now());
        let last_change = database.setting_or("last_change", &now).await?;
        let changed: Timestamp =
            last_change.parse().map_err(|error| database.damaged("the time of change", error))?;
        let service = Self {
            repository,
            folder: folder.into(),
            registrations: AtomicU32::new(options.registrations),
            options,
            sealer,
            last_change,
            config_second: changed.as_second(),
            state: RwLock::default(),
            registered: RwLock::default(),
            ledger: Ledger::default(),
            fleet,
        };
        service.take_up().await?;
        Ok(service)
    }

    /// Keeps the server current until `cancel`, and writes down what machines have said, a last time then.
    pub async fn maintain(&self, cancel: CancellationToken) {
        while cancel.run_until_cancelled(tokio::time::sleep(self.options.turn)).await.is_some() {
            self.registrations.store(self.options.registrations, Ordering::Relaxed);
            if let Err(error) = self.take_up().await {
                tracing::error!(%error, "what is published or decided could not be taken up; what was goes on");
            }
            self.write_down(Timestamp::now()).await;
        }
        // What would have its time later as well.
        self.write_down(Timestamp::MAX).await;
    }

    async fn write_down(&self, now: Timestamp) {
        if let Err(error) = self.ledger.write(&self.fleet, now).await {
            tracing::error!(%error, "what machines have said could not be written down");
        }
    }

    /// Takes up what was published and decided since.
    async fn take_up(&self) -> Result<()> {
        let before = self.state();
        let approvals = self.fleet.approvals().await?;
        let path = self.folder.join("metadata/timestamp.json");
        let timestamp = tokio::fs::read(&path).await.unwrap_or_default();
        let published = timestamp.is_empty() || timestamp != before.timestamp;
        if !published && approvals == *before.approvals {
            return Ok(());
        }
        let catalog = if published {
            let publication = self.repository.publication().await?;
            let url = &self.options.public_url;
            let mut catalog =
                Catalog::of(publication, &self.folder, &self.fleet, url, Timestamp::now()).await?;
            catalog.keep_metadata_of(&before.catalog);
            if let Err(error) = self.fleet.forget(&catalog.ids(), &catalog.digests()).await {
                tracing::warn!(%error, "what is not offered any more could not be forgotten");
            }
            Arc::new(catalog)
        } else {
            Arc::clone(&before.catalog)
        };
        let state = State { catalog, approvals: Arc::new(approvals), timestamp, views: Mutex::default() };
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
        tracing::info!("what is published and decided was taken up");
        Ok(())
    }

    fn state(&self) -> Arc<State> {
        // Only a whole state is ever put there.
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn remembers(&self, machine: Uuid) -> bool {
        self.registered.read().unwrap_or_else(PoisonError::into_inner).contains(&machine)
    }

    /// Remembers a registered machine: 16 bytes each, and there are at most as many as may register.
    fn remember(&self, machine: Uuid) {
        self.registered.write().unwrap_or_else(PoisonError::into_inner).insert(machine);
    }

    /// Whether another machine may register now: so many in one turn, and so many in all.
    async fn may_register(&self) -> std::result::Result<bool, Fault> {
        let take = |left: u32| left.checked_sub(1);
        if self.registrations.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
            return Ok(false);
        }
        let count = self.fleet.count().await.map_err(|error| {
            tracing::error!(%error, "machines could not be counted");
            Fault::new(ErrorCode::InternalServerError, "")
        })?;
        if count >= i64::from(self.options.machines) {
            tracing::warn!(count, "no more machines may register");
            return Ok(false);
        }
        Ok(true)
    }

    async fn call(&self, head: &Parts, body: Incoming) -> Response<Bytes> {
        if head.method != Method::POST {
            let mut response = status(StatusCode::METHOD_NOT_ALLOWED);
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
            return response;
        }
        let collected = tokio::time::timeout(BODY_TIME, Limited::new(body, Limits::REQUEST.bytes).collect());
        let document = match collected.await {
            Ok(Ok(collected)) => collected.to_bytes(),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                return status(StatusCode::PAYLOAD_TOO_LARGE);
            }
            Ok(Err(_)) => return status(StatusCode::BAD_REQUEST),
            Err(_) => return status(StatusCode::REQUEST_TIMEOUT),
        };
        let answered = match soap::operation(&document, &Limits::REQUEST) {
            Ok(operation) => self.perform(&operation, &document).await,
            Err(error) => Err(Fault::new(ErrorCode::InvalidParameters, error.to_string())),
        };
        match answered {
            Ok(document) => self::document(StatusCode::OK, document),
            Err(fault) => {
                tracing::debug!(%fault, "a call is refused");
                let method = head.headers.get("soapaction").and_then(|action| action.to_str().ok());
                let fault = Fault { method: method.map(str::to_owned), ..fault };
                self::document(StatusCode::INTERNAL_SERVER_ERROR, soap::fault(&fault))
            }
        }
    }

    fn content(&self, method: &Method, path: &str) -> Reply {
        match self.state().catalog.content(path) {
            Some(Content::Object(object)) => Reply::File(format!("/{object}")),
            Some(Content::Bytes(bytes)) if matches!(*method, Method::GET | Method::HEAD) => {
                let mut response = Response::new(bytes.clone());
                let headers = response.headers_mut();
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-transform"));
                Reply::Response(response)
            }
            Some(Content::Bytes(_)) => Reply::Response(status(StatusCode::METHOD_NOT_ALLOWED)),
            None => Reply::Response(status(StatusCode::NOT_FOUND)),
        }
    }
}

#[async_trait::async_trait]
impl Beside for UpdateService {
    async fn answer(&self, _: SocketAddr, head: &Parts, body: Incoming) -> Reply {
        let path = head.uri.path().trim_start_matches('/');
        if Service::at(path).is_some() {
            return Reply::Response(self.call(head, body).await);
        }
        match path.split_once('/') {
            Some((folder, file)) if folder.eq_ignore_ascii_case("Content") => {
                self.content(&head.method, file)
            }
            _ => Reply::Folder,
        }
    }
}

fn status(code: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = code;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn document(code: StatusCode, document: String) -> Response<Bytes> {
    let mut response = Response::new(document.into());
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=0"));
    response
}
