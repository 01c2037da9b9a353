//! A third party between a client and a file server, who counts what they say, and may change, delay or cut it off.

use std::{
    io::{Read, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// The command that connects to a share (MS-SMB2, section 2.2.1).
const TREE_CONNECT: u16 = 3;
/// A server's word that its answer will come later (MS-SMB2, section 3.3.4.2).
const STATUS_PENDING: u32 = 0x103;

/// One message on its way, in the clear: encrypted ones show no command.
pub struct SmbMessage {
    /// Whether it is the server's.
    pub is_answer: bool,
    /// The client's: how many it has sent before, since it connected to a share.
    pub number: Option<u64>,
    /// Its bytes, from the header on.
    pub bytes: Vec<u8>,
    cut: Option<Box<dyn FnOnce()>>,
    /// How long it waits before it goes on; other messages do not wait for it.
    delay: Duration,
}

impl SmbMessage {
    /// The first exchange.
    pub const NEGOTIATE: u16 = 0;
    /// Asking for a block of a file, and the block.
    pub const READ: u16 = 8;

    /// What it is about.
    pub fn command(&self) -> Option<u16> {
        let is_plain = self.bytes.starts_with(b"\xfeSMB");
        self.bytes.get(12..14).filter(|_| is_plain).map(|two| u16::from_le_bytes([two[0], two[1]]))
    }

    /// Ends the connection in place of carrying this. Nobody is let through again before `meanwhile` is done.
    pub fn cut(&mut self, meanwhile: impl FnOnce() + 'static) {
        self.cut = Some(Box::new(meanwhile));
    }

    fn is_pending(&self) -> bool {
        self.bytes.get(8..12) == Some(&STATUS_PENDING.to_le_bytes())
    }
}

/// A port before a file server.
pub struct SmbTap {
    port: u16,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    connections: AtomicU64,
    messages: AtomicU64,
    reads: AtomicU64,
    most_reads: AtomicU64,
    /// Held while something is done to a message.
    gate: Mutex<()>,
}

type Meddler = dyn Fn(&mut SmbMessage) + Send + Sync;

impl SmbTap {
    /// Listens before the server on this port of loopback, and changes nothing. Threads end with the connections
    /// that they carry.
    pub fn before(server: u16) -> Self {
        Self::meddling(server, |_| {})
    }

    /// Ends the connection in place of carrying its message of this number, once. Nobody is let through again
    /// before `meanwhile` is done.
    pub fn cutting(server: u16, message: u64, meanwhile: impl FnOnce() + Send + 'static) -> Self {
        let meanwhile = Mutex::new(Some(meanwhile));
        Self::meddling(server, move |on_the_way| {
            if on_the_way.number == Some(message)
                && let Some(meanwhile) = meanwhile.lock().unwrap_or_else(PoisonError::into_inner).take()
            {
                on_the_way.cut(meanwhile);
            }
        })
    }

    /// Carries answers one by one, each after this time.
    pub fn slow(server: u16, delay: Duration) -> Self {
        Self::meddling(server, move |message| {
            if message.is_answer {
                message.delay = delay;
            }
        })
    }

    /// Does something to each message.
    pub fn meddling(server: u16, meddler: impl Fn(&mut SmbMessage) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tap = Self { port: listener.local_addr().unwrap().port(), counts: Arc::default() };
        let (counts, meddler): (_, Arc<Meddler>) = (Arc::clone(&tap.counts), Arc::new(meddler));
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                drop(counts.gate.lock().unwrap_or_else(PoisonError::into_inner));
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { return };
                counts.connections.fetch_add(1, Ordering::SeqCst);
                for is_answer in [false, true] {
                    let (client, server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                    let (from, to) = if is_answer { (server, client) } else { (client, server) };
                    let (counts, meddler) = (Arc::clone(&counts), Arc::clone(&meddler));
                    thread::spawn(move || counts.carry(from, to, is_answer, &*meddler));
                }
            }
        });
        tap
    }

    /// Where clients come.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// How many connections there have been.
    pub fn connections(&self) -> u64 {
        self.counts.connections.load(Ordering::SeqCst)
    }

    /// How many messages clients have sent after they had connected to a share: each is a round trip, unless
    /// another has gone out before its answer.
    pub fn messages(&self) -> u64 {
        self.counts.messages.load(Ordering::SeqCst)
    }

    /// How many blocks of files were on their way at once, at the most.
    pub fn most_reads(&self) -> u64 {
        self.counts.most_reads.load(Ordering::SeqCst)
    }
}

impl Counts {
    /// Carries one side's messages until it goes.
    fn carry(&self, mut from: TcpStream, mut to: TcpStream, is_answer: bool, meddler: &Meddler) {
        let mut is_connected = false;
        while let Some(bytes) = next(&mut from) {
            let mut message = SmbMessage { is_answer, number: None, bytes, cut: None, delay: Duration::ZERO };
            self.count(&mut message, is_connected);
            is_connected |= message.command() == Some(TREE_CONNECT);
            let gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
            meddler(&mut message);
            if let Some(meanwhile) = message.cut {
                let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
                meanwhile();
                return;
            }
            drop(gate);
            thread::sleep(message.delay);
            let length = u32::try_from(message.bytes.len()).unwrap().to_be_bytes();
            if to.write_all(&length).and_then(|()| to.write_all(&message.bytes)).is_err() {
                break;
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }

    fn count(&self, message: &mut SmbMessage, is_connected: bool) {
        let is_read = message.command() == Some(SmbMessage::READ);
        if !message.is_answer && is_connected {
            message.number = Some(self.messages.fetch_add(1, Ordering::SeqCst));
            if is_read {
                let now = self.reads.fetch_add(1, Ordering::SeqCst) + 1;
                self.most_reads.fetch_max(now, Ordering::SeqCst);
            }
        } else if message.is_answer && is_read && !message.is_pending() {
            self.reads.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// The next message, which stands behind its length of three bytes (MS-SMB2, section 2.1).
fn next(from: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length).ok()?;
    let mut bytes = vec![0; u32::from_be_bytes(length) as usize & 0x00ff_ffff];
    from.read_exact(&mut bytes).ok()?;
    Some(bytes)
}
