//! The server: a repository over the Windows Update client-server protocol.
//!
//! [`UpdateService`] answers beside the plain files of a [`booster_publish::serve::Server`].
//! [`UpdateService::maintain`] runs next to it: it takes up what was published and decided since, and
//! writes down what machines have said.

mod admission;
mod agreed;
mod catalog;
mod cookie;
mod digests;
mod ledger;
mod operations;
mod taking;

use crate::{FleetError, Result, Rule, fleet::Fleet};
use admission::Admission;
use agreed::Agreed;
use booster_publish::{
    Repository,
    serve::{Beside, Reply},
};
use booster_wsus::{ErrorCode, Fault, Limits, Service, soap};
use bytes::Bytes;
use catalog::Content;
use cookie::Sealer;
use http_body_util::{BodyExt as _, Limited};
use hyper::{
    Method, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderValue},
    http::request::Parts,
};
use jiff::{SignedDuration, Timestamp};
use ledger::Ledger;
use std::{
    collections::HashSet,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock, atomic::AtomicI32},
    time::Duration,
};
use taking::{State, Taking};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long a request's body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);
/// How often it is looked for machines that have long been silent.
const SILENCE_TURN: SignedDuration = SignedDuration::from_hours(1);

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
    /// New machines that may register from one address, or one network of IPv6, in an hour.
    pub registrations_per_address: u32,
    /// Machines that have not asked for so long are forgotten; none where it is zero.
    pub forget_after: Duration,
    /// Proxies in front, which say in `X-Forwarded-For` who asks.
    pub proxies: Vec<IpAddr>,
    /// Revisions that a machine may ask about at once.
    pub revisions: usize,
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
            registrations_per_address: 1000,
            forget_after: Duration::from_secs(90 * 24 * 3600),
            proxies: Vec::new(),
            revisions: 50,
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
    agreed: RwLock<Arc<Agreed>>,
    state: RwLock<Arc<State>>,
    taking: tokio::sync::Mutex<Taking>,
    /// The highest revision id that the database was last found to have.
    highest: AtomicI32,
    registered: RwLock<HashSet<Uuid>>,
    admission: Mutex<Admission>,
    ledger: Ledger,
}

impl std::fmt::Debug for UpdateService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpdateService").field("folder", &self.folder).finish_non_exhaustive()
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
        let now = Timestamp::now();
        let agreed = Agreed::of(database, options.revisions, now).await?;
        let service = Self {
            repository,
            folder: folder.into(),
            options,
            sealer,
            agreed: RwLock::new(Arc::new(agreed)),
            state: RwLock::default(),
            taking: tokio::sync::Mutex::default(),
            highest: AtomicI32::new(0),
            admission: Mutex::new(Admission::new(now)),
            registered: RwLock::default(),
            ledger: Ledger::default(),
            fleet,
        };
        service.take_up().await?;
        Ok(service)
    }

    /// Keeps the server current until `cancel`, and writes down what machines have said, a last time then.
    pub async fn maintain(&self, cancel: CancellationToken) {
        let mut forgotten = Timestamp::MIN;
        while cancel.run_until_cancelled(tokio::time::sleep(self.options.turn)).await.is_some() {
            let now = Timestamp::now();
            self.admission().turn(now);
            if let Err(error) = self.take_up().await {
                tracing::error!(%error, "what is published or decided could not be taken up; what was goes on");
            }
            self.write_down(now).await;
            if now.duration_since(forgotten) >= SILENCE_TURN {
                self.forget_silent(now).await;
                forgotten = now;
            }
        }
        // What would have its time later as well.
        self.write_down(Timestamp::MAX).await;
    }

    async fn write_down(&self, now: Timestamp) {
        match self.ledger.write(&self.fleet, now).await {
            // Somebody has forgotten them: they have to register again.
            Ok(unknown) if !unknown.is_empty() => {
                let mut registered = self.registered.write().unwrap_or_else(PoisonError::into_inner);
                unknown.iter().for_each(|machine| _ = registered.remove(machine));
            }
            Ok(_) => {}
            Err(error) => {
                tracing::error!(%error, "what machines have said could not be written down, and is kept");
            }
        }
    }

    async fn forget_silent(&self, now: Timestamp) {
        let silence = SignedDuration::try_from(self.options.forget_after).unwrap_or(SignedDuration::MAX);
        let Some(since) = now.checked_sub(silence).ok().filter(|_| !silence.is_zero()) else { return };
        match self.fleet.forget_silent(since).await {
            Ok(0) => {}
            Ok(machines) => tracing::info!(machines, "machines that have long been silent were forgotten"),
            Err(error) => {
                tracing::error!(%error, "machines that have long been silent could not be forgotten")
            }
        }
    }

    fn admission(&self) -> std::sync::MutexGuard<'_, Admission> {
        // Counts are changed in one step.
        self.admission.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remembers(&self, machine: Uuid) -> bool {
        self.registered.read().unwrap_or_else(PoisonError::into_inner).contains(&machine)
    }

    /// Remembers a registered machine: 16 bytes each, and there are at most as many as may register.
    fn remember(&self, machine: Uuid) {
        self.registered.write().unwrap_or_else(PoisonError::into_inner).insert(machine);
    }

    /// Whether another machine may register now: so many in one turn, so many from one address, and so many in
    /// all.
    async fn may_register(&self, address: IpAddr) -> std::result::Result<bool, Fault> {
        let UpdateServiceOptions { registrations, registrations_per_address, machines, .. } = self.options;
        if !self.admission().admit(address, registrations, registrations_per_address) {
            tracing::debug!(%address, "too many machines register");
            return Ok(false);
        }
        let count = self.fleet.count().await.map_err(|error| {
            tracing::error!(%error, "machines could not be counted");
            Fault::new(ErrorCode::InternalServerError, "")
        })?;
        if count >= i64::from(machines) {
            tracing::warn!(count, "no more machines may register");
            return Ok(false);
        }
        Ok(true)
    }

    /// Who asks: the peer, or whom a proxy of ours names. Of what stands there only the last is the proxy's word.
    fn address(&self, peer: SocketAddr, head: &Parts) -> IpAddr {
        let peer = peer.ip().to_canonical();
        let named = head.headers.get_all("x-forwarded-for").iter().next_back();
        let named = named.and_then(|named| named.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
        named.filter(|_| self.options.proxies.contains(&peer)).unwrap_or(peer)
    }

    async fn call(&self, address: IpAddr, head: &Parts, body: Incoming) -> Response<Bytes> {
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
            Ok(operation) => self.perform(address, &operation, &document).await,
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

    async fn content(&self, path: &str) -> Reply {
        // Another server may just have told a machine of it.
        let state = self.state_with(|catalog| catalog.content(path).is_some()).await;
        match state.catalog.content(path).cloned() {
            Some(Content::Object(object)) => Reply::File(format!("/{object}")),
            Some(Content::Bytes { name, bytes, sha256 }) => {
                Reply::Held { path: format!("/metadata/{name}"), bytes, sha256 }
            }
            None => Reply::Response(status(StatusCode::NOT_FOUND)),
        }
    }
}

#[async_trait::async_trait]
impl Beside for UpdateService {
    async fn answer(&self, peer: SocketAddr, head: &Parts, body: Incoming) -> Reply {
        let path = head.uri.path().trim_start_matches('/');
        if Service::at(path).is_some() {
            return Reply::Response(self.call(self.address(peer, head), head, body).await);
        }
        match path.split_once('/') {
            Some((folder, file)) if folder.eq_ignore_ascii_case("Content") => self.content(file).await,
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
