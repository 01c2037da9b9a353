//! What an operation has done, as one value.

use crate::{EngineStatus, Held, InstalledRelease, Plan, Step, UpdateError, Way};
use booster_definitions::{Component, Version};
use booster_engine::TrialReport;
use booster_sources::SourceKind;
use booster_store::{Pause, RolledBack};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// New definitions are in use.
    Updated,
    /// Nothing was needed.
    Current,
    /// An update is there; it was only to be looked for.
    Available,
    /// Nothing has changed; [`Report::error`] says why.
    Failed,
    /// The caller cancelled; nothing has changed.
    Cancelled,
    /// The administrator has paused updates: no source was asked.
    Paused,
    /// New definitions are in use, fully so after a restart of the machine.
    RestartRequired,
    /// A release needs a newer engine, and so a newer Booster; it was not installed. Other components
    /// may have been: [`Report::components`] says which.
    SoftwareUpdateAvailable,
}

impl Outcome {
    /// The name used in reports and in the history.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Updated => "updated",
            Self::Current => "current",
            Self::Available => "available",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Paused => "paused",
            Self::RestartRequired => "restart_required",
            Self::SoftwareUpdateAvailable => "software_update_available",
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// How a component's release travelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// As its archive, compressed whole.
    Full,
    /// As a patch against the installed archive.
    Patch,
    /// Not at all: its archive was that of an installed release.
    Installed,
    /// It did not: nothing was needed, or the release is held.
    None,
}

/// What happened to one component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComponentChange {
    /// The component.
    pub name: Component,
    /// The version before.
    pub from: Option<Version>,
    /// The version now in use; where an update was only looked for, the version that is offered.
    pub to: Option<Version>,
    /// How the release travelled, or would.
    pub how: How,
    /// Why an offered release was not installed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// What was wrong with the patch in whose place the whole was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch_failed: Option<String>,
}

/// One source that was asked.
#[derive(Debug, Clone, Serialize)]
pub struct SourceTried {
    /// Its kind.
    pub kind: SourceKind,
    /// Its URL or path, without credentials.
    pub path: String,
    /// Why it was left; nothing where it was followed.
    pub error: Option<UpdateError>,
}

/// What an operation has done.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// The kind of source that was followed, or failing that the one asked last.
    pub source: Option<SourceKind>,
    /// That source's URL or path.
    pub path: Option<String>,
    /// Every component that is installed or offered, and wanted.
    pub components: Vec<ComponentChange>,
    /// Bytes of content that came from all sources, metadata included.
    pub bytes_downloaded: u64,
    /// Requests that were sent to all sources, or files that were opened.
    pub requests: u64,
    /// Duration in milliseconds.
    pub duration_ms: u64,
    /// Why it failed: where several sources did, the gravest failure, and of equals the last.
    pub error: Option<UpdateError>,
    /// The sources that were asked, in order.
    pub sources_tried: Vec<SourceTried>,
    /// The administrator's pause, where that is why nothing was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// The components that are too old now, by the signed date of what is in use.
    pub out_of_date: Vec<Component>,
    /// The trial that the new definitions did not pass: which of the machine's files they flag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trial: Option<TrialReport>,
    /// What other engines use now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub engines: Vec<EngineStatus>,
    /// The set that was left before anything else, because it crashed or was not well, and what is in use
    /// in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rolled_back: Option<RolledBack>,
    /// The switches of this operation that were undone, because an engine or the health command did not approve
    /// them: what was in use before each is in use again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub undone: Vec<RolledBack>,
}

impl Report {
    /// The report of an operation that asked no source: one that could not begin, for example.
    pub const fn unasked(outcome: Outcome, error: Option<UpdateError>) -> Self {
        Self {
            outcome,
            source: None,
            path: None,
            components: Vec::new(),
            bytes_downloaded: 0,
            requests: 0,
            duration_ms: 0,
            error,
            sources_tried: Vec::new(),
            pause: None,
            out_of_date: Vec::new(),
            trial: None,
            engines: Vec::new(),
            rolled_back: None,
            undone: Vec::new(),
        }
    }

    /// The failures that an administrator should look at although the operation may have gone well:
    /// sources that offered what must not be believed.
    pub fn security_failures(&self) -> impl Iterator<Item = &UpdateError> {
        self.sources_tried
            .iter()
            .filter_map(|tried| tried.error.as_ref())
            .filter(|error| error.kind().is_security())
    }
}

