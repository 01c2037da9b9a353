//! Search: what a source offers, as far as it can be believed.
//!
//! The usual answer, that nothing is new, costs one request. It is given only if what the trusted
//! metadata offers is also what is installed: an earlier installation may have failed after its
//! metadata had been accepted.

use crate::{
    Cause, Held, InstalledRelease,
    choose::{Choice, Chooser, Listed},
    context::Context,
    transfer,
};
use booster_definitions::{
    Availability, Component, Digest, Place, ReleaseManifest, TargetName, Version, manifest_target,
};
use booster_sources::{Area, MetadataRepository, Source, SourceError};
use booster_store::{Decisions, Installed, RejectedRelease};
use booster_trust::{Check, Client, TrustedState, VerifiedTarget, location_of};
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What a source answered.
pub(crate) enum Answer {
    /// Nothing has changed since the last time, and what was offered then is installed, but for this.
    Unchanged(BTreeMap<Component, Held>),
    /// These releases are offered.
    Offer(Box<Offer>),
}

/// Verified offers, and the client that can name their files.
pub(crate) struct Offer {
    pub(crate) client: Client,
    /// The moment at which expiry is judged, from the first request to the last (TUF 1.0, section 5.1,
    /// "Record fixed update start time"): a clock that jumps meanwhile changes nothing.
    pub(crate) now: Timestamp,
    pub(crate) releases: BTreeMap<Component, Release>,
    /// Newer releases that are not for this machine, or not yet.
    pub(crate) waiting: BTreeMap<Component, Held>,
    /// The components that the administrator's pin takes back.
    pub(crate) may_go_back: BTreeSet<Component>,
}

/// A release that the publisher offers now.
pub(crate) struct Release {
    pub(crate) manifest: ReleaseManifest,
    /// The manifest as it was signed.
    pub(crate) bytes: Vec<u8>,
    /// The signed length of the patch to it from what is installed, where one is offered.
    pub(crate) patch: Option<u64>,
}

/// The machine as it was when the operation began: the installed set, its place and what was decided about it.
#[derive(Default)]
pub(crate) struct Before {
    pub(crate) decisions: Decisions,
    pub(crate) place: Place,
    /// The releases that are not taken, as it was when the operation began: what fails now fails from each
    /// source.
    pub(crate) rejected: Vec<RejectedRelease>,
    pub(crate) generation: Option<Installed>,
    pub(crate) releases: BTreeMap<Component, InstalledRelease>,
    /// The installed manifests as they were signed, where they can be read.
    manifests: BTreeMap<Component, Vec<u8>>,
}

impl Offer {
    /// When the newest release of it was published.
    pub(crate) fn published(&self) -> Option<Timestamp> {
        self.releases.values().map(|release| release.manifest.published).max()
    }
}

impl Before {
    /// When the newest release that is installed was published.
    pub(crate) fn published(&self) -> Option<Timestamp> {
        self.releases.values().map(|release| release.published).max()
    }

    pub(crate) fn new(generation: Option<Installed>, damaged: &[Component]) -> Self {
        let mut before = Self { generation, ..Self::default() };
        let Some(generation) = &before.generation else { return before };
        for (&component, installed) in &generation.record().components {
            let release = InstalledRelease {
                version: installed.manifest.version,
                published: installed.manifest.published,
                archive: installed.manifest.archive,
                damaged: damaged.contains(&component),
            };
            before.releases.insert(component, release);
            // Unreadable, it is fetched again.
            before
                .manifests
                .extend(generation.manifest_bytes(component).ok().map(|bytes| (component, bytes)));
        }
        before
    }

    /// Whether the installed release of a component is whole and the one that this target names.
    fn has(&self, component: Component, is_target: impl Fn(&[u8]) -> bool) -> bool {
        let whole = self.releases.get(&component).is_some_and(|release| !release.damaged);
        whole && self.manifests.get(&component).is_some_and(|bytes| is_target(bytes))
    }
}

/// Asks a source. Expiry is judged as of `now`.
pub(crate) async fn search(
    context: &Context<'_>,
    source: &Arc<dyn Source>,
    before: &Before,
    now: Timestamp,
) -> Result<Answer, Cause> {
    let options = &context.request.options;
    let state = TrustedState::open(&context.store.trust_dir())?;
    let repository =
        MetadataRepository::new(source.clone(), options.transfer.clone(), context.cancel.clone());
    let mut client = Client::new(repository, state, options.trust)?;
    context.unless_cancelled(source.prepare()).await??;
    let check = context.unless_cancelled(client.check(now)).await??;
    if check == Check::Unchanged {
        let choices = choices(context, source.as_ref(), &client, before, effective(&client, now));
        if is_installed(&choices, before) {
            return Ok(Answer::Unchanged(waiting(choices)));
        }
    }
    context.unless_cancelled(client.refresh(now)).await??;
    let today = effective(&client, now);
    let choices = choices(context, source.as_ref(), &client, before, today);
    let mut releases = BTreeMap::new();
    for (&component, choice) in &choices {
        if let Some(Listed { version, .. }) = choice.take {
            let client = &mut client;
            let release = offered(context, source.as_ref(), client, now, component, before, version).await?;
            releases.insert(component, release);
        }
    }
    let goes_back = |component: &Component| chooser(context, before, *component, today).leads_back();
    let may_go_back = context.components().filter(goes_back).collect();
    let waiting = waiting(choices);
    Ok(Answer::Offer(Box::new(Offer { client, now, releases, waiting, may_go_back })))
}

