//! Download: the bytes of a verified target, checked while they arrive.

use crate::{Cause, context::Context, search::Release, sequencer::Sequencer};
use booster_sources::{Source, download};
use booster_trust::{Client, VerifiedTarget, WrongTarget};
use jiff::Timestamp;
use std::{fs::File, io, io::Write as _, path::Path};

/// Fetches a target; its length and digests are as signed, or this fails.
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

/// Downloads a release's archive into a file.
pub(crate) async fn download_archive(
    context: &Context<'_>,
    source: &dyn Source,
    (client, now): (&mut Client, Timestamp),
    release: &Release,
    file: &Path,
    mut progress: impl FnMut(u64) + Send,
) -> Result<(), Cause> {
    let manifest = &release.manifest;
    let name = &manifest.full.target;
    let target = context.unless_cancelled(client.target(name, now)).await??;
    if target.length() != manifest.full.size {
        let reason =
            format!("gives {} bytes for {name}, the metadata {}", manifest.full.size, target.length());
        return Err(Cause::Contradiction { component: manifest.component, reason });
    }
    let writing = || format!("writing {}", file.display());
    let mut out = File::create_new(file).map_err(Cause::io(writing()))?;
    let mut done = 0;
    fetch(context, source, &target, &mut |chunk| {
        out.write_all(chunk)?;
        done += chunk.len() as u64;
        progress(done);
        Ok(())
    })
    .await
}

/// Downloads every update, one after the other.
pub(crate) async fn download_all<'r>(
    context: &Context<'_>,
    source: &dyn Source,
    (client, now): (&mut Client, Timestamp),
    updates: impl Iterator<Item = (&'r Release, std::path::PathBuf)>,
    events: &mut Sequencer<'_>,
) -> Result<(), Cause> {
    for (index, (release, file)) in (0..).zip(updates) {
        context.check()?;
        events.download_start(index);
        download_archive(context, source, (client, now), release, &file, |done| {
            events.download_progress(index, done);
        })
        .await?;
        events.download_complete(index);
    }
    Ok(())
}