/// What a plan comes to for every wanted component that is installed or offered.
pub(crate) fn changes(
    installed: &BTreeMap<Component, InstalledRelease>,
    plan: &Plan,
    wanted: &[Component],
) -> Vec<ComponentChange> {
    let change = |&name: &Component| {
        let from = installed.get(&name).map(|release| release.version);
        let (to, how, held) = match plan.steps.get(&name) {
            Some(Step::Full(manifest)) => (Some(manifest.version), how(plan, name), None),
            Some(Step::Held(held)) => (from, How::None, Some(held.clone())),
            Some(Step::Nothing) => (from, How::None, None),
            None if from.is_some() || plan.waiting.contains_key(&name) => (from, How::None, None),
            None => return None,
        };
        let held = held.or_else(|| plan.waiting.get(&name).cloned());
        let patch_failed = plan.patch_failed.get(&name).cloned();
        Some(ComponentChange { name, from, to, how, held, patch_failed })
    };
    wanted.iter().filter_map(change).collect()
}

fn how(plan: &Plan, component: Component) -> How {
    match plan.ways.get(&component) {
        Some(Way::Installed { .. }) => How::Installed,
        Some(Way::Patch { .. }) => How::Patch,
        Some(Way::Full) | None => How::Full,
    }
}

/// The failure to report of several: a security failure before any other, else the last.
pub(crate) fn gravest(tried: &[SourceTried]) -> Option<UpdateError> {
    let errors = || tried.iter().filter_map(|tried| tried.error.as_ref());
    errors().find(|error| error.kind().is_security()).or_else(|| errors().next_back()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cause, Stage};
    use booster_definitions::{ArchiveInfo, Digest};
    use jiff::Timestamp;

    const OLD: Version = Version([1, 0, 0, 0]);
    const NEW: Version = Version([1, 1, 0, 0]);

    fn installed(component: Component) -> (Component, InstalledRelease) {
        let archive = ArchiveInfo { sha256: Digest::of(b""), size: 0, files: 0 };
        (
            component,
            InstalledRelease { version: OLD, published: Timestamp::UNIX_EPOCH, archive, damaged: false },
        )
    }

    #[test]
    fn every_wanted_component_that_is_installed_or_offered_is_listed() {
        use Component::{Antispyware, Antivirus, Nis};
        let before = BTreeMap::from([installed(Antivirus), installed(Antispyware)]);
        let held = Held::NeedsNewerEngine { offered: NEW, required: NEW, engine: OLD };
        let steps = BTreeMap::from([(Antivirus, Step::Held(held.clone())), (Nis, Step::Held(held))]);
        let plan = Plan { steps, ..Plan::default() };
        let listed: Vec<_> = changes(&before, &plan, &Component::ALL)
            .iter()
            .map(|change| (change.name, change.from, change.to, change.how, change.held.is_some()))
            .collect();
        assert_eq!(
            listed,
            [
                (Antivirus, Some(OLD), Some(OLD), How::None, true),
                (Antispyware, Some(OLD), Some(OLD), How::None, false),
                (Nis, None, None, How::None, true),
            ]
        );
        assert_eq!(changes(&before, &plan, &[Antispyware]).len(), 1);
        assert!(changes(&BTreeMap::new(), &Plan::default(), &Component::ALL).is_empty());
    }

    #[test]
    fn a_security_failure_is_graver_than_any_other_and_else_the_last_counts() {
        let tried = |cause: Option<Cause>| SourceTried {
            kind: SourceKind::Http,
            path: String::new(),
            error: cause.map(|cause| UpdateError::new(Stage::Search, None, cause)),
        };
        let internal = |text: &str| Some(Cause::Internal(text.into()));
        let refused = || {
            let held = Held::OlderThanInstalled { offered: OLD, installed: NEW };
            Some(Cause::Refused { component: Component::Nis, held })
        };
        for (causes, expected) in [
            (vec![], None),
            (vec![None], None),
            (vec![internal("a"), internal("b")], Some("internal fault: b")),
            (vec![internal("a"), refused(), internal("b")], Some("nis: version")),
        ] {
            let all: Vec<_> = causes.into_iter().map(tried).collect();
            let reason = gravest(&all).map(|error| error.reason());
            let matches = match (&reason, expected) {
                (None, None) => true,
                (Some(reason), Some(start)) => reason.starts_with(start),
                _ => false,
            };
            assert!(matches, "{reason:?} instead of {expected:?}");
        }
    }
}
