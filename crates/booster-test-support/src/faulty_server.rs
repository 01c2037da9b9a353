//! A small HTTP/1.1 server on loopback that serves a folder, correctly or with faults on order.
//!
//! It speaks through raw sockets, since the faults that matter (a body that ends early, a chunk
//! that never comes, a reset) are the ones that HTTP libraries do not let a server commit.

mod answer;
mod connection;
mod fault;

pub use fault::{Announce, Fault};

use fault::Ordered;
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use crate::TestIdentity;

/// How long one connection may last at most, whatever it was told to do.
const LONGEST_CONNECTION: Duration = Duration::from_secs(60);

/// A request that the server saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path with its query, as it was sent.
    pub target: String,
    /// Header names in lower case, and values.
    pub headers: Vec<(String, String)>,
}

impl Request {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The path without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// The server's side of TLS.
#[derive(Debug, Clone)]
pub struct ServerTls {
    /// What the server shows.
    pub identity: TestIdentity,
    /// PEM of the authority whose certificates clients must show, if they must.
    pub client_authority: Option<String>,
}

/// The server. It stops when it is dropped.
pub struct FaultyServer {
    address: SocketAddr,
    secure: bool,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    folder: PathBuf,
    tls: Option<Arc<ServerConfig>>,
    orders: Mutex<Vec<Ordered>>,
    log: Mutex<Vec<Request>>,
    stop: AtomicBool,
}

impl FaultyServer {
    /// Serves a folder over HTTP.
    pub fn serve(folder: impl Into<PathBuf>) -> Self {
        Self::start(folder.into(), None)
    }

    /// Serves a folder over HTTPS.
    pub fn serve_tls(folder: impl Into<PathBuf>, tls: &ServerTls) -> Self {
        Self::start(folder.into(), Some(Arc::new(server_config(tls))))
    }

    /// Where it listens: `http://127.0.0.1:port`, no slash at the end.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.secure { "https" } else { "http" }, self.address)
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on every request for this path (`/metadata/timestamp.json`) meets the fault.
    pub fn misbehave(&self, path: &str, fault: Fault) {
        self.order(Some(path), fault, None);
    }

    /// The next `times` requests for this path meet the fault.
    pub fn misbehave_times(&self, path: &str, fault: Fault, times: usize) {
        self.order(Some(path), fault, Some(times));
    }

    /// From now on every request meets the fault, except where one is ordered for its path.
    pub fn misbehave_everywhere(&self, fault: Fault) {
        self.order(None, fault, None);
    }

    /// Takes all orders back.
    pub fn heal(&self) {
        self.shared.orders.lock().unwrap().clear();
    }

    /// How many requests came.
    pub fn requests(&self) -> usize {
        self.shared.log.lock().unwrap().len()
    }

    /// All requests, in the order in which they came.
    pub fn log(&self) -> Vec<Request> {
        self.shared.log.lock().unwrap().clone()
    }

    fn order(&self, path: Option<&str>, fault: Fault, left: Option<usize>) {
        let path = path.map(str::to_owned);
        let mut orders = self.shared.orders.lock().unwrap();
        orders.retain(|order| order.path != path);
        orders.push(Ordered { path, fault, left });
    }

    fn start(folder: PathBuf, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let secure = tls.is_some();
        let shared = Arc::new(Shared {
            folder,
            tls,
            orders: Mutex::default(),
            log: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let acceptor = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Self { address, secure, shared, acceptor: Some(acceptor) }
    }
}

impl Drop for FaultyServer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Wakes the acceptor, which looks at `stop` after each connection.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Notes a request and takes the fault that it meets, if any.
    fn take_fault(&self, request: &Request) -> Option<Fault> {
        self.log.lock().unwrap().push(request.clone());
        let mut orders = self.orders.lock().unwrap();
        let order = orders
            .iter()
            .position(|order| order.path.as_deref() == Some(request.path()) && order.left != Some(0))
            .or_else(|| orders.iter().position(|order| order.path.is_none()))?;
        if let Some(left) = &mut orders[order].left {
            *left -= 1;
        }
        Some(orders[order].fault.clone())
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut connections = Vec::new();
    for stream in listener.incoming() {
        if shared.stopped() {
            break;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        connections.push(std::thread::spawn(move || connection::run(stream, &shared)));
    }
    for connection in connections {
        let _ = connection.join();
    }
}

fn server_config(tls: &ServerTls) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match &tls.client_authority {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let certificate = CertificateDer::from_pem_slice(tls.identity.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(tls.identity.key.as_bytes()).unwrap();
    builder.with_single_cert(vec![certificate], key).unwrap()
}
