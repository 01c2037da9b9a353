//! What a client and a file server say to each other, counted on its way, and cut off where a test wants that.

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

/// The command of a message that connects to a share (MS-SMB2, section 2.2.1).
const TREE_CONNECT: u16 = 3;

/// A port before a file server that counts what clients ask for after they have connected to a share: each
/// message is a round trip, unless another has gone out before its answer. Encrypted messages are not counted.
pub struct SmbTap {
    port: u16,
    on_the_way: Arc<OnTheWay>,
}

/// With which message a connection ends, and what happens before the next one is let through.
type Cut = (u64, Box<dyn FnOnce() + Send>);

/// What happens to messages.
#[derive(Default)]
struct OnTheWay {
    messages: AtomicU64,
    cut: Mutex<Option<Cut>>,
    /// How long each answer waits for the one before it.
    delay: Duration,
}

impl SmbTap {
    /// Listens before the server on this port of loopback. Threads end with the connections that they carry.
    pub fn before(server: u16) -> Self {
        Self::with(server, OnTheWay::default())
    }

    /// Ends the connection in place of carrying its message of this number, once. Nobody is let through again
    /// before this has been done.
    pub fn cutting(server: u16, message: u64, meanwhile: impl FnOnce() + Send + 'static) -> Self {
        let cut: Cut = (message, Box::new(meanwhile));
        Self::with(server, OnTheWay { cut: Mutex::new(Some(cut)), ..OnTheWay::default() })
    }

    /// Carries answers one by one, each after this time.
    pub fn slow(server: u16, delay: Duration) -> Self {
        Self::with(server, OnTheWay { delay, ..OnTheWay::default() })
    }

    fn with(server: u16, on_the_way: OnTheWay) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tap = Self { port: listener.local_addr().unwrap().port(), on_the_way: Arc::new(on_the_way) };
        let on_the_way = Arc::clone(&tap.on_the_way);
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                // Waits for what happens between two connections.
                drop(on_the_way.cut.lock().unwrap_or_else(PoisonError::into_inner));
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { return };
                let (back, to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let answers = Arc::clone(&on_the_way);
                thread::spawn(move || answers.carry_back(back, to));
                let on_the_way = Arc::clone(&on_the_way);
                thread::spawn(move || on_the_way.carry(client, server));
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
        self.on_the_way.messages.load(Ordering::SeqCst)
    }
}

impl OnTheWay {
    /// Carries a client's messages until it goes.
    fn carry(&self, mut client: TcpStream, mut server: TcpStream) {
        let mut is_connected = false;
        while let Some(message) = next(&mut client) {
            if is_connected {
                let number = self.messages.fetch_add(1, Ordering::SeqCst);
                let mut cut = self.cut.lock().unwrap_or_else(PoisonError::into_inner);
                if cut.as_ref().is_some_and(|(at, _)| *at == number) {
                    let _ = server.shutdown(Shutdown::Both);
                    let _ = client.shutdown(Shutdown::Both);
                    if let Some((_, meanwhile)) = cut.take() {
                        meanwhile();
                    }
                    return;
                }
            }
            // Behind the length.
            is_connected |= message.get(16..18) == Some(&TREE_CONNECT.to_le_bytes());
            if server.write_all(&message).is_err() {
                break;
            }
        }
        let _ = server.shutdown(Shutdown::Both);
    }

    fn carry_back(&self, mut server: TcpStream, mut client: TcpStream) {
        if self.delay.is_zero() {
            let _ = std::io::copy(&mut server, &mut client);
        }
        while let Some(message) = next(&mut server) {
            thread::sleep(self.delay);
            if client.write_all(&message).is_err() {
                break;
            }
        }
        let _ = client.shutdown(Shutdown::Both);
    }
}

/// A message with its length of three bytes before it (MS-SMB2, section 2.1).
fn next(from: &mut TcpStream) -> Option<Vec<u8>> {
    let mut message = vec![0; 4];
    from.read_exact(&mut message).ok()?;
    let length = u32::from_be_bytes([0, message[1], message[2], message[3]]) as usize;
    message.resize(4 + length, 0);
    from.read_exact(&mut message[4..]).ok()?;
    Some(message)
}
