//! What is to be done with each component: a pure decision from what is installed and what is
//! offered.
//!
//! Nothing here reads a disk or a network, and nothing here decides about trust: what is offered
//! has been verified before it comes here.

use crate::Way;
use booster_definitions::{ArchiveInfo, Channel, Component, Digest, ReleaseManifest, Version};
use booster_store::{PinLimit, RejectedRelease, Why};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// What a machine has of one component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstalledRelease {
    /// The version in use.
    pub version: Version,
    /// When its content was published.
    pub published: Timestamp,
    /// The archive that it is.
    pub archive: ArchiveInfo,
    /// Whether a verification found its files changed: then it is installed afresh.
    pub damaged: bool,
}

/// What the machine can and wants to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The version of this build's engine.
    pub engine: Version,
    /// The components to update; `None` is every one.
    pub components: Option<Vec<Component>>,
    /// The components that the administrator has pinned to what is older than installed.
    pub may_go_back: BTreeSet<Component>,
    /// The releases that this machine does not take.
    pub rejected: Vec<RejectedRelease>,
}

impl Policy {
    /// Whether a component is to be updated at all.
    pub fn wants(&self, component: Component) -> bool {
        self.components.as_ref().is_none_or(|wanted| wanted.contains(&component))
    }
}

/// Why an offered release is not installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Held {
    /// It is not this machine's turn in the roll-out.
    NotYet {
        /// The version offered.
        offered: Version,
        /// The machine's channel.
        channel: Channel,
        /// When it will be.
        from: Timestamp,
    },
    /// The publisher has stopped the roll-out.
    Halted {
        /// The version offered.
        offered: Version,
        /// The publisher's words.
        #[serde(rename = "why")]
        reason: String,
    },
    /// The administrator has pinned the component.
    Pinned {
        /// The version offered.
        offered: Version,
        /// The pin.
        limit: PinLimit,
        /// The administrator's words.
        #[serde(rename = "why", skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The release needs a newer engine: Booster itself has to be updated.
    NeedsNewerEngine {
        /// The version offered.
        offered: Version,
        /// The oldest engine that understands it.
        required: Version,
        /// This build's engine.
        engine: Version,
    },
    /// The release is older than what is installed: a downgrade, which is refused.
    OlderThanInstalled {
        /// The version offered.
        offered: Version,
        /// The version in use.
        installed: Version,
    },
    /// The release has the installed version's number and other content: releases never change.
    OtherContent {
        /// The version, of both.
        version: Version,
        /// The archive offered.
        offered: Digest,
        /// The archive in use.
        installed: Digest,
    },
    /// Whoever runs the source has not approved the release for this machine.
    NotApproved {
        /// The version offered.
        offered: Version,
    },
    /// Something spoke against this release, or its content, on this machine: it is not taken again.
    Rejected {
        /// The version offered.
        offered: Version,
        /// What spoke against it.
        why: Why,
    },
}

impl Held {
    /// Whether the publisher did what it must not do, so that the source is not to be followed.
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::OlderThanInstalled { .. } | Self::OtherContent { .. })
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotYet { offered, channel, from } => write!(
                f,
                "version {offered} reaches this machine, in channel {channel}, at {from}; \
                 `booster update --now` takes it now"
            ),
            Self::Halted { offered, reason } => {
                write!(f, "the publisher has halted version {offered}")?;
                if reason.is_empty() { Ok(()) } else { write!(f, ": {reason}") }
            }
            Self::Pinned { offered, limit, reason } => {
                write!(f, "version {offered} is beyond the pin to {limit}")?;
                reason.as_ref().map_or(Ok(()), |reason| write!(f, ": {reason}"))
            }
            Self::NeedsNewerEngine { offered, required, engine } => write!(
                f,
                "version {offered} needs engine {required} or newer, this is {engine}: update Booster itself"
            ),
            Self::OlderThanInstalled { offered, installed } => write!(
                f,
                "version {offered} is older than the installed {installed}: a downgrade is refused; \
                 a publisher takes a release back by publishing the old content under a higher version"
            ),
            Self::OtherContent { version, offered, installed } => write!(
                f,
                "version {version} is installed with other content (archive {installed}, offered {offered}): \
                 the publisher must give changed content a new version"
            ),
            Self::NotApproved { offered } => {
                write!(f, "version {offered} is not approved for this machine by who runs the update server")
            }
            Self::Rejected { offered, why } => write!(
                f,
                "version {offered} is rejected on this machine, because {why}: the next release is taken; \
                 `booster allow {offered}` lifts it"
            ),
        }
    }
}

