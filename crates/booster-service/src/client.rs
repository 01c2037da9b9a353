//! The callers' side: a connection to a service, and what can be asked of it.
//!
//! Answers are the crates' own values, the same that an operation in this process would have given.

use crate::{
    desk::Asked,
    status::Status,
    wire::{self, generated as proto, name},
};
use booster_store::{HistoryEntry, RolledBack};
use booster_update::{ErrorKind, Event, Report, RollbackRequest, UpdateError};
use hyper_util::rt::TokioIo;
use prost::Message as _;
use proto::antimalware_client::AntimalwareClient;
use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::net::UnixStream;
use tonic::{
    Code, Streaming,
    transport::{Channel, Endpoint},
};

mod choice;
mod scanner;

pub use choice::Choice;
pub use scanner::RemoteScanner;

/// How often, and for how long, a silent service is asked whether it lives.
const ARE_YOU_THERE: Duration = Duration::from_secs(60);

/// A call that the service did not do, or a service that is not there.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error("no antimalware service answers at {}: {source}; start it, or use --embedded", socket.display())]
    Absent {
        /// The socket.
        socket: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The caller may not.
    #[error("the service refuses: {0}")]
    Denied(String),
    /// The service cannot do it.
    #[error("{0}")]
    Refused(UpdateError),
    /// The connection broke: the service has died, or ends.
    #[error(
        "the connection to the service broke: {0}; what it was doing is finished or undone when it starts again"
    )]
    Lost(String),
    /// The service answers what cannot be understood.
    #[error("the service at {} speaks another protocol: {reason}", socket.display())]
    Protocol {
        /// The socket.
        socket: PathBuf,
        /// What was answered.
        reason: String,
    },
}

impl ClientError {
    /// Which of the known cases of failures it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Absent { .. } | Self::Lost(_) => ErrorKind::ServiceAbsent,
            Self::Denied(_) => ErrorKind::Permission,
            Self::Refused(error) => error.kind(),
            Self::Protocol { .. } => ErrorKind::Internal,
        }
    }
}

/// A connection to a service.
#[derive(Debug, Clone)]
pub struct Client {
    grpc: AntimalwareClient<Channel>,
    socket: PathBuf,
}

/// An update that is followed.
#[derive(Debug)]
pub struct Followed {
    /// Its number, to cancel it.
    pub number: u64,
    /// Whether somebody else has started it.
    pub joined: bool,
    /// How many updates come first.
    pub ahead: u32,
    messages: Streaming<proto::UpdateMessage>,
    client: Client,
}

/// What a followed update tells.
#[derive(Debug)]
pub enum Progress {
    /// So many updates come first now.
    Queued(u32),
    /// Something happened.
    Event(Box<Event>),
    /// It is over; nothing follows.
    Report(Box<Report>),
}

impl Client {
    /// Connects to the service at a socket.
    ///
    /// # Errors
    /// Nobody listens there.
    pub async fn connect(socket: &Path) -> Result<Self, ClientError> {
        let absent = |source| ClientError::Absent { socket: socket.to_owned(), source };
        // The first connection is made here: its failure is told with the system's own answer.
        let first = UnixStream::connect(socket).await.map_err(absent)?;
        let (path, mut first) = (socket.to_owned(), Some(first));
        let connector = tower::service_fn(move |_| {
            let (path, first) = (path.clone(), first.take());
            async move {
                let stream = match first {
                    Some(stream) => stream,
                    None => UnixStream::connect(path).await?,
                };
                Ok::<_, io::Error>(TokioIo::new(stream))
            }
        });
        // The name is never looked at, but there has to be one.
        let endpoint = Endpoint::from_static("http://localhost")
            .http2_keep_alive_interval(ARE_YOU_THERE)
            .keep_alive_timeout(ARE_YOU_THERE);
        let channel = endpoint.connect_with_connector(connector).await;
        let channel = channel.map_err(|error| absent(io::Error::other(error)))?;
        let grpc = AntimalwareClient::new(channel).max_decoding_message_size(usize::MAX);
        Ok(Self { grpc, socket: socket.to_owned() })
    }

