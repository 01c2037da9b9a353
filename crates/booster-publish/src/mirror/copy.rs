//! Copying a file of a release to this machine, verified, gone on with where it was broken off.

use super::{MirrorError, MirrorProgress, MirrorRequest};
use crate::PublishError;
use booster_definitions::Digest;
use booster_sources::{Resume, Sink, SourceError, download_from};
use booster_trust::{TargetVerifier, VerifiedTarget};
use std::{
    fs::File,
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};
use tokio_util::sync::CancellationToken;

/// The folder of files on their way, below a mirror's own.
const COPIES: &str = "copies";

/// Copies files, one after the other.
pub(super) struct Copier<'a> {
    request: &'a MirrorRequest,
    cancel: &'a CancellationToken,
    progress: &'a (dyn Fn(MirrorProgress) + Sync),
    total: u64,
    /// Bytes of the files before this one.
    before: u64,
}

impl<'a> Copier<'a> {
    pub fn new(
        request: &'a MirrorRequest,
        cancel: &'a CancellationToken,
        progress: &'a (dyn Fn(MirrorProgress) + Sync),
        missing: &[VerifiedTarget],
    ) -> Self {
        let total = missing.iter().map(VerifiedTarget::length).sum();
        Self { request, cancel, progress, total, before: 0 }
    }

    /// A file of this machine with the signed bytes, and how many of them came just now.
    pub async fn file(&mut self, target: &VerifiedTarget) -> Result<(PathBuf, u64), MirrorError> {
        let folder = self.request.work.join(COPIES);
        std::fs::create_dir_all(&folder).map_err(PublishError::io("make", &folder))?;
        // Metadata may name a target by another algorithm alone; its location holds that digest.
        let name = target.sha256().unwrap_or_else(|| Digest::of(target.location().as_bytes()));
        let path = folder.join(format!("{name}.part"));
        let mut part = Part::open(target, path.clone()).map_err(PublishError::io("open", &path))?;
        let mut received = 0;
        loop {
            let pieced = part.length > 0;
            received += self.receive(target, &mut part).await?;
            match part.take_verifier().finish() {
                Ok(()) => break,
                // What was there was not the beginning of it: from the beginning, once.
                Err(wrong) if pieced => {
                    tracing::warn!(target = target.path(), %wrong, "copied again from the beginning");
                    part.begin(0, None).map_err(PublishError::io("empty", &path))?;
                }
                Err(wrong) => {
                    std::fs::remove_file(&path).map_err(PublishError::io("remove", &path))?;
                    return Err(MirrorError::WrongTarget { target: target.path().to_owned(), wrong });
                }
            }
        }
        self.before += target.length();
        Ok((path, received))
    }

    /// Fetches what is missing, and goes on after a broken connection as long as that brings more.
    async fn receive(&self, target: &VerifiedTarget, part: &mut Part) -> Result<u64, MirrorError> {
        let (request, mut tries, mut received) = (self.request, self.request.retries, 0);
        while part.length < target.length() {
            let there = part.length;
            let from = Resume { offset: there, etag: None };
            let mut counted = Counted { part, of: self };
            let (path, length) = (target.location(), target.length());
            let source = request.source.as_ref();
            let ended =
                download_from(source, path, from, length, &request.transfer, self.cancel, &mut counted).await;
            received += part.length.saturating_sub(there);
            let Err(error) = ended else { break };
            if matches!(error, SourceError::Cancelled { .. }) {
                return Err(MirrorError::Cancelled);
            }
            let broken = matches!(error, SourceError::ConnectionLost { .. } | SourceError::TooShort { .. });
            if !broken || tries == 0 || part.length <= there {
                return Err(error.into());
            }
            tries -= 1;
            tracing::info!(%error, "the copy goes on where it was broken off");
            tokio::select! {
                () = self.cancel.cancelled() => return Err(MirrorError::Cancelled),
                () = tokio::time::sleep(request.retry_pause) => {}
            }
        }
        Ok(received)
    }
}

/// Deletes what is left of earlier tries when a mirror is whole: files that were withdrawn before they were there.
pub(super) fn tidy(work: &Path) -> io::Result<()> {
    let entries = match std::fs::read_dir(work.join(COPIES)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "part") {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// A file while it grows.
struct Part {
    file: File,
    length: u64,
    /// Has seen what lies before the end.
    verifier: TargetVerifier,
    fresh: Box<dyn Fn() -> TargetVerifier + Send>,
}

impl Part {
    /// Opens the file, and leads what is there of it through the verifier.
    fn open(target: &VerifiedTarget, path: PathBuf) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        let target = target.clone();
        let fresh = move || target.verifier();
        let mut part = Self { file, length: 0, verifier: fresh(), fresh: Box::new(fresh) };
        let mut buffer = vec![0; 128 << 10];
        loop {
            match part.file.read(&mut buffer)? {
                0 => return Ok(part),
                read => match part.verifier.update(&buffer[..read]) {
                    Ok(()) => part.length += read as u64,
                    // Longer than the whole can be, so no part of it.
                    Err(_) => {
                        part.begin(0, None)?;
                        return Ok(part);
                    }
                },
            }
        }
    }

    fn take_verifier(&mut self) -> TargetVerifier {
        std::mem::replace(&mut self.verifier, (self.fresh)())
    }
}

impl Sink for Part {
    fn begin(&mut self, start: u64, _: Option<&str>) -> io::Result<()> {
        if start == 0 {
            self.file.set_len(0)?;
            self.file.rewind()?;
            (self.length, self.verifier) = (0, (self.fresh)());
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.verifier.update(bytes).map_err(io::Error::other)?;
        self.file.write_all(bytes)?;
        self.length += bytes.len() as u64;
        Ok(())
    }
}

/// A file whose growth is told.
struct Counted<'a, 'b> {
    part: &'a mut Part,
    of: &'a Copier<'b>,
}

impl Sink for Counted<'_, '_> {
    fn begin(&mut self, start: u64, etag: Option<&str>) -> io::Result<()> {
        self.part.begin(start, etag)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.part.write(bytes)?;
        (self.of.progress)(MirrorProgress { bytes: self.of.before + self.part.length, total: self.of.total });
        Ok(())
    }
}
