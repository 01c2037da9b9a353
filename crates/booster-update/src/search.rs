//! Search: what a source offers, as far as it can be believed.
//!
//! The usual answer, that nothing is new, costs one request. It is given only if what the trusted
//! metadata offers is also what is installed: an earlier installation may have failed after its
//! metadata had been accepted.

use crate::{Cause, InstalledRelease, context::Context, transfer};
use booster_definitions::{Component, Digest, ReleaseManifest, TargetName, Version, manifest_target};
use booster_sources::{MetadataRepository, Source, SourceError};
use booster_store::Installed;
use booster_trust::{Check, Client, TrustedState, VerifiedTarget};
use jiff::Timestamp;
use std::{collections::BTreeMap, sync::Arc};

/// What a source answered.
pub(crate) enum Answer {
    /// Nothing has changed since the last time, and what was offered then is installed.
    Unchanged,
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
}

/// A release that the publisher offers now.
pub(crate) struct Release {
    pub(crate) manifest: ReleaseManifest,
    /// The manifest as it was signed.
    pub(crate) bytes: Vec<u8>,
}

/// The installed set, as it was when the operation began.
#[derive(Default)]
pub(crate) struct Before {
    pub(crate) generation: Option<Installed>,
    pub(crate) releases: BTreeMap<Component, InstalledRelease>,
    /// The installed manifests as they were signed, where they can be read.
    manifests: BTreeMap<Component, Vec<u8>>,
}

impl Before {
    pub(crate) fn new(generation: Option<Installed>, damaged: &[Component]) -> Self {
        let mut before = Self { generation, ..Self::default() };
        let Some(generation) = &before.generation else { return before };
        for (&component, installed) in &generation.record().components {
            let release = InstalledRelease {
                version: installed.manifest.version,
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
    let check = context.unless_cancelled(client.check(now)).await??;
    if check == Check::Unchanged && is_installed(context, &client, before) {
        return Ok(Answer::Unchanged);
    }
    context.unless_cancelled(client.refresh(now)).await??;
    let mut releases = BTreeMap::new();
    for component in context.components() {
        if let Some(release) = offered(context, source.as_ref(), &mut client, now, component, before).await? {
            releases.insert(component, release);
        }
    }
    Ok(Answer::Offer(Box::new(Offer { client, now, releases })))
}

/// Whether everything that the trusted metadata offers is installed.
fn is_installed(context: &Context<'_>, client: &Client, before: &Before) -> bool {
    context.components().all(|component| match listed(client, component).first() {
        None => true,
        Some(newest) => before.has(component, |bytes| newest.manifest == Some(Digest::of(bytes))),
    })
}

/// A release that the trusted metadata lists.
struct Listed {
    version: Version,
    /// SHA-256 of its manifest.
    manifest: Option<Digest>,
}

/// The releases of a component, newest first.
fn listed(client: &Client, component: Component) -> Vec<Listed> {
    let releases = client.targets().filter_map(|(name, target)| match name.parse() {
        Ok(TargetName::Manifest(of, version)) if of == component => {
            let sha256 = target.hashes.get("sha256").and_then(|hash| hash.to_ascii_lowercase().parse().ok());
            Some(Listed { version, manifest: sha256 })
        }
        _ => None,
    });
    let mut releases: Vec<_> = releases.collect();
    releases.sort_by_key(|release| std::cmp::Reverse(release.version));
    releases
}

/// The release of a component that the source offers, if it offers one.
async fn offered(
    context: &Context<'_>,
    source: &dyn Source,
    client: &mut Client,
    now: Timestamp,
    component: Component,
    before: &Before,
) -> Result<Option<Release>, Cause> {
    let Some(newest) = listed(client, component).into_iter().next() else { return Ok(None) };
    let name = manifest_target(component, newest.version);
    let target = context.unless_cancelled(client.target(&name, now)).await??;
    let installed = before.manifests.get(&component).filter(|bytes| target.verify(bytes).is_ok());
    let bytes = match installed {
        Some(bytes) => bytes.clone(),
        None => read(context, source, &target).await?,
    };
    let manifest = ReleaseManifest::from_json(&bytes, component)?;
    if manifest.version != newest.version {
        let reason = format!("is listed as {} and says {}", newest.version, manifest.version);
        return Err(Cause::Contradiction { component, reason });
    }
    Ok(Some(Release { manifest, bytes }))
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
