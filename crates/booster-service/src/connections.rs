//! Connections of callers: accepted within limits, served, and logged where they misbehave.

use crate::caller::{Administrators, Caller};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::body::Body;
use tower::{ServiceExt as _, util::BoxCloneSyncService};

/// How many calls one connection may have open. Not fewer than clients begin with before they are told: a call
/// beyond the limit is refused then, instead of waiting.
const CALLS: u32 = 128;
/// How long a caller may take to say its first word.
const FIRST_WORD: Duration = Duration::from_secs(10);
/// How often a silent connection is asked whether somebody is there, and how long the answer may take.
const ARE_YOU_THERE: Duration = Duration::from_secs(60);
const ANSWER: Duration = Duration::from_secs(20);
/// How long connections may take to end when the service does.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long to wait where the system has no connection to give, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);
/// Bytes of headers that a call may have.
const HEADERS: u32 = 16 << 10;
/// Bytes that wait for one slow reader, and that one writer may send ahead.
const WINDOW: u32 = 64 << 10;

/// What answers requests.
pub(crate) type Answers = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, Infallible>;

/// How many callers are served at once.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Connections of all callers.
    pub connections: usize,
    /// Who is not held to a share of them.
    pub administrators: Administrators,
}

/// Who is connected.
#[derive(Debug, Default)]
pub(crate) struct Connected(Mutex<HashMap<u32, usize>>);

/// One connection's place.
struct Place {
    connected: Arc<Connected>,
    uid: u32,
}

impl Connected {
    /// How many connections there are.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }

    /// A place for a caller, if there is one: a quarter of all for any single user, all for administrators.
    fn take(self: &Arc<Self>, caller: &Caller, limits: &Limits) -> Option<Place> {
        let mut connected = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = connected.values().sum();
        let own = connected.entry(caller.uid).or_default();
        let share = limits.connections.div_ceil(4);
        if all >= limits.connections || (*own >= share && !limits.administrators.include(caller)) {
            return None;
        }
        *own += 1;
        Some(Place { connected: Arc::clone(self), uid: caller.uid })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut connected = self.connected.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = connected.get_mut(&self.uid) {
            *own -= 1;
        }
        connected.retain(|_, own| *own > 0);
    }
}

/// Serves callers until the end; then their calls get a moment to end.
pub(crate) async fn serve(
    listener: UnixListener,
    answers: Answers,
    limits: impl Fn() -> Limits,
    connected: &Arc<Connected>,
    end: &CancellationToken,
) {
    let tasks = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = end.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a caller cannot be accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let caller = match stream.peer_cred() {
            Ok(peer) => Caller { uid: peer.uid(), gid: peer.gid(), pid: peer.pid() },
            Err(error) => {
                tracing::warn!(%error, "the system does not say who calls");
                continue;
            }
        };
        match connected.take(&caller, &limits()) {
            Some(place) => {
                tasks.spawn(serve_one(stream, caller, answers.clone(), place, end.clone()));
            }
            None => tracing::warn!(%caller, pid = caller.pid, "refused: too many connections"),
        }
    }
    tasks.close();
    if tokio::time::timeout(LAST_WORDS, tasks.wait()).await.is_err() {
        tracing::info!("some callers are left in the middle of a call");
    }
}

async fn serve_one(
    stream: UnixStream,
    caller: Caller,
    answers: Answers,
    place: Place,
    end: CancellationToken,
) {
    let _place = place;
    if !matches!(tokio::time::timeout(FIRST_WORD, stream.readable()).await, Ok(Ok(()))) {
        tracing::warn!(%caller, pid = caller.pid, "refused: the caller says nothing");
        return;
    }
    let answers = answers.map_request(move |mut request: http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(caller);
        request.map(Body::new)
    });
    let answers = answers.map_response(move |response| logged(response, &caller));
    let mut http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new())
        .max_concurrent_streams(CALLS)
        .max_header_list_size(HEADERS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(4 * WINDOW)
        .max_send_buf_size(WINDOW as usize)
        .keep_alive_interval(ARE_YOU_THERE)
        .keep_alive_timeout(ANSWER);
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(answers));
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = end.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        let reason = booster_update::words(&error);
        // A caller who leaves in the middle is none who misbehaves.
        if is_gone(&error) {
            tracing::debug!(%caller, pid = caller.pid, error = reason, "a caller has left");
        } else {
            tracing::warn!(%caller, pid = caller.pid, error = reason, "a caller broke the protocol");
        }
    }
}

/// Whether the other side has just gone away.
fn is_gone(error: &hyper::Error) -> bool {
    use std::{error::Error as _, io::ErrorKind as K};
    let io = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    error.is_closed()
        || io.is_some_and(|io| matches!(io.kind(), K::BrokenPipe | K::ConnectionReset | K::NotConnected))
}

/// Logs what was refused before it came to a call, such as a message that is too large.
fn logged(response: http::Response<Body>, caller: &Caller) -> http::Response<Body> {
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let refused = |status: &&str| !matches!(*status, "0" | "5" | "7" | "9");
    if let Some(status) = header("grpc-status").filter(refused) {
        let message = header("grpc-message").unwrap_or_default();
        tracing::warn!(%caller, pid = caller.pid, status, message, "a call is refused");
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_user_but_an_administrator_gets_more_than_a_quarter_of_the_places() {
        let limits = Limits { connections: 8, administrators: Administrators::default() };
        let connected = Arc::<Connected>::default();
        let caller = |uid| Caller { uid, gid: uid, pid: None };
        let take = |uid| connected.take(&caller(uid), &limits);
        let mut places: Vec<_> = (0..2).map(|_| take(65534).unwrap()).collect();
        assert!(take(65534).is_none());
        places.extend((0..6).map(|_| take(0).unwrap()));
        assert!(take(0).is_none() && take(65533).is_none());
        places.pop();
        assert!(take(65534).is_none() && take(65533).is_some());
    }
}
