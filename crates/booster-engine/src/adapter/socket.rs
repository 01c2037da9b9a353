//! The socket of an engine, and how long it is asked.

use super::Fault;
use std::{fmt, io, net::SocketAddr, path::PathBuf, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite},
    net::TcpStream,
    time::{Instant, sleep, timeout_at},
};

/// The most that an engine may answer.
const LONGEST_ANSWER: u64 = 1 << 20;
/// The pause between two questions: at first, and at last.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// Where an engine listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// At a Unix socket.
    Unix(PathBuf),
    /// At a port.
    Tcp(SocketAddr),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Tcp(address) => write!(f, "{address}"),
        }
    }
}

/// A connection to an engine.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Endpoint {
    pub(super) async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        match self {
            Self::Tcp(address) => Ok(Box::new(TcpStream::connect(address).await?)),
            #[cfg(unix)]
            Self::Unix(path) => Ok(Box::new(tokio::net::UnixStream::connect(path).await?)),
            #[cfg(not(unix))]
            Self::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// Reads up to an end mark or the end of the connection, without the mark.
pub(super) async fn read_answer(stream: &mut dyn Stream, end: u8) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    let mut bounded = stream.take(LONGEST_ANSWER);
    loop {
        let read = bounded.read_buf(&mut answer).await?;
        if let Some(position) = answer.iter().position(|&byte| byte == end) {
            answer.truncate(position);
            return Ok(answer);
        }
        if read == 0 {
            return Ok(answer);
        }
    }
}

/// What an attempt to have a set confirmed came to.
#[derive(Debug)]
pub(super) enum Attempt {
    /// The engine uses the set.
    Confirmed,
    /// It answers, and does not use it yet.
    NotYet(String),
    /// It does not answer.
    Gone(io::Error),
}

/// Attempts that go on until one succeeds or the time is over.
#[derive(Debug)]
pub(super) struct Attempts {
    limit: Duration,
    deadline: Instant,
    pause: Duration,
    last: Attempt,
}

impl Attempts {
    pub(super) fn within(limit: Duration) -> Self {
        let last = Attempt::NotYet("it has not answered".to_owned());
        Self { limit, deadline: Instant::now() + limit, pause: PAUSES.0, last }
    }

    /// Waits for an attempt and, if it has not succeeded, until it is time for the next; whether it has.
    pub(super) async fn made(
        &mut self,
        attempt: impl Future<Output = Result<Attempt, Fault>>,
    ) -> Result<bool, Fault> {
        match timeout_at(self.deadline, attempt).await {
            Ok(Ok(Attempt::Confirmed)) => return Ok(true),
            Ok(Ok(other)) => self.last = other,
            Ok(Err(fault)) => return Err(fault),
            Err(_) => return Err(self.over()),
        }
        if Instant::now() + self.pause >= self.deadline {
            return Err(self.over());
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSES.1);
        Ok(false)
    }

    fn over(&mut self) -> Fault {
        let limit = self.limit;
        match std::mem::replace(&mut self.last, Attempt::Confirmed) {
            Attempt::Gone(source) => Fault::Lost { limit, source },
            Attempt::NotYet(reason) => Fault::NotConfirmed { limit, reason },
            // It is told at once; nothing else comes here.
            Attempt::Confirmed => Fault::NotConfirmed { limit, reason: String::new() },
        }
    }
}
