//! Connections of callers: accepted within limits, served, and logged where they misbehave.

use crate::{
    caller::{Administrators, Caller},
    desk::{share, without_reserve},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::Semaphore,
};
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
/// How many callers may wait for the system to say whether they are administrators.
const LOOKED_UP: usize = 16;
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
    pub administrators: Arc<Administrators>,
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

    /// A place for a caller, if there is one: a quarter of all for any single user, all for administrators, for
    /// whom some are kept free.
    fn take(self: &Arc<Self>, uid: u32, all: usize, administrator: bool) -> Option<Place> {
        let mut connected = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken: usize = connected.values().sum();
        let own = connected.get(&uid).copied().unwrap_or_default();
        let room = if administrator { all } else { without_reserve(all) };
        if taken >= room || (!administrator && own >= share(all)) {
            return None;
        }
        connected.insert(uid, own + 1);
        Some(Place { connected: Arc::clone(self), uid })
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

/// What all connections have in common.
struct Door {
    answers: Answers,
    connected: Arc<Connected>,
    end: CancellationToken,
    tasks: TaskTracker,
    /// Callers who may be administrators, which is being looked up.
    looked_up: Arc<Semaphore>,
}

/// Serves callers until the end; then their calls get a moment to end.
pub(crate) async fn serve(
    listener: UnixListener,
    answers: Answers,
    limits: impl Fn() -> Limits,
    connected: &Arc<Connected>,
    end: &CancellationToken,
) {
    let door = Door {
        answers,
        connected: Arc::clone(connected),
        end: end.clone(),
        tasks: TaskTracker::new(),
        looked_up: Arc::new(Semaphore::new(LOOKED_UP)),
    };
    // A failure that lasts is told once.
    let mut failing = false;
    loop {
        let accepted = tokio::select! {
            biased;
            () = end.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                failing = false;
                door.receive(stream, limits());
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%error, "callers cannot be accepted; tried again until it goes");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    door.tasks.close();
    if tokio::time::timeout(LAST_WORDS, door.tasks.wait()).await.is_err() {
        tracing::info!("some callers are left in the middle of a call");
    }
}

impl Door {
    /// Serves a caller for whom there is a place.
    fn receive(&self, stream: UnixStream, limits: Limits) {
        let caller = match stream.peer_cred() {
            Ok(peer) => Caller { uid: peer.uid(), gid: peer.gid(), pid: peer.pid() },
            Err(error) => {
                tracing::warn!(%error, "the system does not say who calls");
                return;
            }
        };
        let Limits { connections, administrators } = limits;
        let known = administrators.known(&caller);
        if let Some(place) = self.connected.take(caller.uid, connections, known == Some(true)) {
            self.tasks.spawn(serve_one(stream, caller, self.answers.clone(), place, self.end.clone()));
            return;
        }
        // Only an administrator gets one now, and the system may take its time to say who is one.
        let turn = Arc::clone(&self.looked_up).try_acquire_owned().ok();
        let Some(turn) = turn.filter(|_| known.is_none()) else { return refused(&caller) };
        let (answers, connected, end) = (self.answers.clone(), Arc::clone(&self.connected), self.end.clone());
        self.tasks.spawn(async move {
            let administrator = administrators.include(&caller).await;
            drop(turn);
            match connected.take(caller.uid, connections, administrator) {
                Some(place) => serve_one(stream, caller, answers, place, end).await,
                None => refused(&caller),
            }
        });
    }
}

fn refused(caller: &Caller) {
    tracing::warn!(%caller, pid = caller.pid, "refused: too many connections");
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
    fn no_user_but_an_administrator_gets_more_than_a_quarter_of_the_places_or_the_last_ones() {
        let connected = Arc::<Connected>::default();
        let take = |uid| connected.take(uid, 8, uid == 0);
        let mut places: Vec<_> = (1..=3).flat_map(|uid| [take(uid).unwrap(), take(uid).unwrap()]).collect();
        assert!(take(1).is_none());
        places.push(take(4).unwrap());
        assert!(take(5).is_none(), "the last place is for administrators");
        places.push(take(0).unwrap());
        assert!(take(0).is_none());
        places.truncate(4);
        assert!(take(1).is_none() && take(3).is_some());
        places.extend((0..4).map(|_| take(0).unwrap()));
        assert_eq!(connected.count(), 8);
    }
}
