//! One connection: requests are read, answered, and the connection is kept as long as it is sound.

use super::{LONGEST_CONNECTION, Request, Shared, answer};
use rustls::{ServerConnection, StreamOwned};
use std::{
    io::{self, Read, Write},
    net::TcpStream,
    sync::Arc,
    time::{Duration, Instant},
};

/// Longest request head in bytes.
const LONGEST_HEAD: usize = 64 * 1024;
/// How often a waiting connection looks whether it shall stop.
const TICK: Duration = Duration::from_millis(20);

/// Whether the connection can take another request.
pub(super) type Keep = bool;

/// A connection, plain or secure, that ends in time whatever the other side does.
pub(super) struct Connection<'a> {
    transport: Transport,
    shared: &'a Shared,
    deadline: Instant,
    /// Whether the connection ends without a farewell.
    abrupt: bool,
}

enum Transport {
    Plain(TcpStream),
    Secure(Box<StreamOwned<ServerConnection, TcpStream>>),
}

pub(super) fn run(stream: TcpStream, shared: &Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    if stream.set_read_timeout(Some(TICK)).is_err() || stream.set_write_timeout(Some(TICK)).is_err() {
        return;
    }
    let transport = match &shared.tls {
        None => Transport::Plain(stream),
        Some(config) => match ServerConnection::new(Arc::clone(config)) {
            Ok(tls) => Transport::Secure(Box::new(StreamOwned::new(tls, stream))),
            Err(_) => return,
        },
    };
    let mut connection =
        Connection { transport, shared, deadline: Instant::now() + LONGEST_CONNECTION, abrupt: false };
    // Errors are what these connections are for: the client sees them, here they end the loop.
    while let Ok(Some(request)) = connection.request() {
        let fault = shared.take_fault(&request);
        if !answer::answer(&mut connection, &shared.folder, &request, fault).unwrap_or(false) {
            break;
        }
    }
    connection.close();
}

impl Connection<'_> {
    /// The next request, or `None` when the client has closed.
    fn request(&mut self) -> io::Result<Option<Request>> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            if self.read(&mut byte)? == 0 || head.len() == LONGEST_HEAD {
                return Ok(None);
            }
            head.push(byte[0]);
        }
        Ok(parse(&String::from_utf8_lossy(&head)))
    }

    pub(super) fn send(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let sent = self.retry(|transport| transport.stream().write(bytes))?;
            if sent == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            bytes = &bytes[sent..];
        }
        self.retry(|transport| transport.stream().flush())
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.retry(|transport| transport.stream().read(buffer))
    }

    /// Repeats a call that timed out until it works, the server stops, or the time is over.
    fn retry<T>(&mut self, mut call: impl FnMut(&mut Transport) -> io::Result<T>) -> io::Result<T> {
        loop {
            match call(&mut self.transport) {
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    self.go_on()?
                }
                done => return done,
            }
        }
    }

    /// Does nothing for a while.
    pub(super) fn pause(&self, time: Duration) -> io::Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.go_on()?;
            std::thread::sleep(TICK.min(end.saturating_duration_since(Instant::now())));
        }
        Ok(())
    }

    fn go_on(&self) -> io::Result<()> {
        let over = self.shared.stopped() || Instant::now() > self.deadline;
        if over { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }

    /// Makes the system send a reset when the connection is dropped.
    pub(super) fn reset_on_close(&mut self) -> io::Result<()> {
        self.abrupt = true;
        let stream = match &self.transport {
            Transport::Plain(stream) => stream,
            Transport::Secure(secure) => &secure.sock,
        };
        socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO))
    }

    /// Tells the other side that nothing more comes, in an orderly way.
    fn close(&mut self) {
        if let Transport::Secure(secure) = &mut self.transport
            && !self.abrupt
        {
            secure.conn.send_close_notify();
            let _ = secure.flush();
        }
    }
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

impl Transport {
    fn stream(&mut self) -> &mut dyn ReadWrite {
        match self {
            Self::Plain(stream) => stream,
            Self::Secure(stream) => stream.as_mut(),
        }
    }
}

fn parse(head: &str) -> Option<Request> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Some(Request { method, target, headers })
}
