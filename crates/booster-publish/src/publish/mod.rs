//! Publishing a release: archive, test, compress, upload, sign.

mod package;
mod patches;
mod rollout;
mod trial;
mod work;

use crate::{
    KeyRing, PublishError, Repository, Result,
    repository::{Published, offered, prepare, remove, target_object, thin_out},
};
use booster_definitions::{
    ArchiveInfo, Availability, Component, Counts, DefinitionPath, Digest, FullPackage, MANIFEST_FORMAT,
    ReleaseManifest, Requires, Schedule, Version,
    archive::{FileSet, Limits, Source},
    full_target, manifest_target,
};
use booster_engine::{BuildReport, OnInvalid, RejectedRule, Worker};
use booster_trust::signing::TargetEntry;
use jiff::Timestamp;
use package::Package;
use patches::Patch;
use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
};
use work::WorkFolder;

pub use package::DEFAULT_LEVEL;
pub use patches::PublishedPatch;
pub use rollout::{RolloutChange, RolloutReport, Withdrawal};

/// A release to publish.
#[derive(Debug, Clone)]
pub struct PublishRequest {
    /// The component that it is a release of.
    pub component: Component,
    /// Its version, higher than the published one.
    pub version: Version,
    /// The folder that holds its files.
    pub folder: PathBuf,
    /// Files that are added to those of the folder, such as converted feeds.
    pub extra: Vec<(DefinitionPath, Source)>,
    /// What becomes of files with rules that the engine cannot take.
    pub on_invalid: OnInvalid,
    /// What machines must have to use it.
    pub requires: Requires,
    /// Whether machines must be restarted before it is in full use.
    pub restart_required: bool,
    /// Words for administrators.
    pub notes: Option<String>,
    /// Who gets it when.
    pub schedule: Schedule,
    /// Whether everybody is to have it at once, whatever the schedule and the channel say.
    pub emergency: bool,
    /// The release that it takes the place of, and that is offered no longer.
    pub withdraws: Option<Version>,
    /// When the content was first published, where that was not now.
    pub published: Option<Timestamp>,
    /// How hard to compress, 1 to 19, or [`DEFAULT_LEVEL`] to choose by the content.
    pub level: i32,
    /// Whether patches from earlier releases are made.
    pub patches: bool,
    /// How much it may hold.
    pub limits: Limits,
    /// The program whose child process tests the release; without one it is tested in this process.
    pub worker: Option<Worker>,
    /// The folder for work files; the system's when `None`.
    pub scratch: Option<PathBuf>,
}

impl PublishRequest {
    /// A release with default settings: nothing required, invalid rules refuse it.
    pub fn new(component: Component, version: Version, folder: impl Into<PathBuf>) -> Self {
        Self {
            component,
            version,
            folder: folder.into(),
            extra: Vec::new(),
            on_invalid: OnInvalid::Refuse,
            requires: Requires::default(),
            restart_required: false,
            notes: None,
            schedule: Schedule::immediate(),
            emergency: false,
            withdraws: None,
            published: None,
            level: DEFAULT_LEVEL,
            patches: true,
            limits: Limits::default(),
            worker: None,
            scratch: None,
        }
    }
}

/// How a publication ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The release is out.
    Published,
    /// The same content is out already; only its freshness was renewed.
    Unchanged,
}

/// What a publication did.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct PublishReport {
    /// How it ended.
    pub outcome: Outcome,
    /// The component.
    pub component: Component,
    /// The version that is published now.
    pub version: Version,
    /// The version before, if there was one and it is another.
    pub previous: Option<Version>,
    /// What the release holds.
    pub counts: Counts,
    /// The archive.
    pub archive: ArchiveInfo,
    /// Bytes that a machine downloads.
    pub download_size: u64,
    /// The patches to it, newest base first.
    pub patches: Vec<PublishedPatch>,
    /// Self-test files that were scanned with the merged set.
    pub self_tests: u32,
    /// Files that were left out, by path.
    pub left_out: BTreeSet<String>,
    /// The rules that the engine could not take, the first 1,000 of them.
    pub rejected: Vec<RejectedRule>,
    /// When machines stop to believe the signatures.
    pub expires: Timestamp,
}

