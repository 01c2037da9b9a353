//! A verified target as a file: resumed where an earlier try was broken off, and checked.
//!
//! What arrives is written to a file that outlives the operation, under the digest of what it shall
//! become. Whoever wants the same target later goes on where the file ends, from whichever source. What
//! is there is never trusted: it goes through the target's verifier like everything that arrives, and
//! where the whole turns out wrong, it is fetched once more from its beginning.

use crate::{Cause, ErrorKind, Outcome, Report, UpdateError, budget::Budget, context::Context};
use booster_definitions::Digest;
use booster_sources::{Resume, Sink, Source, SourceError, download_from};
use booster_store::{CopyTag, Downloads, Operation, StoreError};
use booster_trust::{TargetVerifier, VerifiedTarget, WrongTarget};
use jiff::SignedDuration;
use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::PathBuf,
    time::Duration,
};

/// How downloads are gone on with, and how much they may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownloadOptions {
    /// How often a transfer that was broken off is gone on with in one operation. A try that brought
    /// nothing is the last one.
    pub retries: u32,
    /// The pause before that.
    pub retry_pause: Duration,
    /// For how long a download that was broken off is kept for a later operation.
    pub keep_for: Duration,
    /// How many bytes of such downloads are kept.
    pub keep_bytes: u64,
    /// How many bytes of releases may be downloaded in a day; `None` for as many as are wanted.
    pub daily_budget: Option<u64>,
}

impl Default for DownloadOptions {
    /// Five tries a second apart, a week, 4 GiB, and 2 GiB a day.
    fn default() -> Self {
        Self {
            retries: 5,
            retry_pause: Duration::from_secs(1),
            keep_for: Duration::from_secs(7 * 24 * 3600),
            keep_bytes: 4 << 30,
            daily_budget: Some(2 << 30),
        }
    }
}

/// Fetches targets into files.
pub(crate) struct Downloader<'a> {
    pub(crate) context: &'a Context<'a>,
    pub(crate) operation: &'a Operation,
    pub(crate) budget: &'a mut Budget,
}

impl Downloader<'_> {
    /// How many bytes of a target are there from an earlier try.
    pub(crate) fn bytes_there(&self, target: &VerifiedTarget) -> u64 {
        let bytes = self.operation.downloads().bytes(name(target));
        // More than there can be is nothing to go on with.
        if bytes > target.length() { 0 } else { bytes }
    }

    /// Whether what is missing of these targets may be downloaded today.
    pub(crate) fn check_budget<'t>(
        &mut self,
        targets: impl Iterator<Item = &'t VerifiedTarget>,
    ) -> Result<(), Cause> {
        let missing = |target: &VerifiedTarget| target.length() - self.bytes_there(target);
        let needed = targets.map(missing).sum();
        let limit = self.context.request.options.download.daily_budget;
        self.budget.check(self.operation.store(), needed, limit, self.context.clock.now())
    }

    /// The file with a target's bytes, exactly as they were signed. It goes with an operation that ends
    /// well, or with whoever has used it and wants its room; while it is there, no later operation fetches
    /// it again.
    ///
    /// `progress` is told how many bytes of the file are there, first of all those of an earlier try.
    pub(crate) async fn file(
        &mut self,
        source: &dyn Source,
        target: &VerifiedTarget,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<PathBuf, Cause> {
        let (name, downloads) = (name(target), self.operation.downloads());
        let path = downloads.part(name)?;
        let mut part = Part {
            file: open(&path).map_err(Cause::io(format!("opening {}", path.display())))?,
            target,
            name,
            downloads: &downloads,
            location: source.locate(booster_sources::Area::Targets, target.location()),
            verifier: target.verifier(),
            length: 0,
            pieced: false,
            spend: &mut |bytes| self.budget.spend(self.operation, bytes),
            progress,
        };
        part.take_up(self.context).await?;
        let mut anew = false;
        loop {
            receive(self.context, source, &mut part).await?;
            let wrong = match part.finish() {
                Ok(()) => {
                    // The whole file is what was signed: from which copy does not matter any more.
                    downloads.set_tag(name, None).map_err(Cause::io("removing a note"))?;
                    return Ok(path);
                }
                Err(wrong) => wrong,
            };
            if anew || !part.pieced {
                drop(part);
                downloads.remove(name)?;
                return Err(Cause::WrongTarget { target: target.path().to_owned(), wrong });
            }
            tracing::warn!(target = target.path(), %wrong, "what was there is no part of it: from the beginning");
            part.begin_anew().map_err(Cause::io(format!("emptying {}", path.display())))?;
            anew = true;
        }
    }
}

/// Removes the downloads that nobody goes on with, now that an operation is over.
pub(crate) fn tidy(operation: &Operation, report: &Report, context: &Context<'_>) -> Result<(), StoreError> {
    let (downloads, options) = (operation.downloads(), &context.request.options.download);
    let cause = report.error.as_ref().map(UpdateError::cause);
    let full = cause.is_some_and(|cause| cause.kind() == ErrorKind::DiskFull);
    let useless = cause.is_some_and(Cause::is_about_content);
    match report.outcome {
        // All that is wanted is installed.
        Outcome::Updated | Outcome::Current | Outcome::RestartRequired | Outcome::SoftwareUpdateAvailable => {
            downloads.clear()
        }
        // Whoever needs the room now needs it more; and what cannot be installed is good for nothing.
        Outcome::Failed if full || useless => downloads.clear(),
        Outcome::Failed | Outcome::Cancelled | Outcome::Available | Outcome::Paused => {
            let keep_for = options.keep_for.try_into().unwrap_or(SignedDuration::MAX);
            downloads.sweep(context.clock.now(), keep_for, options.keep_bytes)
        }
    }
}

