//! Each update's archive, by the cheapest way; where that leads nowhere, by the whole, in the same
//! operation.
//!
//! A patch is applied as soon as it is there, while other sources and ways are still open. To whoever
//! listens that is a part of the download.

use crate::{
    Cause, Means, Plan, Way,
    context::Context,
    download::Downloader,
    rebuild::{Failed, Rebuild},
    search::{Before, Release},
    sequencer::Sequencer,
    way::way,
};
use booster_definitions::{Component, ReleaseManifest, archive::Unpacked, patch_target};
use booster_sources::{Source, SourceError};
use booster_store::{
    FailedPatch, Installed, Staging, Store,
    verify::{Fault, Problem, Verification},
};
use booster_trust::{Client, VerifiedTarget};
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// An update that is on the disk.
pub(crate) struct Obtained {
    pub(crate) content: Content,
    /// The way that led to it.
    pub(crate) way: Way,
    /// What was wrong with a patch that was tried first.
    pub(crate) patch_failed: Option<String>,
}

/// In which form it is there.
pub(crate) enum Content {
    /// Its archive, compressed whole, in a file that is this operation's.
    Whole(PathBuf),
    /// Its files, in their place in the staging area.
    Unpacked(Unpacked),
}

/// Where updates are got from, and what they are made of.
pub(crate) struct Obtainer<'a, 'd> {
    pub(crate) downloader: Downloader<'d>,
    pub(crate) source: &'a dyn Source,
    pub(crate) client: &'a mut Client,
    /// The moment at which expiry is judged.
    pub(crate) now: Timestamp,
    pub(crate) staging: &'a Staging<'a>,
    pub(crate) before: &'a Before,
}

/// A way that is about to be gone.
enum Start {
    Installed(Installed),
    Download(Way, VerifiedTarget),
}

impl Start {
    /// What is downloaded first.
    const fn target(&self) -> Option<&VerifiedTarget> {
        match self {
            Self::Installed(_) => None,
            Self::Download(_, target) => Some(target),
        }
    }
}

/// The cheapest way to each update that is planned.
pub(crate) fn ways(
    store: &Store,
    plan: &Plan,
    releases: &BTreeMap<Component, Release>,
    before: &Before,
) -> BTreeMap<Component, Way> {
    // Both save a download, and are not worth failing for.
    let (kept, failed) = (store.kept().unwrap_or_default(), store.failed_patches().unwrap_or_default());
    let current = before.generation.as_ref().map(|current| current.record().number);
    let way_to = |manifest: &ReleaseManifest| {
        let component = manifest.component;
        let installed = before.releases.get(&component);
        let damaged = installed.is_some_and(|installed| installed.damaged);
        let has_it = |generation: &&Installed| {
            let release = generation.component(component);
            let same = release.is_some_and(|release| release.manifest.archive == manifest.archive);
            same && !(damaged && Some(generation.record().number) == current)
        };
        let kept = kept.iter().find(has_it).map(|generation| generation.record().number);
        let patch = releases.get(&component).and_then(|release| release.patch);
        (component, way(manifest, Means { installed, kept, patch, failed: &failed }))
    };
    plan.updates().map(way_to).collect()
}

impl Obtainer<'_, '_> {
    /// Gets every update, one after the other.
    pub(crate) async fn all(
        &mut self,
        updates: &[&Release],
        ways: &BTreeMap<Component, Way>,
        events: &mut Sequencer<'_>,
    ) -> Result<Vec<Obtained>, Cause> {
        let mut starts = Vec::new();
        for release in updates {
            let way = ways.get(&release.manifest.component).copied().unwrap_or(Way::Full);
            starts.push(self.start(&release.manifest, way).await?);
        }
        let mut all = Vec::new();
        for (index, (release, start)) in (0..).zip(updates.iter().zip(&starts)) {
            self.context().check()?;
            events.download_size(index, start.target().map_or(0, VerifiedTarget::length));
            events.download_start(index, start.target().map_or(0, |it| self.downloader.bytes_there(it)));
            if index == 0 {
                // All or nothing: they switch together.
                self.downloader.check_budget(starts.iter().filter_map(Start::target))?;
            }
            all.push(self.one(index, &release.manifest, start, events).await?);
            events.download_complete(index);
        }
        Ok(all)
    }

