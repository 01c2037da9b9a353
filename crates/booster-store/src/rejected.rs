//! Releases that this machine does not take again: which, since when and why.

use crate::{Operation, Store, StoreError, pointer::Pointer};
use booster_definitions::{Component, Digest, ReleaseManifest, Version};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How many rejected releases are remembered: the oldest are long superseded then.
const KEPT: usize = 64;

/// What spoke against a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Somebody went back to an earlier set.
    RolledBack,
    /// Whoever loaded it crashed.
    Crashed,
    /// The health command failed with it.
    Unhealthy,
    /// It flagged too many of the machine's own files.
    DetectionSpike,
    /// Another engine did not take it.
    EngineRejected,
    /// Nothing: whoever had to approve the switch to it did not, and that says nothing of the release.
    NotApproved,
}

/// What spoke against a set, in words, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What spoke against it.
    pub why: Why,
    /// The same in words.
    pub reason: String,
    /// When that was found.
    pub time: Timestamp,
}

/// A release that is not taken again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedRelease {
    /// The component.
    pub component: Component,
    /// The version.
    pub version: Version,
    /// The archive's digest: the same content under another number is rejected, too.
    pub archive: Digest,
    /// What spoke against it.
    pub why: Why,
    /// The same in words.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

impl Why {
    /// The name used in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RolledBack => "rolled_back",
            Self::Crashed => "crashed",
            Self::Unhealthy => "unhealthy",
            Self::DetectionSpike => "detection_spike",
            Self::EngineRejected => "engine_rejected",
            Self::NotApproved => "not_approved",
        }
    }
}

/// As words in a sentence about a release.
impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::RolledBack => "somebody went back from it",
            Self::Crashed => "it crashed whoever loaded it",
            Self::Unhealthy => "the health command failed with it",
            Self::DetectionSpike => "it flagged too many of this machine's files",
            Self::EngineRejected => "another engine did not take it",
            Self::NotApproved => "the switch to it was not approved",
        })
    }
}

impl RejectedRelease {
    /// A release, and what spoke against it.
    pub fn new(manifest: &ReleaseManifest, verdict: &Verdict) -> Self {
        Self {
            component: manifest.component,
            version: manifest.version,
            archive: manifest.archive.sha256,
            why: verdict.why,
            reason: verdict.reason.clone(),
            since: verdict.time,
        }
    }

    /// Whether this is the release, or its content under another number.
    pub fn is(&self, component: Component, version: Version, archive: &Digest) -> bool {
        self.component == component && (self.version == version || self.archive == *archive)
    }
}

impl Store {
    /// The releases that this machine does not take, oldest first.
    ///
    /// # Errors
    /// The store is damaged or cannot be read.
    pub fn rejected(&self) -> Result<Vec<RejectedRelease>, StoreError> {
        Ok(Pointer::load(self.data_dir())?.map(|pointer| pointer.rejected).unwrap_or_default())
    }
}

impl Operation {
    /// Remembers releases that are not to be taken, and changes nothing that is installed.
    ///
    /// # Errors
    /// The system's answer.
    pub fn reject(&self, releases: Vec<RejectedRelease>) -> Result<(), StoreError> {
        self.change_pointer(|pointer| remember(&mut pointer.rejected, releases)).map(drop)
    }

    /// Forgets rejections, so that the next update may take these releases; says which there were.
    ///
    /// # Errors
    /// The system's answer.
    pub fn allow(
        &self,
        which: impl Fn(&RejectedRelease) -> bool,
    ) -> Result<Vec<RejectedRelease>, StoreError> {
        let allowed: Vec<_> = self.store().rejected()?.into_iter().filter(&which).collect();
        if !allowed.is_empty() {
            self.change_pointer(|pointer| pointer.rejected.retain(|release| !which(release)))?;
        }
        Ok(allowed)
    }
}

/// Adds rejections; of two of the same release the newer one counts.
pub(crate) fn remember(rejected: &mut Vec<RejectedRelease>, new: Vec<RejectedRelease>) {
    for release in new {
        rejected.retain(|old| (old.component, old.version) != (release.component, release.version));
        rejected.push(release);
    }
    rejected.drain(..rejected.len().saturating_sub(KEPT));
}
