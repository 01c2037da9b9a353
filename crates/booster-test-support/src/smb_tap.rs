//! A third party between a client and a file server, who counts what they say and may change it.

use std::{
    io::{Read, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

/// Commands by their numbers (MS-SMB2, section 2.2.1).
const TREE_CONNECT: u16 = 3;
const READ: u16 = 8;
/// A server's word that its answer will come later (MS-SMB2, section 3.3.4.2).
const STATUS_PENDING: u32 = 0x103;

/// One message on its way, in the clear: encrypted ones show no command.
pub struct SmbMessage<'a> {
    /// Whether it is the server's.
    pub is_answer: bool,
    /// Its bytes, from the header on.
    pub bytes: &'a mut Vec<u8>,
    /// Whether the connection is to be cut in its place.
    pub cut: &'a mut bool,
}

impl SmbMessage<'_> {
    /// The first exchange.
    pub const NEGOTIATE: u16 = 0;
    /// Asking for a block of a file, and the block.
    pub const READ: u16 = READ;

    /// What it is about.
    pub fn command(&self) -> Option<u16> {
        command(self.bytes)
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
}

type Meddler = dyn Fn(SmbMessage<'_>) + Send + Sync;

impl SmbTap {
    /// Listens before the server on this port of loopback, and changes nothing. Threads end with the connections
    /// that they carry.
    pub fn before(server: u16) -> Self {
        Self::meddling(server, |_| {})
    }

    /// As [`before`](Self::before), with each message changed by `meddler`.
    pub fn meddling(server: u16, meddler: impl Fn(SmbMessage<'_>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tap = Self { port: listener.local_addr().unwrap().port(), counts: Arc::default() };
        let (counts, meddler): (_, Arc<Meddler>) = (Arc::clone(&tap.counts), Arc::new(meddler));
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { return };
                counts.connections.fetch_add(1, Ordering::SeqCst);
                for is_answer in [false, true] {
                    let (client, server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                    let (from, to) = if is_answer { (server, client) } else { (client, server) };
                    let (counts, meddler) = (Arc::clone(&counts), Arc::clone(&meddler));
                    thread::spawn(move || carry(from, to, is_answer, &counts, &*meddler));
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
    /// another has gone out before its answer. Encrypted messages are not counted.
    pub fn messages(&self) -> u64 {
        self.counts.messages.load(Ordering::SeqCst)
    }

    /// How many blocks of files were on their way at once, at the most.
    pub fn most_reads(&self) -> u64 {
        self.counts.most_reads.load(Ordering::SeqCst)
    }
}

/// Carries one side's messages until it goes, each behind its length of three bytes (MS-SMB2, section 2.1).
fn carry(mut from: TcpStream, mut to: TcpStream, is_answer: bool, counts: &Counts, meddler: &Meddler) {
    let (mut length, mut is_connected) = ([0; 4], false);
    while from.read_exact(&mut length).is_ok() {
        let mut bytes = vec![0; u32::from_be_bytes(length) as usize & 0x00ff_ffff];
        if from.read_exact(&mut bytes).is_err() {
            break;
        }
        counts.count(&bytes, is_answer, is_connected);
        is_connected |= command(&bytes) == Some(TREE_CONNECT);
        let mut cut = false;
        meddler(SmbMessage { is_answer, bytes: &mut bytes, cut: &mut cut });
        if cut {
            break;
        }
        let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        if to.write_all(&length).and_then(|()| to.write_all(&bytes)).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

impl Counts {
    fn count(&self, bytes: &[u8], is_answer: bool, is_connected: bool) {
        let is_read = command(bytes) == Some(READ);
        let is_pending = bytes.get(8..12) == Some(&STATUS_PENDING.to_le_bytes());
        match is_answer {
            false if is_connected => {
                self.messages.fetch_add(1, Ordering::SeqCst);
                if is_read {
                    let now = self.reads.fetch_add(1, Ordering::SeqCst) + 1;
                    self.most_reads.fetch_max(now, Ordering::SeqCst);
                }
            }
            true if is_read && !is_pending => {
                self.reads.fetch_sub(1, Ordering::SeqCst);
            }
            _ => {}
        }
    }
}

/// What a message is about; `None` where it is encrypted.
fn command(bytes: &[u8]) -> Option<u16> {
    let is_plain = bytes.starts_with(b"\xfeSMB");
    bytes.get(12..14).filter(|_| is_plain).map(|two| u16::from_le_bytes([two[0], two[1]]))
}
