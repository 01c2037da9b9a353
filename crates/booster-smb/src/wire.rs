//! The connection below the protocol library, and what is said there before anybody has signed in.
//!
//! Three things of the first exchange are set right here, by the letter of MS-SMB2. The library offers ciphers
//! without saying that it can encrypt, so that servers do not choose one (section 2.2.3,
//! `SMB2_GLOBAL_CAP_ENCRYPTION`). With a cipher of 256 bits it makes a signing key of 256 bits, where one of
//! 128 is right (section 3.1.4.2), so these are not offered. And it signs a guest's requests where a server
//! requires signatures, with a key that no guest has (section 3.2.5.3.1: a guest's session does not sign). The
//! exchange is hashed as it went over the wire, so that a third party who changes it is still noticed.

use smb2::{
    Error, Result,
    client::Connection,
    crypto::kdf::PreauthHasher,
    msg::{
        header::Header,
        negotiate::{CIPHER_AES_128_CCM, CIPHER_AES_128_GCM, NegotiateContext, NegotiateRequest},
    },
    pack::{Pack as _, ReadCursor, Unpack as _, WriteCursor},
    transport::{ConnectOptions, ReceiveProgress, TcpTransport, TransportReceive, TransportSend},
    types::flags::Capabilities,
};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The length of a message's header, which every message begins with.
const HEADER: usize = 64;
/// The command of the first exchange, at offset 12 of the header.
const NEGOTIATE: [u8; 2] = [0, 0];
/// Where the response says how the server signs (MS-SMB2, section 2.2.4).
const SECURITY_MODE: usize = HEADER + 2;
/// The server requires signatures.
const SIGNING_REQUIRED: u8 = 0x02;

/// A connection that knows its first exchange and counts what it sent.
#[derive(Debug)]
pub(crate) struct Wire {
    tcp: TcpTransport,
    as_guest: bool,
    negotiation: Mutex<Negotiation>,
    sent: AtomicU64,
}

/// The first exchange, as it went over the wire.
#[derive(Debug, Default)]
struct Negotiation {
    request: Option<Vec<u8>>,
    response: Option<Vec<u8>>,
}

impl Wire {
    /// Connects, and agrees on how to speak.
    pub async fn open(address: &str, as_guest: bool, limit: Duration) -> Result<Arc<Self>> {
        let tcp = TcpTransport::connect_with(address, ConnectOptions::with_timeout(limit)).await?;
        Ok(Arc::new(Self { tcp, as_guest, negotiation: Mutex::default(), sent: AtomicU64::new(0) }))
    }

    /// The first exchange over this connection.
    pub async fn negotiate(self: &Arc<Self>, host: &str, limit: Duration) -> Result<Connection> {
        let mut connection = Connection::from_transport(
            Box::new(Half(Arc::clone(self))),
            Box::new(Half(Arc::clone(self))),
            host,
        );
        connection.set_response_timeout(Some(limit));
        connection.set_send_timeout(Some(limit));
        connection.set_credit_wait_timeout(limit);
        // Compressed content is carried whole, and nobody waits long enough on an idle connection.
        connection.set_compression_requested(false);
        connection.set_keepalive(None);
        connection.negotiate().await?;
        let negotiation = self.negotiation.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(request), Some(response)) = (&negotiation.request, &negotiation.response) else {
            return Err(Error::invalid_data("the first exchange is incomplete"));
        };
        connection.with_preauth_hasher_mut(|hasher| {
            *hasher = PreauthHasher::new();
            hasher.update(request);
            hasher.update(response);
        });
        drop(negotiation);
        Ok(connection)
    }

    /// How many messages went out: each is a round trip, unless others go with it.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

/// One direction of a connection.
struct Half(Arc<Wire>);

#[async_trait::async_trait]
impl TransportSend for Half {
    async fn send(&self, message: &[u8]) -> Result<()> {
        self.0.sent.fetch_add(1, Ordering::Relaxed);
        if !is_negotiation(message) {
            return self.0.tcp.send(message).await;
        }
        let message = able_to_encrypt(message)?;
        self.0.negotiation.lock().unwrap_or_else(PoisonError::into_inner).request = Some(message.clone());
        self.0.tcp.send(&message).await
    }
}

#[async_trait::async_trait]
impl TransportReceive for Half {
    async fn receive(&self) -> Result<Vec<u8>> {
        // Who asked is to take what has come before more is read: else everything that is on its way piles up
        // in memory, where reader and receiver share a thread.
        tokio::task::yield_now().await;
        let mut message = self.0.tcp.receive().await?;
        if is_negotiation(&message) {
            self.0.negotiation.lock().unwrap_or_else(PoisonError::into_inner).response =
                Some(message.clone());
            if let Some(byte) = message.get_mut(SECURITY_MODE).filter(|_| self.0.as_guest) {
                *byte &= !SIGNING_REQUIRED;
            }
        }
        Ok(message)
    }

    fn receive_progress(&self) -> Option<Arc<ReceiveProgress>> {
        self.0.tcp.receive_progress()
    }
}

/// The first request, with the ciphers that are good here and the word that they can be used.
fn able_to_encrypt(message: &[u8]) -> Result<Vec<u8>> {
    let mut cursor = ReadCursor::new(message);
    let (header, mut request) = (Header::unpack(&mut cursor)?, NegotiateRequest::unpack(&mut cursor)?);
    request.capabilities = Capabilities::new(request.capabilities.0 | Capabilities::ENCRYPTION);
    for context in &mut request.negotiate_contexts {
        if let NegotiateContext::Encryption { ciphers } = context {
            *ciphers = vec![CIPHER_AES_128_GCM, CIPHER_AES_128_CCM];
        }
    }
    let mut message = WriteCursor::new();
    header.pack(&mut message);
    request.pack(&mut message);
    Ok(message.into_inner())
}

/// Whether a message is one of the first exchange. Encrypted ones begin otherwise.
fn is_negotiation(message: &[u8]) -> bool {
    message.starts_with(b"\xfeSMB") && message.get(12..14) == Some(&NEGOTIATE)
}
