//! Install: archives become a new generation, built and tested by the engine, and then current.
//!
//! Everything before the switch happens in the store's staging area, which vanishes with any
//! failure; the downloaded archives lie outside of it, and stay where it was not they that failed. Decompressing and unpacking run on a thread of their own, a piece at a time, and look
//! for a cancellation between pieces; memory holds one window of the decompressor and no file.

use crate::{
    Cause, approval,
    context::Context,
    engines,
    obtain::{Content, Obtained},
    search::{Before, Release},
    sequencer::Sequencer,
    trial,
};
use booster_definitions::{
    ArchiveInfo, Component, ReleaseManifest, Version,
    archive::{self, Unpacked},
};
use booster_engine::{BuildReport, BuildRequest};
use booster_sources::Source;
use booster_store::{Installed, NewComponent, Staging};
use booster_trust::TrustedState;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};
use tokio::{sync::watch, task::JoinError};
use tokio_util::sync::CancellationToken;

/// How many unpacked bytes lie between two looks at the progress.
const TELL_EVERY: u64 = 256 << 10;

/// Installs downloaded releases, each from the file with its archive, beside what stays as it is, and switches to the whole.
pub(crate) async fn install(
    context: &Context<'_>,
    source: &dyn Source,
    trusted: &TrustedState,
    mut staging: Staging<'_>,
    updates: &[(&Release, Obtained)],
    before: &Before,
    events: &mut Sequencer<'_>,
) -> Result<Installed, Cause> {
    for (index, (release, obtained)) in (0..).zip(updates) {
        context.check()?;
        events.install_start(index);
        let file = match &obtained.content {
            Content::Unpacked(unpacked) => {
                add(&mut staging, source, trusted, release, unpacked.clone())?;
                events.install_progress(index, release.manifest.archive.size);
                continue;
            }
            Content::Whole(file) => file,
        };
        let unpacked = unpack_release(context, &staging, &release.manifest, file, index, events).await?;
        add(&mut staging, source, trusted, release, unpacked)?;
        // Two components may have the same archive.
        let mut later = updates.iter().skip(index as usize + 1);
        let later = later.any(|(_, other)| matches!(&other.content, Content::Whole(other) if other == file));
        if !later {
            make_room(&staging, file, release.manifest.archive.size)?;
        }
    }
    carry_over(&mut staging, before)?;
    let report = build(context, &staging, updates, before).await?;
    for (component, counts) in report.per_component {
        staging.set_counts(component, counts);
    }
    let manifests: Vec<_> = updates.iter().map(|(release, _)| &release.manifest).collect();
    trial::try_staged(context, &staging, &manifests, before.generation.as_ref()).await?;
    engines::check(context, &staging, &manifests).await?;
    flush(context, staging.dir()).await?;
    events.built();
    // From here on there is nothing slow: the bytes are on the disk already. Only those who are
    // asked now can make the switch undone.
    context.check()?;
    let installed = if approval::is_wanted(context) {
        let operation = staging.operation();
        let installed = staging.commit_to_be_approved(context.clock.now())?;
        approval::approve(context, operation, &installed, events).await?;
        installed
    } else {
        staging.commit(context.clock.now())?
    };
    events.installed();
    Ok(installed)
}

/// Removes an archive that has been unpacked, where the disk has no room to spare. Elsewhere it stays until
/// the operation is over: if that does not come to its end, the next one need not download it again.
fn make_room(staging: &Staging<'_>, file: &Path, unpacked: u64) -> Result<(), Cause> {
    if has_room(booster_durable::free_space(&staging.dir()), unpacked) {
        return Ok(());
    }
    fs::remove_file(file).map_err(Cause::io(format!("removing {}", file.display())))
}

/// Whether there is room for an image, which is hardly larger than the definitions, and as much to spare.
fn has_room(free: Option<u64>, unpacked: u64) -> bool {
    free.is_some_and(|free| free / 2 > unpacked)
}

/// Unpacks one archive while its progress is told.
async fn unpack_release(
    context: &Context<'_>,
    staging: &Staging<'_>,
    manifest: &ReleaseManifest,
    file: &Path,
    index: u32,
    events: &mut Sequencer<'_>,
) -> Result<Unpacked, Cause> {
    let (told, mut progress) = watch::channel(0);
    let job = Unpack {
        component: manifest.component,
        file: file.to_owned(),
        folder: staging.component_dir(manifest.component),
        expected: manifest.archive,
        limits: context.request.options.archive,
        window_log: context.request.options.window_log,
        cancel: context.cancel.clone(),
        progress: told,
    };
    let mut task = tokio::task::spawn_blocking(move || job.run());
    loop {
        tokio::select! {
            unpacked = &mut task => {
                let unpacked = unpacked.map_err(died)??;
                events.install_progress(index, manifest.archive.size);
                return Ok(unpacked);
            }
            Ok(()) = progress.changed() => events.install_progress(index, *progress.borrow_and_update()),
        }
    }
}

fn died(error: JoinError) -> Cause {
    Cause::Internal(error.to_string())
}

/// Everything that unpacking needs, to be sent to another thread.
struct Unpack {
    component: Component,
    file: PathBuf,
    folder: PathBuf,
    expected: ArchiveInfo,
    limits: archive::Limits,
    window_log: u32,
    cancel: CancellationToken,
    progress: watch::Sender<u64>,
}

