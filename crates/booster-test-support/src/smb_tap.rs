//! What a client and a file server say to each other, counted on its way.

use std::{
    io::{Read, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

/// The command of a message that connects to a share (MS-SMB2, section 2.2.1).
const TREE_CONNECT: u16 = 3;

/// A port before a file server that counts what clients ask for after they have connected to a share: each
/// message is a round trip, unless another has gone out before its answer. Encrypted messages are not counted.
pub struct SmbTap {
    port: u16,
    messages: Arc<AtomicU64>,
}

impl SmbTap {
    /// Listens before the server on this port of loopback. Threads end with the connections that they carry.
    pub fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tap = Self { port: listener.local_addr().unwrap().port(), messages: Arc::default() };
        let messages = Arc::clone(&tap.messages);
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { return };
                let (mut back, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                thread::spawn(move || {
                    let _ = std::io::copy(&mut back, &mut to);
                    let _ = to.shutdown(Shutdown::Both);
                });
                let messages = Arc::clone(&messages);
                thread::spawn(move || carry(client, server, &messages));
            }
        });
        tap
    }

    /// Where clients come.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// How many messages there have been.
    pub fn messages(&self) -> u64 {
        self.messages.load(Ordering::SeqCst)
    }
}

/// Carries a client's messages until it goes, each behind its length of three bytes (MS-SMB2, section 2.1).
fn carry(mut client: TcpStream, mut server: TcpStream, messages: &AtomicU64) {
    let (mut length, mut is_connected) = ([0; 4], false);
    while client.read_exact(&mut length).is_ok() {
        let mut message = vec![0; u32::from_be_bytes(length) as usize & 0x00ff_ffff];
        if client.read_exact(&mut message).is_err() {
            break;
        }
        if is_connected {
            messages.fetch_add(1, Ordering::SeqCst);
        }
        is_connected |= message.get(12..14) == Some(&TREE_CONNECT.to_le_bytes());
        if server.write_all(&length).and_then(|()| server.write_all(&message)).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
}
