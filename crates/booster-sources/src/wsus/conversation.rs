//! The conversation with a server: cookies, registration, and what is done about faults.
//!
//! Everything that a fault makes necessary is done in one place, [`Conversation::call`], and so often at
//! most: two faults that take turns end in an error, not in a loop.

use super::{
    FRAGMENT, WsusOptions,
    exchange::{Exchange, Failure},
    machine,
    reaction::{self, Reaction},
    scan::Wanted,
    state::{KeptConfig, KeptFile, KeptRevision, ServerState},
};
use crate::SourceError;
use booster_wsus::{
    Call, ErrorCode, Fault, Service, Sha1, Uuid,
    fragment::Extended,
    message::{
        AuthorizationCookie, Computer, Cookie, ExtendedInfo, FileLocation, GetAuthorizationCookie, GetConfig,
        GetCookie, GetExtendedUpdateInfo, GetFileLocations, RegisterComputer, ServerConfig, SyncParameters,
        SyncResult, SyncUpdates,
    },
};
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

/// What is spoken here.
const PROTOCOL_VERSION: &str = "1.8";
/// Plug-in and cookie of a server that has no service for it.
const ANONYMOUS: &str = "Anonymous";
const SIMPLE_TARGETING: &str = "SimpleTargeting";
/// A cookie that is good for less than this is renewed first.
const NEARLY_OVER: SignedDuration = SignedDuration::from_secs(60);
/// The longest pause before a call is repeated.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often one conversation may be put right.
const RECOVERIES: u32 = 4;
/// How many revisions are asked about at once where a server does not say.
const REVISIONS_AT_ONCE: usize = 20;
/// How many addresses are asked for at once.
const DIGESTS_AT_ONCE: usize = 100;

/// Why a conversation has stopped.
#[derive(Debug)]
pub(super) enum Interrupted {
    /// The server's ids are void: the scan has to begin anew.
    Restart,
    /// It cannot be gone on with.
    Failed(SourceError),
}

impl From<SourceError> for Interrupted {
    fn from(error: SourceError) -> Self {
        Self::Failed(error)
    }
}

