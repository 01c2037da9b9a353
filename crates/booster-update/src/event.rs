//! What a caller is told while an update runs.
//!
//! The kinds and their order are those that the documented API names (`MPNOTIFY_SIGUPDATE_*`); an
//! event carries what its `MPSIGUPDATE_DATA` needs: percent, total, current index, source type,
//! stage and path. Which event may follow which is decided in [`crate::Order`].

use crate::UpdateError;
use booster_definitions::Component;
use booster_sources::SourceKind;
use booster_store::RolledBack;
use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct as _};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The operation began. Always the first event.
    Start,
    /// A source is being asked.
    SearchStart,
    /// The source has answered, or was left: the result says which.
    SearchComplete,
    /// A release is offered that needs a newer engine than this one; it is not installed.
    SoftwareUpdateAvailable,
    /// The download of one update began.
    DownloadStart,
    /// Bytes of the update arrived. Only where progress was asked for.
    DownloadProgress,
    /// The download of one update ended.
    DownloadComplete,
    /// The installation of one update began.
    InstallStart,
    /// The installation went on. Only where progress was asked for.
    InstallProgress,
    /// The update is in use, or its installation failed. All updates of an operation switch
    /// together, so these come together, after the switch.
    InstallComplete,
    /// The machine must be restarted before the definitions are in full use.
    RebootRequired,
    /// The request has been dealt with; the result is that of the whole operation.
    RequestProcessed,
    /// The operation is over. Always the last event.
    Complete,
    /// The operation failed; the result holds the specific error.
    InternalFailure,
}

/// The part of the operation that an event belongs to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Before the first source is asked (`MP_UPDATE_STAGE_UNKNOWN`).
    #[default]
    #[serde(rename = "start")]
    Unknown,
    /// Asking a source what it offers.
    Search,
    /// Fetching what was found.
    Download,
    /// Unpacking, building, testing and switching.
    Install,
}

impl Stage {
    /// The name used in reports and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "start",
            Self::Search => "search",
            Self::Download => "download",
            Self::Install => "install",
        }
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// How what an event tells of has gone.
#[derive(Debug, Clone, PartialEq)]
pub enum EventResult {
    /// Well.
    Ok,
    /// Well, and there was nothing to do (`S_FALSE`).
    NotNeeded,
    /// Badly, or it was cancelled ([`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled)).
    Failed(UpdateError),
}

impl From<&UpdateError> for EventResult {
    fn from(error: &UpdateError) -> Self {
        Self::Failed(error.clone())
    }
}

/// `status`, and of a failure its `kind` and the whole story in words as `message`.
impl Serialize for EventResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (status, error) = match self {
            Self::Ok => ("ok", None),
            Self::NotNeeded => ("not_needed", None),
            Self::Failed(error) => ("failed", Some(error)),
        };
        let mut object = serializer.serialize_struct("EventResult", if error.is_some() { 3 } else { 1 })?;
        object.serialize_field("status", status)?;
        if let Some(error) = error {
            object.serialize_field("kind", &error.kind())?;
            object.serialize_field("message", &error.to_string())?;
        }
        object.end()
    }
}

/// One thing that happened, and how far the operation was.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// What happened.
    #[serde(rename = "event")]
    pub kind: EventKind,
    /// When, by the operation's clock.
    pub time: Timestamp,
    /// The part of the operation that had been reached.
    pub stage: Stage,
    /// The kind of source in use, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceKind>,
    /// The URL or path of the source in use; never with credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Estimate over all updates, 0 to 100. It never falls, and 100 means that all went well.
    pub percent: u32,
    /// Number of updates; 0 until it is known.
    pub total: u32,
    /// The current update, counted from 0.
    pub index: u32,
    /// The component of the current update.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<Component>,
    /// How it went.
    pub result: EventResult,
    /// Bytes of the current update that are done, and all of them, while it is downloaded or
    /// installed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<(u64, u64)>,
    /// In the last event: the components that are too old after the operation, by the signed date of what is
    /// in use.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub out_of_date: Vec<Component>,
    /// The set that the operation has left, before anything else or because its own switch was not approved, in
    /// the event that carries its result ([`EventKind::RequestProcessed`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rolled_back: Option<Box<RolledBack>>,
}
