//! A repository in a folder: a local disk, a mounted share or a removable medium.

use crate::{Area, Counters, Opened, Resume, Source, SourceError, SourceKind, path, source::Meter};
use futures_util::StreamExt;
use std::{
    io::{self, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio_util::io::ReaderStream;

/// How much is read from the disk at once.
const CHUNK: usize = 128 * 1024;

/// A source that is a folder with `metadata/` and `targets/` in it.
///
/// Nothing outside the folder is ever opened: paths that leave it are refused, and so are
/// symbolic links that lead out of it. The folder itself may be a link. Only regular files are
/// read, so that a pipe or a device cannot hold the reader.
#[derive(Debug)]
pub struct DirectorySource {
    base: PathBuf,
    meter: Arc<Meter>,
}

impl DirectorySource {
    /// A source that reads from `base`. The folder is looked at when something is opened, since a
    /// medium may be put in later.
    pub fn new(base: impl Into<PathBuf>) -> Self {
        Self { base: base.into(), meter: Arc::default() }
    }
}

#[async_trait::async_trait]
impl Source for DirectorySource {
    fn kind(&self) -> SourceKind {
        SourceKind::Directory
    }

    fn location(&self) -> String {
        self.base.display().to_string()
    }

    async fn open(&self, area: Area, path: &str, from: Resume<'_>) -> Result<Option<Opened>, SourceError> {
        path::check(path)?;
        self.meter.request();
        let location = self.locate(area, path);
        let offset = from.offset;
        let (base, relative) = (self.base.clone(), format!("{}/{path}", area.as_str()));
        // Folders can hang (a lost file server), so the calls run where they hold nobody up.
        let found = tokio::task::spawn_blocking(move || open_inside(&base, &relative, offset))
            .await
            .unwrap_or_else(|stopped| Err(Refused::Io("open the file", io::Error::other(stopped))));
        let found = match found {
            Ok(None) => return Ok(None),
            Ok(Some(found)) => found,
            Err(Refused::Unsafe(reason)) => return Err(SourceError::UnsafePath { path: location, reason }),
            Err(Refused::Io(step, source)) => return Err(SourceError::Io { location, step, source }),
        };
        let meter = Arc::clone(&self.meter);
        let stream =
            ReaderStream::with_capacity(tokio::fs::File::from_std(found.file), CHUNK).map(move |chunk| {
                match chunk {
                    Ok(chunk) => {
                        meter.received(chunk.len());
                        Ok(chunk)
                    }
                    Err(source) => {
                        Err(SourceError::Io { location: location.clone(), step: "read the file", source })
                    }
                }
            });
        Ok(Some(Opened {
            start: found.start,
            length: Some(found.length),
            // Folders have no names for copies: who goes on checks the digest of the whole.
            etag: None,
            stream: Box::pin(stream),
        }))
    }

    fn counters(&self) -> Counters {
        self.meter.counters()
    }
}

struct Found {
    file: std::fs::File,
    start: u64,
    length: u64,
}

enum Refused {
    Unsafe(&'static str),
    Io(&'static str, io::Error),
}

fn open_inside(base: &Path, relative: &str, offset: u64) -> Result<Option<Found>, Refused> {
    // A folder that is not there at all is a failure (medium not mounted); a file that is not
    // there is an answer.
    let base = base.canonicalize().map_err(|error| Refused::Io("find the folder", error))?;
    let wanted = match base.join(relative).canonicalize() {
        Ok(path) => path,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(Refused::Io("find the file", error)),
    };
    if !wanted.starts_with(&base) {
        return Err(Refused::Unsafe("a link leads out of the folder"));
    }
    // Looked at before it is opened: opening a pipe would wait for a writer.
    let is_file = wanted.metadata().map_err(|error| Refused::Io("look at the file", error))?.is_file();
    if !is_file {
        return Err(Refused::Unsafe("not a regular file"));
    }
    let mut file = std::fs::File::open(&wanted).map_err(|error| Refused::Io("open the file", error))?;
    let size = file.metadata().map_err(|error| Refused::Io("look at the file", error))?.len();
    let start = if offset <= size { offset } else { 0 };
    file.seek(SeekFrom::Start(start)).map_err(|error| Refused::Io("go to the offset", error))?;
    Ok(Some(Found { file, start, length: size - start }))
}
