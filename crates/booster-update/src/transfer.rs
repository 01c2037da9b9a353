//! Download: small targets into memory, and the archives of all updates into files.

use crate::{Cause, context::Context, download::Downloader, search::Release, sequencer::Sequencer};
use booster_definitions::ReleaseManifest;
use booster_sources::{Source, download};
use booster_trust::{Client, VerifiedTarget, WrongTarget};
use jiff::Timestamp;
use std::{io, path::PathBuf};

/// Fetches a small target; its length and digests are as signed, or this fails.
pub(crate) async fn fetch(
    context: &Context<'_>,
    source: &dyn Source,
    target: &VerifiedTarget,
    sink: &mut (dyn FnMut(&[u8]) -> io::Result<()> + Send),
) -> Result<(), Cause> {
    let mut verifier = target.verifier();
    let mut wrong = None;
    let received = download(
        source,
        target.location(),
        target.length(),
        &context.request.options.transfer,
        context.cancel,
        &mut |chunk| {
            if let Err(error) = verifier.update(chunk) {
                wrong = Some(error);
                return Err(io::Error::other("not the signed file"));
            }
            sink(chunk)
        },
    )
    .await;
    let is_wrong = |wrong: WrongTarget| Cause::WrongTarget { target: target.path().to_owned(), wrong };
    if let Some(wrong) = wrong {
        return Err(is_wrong(wrong));
    }
    received?;
    verifier.finish().map_err(is_wrong)
}

/// Downloads the archive of every update, one after the other, into files that are theirs until they are
/// installed.
pub(crate) async fn download_all(
    downloader: &mut Downloader<'_>,
    source: &dyn Source,
    (client, now): (&mut Client, Timestamp),
    updates: &[&Release],
    events: &mut Sequencer<'_>,
) -> Result<Vec<PathBuf>, Cause> {
    let context = downloader.context;
    let mut targets = Vec::new();
    for release in updates {
        targets.push(archive_target(context, client, now, &release.manifest).await?);
    }
    let mut files = Vec::new();
    for (index, target) in (0..).zip(&targets) {
        context.check()?;
        events.download_start(index, downloader.bytes_there(target));
        if index == 0 {
            // All or nothing: they switch together.
            downloader.check_budget(targets.iter())?;
        }
        let mut progress = |done| events.download_progress(index, done);
        files.push(downloader.file(source, target, &mut progress).await?);
        events.download_complete(index);
    }
    Ok(files)
}

/// The verified target that holds a release's archive, compressed whole.
async fn archive_target(
    context: &Context<'_>,
    client: &mut Client,
    now: Timestamp,
    manifest: &ReleaseManifest,
) -> Result<VerifiedTarget, Cause> {
    let name = &manifest.full.target;
    let target = context.unless_cancelled(client.target(name, now)).await??;
    if target.length() != manifest.full.size {
        let reason =
            format!("gives {} bytes for {name}, the metadata {}", manifest.full.size, target.length());
        return Err(Cause::Contradiction { component: manifest.component, reason });
    }
    Ok(target)
}