/// The time by which a machine takes its turn: never before what the publisher has signed, so that a clock
/// that was set back holds no release back.
fn effective(client: &Client, now: Timestamp) -> Timestamp {
    client.state().signed_at().map_or(now, |signed| signed.max(now))
}

/// What this machine takes of what the trusted metadata lists, and what it does not.
fn choices(
    context: &Context<'_>,
    source: &dyn Source,
    client: &Client,
    before: &Before,
    now: Timestamp,
) -> BTreeMap<Component, Choice> {
    let choose = |component| {
        let choice = chooser(context, before, component, now).choose(&listed(source, client, component));
        (component, choice)
    };
    context.components().map(choose).collect()
}

/// The newer releases that are there and not for this machine, or not yet.
fn waiting(choices: BTreeMap<Component, Choice>) -> BTreeMap<Component, Held> {
    choices.into_iter().filter_map(|(component, choice)| Some((component, choice.held?))).collect()
}

/// Whether everything that the trusted metadata offers this machine is installed.
fn is_installed(choices: &BTreeMap<Component, Choice>, before: &Before) -> bool {
    choices.iter().all(|(&component, choice)| match &choice.take {
        None => true,
        Some(release) => before.has(component, |bytes| release.manifest == Some(Digest::of(bytes))),
    })
}

/// The releases of a component, newest first.
fn listed(source: &dyn Source, client: &Client, component: Component) -> Vec<Listed> {
    let releases = client.targets().filter_map(|(name, target)| match name.parse() {
        Ok(TargetName::Manifest(of, version)) if of == component => {
            let sha256 = target.hashes.get("sha256").and_then(|hash| hash.to_ascii_lowercase().parse().ok());
            let availability = target.custom.as_ref().map(Availability::from_json);
            match availability.transpose() {
                Ok(availability) => {
                    let place = location_of(name, target).unwrap_or_else(|| name.to_owned());
                    let approval = source.approval(Area::Targets, &place);
                    Some(Listed { version, manifest: sha256, availability, approval })
                }
                Err(error) => {
                    // Whom it is for cannot be known, so it is not for this machine.
                    tracing::warn!(%component, %version, %error, "a release is passed over");
                    None
                }
            }
        }
        _ => None,
    });
    let mut releases: Vec<_> = releases.collect();
    releases.sort_by_key(|release| std::cmp::Reverse(release.version));
    releases
}

fn chooser<'b>(
    context: &Context<'_>,
    before: &'b Before,
    component: Component,
    now: Timestamp,
) -> Chooser<'b> {
    Chooser {
        channel: context.request.options.channel,
        place: before.place,
        now,
        at_once: context.request.at_once,
        pin: before.decisions.pins.get(&component),
        component,
        rejected: &before.rejected,
        installed: before.releases.get(&component).map(|release| (release.version, release.published)),
    }
}

/// The release of a component that is for this machine, if the source offers one.
async fn offered(
    context: &Context<'_>,
    source: &dyn Source,
    client: &mut Client,
    now: Timestamp,
    component: Component,
    before: &Before,
    version: Version,
) -> Result<Release, Cause> {
    let name = manifest_target(component, version);
    let target = context.unless_cancelled(client.target(&name, now)).await??;
    let installed = before.manifests.get(&component).filter(|bytes| target.verify(bytes).is_ok());
    let bytes = match installed {
        Some(bytes) => bytes.clone(),
        None => read(context, source, &target).await?,
    };
    let manifest = ReleaseManifest::from_json(&bytes, component)?;
    if manifest.version != version {
        let reason = format!("is listed as {version} and says {}", manifest.version);
        return Err(Cause::Contradiction { component, reason });
    }
    let base = before.releases.get(&component).map(|release| release.version);
    let patch = base.and_then(|base| patch_length(client, TargetName::Patch { component, version, base }));
    Ok(Release { manifest, bytes, patch })
}

/// The signed length of a patch, where it is offered.
fn patch_length(client: &Client, patch: TargetName) -> Option<u64> {
    let name = patch.to_string();
    client.targets().find(|(target, _)| **target == *name).map(|(_, target)| target.length)
}

/// Reads a small target into memory.
async fn read(context: &Context<'_>, source: &dyn Source, target: &VerifiedTarget) -> Result<Vec<u8>, Cause> {
    let limit = context.request.options.manifest_bytes;
    if target.length() > limit {
        return Err(SourceError::TooLarge { location: target.path().to_owned(), limit }.into());
    }
    let mut bytes = Vec::new();
    transfer::fetch(context, source, target, &mut |chunk| {
        bytes.extend_from_slice(chunk);
        Ok(())
    })
    .await?;
    Ok(bytes)
}
