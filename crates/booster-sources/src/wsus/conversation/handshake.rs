//! The handshake: configuration, authorization, the cookie that every other call shows, and registration.

use super::{Conversation, Interrupted};
use crate::{
    SourceError,
    wsus::{
        exchange::Failure,
        reaction::{self, Reaction},
        state::KeptConfig,
    },
};
use booster_wsus::{
    Call, ErrorCode, Fault, Service,
    message::{
        AuthorizationCookie, Computer, Cookie, GetAuthorizationCookie, GetConfig, GetCookie,
        RegisterComputer, ServerConfig,
    },
};
use jiff::{SignedDuration, Timestamp};

/// What is spoken here.
const PROTOCOL_VERSION: &str = "1.8";
/// Plug-in and cookie of a server that has no service for it.
const ANONYMOUS: &str = "Anonymous";
const SIMPLE_TARGETING: &str = "SimpleTargeting";
/// A cookie that is good for less than this is renewed first.
const NEARLY_OVER: SignedDuration = SignedDuration::from_secs(60);
/// How many revisions are asked about at once where a server does not say.
pub(super) const REVISIONS_AT_ONCE: usize = 20;

impl Conversation<'_> {
    /// The cookie to show: the kept one, while it is good and nothing speaks against it.
    pub(super) async fn cookie(&mut self) -> Result<Cookie, Interrupted> {
        let kept = self.state.cookie.clone().map(Cookie::from).filter(|_| self.state.config.is_some());
        let is_good = |cookie: &Cookie| {
            let left = cookie.expires().map(|until| until.duration_since(Timestamp::now()));
            !self.cookie_is_over && (self.cookie_is_new || left.is_some_and(|left| left > NEARLY_OVER))
        };
        match kept.clone().filter(is_good) {
            Some(cookie) => Ok(cookie),
            None => self.handshake(kept).await,
        }
    }

    /// Gets a cookie, after everything that has to come before it.
    async fn handshake(&mut self, mut old_cookie: Option<Cookie>) -> Result<Cookie, Interrupted> {
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
            match self.ask(&self.exchange.service(Service::Client), &request).await {
                Ok(cookie) => {
                    self.keep_cookie(Some(cookie.clone()));
                    let registered = self.state.registered.as_ref() == Some(&fingerprint(&self.computer));
                    if config.is_registration_required && !registered {
                        self.register(cookie.clone()).await?;
                    }
                    return Ok(cookie);
                }
                Err(Failure::Source(error)) => return Err(error.into()),
                Err(Failure::Fault(fault)) => {
                    self.recover(GetCookie::OPERATION, &fault).await?;
                    // A server that minds how old the old one is gets none.
                    old_cookie.take_if(|_| fault.code == Some(ErrorCode::CookieExpired));
                }
            }
        }
    }

    async fn configure(&mut self) -> Result<KeptConfig, Interrupted> {
        let request = GetConfig { protocol_version: PROTOCOL_VERSION.to_owned() };
        let config = loop {
            match self.ask(&self.exchange.service(Service::Client), &request).await {
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
            match self.ask(&url, &request).await {
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

    pub(super) async fn register(&mut self, cookie: Cookie) -> Result<(), Interrupted> {
        let request = RegisterComputer { cookie, computer: self.computer.clone() };
        loop {
            match self.ask(&self.exchange.service(Service::Client), &request).await {
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

/// Whether there is no such service: it is not there, fails at everything, or nobody answers. One that wants
/// something else of who asks, such as to sign in, is there.
fn has_no_service(error: &SourceError) -> bool {
    matches!(
        error,
        SourceError::Status { status: 404 | 500, .. }
            | SourceError::ConnectionLost { .. }
            | SourceError::TooShort { .. }
            | SourceError::NoAnswer { .. }
    )
}

/// What a machine is, in one line: where it changes, the machine registers anew.
fn fingerprint(computer: &Computer) -> String {
    let Computer { dns_name, os_description, architecture, client_version, .. } = computer;
    format!("{dns_name} {os_description} {architecture} {client_version:?}")
}