impl Repository {
    /// Publishes a release.
    ///
    /// Its rules are compiled with the engine that machines use, and the self-tests of all
    /// published components and of this release are run over the merged set. Readers see the old
    /// state until the very last write. Content that is out already changes nothing but the
    /// freshness.
    pub async fn publish(
        &self,
        request: &PublishRequest,
        keys: &KeyRing,
        now: Timestamp,
    ) -> Result<PublishReport> {
        let _lock = self.storage.lock().await?;
        let published = self.begin().await?;
        self.signer(&published, keys, now).check()?;
        let before = published.manifest(&self.storage, request.component).await?;
        let work = WorkFolder::new(request.scratch.as_deref())?;
        let mut draft = Draft::new(request, work.path()).await?;
        let same =
            |draft: &Draft| before.as_ref().filter(|before| before.archive.sha256 == draft.archive.sha256);
        if let Some(before) = same(&draft) {
            return self.unchanged(&published, before, Tested::default(), keys, now).await;
        }
        if request.on_invalid == OnInvalid::Refuse {
            check_newer(request, before.as_ref())?;
        }
        let tested = self.test(request, &published, &mut draft, work.path()).await?;
        // What was left out may be all that differed.
        if let Some(before) = same(&draft) {
            return self.unchanged(&published, before, tested, keys, now).await;
        }
        check_newer(request, before.as_ref())?;
        let archive = draft.archive;
        let package = package::compress(request.level, work.path()).await?;
        let manifest = manifest(request, archive, &package, tested.counts(request.component), now);
        let patches = match request.patches {
            true => self.make_patches(&published, &manifest, work.path()).await,
            false => Vec::new(),
        };
        let released = self.release(request, &published, &manifest, (&package, &patches), keys, now).await;
        if released.is_err() {
            // What was written is of no use, and the disk may be full of it.
            if let Err(error) = self.clean().await {
                tracing::debug!(%error, "the next publication will clean up");
            }
        }
        let refreshed = released?;
        let before = before.map(|before| before.version);
        let report = report(Outcome::Published, &manifest, before, tested, refreshed);
        Ok(PublishReport { patches: patches.iter().map(Patch::published).collect(), ..report })
    }

    async fn unchanged(
        &self,
        published: &Published,
        manifest: &ReleaseManifest,
        tested: Tested,
        keys: &KeyRing,
        now: Timestamp,
    ) -> Result<PublishReport> {
        let refreshed = self.refresh_published(published, keys, now).await?;
        Ok(report(Outcome::Unchanged, manifest, None, tested, refreshed.expires))
    }

    /// Uploads the content and signs it in. Returns when the signatures expire.
    async fn release(
        &self,
        request: &PublishRequest,
        published: &Published,
        manifest: &ReleaseManifest,
        (package, patches): (&Package, &[Patch]),
        keys: &KeyRing,
        now: Timestamp,
    ) -> Result<Timestamp> {
        let manifest_json = manifest.to_json()?;
        let manifest_name = manifest_target(manifest.component, manifest.version);
        let manifest_object = target_object(&manifest_name, &Digest::of(&manifest_json));
        self.storage.upload(&target_object(&manifest.full.target, &package.sha256), &package.path).await?;
        self.upload_patches(patches, manifest).await?;
        let manifest_file = package.path.with_extension("json");
        std::fs::write(&manifest_file, &manifest_json).map_err(PublishError::io("write", &manifest_file))?;
        self.storage.upload(&manifest_object, &manifest_file).await?;

        let mut targets = published.targets.clone();
        let before = offered(&targets, manifest.component).first().map_or(0, |newest| newest.sequence());
        if let Some(withdrawn) = request.withdraws {
            remove(&mut targets, manifest.component, withdrawn);
        }
        let mut availability = Availability::new(before + 1, now, request.schedule.clone());
        availability.emergency = request.emergency;
        targets.targets.insert(manifest.full.target.clone(), TargetEntry::new(package.size, package.sha256));
        let entry = TargetEntry { custom: Some(availability.to_json()?), ..TargetEntry::of(&manifest_json) };
        targets.targets.insert(manifest_name, entry);
        for patch in patches {
            patch.insert_into(&mut targets, manifest);
        }
        thin_out(&mut targets, manifest.component);
        let signer = self.signer(published, keys, now);
        let prepared = prepare(published, Some(targets), &signer)?;
        self.commit(published, &prepared).await?;
        Ok(signer.expires(booster_trust::signing::TopRole::Timestamp))
    }
}