/// What is to be done with one component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Get the archive, by the way of [`Plan::ways`], and install it.
    Full(Box<ReleaseManifest>),
    /// It is installed already.
    Nothing,
    /// A release is offered, and is not installed.
    Held(Held),
}

/// What is to be done with every component that a source offers and the machine wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// By component, in the order in which they are dealt with.
    pub steps: BTreeMap<Component, Step>,
    /// Newer releases that are there and not for this machine, or not yet.
    pub waiting: BTreeMap<Component, Held>,
    /// How each update comes to the machine, or came.
    pub ways: BTreeMap<Component, Way>,
    /// What was wrong with patches in whose place the whole was taken.
    pub patch_failed: BTreeMap<Component, String>,
}

impl Plan {
    /// The releases to fetch and install, in order.
    pub fn updates(&self) -> impl Iterator<Item = &ReleaseManifest> {
        self.steps.values().filter_map(|step| match step {
            Step::Full(manifest) => Some(&**manifest),
            _ => None,
        })
    }

    /// What is offered and not installed, and why.
    pub fn held(&self) -> impl Iterator<Item = (Component, &Held)> {
        let held = self.steps.iter().filter_map(|(component, step)| match step {
            Step::Held(held) => Some((*component, held)),
            _ => None,
        });
        held.chain(self.waiting.iter().map(|(component, held)| (*component, held)))
    }

    /// Whether any release waits for a newer engine.
    pub fn needs_newer_engine(&self) -> bool {
        self.held().any(|(_, held)| matches!(held, Held::NeedsNewerEngine { .. }))
    }

    /// The first offer that must not be followed.
    pub fn refusal(&self) -> Option<(Component, &Held)> {
        self.held().find(|(_, held)| held.is_refusal())
    }
}

/// Decides what is to be done with each component that is offered and wanted.
///
/// A component that is installed and no longer offered stays as it is.
pub fn plan(
    installed: &BTreeMap<Component, InstalledRelease>,
    offered: &BTreeMap<Component, ReleaseManifest>,
    policy: &Policy,
) -> Plan {
    let wanted = offered.iter().filter(|(component, _)| policy.wants(**component));
    let steps =
        wanted.map(|(component, manifest)| (*component, step(installed.get(component), manifest, policy)));
    Plan { steps: steps.collect(), ..Plan::default() }
}

fn step(installed: Option<&InstalledRelease>, offered: &ReleaseManifest, policy: &Policy) -> Step {
    if let Some(installed) = installed {
        if offered.version < installed.version && !policy.may_go_back.contains(&offered.component) {
            return Step::Held(Held::OlderThanInstalled {
                offered: offered.version,
                installed: installed.version,
            });
        }
        if offered.version == installed.version {
            if offered.archive != installed.archive {
                return Step::Held(Held::OtherContent {
                    version: offered.version,
                    offered: offered.archive.sha256,
                    installed: installed.archive.sha256,
                });
            }
            if !installed.damaged {
                return Step::Nothing;
            }
        }
    }
    let rejected =
        |release: &&RejectedRelease| release.is(offered.component, offered.version, &offered.archive.sha256);
    if let Some(rejected) = policy.rejected.iter().find(rejected) {
        return Step::Held(Held::Rejected { offered: offered.version, why: rejected.why });
    }
    if offered.requires.engine > policy.engine {
        return Step::Held(Held::NeedsNewerEngine {
            offered: offered.version,
            required: offered.requires.engine,
            engine: policy.engine,
        });
    }
    Step::Full(Box::new(offered.clone()))
}

#[cfg(test)]
mod tests;