impl Unpack {
    fn run(self) -> Result<Unpacked, Cause> {
        let unpacked = self.unpack();
        // Seen by the reader as a failed read; this is what it was.
        if self.cancel.is_cancelled() {
            return Err(Cause::Cancelled);
        }
        let unpacked = unpacked?;
        if unpacked.archive != self.expected {
            let reason = difference(unpacked.archive, self.expected);
            return Err(Cause::WrongArchive { component: self.component, reason });
        }
        Ok(unpacked)
    }

    fn unpack(&self) -> Result<Unpacked, Cause> {
        let reading = || format!("reading {}", self.file.display());
        let file = File::open(&self.file).map_err(Cause::io(reading()))?;
        let mut decoder = zstd::Decoder::with_buffer(BufReader::with_capacity(128 << 10, file))
            .map_err(Cause::io("starting the decompressor"))?;
        decoder.window_log_max(self.window_log).map_err(Cause::io("bounding the decompressor"))?;
        // One byte more than signed is enough to know that it is too long.
        let bounded = decoder.take(self.expected.size.saturating_add(1));
        let (cancel, progress) = (&self.cancel, &self.progress);
        let reader = Watched { inner: bounded, done: 0, told: 0, cancel, progress };
        archive::unpack(reader, &self.folder, self.limits, &mut |_| Ok(()))
            .map_err(|error| Cause::Archive { component: self.component, error })
    }
}

pub(crate) fn difference(found: ArchiveInfo, expected: ArchiveInfo) -> String {
    if found.size > expected.size {
        return format!("more than {} bytes", expected.size);
    }
    if found.size != expected.size {
        return format!("{} bytes instead of {}", found.size, expected.size);
    }
    if found.sha256 != expected.sha256 {
        return format!("SHA-256 {} instead of {}", found.sha256, expected.sha256);
    }
    format!("{} files instead of {}", found.files, expected.files)
}

/// Reads until it is cancelled, and tells how far it is.
struct Watched<'a, R> {
    inner: R,
    done: u64,
    told: u64,
    cancel: &'a CancellationToken,
    progress: &'a watch::Sender<u64>,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        let read = self.inner.read(buffer)?;
        self.done += read as u64;
        // Every send wakes the task that listens.
        if self.done - self.told >= TELL_EVERY {
            self.told = self.done;
            // Nobody listens any more: then the cancellation above will be seen soon.
            let _ = self.progress.send(self.done);
        }
        Ok(read)
    }
}

fn add(
    staging: &mut Staging<'_>,
    source: &dyn Source,
    trusted: &TrustedState,
    release: &Release,
    unpacked: Unpacked,
) -> Result<(), Cause> {
    trusted.save_copy(&staging.authority_dir(release.manifest.component)?)?;
    staging.add(NewComponent {
        manifest_bytes: release.bytes.clone(),
        manifest: release.manifest.clone(),
        files: unpacked.files,
        source: source.kind().to_string(),
        location: source.location(),
    })?;
    Ok(())
}

/// Takes over every installed component that is not updated.
fn carry_over(staging: &mut Staging<'_>, before: &Before) -> Result<(), Cause> {
    let Some(generation) = &before.generation else { return Ok(()) };
    let new: Vec<_> = staging.components().collect();
    for component in before.releases.keys().filter(|component| !new.contains(component)) {
        staging.carry_over(generation, *component)?;
    }
    Ok(())
}

/// Has the engine build and test the image of the whole set, in a process of its own.
async fn build(
    context: &Context<'_>,
    staging: &Staging<'_>,
    updates: &[(&Release, Obtained)],
    before: &Before,
) -> Result<BuildReport, Cause> {
    let stay = before.releases.iter().map(|(component, release)| (*component, release.version));
    let come = updates.iter().map(|(release, _)| (release.manifest.component, release.manifest.version));
    let components: BTreeMap<Component, Version> = stay.chain(come).collect();
    let request = BuildRequest { generation: staging.dir(), components, image: staging.image_dir() };
    let report = context.worker.build(&request, &context.request.options.build, context.cancel).await?;
    if report.rejected_total > 0 {
        tracing::warn!(rules = report.rejected_total, "the engine left out rules that it cannot take");
    }
    Ok(report)
}

/// Brings the new generation's bytes to the disk, which may take its time, before the switch.
async fn flush(context: &Context<'_>, folder: PathBuf) -> Result<(), Cause> {
    let flushing = tokio::task::spawn_blocking(move || flush_tree(&folder));
    // Cancelled, the flush goes on by itself: it changes nothing that anybody sees.
    context.unless_cancelled(flushing).await?.map_err(died)?
}

fn flush_tree(folder: &Path) -> Result<(), Cause> {
    booster_durable::flush_tree(folder).map_err(Cause::io(format!("flushing {}", folder.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_where_twice_the_definitions_are_free_and_the_system_says_so() {
        for (free, unpacked, expected) in [
            (None, 0, false),
            (Some(200), 100, false),
            (Some(202), 100, true),
            (Some(u64::MAX), u64::MAX, false),
        ] {
            assert_eq!(has_room(free, unpacked), expected, "{free:?} for {unpacked}");
        }
    }
}
