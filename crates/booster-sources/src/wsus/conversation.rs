//! The conversation with a server: cookies, registration, and what is done about faults.
//!
//! Everything that a fault makes necessary is done in one place, [`Conversation::call`], and so often at
//! most: two faults that take turns end in an error, not in a loop.

mod files;
mod handshake;

use super::{
    WsusOptions,
    exchange::{Exchange, Failure},
    machine,
    reaction::{self, Reaction},
    state::ServerState,
};
use crate::SourceError;
use booster_wsus::{
    Call, Fault, Uuid,
    message::{Computer, Cookie, SyncParameters, SyncResult, SyncUpdates},
};
use std::time::Duration;
use url::Url;

/// The longest pause before a call is repeated.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often one conversation may be put right.
const RECOVERIES: u32 = 4;
/// How often one conversation may get another authorization because the one that it has is refused.
const AUTHORIZATIONS: u32 = 1;

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
    /// Whether the server does not take the cookie any more. It is then good for one thing only: to be
    /// shown as the one that the next takes the place of.
    cookie_is_over: bool,
    /// Whether the addresses of files that are known are not those of the server any more.
    addresses_are_void: bool,
    recoveries: u32,
    authorizations: u32,
    waits: u32,
    /// Bytes of answers that may still come.
    bytes: u64,
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
            cookie_is_over: false,
            addresses_are_void: false,
            recoveries: RECOVERIES,
            authorizations: AUTHORIZATIONS,
            waits: options.retries,
            bytes: options.conversation_bytes,
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

    fn keep_cookie(&mut self, cookie: Option<Cookie>) {
        if let Some(cookie) = cookie {
            self.state.cookie = Some(cookie.into());
            self.cookie_is_new = true;
            self.cookie_is_over = false;
        }
    }

    /// Calls an operation that shows a cookie, and does what faults make necessary.
    pub(super) async fn call<C: Call>(
        &mut self,
        request: impl Fn(Cookie) -> C,
    ) -> Result<C::Answer, Interrupted> {
        loop {
            let cookie = self.cookie().await?;
            match self.ask(&self.exchange.service(C::SERVICE), &request(cookie)).await {
                Ok(answer) => return Ok(answer),
                Err(Failure::Source(error)) => return Err(error.into()),
                Err(Failure::Fault(fault)) => self.recover(C::OPERATION, &fault).await?,
            }
        }
    }

    /// Asks once, within what is left of the bytes of this conversation.
    async fn ask<C: Call>(&mut self, url: &Url, call: &C) -> Result<C::Answer, Failure> {
        let (answer, bytes) = self.exchange.call(url, call, self.bytes).await;
        self.bytes = self.bytes.saturating_sub(bytes);
        answer.map_err(|failure| match failure {
            // A limit below that on one answer can only be the one on them all.
            Failure::Source(SourceError::TooLarge { location, limit }) if limit < Exchange::ANSWER_BYTES => {
                let limit = self.options.conversation_bytes;
                Failure::Source(SourceError::ConversationTooLarge { location, limit })
            }
            other => other,
        })
    }

    /// Does what a fault makes necessary, so that the call can be repeated.
    async fn recover(&mut self, call: &'static str, fault: &Fault) -> Result<(), Interrupted> {
        let reaction = reaction::to(fault);
        tracing::info!(call, %fault, ?reaction, "the server refuses a call");
        if reaction == Reaction::Wait {
            return self.wait(call, fault).await;
        }
        let authorize = reaction == Reaction::Authorize;
        if reaction == Reaction::GiveUp || self.recoveries == 0 || (authorize && self.authorizations == 0) {
            return Err(self.exchange.refused(call, fault).into());
        }
        self.recoveries -= 1;
        match reaction {
            Reaction::StartOver => {
                self.state.forget();
                return Err(Interrupted::Restart);
            }
            Reaction::Reconfigure => self.state.config = None,
            Reaction::RenewCookie => self.cookie_is_over = true,
            Reaction::Authorize => {
                self.authorizations -= 1;
                self.cookie_is_over = true;
            }
            Reaction::Register => {
                self.state.registered = None;
                if let Some(cookie) = self.state.cookie.clone() {
                    self.register(cookie.into()).await?;
                }
            }
            // They are asked for once it is known which are wanted.
            Reaction::Locate => self.addresses_are_void = true,
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
}