    /// Connects to the first service that answers.
    ///
    /// # Errors
    /// None does: what the first socket said.
    pub async fn connect_to_any(sockets: &[PathBuf]) -> Result<Self, ClientError> {
        let mut first_error = None;
        for socket in sockets {
            match Self::connect(socket).await {
                Ok(client) => return Ok(client),
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        Err(first_error.unwrap_or_else(|| ClientError::Absent {
            socket: PathBuf::new(),
            source: io::Error::from(io::ErrorKind::NotFound),
        }))
    }

    /// The socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Starts an update, or joins one for the same.
    ///
    /// # Errors
    /// The service refuses it.
    pub async fn update(&mut self, asked: &Asked, progress: bool) -> Result<Followed, ClientError> {
        let request = proto::UpdateRequest {
            kinds: asked.kinds.iter().map(name).collect(),
            other_source: asked.from.clone(),
            check_only: asked.check_only,
            at_once: asked.at_once,
            ignore_budget: asked.ignore_budget,
            max_rate: asked.max_rate,
            progress,
        };
        let answer = self.grpc.update(request).await.map_err(|status| self.failed(status))?;
        let mut messages = answer.into_inner();
        let first = messages.message().await.map_err(|status| self.failed(status))?;
        match first.and_then(|first| first.message) {
            Some(proto::update_message::Message::Accepted(accepted)) => Ok(Followed {
                number: accepted.update,
                joined: accepted.joined,
                ahead: accepted.ahead,
                messages,
                client: self.clone(),
            }),
            other => Err(self.not_understood(format!("{other:?} in the place of the first message"))),
        }
    }

    /// Cancels an update; 0 for the one that runs.
    ///
    /// # Errors
    /// There is none, or this user may not.
    pub async fn cancel(&mut self, number: u64) -> Result<(), ClientError> {
        let request = proto::CancelRequest { update: number };
        self.grpc.cancel(request).await.map(drop).map_err(|status| self.failed(status))
    }

    /// What is installed, in use, and going on.
    ///
    /// # Errors
    /// The service's data folder is damaged, or the service is gone.
    pub async fn status(&mut self) -> Result<Status, ClientError> {
        let reply = self.grpc.status(proto::StatusRequest {}).await.map_err(|status| self.failed(status))?;
        let status = serde_json::from_str(&reply.into_inner().json);
        status.map_err(|error| self.not_understood(error.to_string()))
    }

    /// The versions of the service and of what it uses, as the message that travels.
    ///
    /// # Errors
    /// The service's data folder is damaged, or the service is gone.
    pub async fn version(&mut self) -> Result<proto::VersionReply, ClientError> {
        let reply = self.grpc.version(proto::VersionRequest {}).await;
        reply.map(tonic::Response::into_inner).map_err(|status| self.failed(status))
    }

    /// What updates changed, so many entries from the newest; oldest first.
    ///
    /// # Errors
    /// The history is damaged, or the service is gone.
    pub async fn history(&mut self, last: usize) -> Result<Vec<HistoryEntry>, ClientError> {
        let request = proto::HistoryRequest { last: u32::try_from(last).unwrap_or(u32::MAX) };
        let reply = self.grpc.history(request).await.map_err(|status| self.failed(status))?;
        Ok(reply.into_inner().entries.into_iter().map(HistoryEntry::from).collect())
    }

    /// Goes back to an earlier set; returns its number and what was left.
    ///
    /// # Errors
    /// There is none, or this user may not.
    pub async fn roll_back(&mut self, request: &RollbackRequest) -> Result<(u64, RolledBack), ClientError> {
        let request = proto::RollbackRequest {
            to_version: request.to.map(|version| version.to_string()),
            component: request.component.map(|component| name(&component)),
            reason: request.reason.clone(),
        };
        let reply = self.grpc.rollback(request).await.map_err(|status| self.failed(status))?.into_inner();
        let rolled_back = reply.rolled_back.map(RolledBack::from);
        let rolled_back = rolled_back.ok_or_else(|| self.not_understood("an empty answer".to_owned()))?;
        Ok((reply.generation, rolled_back))
    }

    /// Updates before a scheduled scan, where the service's settings want that; says why not, or what came of it.
    ///
    /// # Errors
    /// The service is gone.
    pub async fn prepare_scan(&mut self) -> Result<Result<Report, String>, ClientError> {
        let reply = self.grpc.prepare_scan(proto::PrepareScanRequest {}).await;
        let reply = reply.map_err(|status| self.failed(status))?.into_inner();
        Ok(reply.report.map(Report::from).ok_or_else(|| reply.skipped.unwrap_or_default()))
    }

    /// The messages of everything that happens from now on, as they travel.
    ///
    /// # Errors
    /// The service is gone.
    pub async fn watch(&mut self, progress: bool) -> Result<Streaming<proto::WatchMessage>, ClientError> {
        let reply = self.grpc.watch(proto::WatchRequest { progress }).await;
        reply.map(tonic::Response::into_inner).map_err(|status| self.failed(status))
    }

    /// Whether the service does its work, as the message that travels.
    ///
    /// # Errors
    /// The service is gone.
    pub async fn health(&mut self) -> Result<proto::HealthReply, ClientError> {
        let reply = self.grpc.health(proto::HealthRequest {}).await;
        reply.map(tonic::Response::into_inner).map_err(|status| self.failed(status))
    }

    /// The service's figures in the text format of Prometheus.
    ///
    /// # Errors
    /// The service is gone.
    pub async fn metrics(&mut self) -> Result<String, ClientError> {
        let reply = self.grpc.metrics(proto::MetricsRequest {}).await;
        reply.map(|reply| reply.into_inner().text).map_err(|status| self.failed(status))
    }

    fn failed(&self, status: tonic::Status) -> ClientError {
        let told = proto::Failure::decode(status.details()).ok().filter(|failure| !failure.kind.is_empty());
        match (status.code(), told) {
            (Code::PermissionDenied, _) => ClientError::Denied(status.message().to_owned()),
            (_, Some(failure)) => ClientError::Refused(failure.into()),
            (Code::Unimplemented | Code::DataLoss, None) => self.not_understood(status.message().to_owned()),
            (_, None) => ClientError::Lost(words(&status)),
        }
    }

    fn not_understood(&self, reason: String) -> ClientError {
        ClientError::Protocol { socket: self.socket.clone(), reason }
    }
}

/// What a status says, which is sometimes only said by what lies behind it.
fn words(status: &tonic::Status) -> String {
    match std::error::Error::source(status) {
        Some(source) => booster_update::words(source),
        None => status.message().to_owned(),
    }
}

impl Followed {
    /// What the update tells next; the report is the last.
    ///
    /// # Errors
    /// The service has died.
    pub async fn next(&mut self) -> Result<Progress, ClientError> {
        use proto::update_message::Message as M;
        loop {
            let message = self.messages.message().await.map_err(|status| self.client.failed(status))?;
            let Some(message) = message else {
                return Err(ClientError::Lost("it ended before the update's report".to_owned()));
            };
            return Ok(match message.message {
                Some(M::Event(event)) => match wire::event(event) {
                    Some(event) => Progress::Event(Box::new(event)),
                    None => continue,
                },
                Some(M::Report(report)) => Progress::Report(Box::new(report.into())),
                Some(M::Queued(queued)) => Progress::Queued(queued.ahead),
                Some(M::Accepted(_)) | None => continue,
            });
        }
    }
}
