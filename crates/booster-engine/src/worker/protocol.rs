//! What parent and child say to each other: one line of JSON each way.

use super::WorkerLimits;
use crate::{BuildError, BuildOptions, BuildRequest, TrialRequest};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::borrow::Cow;

/// Number of this protocol: parent and child must be of the same build.
const PROTOCOL: u32 = 2;
/// Longest request in bytes.
pub(super) const MAX_REQUEST: u64 = 1 << 20;
/// Longest report in bytes: a thousand rejected rules are well below it.
pub(super) const MAX_REPORT: usize = 8 << 20;
/// How much of the end of standard error is kept.
pub(super) const MAX_STDERR: usize = 16 << 10;

/// What the parent asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Request<'a> {
    protocol: u32,
    /// The parent's process id.
    pub parent: u32,
    pub limits: WorkerLimits,
    pub work: Work<'a>,
}

/// What the child is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Work<'a> {
    Build { options: BuildOptions, request: Cow<'a, BuildRequest> },
    Trial { request: Cow<'a, TrialRequest> },
}

impl<'a> Request<'a> {
    pub fn new(work: Work<'a>, limits: &WorkerLimits) -> Self {
        Self { protocol: PROTOCOL, parent: std::process::id(), limits: *limits, work }
    }

    pub fn encode(&self) -> Vec<u8> {
        // Numbers, text and lists always become JSON; a path that is not UTF-8 does not, and the child will say so.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }

    pub fn decode(line: &[u8]) -> Result<Self, String> {
        let request: Self =
            serde_json::from_slice(line).map_err(|error| format!("not a request: {error}"))?;
        check_protocol(request.protocol)?;
        Ok(request)
    }
}

/// What the child answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Response<T> {
    protocol: u32,
    result: Result<T, BuildError>,
}

impl<T: Serialize + DeserializeOwned> Response<T> {
    pub const fn new(result: Result<T, BuildError>) -> Self {
        Self { protocol: PROTOCOL, result }
    }

    pub fn into_result(self) -> Result<T, BuildError> {
        self.result
    }

    pub fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        Ok(line)
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > MAX_REPORT {
            return Err(format!("the report is longer than {MAX_REPORT} bytes"));
        }
        let response: Self =
            serde_json::from_slice(bytes).map_err(|error| format!("not a report: {error}"))?;
        check_protocol(response.protocol)?;
        Ok(response)
    }
}

fn check_protocol(found: u32) -> Result<(), String> {
    if found == PROTOCOL { Ok(()) } else { Err(format!("protocol {found} instead of {PROTOCOL}")) }
}