    const fn context(&self) -> &Context<'_> {
        self.downloader.context
    }

    /// What a way begins with. One that is not there any more is the whole.
    async fn start(&mut self, manifest: &ReleaseManifest, way: Way) -> Result<Start, Cause> {
        match way {
            Way::Installed { generation } => {
                let kept = self.context().store.kept()?;
                match kept.into_iter().find(|kept| kept.record().number == generation) {
                    Some(kept) => Ok(Start::Installed(kept)),
                    None => Ok(Start::Download(Way::Full, self.whole(manifest).await?)),
                }
            }
            Way::Patch { base, .. } => {
                let name = patch_target(manifest.component, manifest.version, base);
                let context = self.downloader.context;
                let target = context.unless_cancelled(self.client.target(&name, self.now)).await??;
                Ok(Start::Download(way, target))
            }
            Way::Full => Ok(Start::Download(Way::Full, self.whole(manifest).await?)),
        }
    }

    async fn one(
        &mut self,
        index: u32,
        manifest: &ReleaseManifest,
        start: &Start,
        events: &mut Sequencer<'_>,
    ) -> Result<Obtained, Cause> {
        let (way, base, tried) = match (start, &self.before.generation) {
            (Start::Download(Way::Full, target), _) => {
                return self.download(index, target, None, events).await;
            }
            (Start::Installed(kept), _) => {
                let way = Way::Installed { generation: kept.record().number };
                (way, kept, self.rebuild(manifest, kept, None).await)
            }
            (Start::Download(way, target), Some(base)) => {
                (*way, base, self.patched(index, manifest, base, target, events).await)
            }
            (Start::Download(_, _), None) => return Err(Cause::Internal("a patch without a base".into())),
        };
        let patch_failed = match tried {
            Ok(unpacked) => {
                return Ok(Obtained { content: Content::Unpacked(unpacked), way, patch_failed: None });
            }
            Err(failed) => self.judge(manifest, base, failed)?,
        };
        tracing::warn!(component = %manifest.component, ?way, reason = patch_failed, "the whole is taken instead");
        let target = self.whole(manifest).await?;
        self.downloader.check_budget(std::iter::once(&target))?;
        events.download_size(index, target.length());
        self.download(index, &target, Some(patch_failed), events).await
    }

    /// Downloads a patch and applies it.
    async fn patched(
        &mut self,
        index: u32,
        manifest: &ReleaseManifest,
        base: &Installed,
        target: &VerifiedTarget,
        events: &mut Sequencer<'_>,
    ) -> Result<Unpacked, Failed> {
        let mut progress = |done| events.download_progress(index, done);
        let file = match self.downloader.file(self.source, target, &mut progress).await {
            Ok(file) => file,
            // Signed, and not there: a mirror that has not all. Or there, and not what was signed.
            Err(Cause::Source(error @ SourceError::NotFound { .. })) => {
                return Err(Failed::Missing(error.to_string()));
            }
            Err(error @ Cause::WrongTarget { .. }) => return Err(Failed::Patch(error.to_string())),
            Err(error) => return Err(Failed::Otherwise(error)),
        };
        let done = self.rebuild(manifest, base, Some(&file)).await;
        if !matches!(done, Err(Failed::Otherwise(_))) {
            // It has served, or is good for nothing.
            let removed = std::fs::remove_file(&file);
            removed.map_err(Cause::io(format!("removing {}", file.display()))).map_err(Failed::Otherwise)?;
        }
        done
    }

    async fn rebuild(
        &self,
        manifest: &ReleaseManifest,
        base: &Installed,
        patch: Option<&Path>,
    ) -> Result<Unpacked, Failed> {
        let component = manifest.component;
        let Some(installed) = base.component(component) else {
            return Err(Failed::Base("it is not in the generation".to_owned()));
        };
        let job = Rebuild {
            component,
            base: (base.component_dir(component), installed.manifest.archive),
            patch: patch.map(Path::to_owned),
            scratch: self.staging.scratch().join(format!("{component}.base.tar")),
            result: (self.staging.component_dir(component), manifest.archive),
            limits: self.context().request.options.archive,
            cancel: self.context().cancel.clone(),
        };
        let done = tokio::task::spawn_blocking(move || job.run()).await;
        done.unwrap_or_else(|died| Err(Failed::Otherwise(Cause::Internal(died.to_string()))))
    }

    /// What follows from a failure: the whole, and what is remembered. What the whole would not mend is
    /// an error.
    fn judge(&self, manifest: &ReleaseManifest, base: &Installed, failed: Failed) -> Result<String, Cause> {
        let operation = self.downloader.operation;
        Ok(match failed {
            Failed::Otherwise(cause) => return Err(cause),
            Failed::NoRoom => "the disk has no room for it".to_owned(),
            Failed::Missing(reason) => reason,
            Failed::Patch(reason) => {
                let installed = self.before.releases.get(&manifest.component);
                if let Some(installed) = installed {
                    let patch = FailedPatch {
                        component: manifest.component,
                        base: installed.archive.sha256,
                        result: manifest.archive.sha256,
                        time: self.context().clock.now(),
                        reason: reason.clone(),
                    };
                    crate::records::record("a failed patch", operation.record_failed_patch(patch));
                }
                reason
            }
            Failed::Base(reason) => {
                let current = self.before.generation.as_ref().map(|current| current.record().number);
                if current == Some(base.record().number) {
                    let damage = self.damage(manifest, base);
                    crate::records::record("damage", operation.record_damage(base, &damage));
                }
                format!("the installed files are damaged: {reason}")
            }
        })
    }

    /// The damage that was found, beside what was known before.
    fn damage(&self, manifest: &ReleaseManifest, base: &Installed) -> Verification {
        let known = self.context().store.damaged_components().unwrap_or_default();
        let problem = |component| Problem {
            component: Some(component),
            path: "archive".to_owned(),
            fault: Fault::Changed,
        };
        let problems = known.into_iter().chain([manifest.component]).map(problem).collect();
        Verification { generation: base.record().number, problems, ..Verification::default() }
    }

    /// Downloads the whole.
    async fn download(
        &mut self,
        index: u32,
        target: &VerifiedTarget,
        patch_failed: Option<String>,
        events: &mut Sequencer<'_>,
    ) -> Result<Obtained, Cause> {
        let mut progress = |done| events.download_progress(index, done);
        let file = self.downloader.file(self.source, target, &mut progress).await?;
        Ok(Obtained { content: Content::Whole(file), way: Way::Full, patch_failed })
    }

    /// The verified target that holds a release's archive, compressed whole.
    async fn whole(&mut self, manifest: &ReleaseManifest) -> Result<VerifiedTarget, Cause> {
        let name = &manifest.full.target;
        let context = self.downloader.context;
        let target = context.unless_cancelled(self.client.target(name, self.now)).await??;
        if target.length() != manifest.full.size {
            let reason =
                format!("gives {} bytes for {name}, the metadata {}", manifest.full.size, target.length());
            return Err(Cause::Contradiction { component: manifest.component, reason });
        }
        Ok(target)
    }
}