/// What a target's file is called.
fn name(target: &VerifiedTarget) -> Digest {
    // Metadata may name a target by another algorithm alone; its location holds that digest.
    target.sha256().unwrap_or_else(|| Digest::of(target.location().as_bytes()))
}

fn open(path: &std::path::Path) -> io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(false).open(path)
}

/// Fetches what is missing, and goes on after a broken connection as long as that brings more.
async fn receive(context: &Context<'_>, source: &dyn Source, part: &mut Part<'_>) -> Result<(), Cause> {
    let options = &context.request.options;
    let mut tries = options.download.retries;
    while part.length < part.target.length() {
        let tag = part.downloads.tag(part.name).filter(|tag| tag.location == part.location);
        let there = part.length;
        let from = Resume { offset: there, etag: tag.as_ref().map(|tag| tag.etag.as_str()) };
        let (path, length) = (part.target.location(), part.target.length());
        let ended = download_from(source, path, from, length, &options.transfer, context.cancel, part).await;
        let Err(error) = ended else { break };
        if !was_broken_off(&error) || tries == 0 || part.length <= there {
            return Err(error.into());
        }
        tries -= 1;
        tracing::info!(%error, "the download goes on where it was broken off");
        context.unless_cancelled(tokio::time::sleep(options.download.retry_pause)).await?;
    }
    Ok(())
}

/// Whether a transfer ended in the middle for a reason that may be gone already. A source that is slow or
/// silent is left instead: it has had its time.
const fn was_broken_off(error: &SourceError) -> bool {
    matches!(error, SourceError::ConnectionLost { .. } | SourceError::TooShort { .. })
}

/// A target's file while it grows.
struct Part<'a> {
    target: &'a VerifiedTarget,
    name: Digest,
    downloads: &'a Downloads,
    /// The target's address at this source.
    location: String,
    file: File,
    /// Has seen what lies before the file's position.
    verifier: TargetVerifier,
    /// How many bytes there are. An answer from the beginning runs over what is there without cutting it
    /// off: broken off as well, it leaves no less than there was.
    length: u64,
    /// Whether not all of it came with one answer.
    pieced: bool,
    spend: &'a mut (dyn FnMut(u64) + Send),
    progress: &'a mut (dyn FnMut(u64) + Send),
}

impl Part<'_> {
    /// Reads what an earlier try left, as if it arrived now.
    async fn take_up(&mut self, context: &Context<'_>) -> Result<(), Cause> {
        let failed = || Cause::io(format!("reading what is there of {}", self.target.path()));
        let there = self.file.metadata().map_err(failed())?.len();
        if there > self.target.length() {
            self.file.set_len(0).map_err(failed())?;
        } else if there > 0 {
            let (file, verifier) = (self.file.try_clone().map_err(failed())?, self.target.verifier());
            let cancel = context.cancel.clone();
            let reading = tokio::task::spawn_blocking(move || read_through(file, verifier, &cancel));
            let read = context.unless_cancelled(reading).await?;
            let read = read.map_err(|died| Cause::Internal(died.to_string()))?;
            (self.verifier, self.length) = read.map_err(failed())?;
            self.pieced = true;
            (self.progress)(self.length);
        }
        self.file.seek(SeekFrom::Start(self.length)).map_err(failed())?;
        Ok(())
    }

    /// Forgets what is there.
    fn begin_anew(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.downloads.set_tag(self.name, None)?;
        (self.length, self.pieced) = (0, false);
        self.rewind()
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.verifier = self.target.verifier();
        self.file.rewind()
    }

    /// Whether all that came is what was signed.
    fn finish(&mut self) -> Result<(), WrongTarget> {
        std::mem::replace(&mut self.verifier, self.target.verifier()).finish()
    }
}

impl Sink for Part<'_> {
    fn begin(&mut self, start: u64, etag: Option<&str>) -> io::Result<()> {
        self.pieced = start > 0;
        if start == 0 {
            self.rewind()?;
        }
        let tag = etag.map(|etag| CopyTag { location: self.location.clone(), etag: etag.to_owned() });
        self.downloads.set_tag(self.name, tag.as_ref())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.verifier.update(bytes).map_err(io::Error::other)?;
        self.file.write_all(bytes)?;
        let position = self.file.stream_position()?;
        self.length = self.length.max(position);
        (self.spend)(bytes.len() as u64);
        (self.progress)(position);
        Ok(())
    }
}

/// Leads a file through a verifier, and says how long it is.
fn read_through(
    mut file: File,
    mut verifier: TargetVerifier,
    cancel: &tokio_util::sync::CancellationToken,
) -> io::Result<(TargetVerifier, u64)> {
    file.rewind()?;
    let (mut buffer, mut length) = (vec![0; 128 << 10], 0);
    while !cancel.is_cancelled() {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        verifier.update(&buffer[..read]).map_err(io::Error::other)?;
        length += read as u64;
    }
    Ok((verifier, length))
}
