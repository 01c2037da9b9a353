//! Scanning with the definitions that a service has loaded.

use super::{Client, ClientError};
use crate::wire::{file_report, generated as proto};
use booster_engine::{ContentScanner, FileError, FileReport, ScanLimits};
use std::{io, path::Path, sync::mpsc, thread::JoinHandle, time::Duration};
use tokio::{runtime::Handle, sync::oneshot};
use tonic::{Code, Status};

/// How much of a content is sent in one message.
const PIECE: usize = 256 << 10;
/// How often, and how long apart, a content is sent again where the service has no room for it.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// Looks for threats with the definitions that a service has loaded. Any number of threads may use it at once.
pub struct RemoteScanner {
    client: Client,
    limits: ScanLimits,
    handle: Handle,
    _connection: Connection,
}

/// The thread that a connection lives on, for as long as this does.
struct Connection {
    /// Dropped, it ends the thread.
    alive: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The thread is waited for: who drops the connection may unload this code next.
impl Drop for Connection {
    fn drop(&mut self) {
        drop(self.alive.take());
        // A panic of it was the error of whoever waited for an answer.
        _ = self.thread.take().map(JoinHandle::join);
    }
}

impl RemoteScanner {
    /// Connects to the first service that answers, on a thread of its own.
    ///
    /// # Errors
    /// No service answers, or the system has no thread to give.
    pub fn connect(sockets: Vec<std::path::PathBuf>, limits: ScanLimits) -> Result<Self, ClientError> {
        let (tell, told) = mpsc::channel();
        let (alive, ended) = oneshot::channel::<()>();
        let no_thread = |source| ClientError::Absent { socket: sockets[0].clone(), source };
        let own = sockets.clone();
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(source) => {
                    _ = tell.send(Err(ClientError::Absent { socket: own[0].clone(), source }));
                    return;
                }
            };
            runtime.block_on(async {
                let client = Client::connect_to_any(&own).await;
                _ = tell.send(client.map(|client| (client, Handle::current())));
                // An error is how it ends.
                _ = ended.await;
            });
        };
        let thread =
            std::thread::Builder::new().name("service-client".to_owned()).spawn(work).map_err(no_thread)?;
        let connection = Connection { alive: Some(alive), thread: Some(thread) };
        // The thread tells something before it ends, unless it panics.
        let connected = told.recv().map_err(|error| no_thread(io::Error::other(error)))?;
        let (client, handle) = connected?;
        Ok(Self { client, limits, handle, _connection: connection })
    }

    async fn send(&self, path: &Path, content: &[u8], owner: &str) -> Result<proto::ScanReply, Status> {
        let mut grpc = self.client.grpc.clone();
        let mut pieces: Vec<_> = content
            .chunks(PIECE)
            .map(|piece| proto::ScanRequest { content: piece.to_vec(), ..Default::default() })
            .collect();
        if pieces.is_empty() {
            pieces.push(proto::ScanRequest::default());
        }
        if let Some(first) = pieces.first_mut() {
            first.path = Some(path.to_string_lossy().into_owned());
            first.owner = Some(owner.to_owned());
        }
        if let Some(last) = pieces.last_mut() {
            last.last = true;
        }
        let mut replies = grpc.scan(futures_util::stream::iter(pieces)).await?.into_inner();
        replies.message().await?.ok_or_else(|| Status::unavailable("the service gave no answer"))
    }

    async fn scan(&self, path: &Path, content: &[u8], owner: &str) -> Result<proto::ScanReply, Status> {
        for _ in 1..TRIES {
            match self.send(path, content, owner).await {
                Err(status) if status.code() == Code::ResourceExhausted => tokio::time::sleep(PAUSE).await,
                answered => return answered,
            }
        }
        self.send(path, content, owner).await
    }
}

impl ContentScanner for RemoteScanner {
    fn limits(&self) -> ScanLimits {
        self.limits
    }

    fn scan_content(&self, path: &Path, content: &[u8], owner: &str) -> Result<FileReport, FileError> {
        let reply = self.handle.block_on(self.scan(path, content, owner));
        let reply = reply.map_err(|status| io::Error::other(self.client.failed(status)))?;
        file_report(reply, path, content.len() as u64, self.limits.file_bytes)
    }
}
