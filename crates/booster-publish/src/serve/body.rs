//! The body of an answer: a range of a file in small pieces, and what is logged when it ends.

use super::{RequestObserver, RequestRecord};
use bytes::{Bytes, BytesMut};
use hyper::{
    StatusCode,
    body::{Frame, SizeHint},
    http::request::Parts,
};
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    net::SocketAddr,
    ops::Range,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};
use tokio::task::JoinHandle;

/// Bytes that are read at a time, and so the memory of one answer (twice: one piece is being sent
/// while the next is read).
const PIECE: u64 = 64 << 10;

/// A body that reads a file on the blocking pool, one piece at a time.
pub(super) struct Body {
    remaining: u64,
    state: State,
    ending: Option<Ending>,
}

enum State {
    Done,
    Idle(File),
    Ready(Bytes),
    Reading(JoinHandle<io::Result<(File, Bytes)>>),
}

impl Body {
    pub const fn empty() -> Self {
        Self { remaining: 0, state: State::Done, ending: None }
    }

    /// Bytes that are in memory.
    pub fn bytes(bytes: Bytes) -> Self {
        match bytes.len() as u64 {
            0 => Self::empty(),
            remaining => Self { remaining, state: State::Ready(bytes), ending: None },
        }
    }

    pub fn file(mut file: File, range: Range<u64>) -> Self {
        let remaining = range.end.saturating_sub(range.start);
        if remaining == 0 {
            return Self::empty();
        }
        let first = move || {
            file.seek(SeekFrom::Start(range.start))?;
            read_piece(file, remaining)
        };
        Self { remaining, state: State::Reading(tokio::task::spawn_blocking(first)), ending: None }
    }

    /// Attaches what is logged when the body has been sent or dropped.
    pub fn ending_with(mut self, mut ending: Ending) -> Self {
        ending.complete = self.remaining == 0;
        self.ending = Some(ending);
        self
    }

    fn took(&mut self, piece: &Bytes) {
        self.remaining -= piece.len() as u64;
        if let Some(ending) = &mut self.ending {
            ending.bytes += piece.len() as u64;
            ending.complete = self.remaining == 0;
        }
    }
}

fn read_piece(mut file: File, remaining: u64) -> io::Result<(File, Bytes)> {
    let size = usize::try_from(remaining.min(PIECE)).map_err(io::Error::other)?;
    let mut piece = BytesMut::zeroed(size);
    // A file that became shorter fails here, and with it the answer: the client sees a cut body.
    file.read_exact(&mut piece)?;
    Ok((file, piece.freeze()))
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Done => return Poll::Ready(None),
                State::Ready(bytes) => {
                    self.took(&bytes);
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                State::Idle(file) => {
                    let remaining = self.remaining;
                    self.state =
                        State::Reading(tokio::task::spawn_blocking(move || read_piece(file, remaining)));
                }
                State::Reading(mut reading) => {
                    let Poll::Ready(read) = Pin::new(&mut reading).poll(context) else {
                        self.state = State::Reading(reading);
                        return Poll::Pending;
                    };
                    let (file, piece) = read??;
                    self.took(&piece);
                    if self.remaining > 0 {
                        self.state = State::Idle(file);
                    }
                    return Poll::Ready(Some(Ok(Frame::data(piece))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Done)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

/// Collects what the request log says and writes it when it is dropped.
pub(super) struct Ending {
    peer: SocketAddr,
    method: String,
    path: String,
    status: StatusCode,
    started: Instant,
    bytes: u64,
    complete: bool,
    observer: Option<RequestObserver>,
}

impl Ending {
    pub fn new(
        peer: SocketAddr,
        request: &Parts,
        status: StatusCode,
        started: Instant,
        observer: Option<RequestObserver>,
    ) -> Self {
        let method = request.method.to_string();
        let path = request.uri.path().to_owned();
        Self { peer, method, path, status, started, bytes: 0, complete: true, observer }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let record = RequestRecord {
            peer: self.peer,
            method: std::mem::take(&mut self.method),
            path: std::mem::take(&mut self.path),
            status: self.status.as_u16(),
            bytes: self.bytes,
            complete: self.complete,
            duration: self.started.elapsed(),
        };
        tracing::info!(
            peer = %record.peer,
            method = record.method,
            path = record.path,
            status = record.status,
            bytes = record.bytes,
            complete = record.complete,
            milliseconds = u64::try_from(record.duration.as_millis()).unwrap_or(u64::MAX),
            "request"
        );
        if let Some(observer) = &self.observer {
            observer(&record);
        }
    }
}
