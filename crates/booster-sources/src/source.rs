//! What a source is: a place that opens the files of a repository.

use crate::SourceError;
use bytes::Bytes;
use futures_util::Stream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    pin::Pin,
    str::FromStr,
    sync::atomic::{AtomicU64, Ordering},
};

/// How a source is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// A web server, a content delivery network or an object store that answers over HTTP.
    Http,
    /// A Windows file share, by its `\\server\share` name.
    Unc,
    /// The organisation's update server (WSUS).
    Managed,
    /// The public update service.
    Unmanaged,
    /// A folder: a local disk, a mounted share or a removable medium.
    Directory,
}

impl SourceKind {
    /// Every kind, in the order in which documentation lists them.
    pub const ALL: [Self; 5] = [Self::Http, Self::Unc, Self::Managed, Self::Unmanaged, Self::Directory];

    /// The name used in configuration, events and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Unc => "unc",
            Self::Managed => "managed",
            Self::Unmanaged => "unmanaged",
            Self::Directory => "directory",
        }
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name that is no kind of source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown kind of source {0:?}: expected http, unc, managed, unmanaged or directory")]
pub struct UnknownSourceKind(pub String);

impl FromStr for SourceKind {
    type Err = UnknownSourceKind;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == name)
            .ok_or_else(|| UnknownSourceKind(name.to_owned()))
    }
}

/// The two halves of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Area {
    /// Signed metadata, at `<base>/metadata/<name>`.
    Metadata,
    /// What the metadata describes, at `<base>/targets/<path>`.
    Targets,
}

impl Area {
    /// The folder's name below the base.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::Targets => "targets",
        }
    }
}

/// The bytes of a file as they arrive.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, SourceError>> + Send>>;

/// From where on a file is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resume<'a> {
    /// How many bytes from the beginning are there already.
    pub offset: u64,
    /// The strong entity tag of the copy that these bytes are from, as this source named it
    /// ([`Opened::etag`]): a source that has another copy by now sends it from the beginning.
    pub etag: Option<&'a str>,
}

impl Resume<'_> {
    /// The whole file.
    pub const WHOLE: Self = Self { offset: 0, etag: None };
}

/// A file that a source has opened.
pub struct Opened {
    /// The position in the file of the first byte that follows. It is the offset that was asked
    /// for, or 0 where the source cannot start in the middle.
    pub start: u64,
    /// How many bytes follow, where the source says so. A claim of the other side: it is checked
    /// against limits before reading, and never believed instead of counting.
    pub length: Option<u64>,
    /// What the source calls this very copy of the file, byte for byte: a strong entity tag (RFC 9110,
    /// section 8.8.1). A weak one says less, and is left out.
    pub etag: Option<String>,
    /// The bytes.
    pub stream: ByteStream,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("start", &self.start)
            .field("length", &self.length)
            .field("etag", &self.etag)
            .finish_non_exhaustive()
    }
}

/// What a source has cost so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Requests sent (redirects that were followed count), or files opened.
    pub requests: u64,
    /// Bytes of content received, without headers.
    pub bytes: u64,
}

/// Whether a file that the publisher's metadata lists may be had from a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    /// The source does not decide that: what is there may be had.
    Unsaid,
    /// Whoever runs the source gives it to this machine.
    Approved {
        /// By when it is to be installed, whatever the publisher's roll-out says.
        deadline: Option<Timestamp>,
    },
    /// Whoever runs the source does not give it to this machine, or not yet.
    Withheld,
}

/// How an operation ended, for sources that pass that on to who runs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// When.
    pub time: Timestamp,
    /// The outcome's name.
    pub outcome: &'static str,
    /// What is installed now: components with their versions.
    pub versions: Vec<(String, String)>,
    /// What has failed.
    pub failure: Option<EndedBadly>,
}

/// What has failed in an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedBadly {
    /// The step's name.
    pub step: &'static str,
    /// The name of the kind of failure.
    pub kind: &'static str,
    /// The failure in words.
    pub message: String,
}

/// A place that opens the files of a repository.
#[async_trait::async_trait]
pub trait Source: Send + Sync + fmt::Debug {
    /// How it is reached.
    fn kind(&self) -> SourceKind;

    /// The URL or path in use. Never holds credentials.
    fn location(&self) -> String;

    /// Opens a file of the repository so that it is read from an offset on, where the source can.
    ///
    /// `None` means that the file is definitely not there (404, no such file). Every other reason
    /// for not having it is an error. Callers use [`read`](crate::read) and
    /// [`download`](crate::download), which put the limits of size and time around this.
    async fn open(&self, area: Area, path: &str, from: Resume<'_>) -> Result<Option<Opened>, SourceError>;

    /// What it has cost so far.
    fn counters(&self) -> Counters;

    /// Finds out what there is, for sources that have to be asked for that before anything can be opened.
    /// It keeps rules of time of its own; dropping it stops it.
    async fn prepare(&self) -> Result<(), SourceError> {
        Ok(())
    }

    /// Whether a file may be had, as who runs the source has decided. Known after [`prepare`](Self::prepare).
    fn approval(&self, _area: Area, _path: &str) -> Approval {
        Approval::Unsaid
    }

    /// Tells how the operation ended that used this source. What fails here is logged, and nothing else: no
    /// update fails because nobody could be told of it.
    async fn tell(&self, _ended: &Ended) {}

    /// The URL or path of one file, for messages.
    fn locate(&self, area: Area, path: &str) -> String {
        format!("{}/{}/{path}", self.location().trim_end_matches('/'), area.as_str())
    }
}

/// Counters that streams go on counting in after the source's method has returned.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl Meter {
    pub(crate) fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn counters(&self) -> Counters {
        Counters {
            requests: self.requests.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_one_name_in_text_and_in_json() {
        for kind in SourceKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        }
        assert!("ftp".parse::<SourceKind>().is_err());
    }
}