/// A conversation with a server.
#[derive(Debug)]
pub(super) struct Conversation<'a> {
    exchange: &'a Exchange,
    options: &'a WsusOptions,
    client_id: Uuid,
    computer: Computer,
    state: ServerState,
    /// Whether the cookie was given in this conversation: it is then shown whatever its date says, since a
    /// clock that is far off makes every cookie look expired.
    cookie_is_new: bool,
    recoveries: u32,
    waits: u32,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(
        exchange: &'a Exchange,
        options: &'a WsusOptions,
        client_id: Uuid,
        state: ServerState,
    ) -> Self {
        let computer = machine::computer();
        Self {
            exchange,
            options,
            client_id,
            computer,
            state,
            cookie_is_new: false,
            recoveries: RECOVERIES,
            waits: options.retries,
        }
    }

    pub(super) const fn exchange(&self) -> &'a Exchange {
        self.exchange
    }

    pub(super) const fn client_id(&self) -> Uuid {
        self.client_id
    }

    pub(super) const fn state(&self) -> &ServerState {
        &self.state
    }

    pub(super) const fn state_mut(&mut self) -> &mut ServerState {
        &mut self.state
    }

    /// One round of the scan.
    pub(super) async fn sync(&mut self, parameters: SyncParameters) -> Result<SyncResult, Interrupted> {
        let request = |cookie| SyncUpdates { cookie, parameters: parameters.clone() };
        let mut result = self.call(request).await?;
        self.keep_cookie(result.new_cookie.take());
        Ok(result)
    }

    /// Learns what revisions hold that are not known yet, and forgets all others.
    pub(super) async fn learn(&mut self, wanted: &[Wanted]) -> Result<(), Interrupted> {
        let is_wanted = |id: &i32, kept: &mut KeptRevision| {
            wanted.iter().any(|one| one.id == *id && kept.is(one.identity))
        };
        self.state.revisions.retain(is_wanted);
        let unknown: Vec<_> =
            wanted.iter().filter(|one| !self.state.revisions.contains_key(&one.id)).copied().collect();
        // The specification has this many "below" the limit.
        let config = self.state.config.as_ref();
        let limit = config.map_or(REVISIONS_AT_ONCE, |config| config.revisions_at_once);
        for some in unknown.chunks(limit.saturating_sub(1).max(1)) {
            let revisions: Vec<i32> = some.iter().map(|one| one.id).collect();
            let request = |cookie| GetExtendedUpdateInfo {
                cookie,
                revisions: revisions.clone(),
                fragments: vec!["Extended".to_owned()],
                locales: vec!["en".to_owned()],
            };
            let info = self.call(request).await?;
            self.keep(some, info).await?;
        }
        Ok(())
    }

    async fn keep(&mut self, asked: &[Wanted], info: ExtendedInfo) -> Result<(), Interrupted> {
        let mut files = BTreeMap::new();
        for fragment in &info.updates {
            let extended = Extended::read(&fragment.xml, &FRAGMENT);
            let extended = extended.map_err(|error| self.exchange.garbled("GetExtendedUpdateInfo", error))?;
            if let Some(extended) = extended {
                files.insert(fragment.id, extended.files);
            }
        }
        let mut urls = urls(info.locations);
        let usable = files.values().flatten().filter(|file| !file.is_patch && file.sha256.is_some());
        let missing: Vec<Sha1> =
            usable.map(|file| file.sha1).filter(|digest| !urls.contains_key(digest)).collect();
        urls.extend(self.locate_all(&missing).await?);
        for one in asked {
            let of_this = files.remove(&one.id).unwrap_or_default();
            let kept = of_this.into_iter().filter(|file| !file.is_patch).filter_map(|file| {
                let url = urls.get(&file.sha1)?.clone();
                Some(KeptFile::new(file.name, file.size, file.sha1, file.sha256?, url))
            });
            self.state.revisions.insert(one.id, KeptRevision::new(one.identity, kept.collect()));
        }
        Ok(())
    }

    /// Where a file is now; what is known of it is corrected.
    pub(super) async fn locate(&mut self, digest: Sha1) -> Result<Option<String>, Interrupted> {
        let url = self.locate_all(&[digest]).await?.remove(&digest);
        if let Some(url) = &url {
            let files = self.state.revisions.values_mut().flat_map(|revision| &mut revision.files);
            files.filter(|file| file.sha1() == digest).for_each(|file| file.url.clone_from(url));
        }
        Ok(url)
    }

    async fn locate_all(&mut self, digests: &[Sha1]) -> Result<HashMap<Sha1, String>, Interrupted> {
        let mut found = HashMap::new();
        for some in digests.chunks(DIGESTS_AT_ONCE) {
            let request = |cookie| GetFileLocations { cookie, digests: some.to_vec() };
            let answer = self.call(request).await?;
            self.keep_cookie(answer.new_cookie);
            found.extend(urls(answer.locations));
        }
        Ok(found)
    }

    fn keep_cookie(&mut self, cookie: Option<Cookie>) {
        if let Some(cookie) = cookie {
            self.state.cookie = Some(cookie.into());
            self.cookie_is_new = true;
        }
    }

    /// Calls an operation that shows a cookie, and does what faults make necessary.
    pub(super) async fn call<C: Call>(
        &mut self,
        request: impl Fn(Cookie) -> C,
    ) -> Result<C::Answer, Interrupted> {
        loop {
            let cookie = self.cookie().await?;
            match self.exchange.call(&self.exchange.service(C::SERVICE), &request(cookie)).await {
                Ok(answer) => return Ok(answer),
                Err(Failure::Source(error)) => return Err(error.into()),
                Err(Failure::Fault(fault)) => self.recover(C::OPERATION, &fault).await?,
            }
        }
    }

    /// Does what a fault makes necessary, so that the call can be repeated.
    async fn recover(&mut self, call: &'static str, fault: &Fault) -> Result<(), Interrupted> {
        let reaction = reaction::to(fault);
        tracing::info!(call, %fault, ?reaction, "the server refuses a call");
        if reaction == Reaction::Wait {
            return self.wait(call, fault).await;
        }
        if reaction == Reaction::GiveUp || self.recoveries == 0 {
            return Err(self.exchange.refused(call, fault).into());
        }
        self.recoveries -= 1;
        match reaction {
            Reaction::StartOver => {
                self.state.forget();
                return Err(Interrupted::Restart);
            }
            Reaction::Reconfigure => self.state.config = None,
            Reaction::RenewCookie => self.state.cookie = None,
            Reaction::Register => {
                self.state.registered = None;
                if let Some(cookie) = self.state.cookie.clone() {
                    self.register(cookie.into()).await?;
                }
            }
            Reaction::Wait | Reaction::GiveUp => {}
        }
        Ok(())
    }

    /// Waits before a call is repeated. The pause doubles, and is a little different on each machine.
    async fn wait(&mut self, call: &'static str, fault: &Fault) -> Result<(), Interrupted> {
        if self.waits == 0 {
            return Err(self.exchange.refused(call, fault).into());
        }
        let done = self.options.retries.saturating_sub(self.waits).min(10);
        self.waits -= 1;
        let share = f64::from(self.client_id.as_bytes()[0]) / 255.0;
        let pause = self.options.retry_pause.saturating_mul(1 << done).min(LONGEST_PAUSE);
        tokio::time::sleep(pause.mul_f64(0.75 + share / 2.0)).await;
        Ok(())
    }

    /// The cookie to show: the kept one, while it is good and nothing speaks against it.
    async fn cookie(&mut self) -> Result<Cookie, Interrupted> {
        let kept = self.state.cookie.clone().map(Cookie::from).filter(|_| self.state.config.is_some());
        let is_good = |cookie: &Cookie| {
            let left = cookie.expires().map(|until| until.duration_since(Timestamp::now()));
            self.cookie_is_new || left.is_some_and(|left| left > NEARLY_OVER)
        };
        match kept.clone().filter(is_good) {
            Some(cookie) => Ok(cookie),
            None => self.handshake(kept).await,
        }
    }

    /// Gets a cookie, after everything that has to come before it.
    async fn handshake(&mut self, old_cookie: Option<Cookie>) -> Result<Cookie, Interrupted> {
        loop {
            let config = match self.state.config.clone() {
                Some(config) => config,
                None => self.configure().await?,
            };
            let authorization = self.authorize(&config).await?;
            let request = GetCookie {
                authorization: vec![authorization],
                old_cookie: old_cookie.clone(),
                last_change: config.last_change.clone(),
                current_time: Timestamp::now(),
                protocol_version: PROTOCOL_VERSION.to_owned(),
            };
            match self.exchange.call(&self.exchange.service(Service::Client), &request).await {
                Ok(cookie) => {
                    self.keep_cookie(Some(cookie.clone()));
                    let registered = self.state.registered.as_ref() == Some(&fingerprint(&self.computer));
                    if config.is_registration_required && !registered {
                        self.register(cookie.clone()).await?;
                    }
                    return Ok(cookie);
                }
                Err(Failure::Source(error)) => return Err(error.into()),
                Err(Failure::Fault(fault)) => self.recover(GetCookie::OPERATION, &fault).await?,
            }
        }
    }

    async fn configure(&mut self) -> Result<KeptConfig, Interrupted> {
        let request = GetConfig { protocol_version: PROTOCOL_VERSION.to_owned() };
        let config = loop {
            match self.exchange.call(&self.exchange.service(Service::Client), &request).await {
                Ok(config) => break kept(config),
                Err(Failure::Source(error)) => return Err(error.into()),
                Err(Failure::Fault(fault)) => self.recover(GetConfig::OPERATION, &fault).await?,
            }
        };
        self.state.config = Some(config.clone());
        Ok(config)
    }

    /// Says who this machine is. A server whose plug-in has no service gets an empty cookie.
    async fn authorize(&mut self, config: &KeptConfig) -> Result<AuthorizationCookie, Interrupted> {
        let url = match config.service_url.as_str() {
            "" => self.exchange.service(Service::SimpleAuth),
            named => self.exchange.named_service(named)?,
        };
        let request = GetAuthorizationCookie {
            client_id: self.client_id.to_string(),
            target_group: self.options.target_group.clone(),
            dns_name: self.computer.dns_name.clone(),
        };
        let may_be_anonymous = config.plug_in != SIMPLE_TARGETING && config.service_url.is_empty();
        loop {
            match self.exchange.call(&url, &request).await {
                Ok(cookie) => return Ok(cookie),
                Err(Failure::Source(error)) if may_be_anonymous && has_no_service(&error) => {
                    return Ok(AuthorizationCookie { plug_in: ANONYMOUS.to_owned(), data: Vec::new() });
                }
                Err(Failure::Fault(fault)) if may_be_anonymous && fault.code.is_none() => {
                    return Ok(AuthorizationCookie { plug_in: ANONYMOUS.to_owned(), data: Vec::new() });
                }
                Err(Failure::Source(error)) => return Err(error.into()),
                Err(Failure::Fault(fault)) => {
                    self.recover(GetAuthorizationCookie::OPERATION, &fault).await?;
                }
            }
        }
    }

    async fn register(&mut self, cookie: Cookie) -> Result<(), Interrupted> {
        let request = RegisterComputer { cookie, computer: self.computer.clone() };
        loop {
            match self.exchange.call(&self.exchange.service(Service::Client), &request).await {
                Ok(_) => break,
                Err(Failure::Fault(Fault { code: Some(ErrorCode::RegistrationNotRequired), .. })) => break,
                Err(Failure::Source(error)) => return Err(error.into()),
                Err(Failure::Fault(fault)) => {
                    // Any other cookie than this one needs a handshake, which registers by itself.
                    if reaction::to(&fault) != Reaction::Wait {
                        self.state.cookie = None;
                        return Err(self.exchange.refused(RegisterComputer::OPERATION, &fault).into());
                    }
                    self.wait(RegisterComputer::OPERATION, &fault).await?;
                }
            }
        }
        self.state.registered = Some(fingerprint(&self.computer));
        Ok(())
    }
}

