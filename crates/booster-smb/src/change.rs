//! Writing: whole files that appear under their names in one step.

use crate::{Share, ShareError, share::is_absent};
use smb2::{
    Error, RenameOptions,
    client::stream::{FileWriter, open_file_writer},
    types::status::NtStatus,
};
use std::{fmt, sync::Arc, time::Duration};
use tokio::time::timeout;

/// How often a file is tried to be replaced that a reader has open: servers refuse that, and readers of the
/// files that are ever replaced are quick.
const ATTEMPTS: u32 = 200;
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// A new file that nobody sees under its name before it is whole.
pub struct Upload {
    share: Share,
    writer: FileWriter,
    unfinished: String,
    name: String,
}

/// A file that is held open so that nobody else can open it. Closing the connection lets go of it.
pub struct Held {
    _writer: FileWriter,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held(..)")
    }
}

impl Share {
    /// Begins to write a file, in a folder that is made where it is missing.
    ///
    /// # Errors
    /// [`ShareError`].
    pub async fn upload(&self, path: &str) -> Result<Upload, ShareError> {
        let name = self.path(path)?;
        // The name under which unfinished files are looked for: `name#number`.
        let unfinished = format!("{name}#{}", std::process::id());
        let writer = match self.create(&unfinished).await {
            Err(error) if is_absent(&error) => {
                self.make_folders(&name).await?;
                self.create(&unfinished).await
            }
            created => created,
        };
        let writer = writer.map_err(|error| ShareError::of(error, self.limit))?;
        Ok(Upload { share: self.clone(), writer, unfinished, name })
    }

    /// Writes a whole file.
    ///
    /// # Errors
    /// [`ShareError`]; the file under that name is then the one before.
    pub async fn write(&self, path: &str, bytes: &[u8]) -> Result<(), ShareError> {
        let mut upload = self.upload(path).await?;
        match upload.write(bytes).await {
            Ok(()) => upload.finish().await,
            Err(error) => {
                upload.abort().await;
                Err(error)
            }
        }
    }

    /// Deletes a file; one that is gone already is no error.
    ///
    /// # Errors
    /// [`ShareError`].
    pub async fn delete(&self, path: &str) -> Result<(), ShareError> {
        let path = self.path(path)?;
        self.delete_at(&path).await
    }

    /// Opens a file, made where it is missing, so that nobody else can open it. `None`: somebody has it open.
    ///
    /// # Errors
    /// [`ShareError`].
    pub async fn hold(&self, path: &str) -> Result<Option<Held>, ShareError> {
        let path = self.path(path)?;
        match self.create(&path).await {
            Ok(writer) => Ok(Some(Held { _writer: writer })),
            Err(error) => match ShareError::of(error, self.limit) {
                ShareError::Busy => Ok(None),
                error => Err(error),
            },
        }
    }

    /// Makes a folder, and those above it below the share.
    ///
    /// # Errors
    /// [`ShareError`].
    pub async fn make_folder(&self, path: &str) -> Result<(), ShareError> {
        let path = self.path(path)?;
        self.make_folders(&format!("{path}/x")).await
    }

    async fn delete_at(&self, path: &str) -> Result<(), ShareError> {
        let mut connection = self.connection.clone();
        match self.bounded(self.tree.delete_file(&mut connection, path)).await? {
            Ok(()) => Ok(()),
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) => Err(ShareError::of(error, self.limit)),
        }
    }

    async fn create(&self, path: &str) -> Result<FileWriter, Error> {
        let created = open_file_writer(Arc::clone(&self.tree), self.connection.clone(), path);
        timeout(self.limit, created).await.unwrap_or(Err(Error::Timeout))
    }

    /// Makes the folders above a path.
    async fn make_folders(&self, path: &str) -> Result<(), ShareError> {
        let mut connection = self.connection.clone();
        for (end, _) in path.match_indices('/') {
            match self.bounded(self.tree.create_directory(&mut connection, &path[..end])).await? {
                Ok(()) => {}
                Err(error) if error.status() == Some(NtStatus::OBJECT_NAME_COLLISION) => {}
                Err(error) => return Err(ShareError::of(error, self.limit)),
            }
        }
        Ok(())
    }
}

impl Upload {
    /// The next bytes.
    ///
    /// # Errors
    /// [`ShareError`]; the upload is then to be aborted.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), ShareError> {
        let limit = self.share.limit;
        for piece in bytes.chunks(1 << 20) {
            let confirmed = self.writer.bytes_written();
            match timeout(limit, self.writer.write_chunk(piece)).await {
                Ok(written) => written.map_err(|error| ShareError::of(error, limit))?,
                // A slow line: what has not gone out goes first.
                Err(_) if self.writer.bytes_written() > confirmed => self.settle().await?,
                Err(_) => return Err(ShareError::NoAnswer { limit }),
            }
        }
        Ok(())
    }

    /// Waits until everything that was written lies on the server's disk: as long as answers come, however many
    /// are outstanding.
    async fn settle(&mut self) -> Result<(), ShareError> {
        let limit = self.share.limit;
        loop {
            let confirmed = self.writer.bytes_written();
            match timeout(limit, self.writer.flush_checkpoint()).await {
                Ok(settled) => return settled.map(drop).map_err(|error| ShareError::of(error, limit)),
                // Nothing is lost by asking again: what has gone out stays so.
                Err(_) if self.writer.bytes_written() > confirmed => {}
                Err(_) => return Err(ShareError::NoAnswer { limit }),
            }
        }
    }

    /// Flushes the file and gives it its name, in place of the one before.
    ///
    /// # Errors
    /// [`ShareError`]; the file under that name is then the one before.
    pub async fn finish(mut self) -> Result<(), ShareError> {
        let settled = self.settle().await;
        let Self { share, writer, unfinished, name } = self;
        // Where all of it lies there, this only closes the file, as renaming needs it.
        let closed = share.bounded(writer.abort()).await.map(drop);
        let is_closed = closed.is_ok();
        let finished = match settled.and(closed) {
            Ok(()) => share.replace(&unfinished, &name).await,
            Err(error) => Err(error),
        };
        if finished.is_err() && is_closed {
            // What lies there is debris; the next publisher deletes it where this does not come through.
            let _ = share.delete_at(&unfinished).await;
        }
        finished
    }

    /// Deletes what has been written, as far as the server can be reached.
    pub async fn abort(self) {
        let Self { share, writer, unfinished, .. } = self;
        // A file that is still open is not deleted: what is outstanding is waited for.
        if share.bounded(writer.abort()).await.is_ok() {
            let _ = share.delete_at(&unfinished).await;
        }
    }
}

impl Share {
    async fn replace(&self, from: &str, to: &str) -> Result<(), ShareError> {
        let mut connection = self.connection.clone();
        let options = RenameOptions::new().replace_if_exists(true);
        let mut attempt = 1;
        loop {
            let renamed = self.bounded(self.tree.rename_with(&mut connection, from, to, options)).await?;
            match renamed.map_err(|error| ShareError::of(error, self.limit)) {
                Err(ShareError::Denied | ShareError::Busy) if attempt < ATTEMPTS => {
                    attempt += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                renamed => return renamed,
            }
        }
    }
}
