//! The trial of a release: what machines will do with it, done before it is signed.
//!
//! The archive is unpacked as a machine unpacks it, beside the published releases of the other
//! components, and the whole is built and self-tested by the engine.

use super::{Draft, PublishRequest, Tested, blocking, package};
use crate::{
    PublishError, Repository, Result,
    repository::{Published, target_object},
};
use booster_definitions::{
    ArchiveInfo, Component, ReleaseManifest, Version,
    archive::{self, ArchiveError, FileSet, Limits},
};
use booster_engine::{BuildError, BuildOptions, BuildReport, BuildRequest, OnInvalid, build};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader},
    path::Path,
};
use tokio_util::sync::CancellationToken;

/// Passes in which files are left out. One is enough unless more rules are rejected than a report
/// names.
const PASSES: usize = 20;

impl Repository {
    /// Builds the merged set. Files that the engine rejects are taken out of the draft where the
    /// request says so; otherwise they refuse the release.
    pub(super) async fn test(
        &self,
        request: &PublishRequest,
        published: &Published,
        draft: &mut Draft,
        work: &Path,
    ) -> Result<Tested> {
        let generation = work.join("generation");
        let mut components =
            self.unpack_others(request.component, published, &generation, request.limits).await?;
        components.insert(request.component, request.version);
        let mut tested = Tested::default();
        for pass in 0..PASSES {
            unpack_own(request, &generation, work).await?;
            let build = BuildRequest {
                generation: generation.clone(),
                components: components.clone(),
                image: work.join(format!("image-{pass}")),
            };
            match run(request, build).await {
                Ok(report) => {
                    tested.report = report;
                    return Ok(tested);
                }
                Err(PublishError::Build(BuildError::Rejected { rejected, total }))
                    if request.on_invalid == OnInvalid::LeaveOut
                        && rejected.iter().any(|rule| rule.component == request.component) =>
                {
                    leave_out(request.component, &rejected, &mut draft.files, &mut tested);
                    tracing::info!(
                        total,
                        files = tested.left_out.len(),
                        "rules that the engine cannot take are left out"
                    );
                    draft.archive = package::archive(&draft.files, &request.folder, work)?;
                }
                Err(error) => return Err(error),
            }
        }
        Err(PublishError::Build(BuildError::TooMuch {
            what: "passes that leave rules out".to_owned(),
            limit: PASSES as u64,
        }))
    }

    /// Unpacks the published releases of the other components.
    async fn unpack_others(
        &self,
        own: Component,
        published: &Published,
        generation: &Path,
        limits: Limits,
    ) -> Result<BTreeMap<Component, Version>> {
        let mut components = BTreeMap::new();
        for component in Component::ALL.into_iter().filter(|component| *component != own) {
            if let Some(manifest) = published.manifest(&self.storage, component).await? {
                unpack_published(self, &manifest, published, generation, limits).await?;
                components.insert(component, manifest.version);
            }
        }
        Ok(components)
    }
}

/// Unpacks a published release into its component's folder below `generation`. Its compressed archive lies beside
/// that folder meanwhile.
pub(super) async fn unpack_published(
    repository: &Repository,
    manifest: &ReleaseManifest,
    published: &Published,
    generation: &Path,
    limits: Limits,
) -> Result<()> {
    let target = &manifest.full.target;
    let damaged = |reason: String| PublishError::Damaged {
        location: repository.location().to_owned(),
        object: target.clone(),
        reason,
    };
    let digest = published.targets.targets.get(target).and_then(|entry| entry.sha256());
    let Some(digest) = digest else { return Err(damaged("it is not signed".to_owned())) };
    let copy = generation.with_file_name(format!("{}.tar.zst", manifest.component));
    let mut file = File::create(&copy).map_err(PublishError::io("write", &copy))?;
    repository.storage.download(&target_object(target, &digest), &mut file).await?;
    let folder = generation.join(manifest.component.as_str());
    let unpacked = blocking(move || {
        let unpacked = unpack_compressed(&copy, &folder, limits);
        std::fs::remove_file(&copy).map_err(PublishError::io("delete", &copy))?;
        Ok(unpacked)
    })
    .await?;
    match unpacked {
        Ok(archive) if archive == manifest.archive => Ok(()),
        Ok(_) => Err(damaged("its archive is not the one that the manifest names".to_owned())),
        Err(error) => Err(damaged(error.to_string())),
    }
}

/// Unpacks the release's own archive, over nothing.
async fn unpack_own(request: &PublishRequest, generation: &Path, work: &Path) -> Result<()> {
    let folder = generation.join(request.component.as_str());
    let path = package::archive_path(work);
    let (release, limits) = (request.folder.clone(), request.limits);
    blocking(move || {
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(PublishError::io("delete", &folder)(error));
            }
            _ => {}
        }
        let tar = File::open(&path).map_err(PublishError::io("open", &path))?;
        let refused = |source: ArchiveError| PublishError::Archive { folder: release, source };
        unpack(BufReader::new(tar), &folder, limits).map(drop).map_err(refused)
    })
    .await
}

fn unpack_compressed(file: &Path, folder: &Path, limits: Limits) -> Result<ArchiveInfo, ArchiveError> {
    let open = File::open(file).and_then(zstd::stream::read::Decoder::new);
    let tar =
        open.map_err(|source| ArchiveError::Io { what: format!("opening {}", file.display()), source })?;
    unpack(tar, folder, limits)
}

fn unpack(tar: impl io::Read, folder: &Path, limits: Limits) -> Result<ArchiveInfo, ArchiveError> {
    archive::unpack(tar, folder, limits, &mut |_| Ok(())).map(|unpacked| unpacked.archive)
}

/// Builds in the worker's child, or in this process.
async fn run(request: &PublishRequest, build_request: BuildRequest) -> Result<BuildReport> {
    // Machines take only what the engine takes whole; what is left out is left out here.
    let options = BuildOptions { on_invalid: OnInvalid::Refuse, ..BuildOptions::default() };
    match &request.worker {
        Some(worker) => Ok(worker.build(&build_request, &options, &CancellationToken::new()).await?),
        None => blocking(move || Ok(build(&build_request, &options)?)).await,
    }
}

/// Takes the files of rejected rules out of the release and keeps their names.
fn leave_out(
    component: Component,
    rejected: &[booster_engine::RejectedRule],
    files: &mut FileSet,
    tested: &mut Tested,
) {
    for rule in rejected.iter().filter(|rule| rule.component == component) {
        if let Ok(path) = rule.file.parse() {
            files.remove(&path);
        }
        tested.left_out.insert(rule.file.clone());
        if tested.rejected.len() < 1000 {
            tested.rejected.push(rule.clone());
        }
    }
}
