//! `booster serve`: a repository folder over HTTP, for trials and small sites.
//!
//! Promises: only `GET` and `HEAD`; only what a repository publishes (`metadata/`, `targets/`),
//! never a file outside of the folder; single byte ranges, strong entity tags made of the content,
//! `304`, no compression; bounded connections, headers and waiting; files are streamed in small
//! pieces. Does not do TLS, HTTP/2, authentication or caching: nginx or a CDN is for that.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use booster_publish::serve::{ServeOptions, Server};
//!
//! let server = Server::bind("repository".as_ref(), "127.0.0.1:8080".parse()?, ServeOptions::default()).await?;
//! println!("http://{}/", server.local_addr());
//! server.run(async { tokio::signal::ctrl_c().await.unwrap_or_default() }).await;
//! # Ok(())
//! # }
//! ```

mod answer;
mod beside;
mod body;
mod name;
mod open;
mod peers;
mod respond;
mod stall;

pub use beside::{Beside, Reply};
pub use peers::holder;

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};

/// One answered request, for the request log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// The client.
    pub peer: SocketAddr,
    /// `GET`, `HEAD` or what else was sent.
    pub method: String,
    /// The path as it was sent, without a query.
    pub path: String,
    /// The status that was answered.
    pub status: u16,
    /// Bytes of the body that were handed to the connection.
    pub bytes: u64,
    /// Whether the whole body was handed over; `false` when the client or the file broke off.
    pub complete: bool,
    /// From the request's head to the end of the answer.
    pub duration: Duration,
}

/// What is told of each request when its answer has ended.
pub type RequestObserver = Arc<dyn Fn(&RequestRecord) + Send + Sync>;

/// The limits of a server.
#[derive(Clone)]
pub struct ServeOptions {
    /// Connections at a time; more wait in the system's queue.
    pub connections: usize,
    /// Connections at a time from one address, or one network of IPv6; more are closed at once.
    pub connections_per_address: usize,
    /// Proxies in front, which stand for many.
    pub proxies: Vec<IpAddr>,
    /// Bytes of a request's head.
    pub header_bytes: usize,
    /// Time for a request's head to arrive, and so for an idle connection.
    pub header_time: Duration,
    /// Time in which a client must take at least some bytes.
    pub stall_time: Duration,
    /// Time for running answers to end after the signal to stop.
    pub drain_time: Duration,
    /// Told of each request.
    pub observer: Option<RequestObserver>,
    /// What is answered beside the files.
    pub beside: Option<Arc<dyn Beside>>,
}

impl Default for ServeOptions {
    /// 256 connections, 64 from one address, 16 KiB of head within 15 s, 60 s of no progress, 10 s to drain.
    fn default() -> Self {
        Self {
            connections: 256,
            connections_per_address: 64,
            proxies: Vec::new(),
            header_bytes: 16 << 10,
            header_time: Duration::from_secs(15),
            stall_time: Duration::from_secs(60),
            drain_time: Duration::from_secs(10),
            observer: None,
            beside: None,
        }
    }
}

impl fmt::Debug for ServeOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connections, connections_per_address, header_bytes, .. } = self;
        let Self { header_time, stall_time, drain_time, .. } = self;
        f.debug_struct("ServeOptions")
            .field("connections", connections)
            .field("connections_per_address", connections_per_address)
            .field("header_bytes", header_bytes)
            .field("header_time", header_time)
            .field("stall_time", stall_time)
            .field("drain_time", drain_time)
            .finish_non_exhaustive()
    }
}

/// Why a folder cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The folder cannot be read.
    #[error("cannot serve {}: {source}; give the folder of a repository", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; choose another address or port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
}

/// A bound server that does not answer yet.
#[derive(Debug)]
pub struct Server {
    folder: Arc<open::Folder>,
    listener: TcpListener,
    address: SocketAddr,
    options: ServeOptions,
}

/// Serves a folder until `shutdown` ends: [`Server::bind`] and [`Server::run`] in one.
pub async fn serve(
    folder: &Path,
    address: SocketAddr,
    options: ServeOptions,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    Server::bind(folder, address, options).await?.run(shutdown).await;
    Ok(())
}

impl Server {
    /// Binds an address; port 0 takes a free one, see [`Server::local_addr`].
    pub async fn bind(folder: &Path, address: SocketAddr, options: ServeOptions) -> Result<Self, ServeError> {
        let opened = open::Folder::new(folder)
            .map_err(|source| ServeError::Folder { folder: folder.to_path_buf(), source })?;
        let listen = |source| ServeError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        Ok(Self { folder: Arc::new(opened), listener, address, options })
    }

    /// The address that is listened on.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Answers other requests beside the files, where that needs to know the address first.
    pub fn set_beside(&mut self, beside: Arc<dyn Beside>) {
        self.options.beside = Some(beside);
    }

    /// Answers until `shutdown` ends, then lets running answers end within the drain time.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);
        let slots = Arc::new(Semaphore::new(self.options.connections.max(1)));
        let peers = peers::Peers::new(self.options.connections_per_address, self.options.proxies.clone());
        let peers = Arc::new(peers);
        loop {
            // Closed connections are reaped here, so that the set does not grow.
            while connections.try_join_next().is_some() {}
            let accepted = tokio::select! {
                accepted = self.accept(&slots) => accepted,
                () = &mut shutdown => break,
            };
            let Some((stream, peer, slot)) = accepted else { continue };
            let Some(place) = peers.enter(peer.ip()) else {
                tracing::debug!(%peer, "the address has as many connections as it may have");
                continue;
            };
            let connection = self.connection(stream, peer);
            let watched = graceful.watch(connection);
            connections.spawn(async move {
                if let Err(error) = watched.await {
                    tracing::debug!(%peer, %error, "connection ended");
                }
                drop((slot, place));
            });
        }
        drop(self.listener);
        if tokio::time::timeout(self.options.drain_time, graceful.shutdown()).await.is_err() {
            tracing::warn!(open = connections.len(), "connections were cut when the drain time was over");
        }
        connections.shutdown().await;
    }

    /// Takes the next connection once there is room for it.
    async fn accept(
        &self,
        slots: &Arc<Semaphore>,
    ) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
        let slot = Arc::clone(slots).acquire_owned().await.ok()?;
        match self.listener.accept().await {
            Ok((stream, peer)) => Some((stream, peer, slot)),
            Err(error) => {
                // Out of file descriptors, or a client that left at once: neither ends the server.
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(Duration::from_millis(50)).await;
                None
            }
        }
    }

    fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> + use<> {
        let responder = Arc::new(respond::Responder {
            folder: Arc::clone(&self.folder),
            peer,
            observer: self.options.observer.clone(),
            beside: self.options.beside.clone(),
        });
        let service = service_fn(move |request| {
            let responder = Arc::clone(&responder);
            async move { Ok::<_, std::convert::Infallible>(responder.respond(request).await) }
        });
        let _ = stream.set_nodelay(true);
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.options.header_time)
            .max_header_size(self.options.header_bytes)
            .max_headers(64)
            .serve_connection(TokioIo::new(stall::Stall::new(stream, self.options.stall_time)), service)
    }
}