/// What the trial of a release gave.
#[derive(Debug, Default)]
struct Tested {
    report: BuildReport,
    left_out: BTreeSet<String>,
    rejected: Vec<RejectedRule>,
}

impl Tested {
    fn counts(&self, component: Component) -> Counts {
        self.report.per_component.get(&component).copied().unwrap_or_default()
    }
}

/// The release's files, and the archive of them that lies in the work folder.
#[derive(Debug)]
struct Draft {
    files: FileSet,
    archive: ArchiveInfo,
}

impl Draft {
    async fn new(request: &PublishRequest, work: &Path) -> Result<Self> {
        let (request, work) = (request.clone(), work.to_owned());
        blocking(move || {
            let files = collect(&request)?;
            let archive = package::archive(&files, &request.folder, &work)?;
            Ok(Self { files, archive })
        })
        .await
    }
}

/// Runs work of the disk and the processor beside the runtime's own thread, so that a publication
/// can be given up meanwhile.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(error) => Err(PublishError::io("run", Path::new("a task"))(io::Error::other(error))),
    })
}

fn check_newer(request: &PublishRequest, before: Option<&ReleaseManifest>) -> Result<()> {
    match before.filter(|before| before.version >= request.version) {
        None => Ok(()),
        Some(before) => Err(PublishError::NotNewer {
            component: request.component,
            published: before.version,
            offered: request.version,
        }),
    }
}

/// The release's files: those of the folder, and the extra ones.
fn collect(request: &PublishRequest) -> Result<FileSet> {
    let refused = |source| PublishError::Archive { folder: request.folder.clone(), source };
    let mut files = FileSet::from_dir(&request.folder, request.limits).map_err(refused)?;
    for (path, source) in &request.extra {
        files.insert(path.clone(), source.clone()).map_err(refused)?;
    }
    Ok(files)
}

fn manifest(
    request: &PublishRequest,
    archive: ArchiveInfo,
    package: &Package,
    counts: Counts,
    now: Timestamp,
) -> ReleaseManifest {
    ReleaseManifest {
        format: MANIFEST_FORMAT,
        component: request.component,
        version: request.version,
        published: request.published.unwrap_or(Timestamp::from_second(now.as_second()).unwrap_or(now)),
        archive,
        full: FullPackage { target: full_target(request.component, request.version), size: package.size },
        counts,
        requires: request.requires,
        restart_required: request.restart_required,
        notes: request.notes.clone(),
    }
}

fn report(
    outcome: Outcome,
    manifest: &ReleaseManifest,
    previous: Option<Version>,
    tested: Tested,
    expires: Timestamp,
) -> PublishReport {
    PublishReport {
        outcome,
        component: manifest.component,
        version: manifest.version,
        previous,
        counts: manifest.counts,
        archive: manifest.archive,
        download_size: manifest.full.size,
        patches: Vec::new(),
        self_tests: tested.report.self_tests,
        left_out: tested.left_out,
        rejected: tested.rejected,
        expires,
    }
}