/// What of a configuration is kept.
fn kept(config: ServerConfig) -> KeptConfig {
    let at_once = config.property("MaxExtendedUpdatesPerRequest").and_then(|limit| limit.trim().parse().ok());
    let plug_in = config.plug_ins.iter().find(|plug_in| plug_in.id == SIMPLE_TARGETING);
    let plug_in = plug_in.or_else(|| config.plug_ins.first()).cloned().unwrap_or_default();
    KeptConfig {
        last_change: config.last_change,
        is_registration_required: config.is_registration_required,
        plug_in: plug_in.id,
        service_url: plug_in.service_url,
        revisions_at_once: at_once.unwrap_or(REVISIONS_AT_ONCE),
    }
}

/// Whether there is no such service, as opposed to one that fails.
fn has_no_service(error: &SourceError) -> bool {
    matches!(
        error,
        SourceError::Status { .. }
            | SourceError::ConnectionLost { .. }
            | SourceError::TooShort { .. }
            | SourceError::Protocol { .. }
            | SourceError::WebPage { .. }
    )
}

/// What a machine is, in one line: where it changes, the machine registers anew.
fn fingerprint(computer: &Computer) -> String {
    let Computer { dns_name, os_description, architecture, client_version, .. } = computer;
    format!("{dns_name} {os_description} {architecture} {client_version:?}")
}

fn urls(locations: Vec<FileLocation>) -> HashMap<Sha1, String> {
    locations.into_iter().map(|location| (location.digest, location.url)).collect()
}
