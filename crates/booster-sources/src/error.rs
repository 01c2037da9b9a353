//! What can go wrong between a machine and a source, each case by its own name.

use booster_smb::ShareError;
use jiff::Timestamp;
use std::{io, time::Duration};

/// Why a redirect was not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedirectRefusal {
    /// More redirects in a row than the configuration allows.
    #[error("too many redirects")]
    TooMany,
    /// The redirect leads to another server.
    #[error("it leads to another server, which the configuration does not allow")]
    OtherHost,
    /// The redirect leads from HTTPS to plain HTTP.
    #[error("it leaves HTTPS")]
    LeavesHttps,
    /// The redirect's address is missing or is not an HTTP URL.
    #[error("it does not lead to an HTTP address")]
    NotHttp,
}

/// A failure of a source. Every case names the place and says what can be done.
///
/// Locations are URLs or paths, and never hold credentials.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// No connection could be made.
    #[error("{location}: cannot connect: {reason}; check the address, the network and the proxy")]
    Unreachable {
        /// What was to be opened.
        location: String,
        /// What the system said.
        reason: String,
    },
    /// The connection was not made in time.
    #[error("{location}: no connection within {limit:?}; check the address, or raise the connect timeout")]
    ConnectTimeout {
        /// What was to be opened.
        location: String,
        /// The limit.
        limit: Duration,
    },
    /// The other side took the request and did not answer in time.
    #[error("{location}: no answer within {limit:?}; check the server, or raise the response timeout")]
    NoAnswer {
        /// What was to be opened.
        location: String,
        /// The limit.
        limit: Duration,
    },
    /// The two sides could not agree on a secure connection, or one does not trust the other.
    #[error(
        "{location}: no secure connection: {reason}; check the CA bundle, the client certificate and the server's name"
    )]
    Tls {
        /// What was to be opened.
        location: String,
        /// What the TLS library said.
        reason: String,
    },
    /// The proxy wants credentials, or others than those that it was given.
    #[error("{location}: the proxy asks for other credentials; check the proxy's user name and password")]
    ProxyCredentials {
        /// What was to be opened.
        location: String,
    },
    /// The proxy did not open a way to the server.
    #[error(
        "{location}: the proxy did not connect to the server: {reason}; check the proxy's rules and credentials"
    )]
    ProxyRefused {
        /// What was to be opened.
        location: String,
        /// What the HTTP library said.
        reason: String,
    },
    /// The server answered with a status that is no success.
    #[error("{location}: the server answered {status}")]
    Status {
        /// What was to be opened.
        location: String,
        /// The HTTP status code.
        status: u16,
    },
    /// The server is busy and said when to come back (429 or 503 with `Retry-After`).
    #[error("{location}: the server answered {status} and asks not to be called before {until}")]
    RetryAfter {
        /// What was to be opened.
        location: String,
        /// The HTTP status code.
        status: u16,
        /// When it may be called again, at most 24 hours ahead.
        until: Timestamp,
    },
    /// The source has asked not to be called for a while, so it was not called.
    #[error("{location}: not asked, because this source asked not to be called before {until}")]
    CoolingDown {
        /// What was to be opened.
        location: String,
        /// When it may be called again.
        until: Timestamp,
    },
    /// A redirect was not followed.
    #[error("{location}: the redirect to {to:?} was not followed: {refusal}")]
    Redirect {
        /// What was asked.
        location: String,
        /// Where it was to lead.
        to: String,
        /// Why it was not followed.
        refusal: RedirectRefusal,
    },
    /// The server packed the body although it was asked not to.
    #[error(
        "{location}: the body is encoded as {encoding:?}; switch compression off for this path on the server"
    )]
    Encoded {
        /// What was opened.
        location: String,
        /// The value of `Content-Encoding`.
        encoding: String,
    },
    /// A web page came instead of the file.
    #[error(
        "{location}: a web page came instead of the file; a login page or a proxy may answer in the server's place"
    )]
    WebPage {
        /// What was opened.
        location: String,
    },
    /// The file is larger than anything acceptable here.
    #[error("{location}: more than {limit} bytes")]
    TooLarge {
        /// What was opened.
        location: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The file's announced length is not the length that it must have.
    #[error("{location}: {announced} bytes announced where {expected} are right")]
    WrongLength {
        /// What was opened.
        location: String,
        /// The right length in bytes.
        expected: u64,
        /// The length in bytes that the source announced.
        announced: u64,
    },
    /// The body ended early.
    #[error("{location}: the body ended after {received} bytes{}", expected.map_or(String::new(), |n| format!(" of {n}")))]
    TooShort {
        /// What was opened.
        location: String,
        /// The right length in bytes, where it is known.
        expected: Option<u64>,
        /// The bytes that came.
        received: u64,
    },
    /// Bytes came, but fewer than the minimum in one window of time.
    #[error(
        "{location}: only {received} bytes in {window:?}; the source is too slow, or the minimum rate too high"
    )]
    TooSlow {
        /// What was opened.
        location: String,
        /// The bytes that came within the window.
        received: u64,
        /// The window.
        window: Duration,
    },
    /// Nothing at all came in one window of time.
    #[error("{location}: nothing came for {window:?}")]
    Stalled {
        /// What was opened.
        location: String,
        /// The window.
        window: Duration,
    },
    /// The connection broke while the answer was on its way.
    #[error("{location}: the connection broke after {received} bytes: {reason}")]
    ConnectionLost {
        /// What was opened.
        location: String,
        /// The bytes that came.
        received: u64,
        /// What the system said.
        reason: String,
    },
    /// The caller cancelled.
    #[error("{location}: cancelled")]
    Cancelled {
        /// What was being read.
        location: String,
    },
    /// A file that must be there is not.
    #[error("{location}: not found")]
    NotFound {
        /// What was to be opened.
        location: String,
    },
    /// A path that would leave the repository.
    #[error("unsafe path {path:?}: {reason}")]
    UnsafePath {
        /// The path as it was asked for.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file could not be opened or read.
    #[error("{location}: cannot {step}")]
    Io {
        /// The path.
        location: String,
        /// What was being done.
        step: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A file share failed in a way that only file shares have.
    #[error("{location}: {error}")]
    Share {
        /// What was to be opened.
        location: String,
        /// In which way.
        error: ShareError,
    },
    /// The caller could not take the bytes (disk full, for example).
    #[error("{location}: what came could not be written")]
    Write {
        /// What was being read.
        location: String,
        /// What the caller's writer said.
        source: io::Error,
    },
    /// What an update server answered is not what the protocol has there.
    #[error(
        "{location}: the answer to {call} cannot be understood: {reason}; check that this is an update server's address"
    )]
    Protocol {
        /// The server.
        location: String,
        /// The operation.
        call: &'static str,
        /// What is wrong with the answer.
        reason: String,
    },
    /// An update server refused an operation, and trying again as it asks for did not help.
    #[error("{location}: {call} was refused: {fault}; the server's log says more")]
    Fault {
        /// The server.
        location: String,
        /// The operation.
        call: &'static str,
        /// The fault, by its code and words.
        fault: String,
    },
    /// A conversation with an update server does not come to an end.
    #[error(
        "{location}: the conversation took longer than {limit:?}; check the server, or raise conversation_time"
    )]
    ConversationTooLong {
        /// The server.
        location: String,
        /// The limit.
        limit: Duration,
    },
    /// The answers of an update server are too much together.
    #[error(
        "{location}: more than {limit} bytes of answers in one conversation; check the server, or raise \
         conversation_bytes"
    )]
    ConversationTooLarge {
        /// The server.
        location: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// A file is not the one that an update server named.
    #[error("{location}: the file has not the SHA-1 that the server named it by; check the server's content")]
    WrongDigest {
        /// What was opened.
        location: String,
    },
    /// An update server has nothing of ours for this machine.
    #[error(
        "{location}: the server offers this machine no signed definitions; check its approvals, the products and \
         the target group"
    )]
    NotOffered {
        /// The server.
        location: String,
    },
    /// An update server named an address where nothing is fetched from.
    #[error("{location}: the server names the address {to:?}, which is not used: {refusal}")]
    Address {
        /// The server.
        location: String,
        /// The address that it named.
        to: String,
        /// Why it is not used.
        refusal: RedirectRefusal,
    },
    /// The source was set up with something that cannot work.
    #[error("{what}: {reason}")]
    Configuration {
        /// Which setting.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl SourceError {
    /// The case's name, for reports that programs read. Names do not change.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::ConnectTimeout { .. } => "connect_timeout",
            Self::NoAnswer { .. } => "no_answer",
            Self::Tls { .. } => "tls",
            Self::ProxyCredentials { .. } => "proxy_credentials",
            Self::ProxyRefused { .. } => "proxy_refused",
            Self::Status { .. } => "status",
            Self::RetryAfter { .. } => "retry_after",
            Self::CoolingDown { .. } => "cooling_down",
            Self::Redirect { .. } => "redirect",
            Self::Encoded { .. } => "encoded",
            Self::WebPage { .. } => "web_page",
            Self::TooLarge { .. } => "too_large",
            Self::WrongLength { .. } => "wrong_length",
            Self::TooShort { .. } => "too_short",
            Self::TooSlow { .. } => "too_slow",
            Self::Stalled { .. } => "stalled",
            Self::ConnectionLost { .. } => "connection_lost",
            Self::Cancelled { .. } => "cancelled",
            Self::NotFound { .. } => "not_found",
            Self::UnsafePath { .. } => "unsafe_path",
            Self::Io { .. } => "io",
            Self::Share { error, .. } => error.kind(),
            Self::Write { .. } => "write",
            Self::Protocol { .. } => "protocol",
            Self::Fault { .. } => "fault",
            Self::ConversationTooLong { .. } => "conversation_too_long",
            Self::ConversationTooLarge { .. } => "conversation_too_large",
            Self::WrongDigest { .. } => "wrong_digest",
            Self::NotOffered { .. } => "not_offered",
            Self::Address { .. } => "address",
            Self::Configuration { .. } => "configuration",
        }
    }
}
