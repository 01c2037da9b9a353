//! A repository in a folder of this machine or in a bucket.
//!
//! In a folder every write is a new file that is flushed, renamed into place and flushed again
//! with its folder; one publisher at a time holds the folder's lock. In a bucket a write is atomic,
//! and conditions on it keep two publishers apart.

use super::{
    layout::{self, METADATA, TARGETS, TIMESTAMP},
    lock::FolderLock,
    storage::{Listed, Stored, is_unfinished},
};
use crate::{PublishError, Result};
use bytes::BytesMut;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::{
    ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, UpdateVersion,
    WriteMultipart, local::LocalFileSystem, parse_url_opts, path::Path as ObjectPath,
};
use std::{
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
};
use url::Url;

/// Objects up to this size are written with one request, larger ones in parts of this size.
const PART: usize = 8 << 20;

/// A place for objects.
#[derive(Debug)]
pub(crate) struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: ObjectPath,
    location: String,
    /// The folder, where it is one.
    folder: Option<PathBuf>,
}

impl Objects {
    /// Opens a place: a folder's path, or a `file:`, `s3:`, `gs:` or `az:` URL. Credentials come
    /// from `variables`, named as the storage's own tools name them (`AWS_*`, `GOOGLE_*`, `AZURE_*`).
    pub fn open(location: &str, variables: &[(String, String)]) -> Result<Self> {
        let refuse = |reason: String| PublishError::Location { location: location.to_owned(), reason };
        let url = location
            .contains("://")
            .then(|| Url::parse(location))
            .transpose()
            .map_err(|e| refuse(e.to_string()))?;
        match url {
            None => Self::open_folder(Path::new(location)),
            Some(url) if url.scheme() == "file" => {
                let path =
                    url.to_file_path().map_err(|()| refuse("not a path of this machine".to_owned()))?;
                Self::open_folder(&path)
            }
            Some(url) if ["s3", "s3a", "gs", "az", "azure", "abfs", "abfss"].contains(&url.scheme()) => {
                if url.password().is_some() {
                    let reason = "it holds a password; credentials come from the environment".to_owned();
                    return Err(PublishError::Location {
                        location: format!("a {} URL", url.scheme()),
                        reason,
                    });
                }
                let (store, prefix) =
                    parse_url_opts(&url, variables.iter().cloned()).map_err(|e| refuse(e.to_string()))?;
                Ok(Self { store: store.into(), prefix, location: location.to_owned(), folder: None })
            }
            Some(url) => {
                Err(refuse(format!("{}: is not known; use a folder, s3:, gs: or az:", url.scheme())))
            }
        }
    }

    fn open_folder(path: &Path) -> Result<Self> {
        std::fs::create_dir_all(path).map_err(PublishError::io("make the folder", path))?;
        let path = path.canonicalize().map_err(PublishError::io("find", path))?;
        let location = path.display().to_string();
        let store = LocalFileSystem::new_with_prefix(&path)
            .map_err(|error| PublishError::Location {
                location: location.clone(),
                reason: error.to_string(),
            })?
            .with_fsync(true);
        Ok(Self { store: Arc::new(store), prefix: ObjectPath::default(), location, folder: Some(path) })
    }

    /// The place in words.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// Whether publishers are kept apart by conditions alone and not by a lock.
    pub const fn is_shared(&self) -> bool {
        self.folder.is_none()
    }

    /// Takes the folder's lock; buckets have none.
    pub fn lock(&self) -> Result<Option<FolderLock>> {
        self.folder.as_deref().map(FolderLock::take).transpose()
    }

    /// Reads a whole object of at most so many bytes. `None`: it is not there.
    pub async fn read(&self, name: &str, limit: u64) -> Result<Option<Stored>> {
        let result = match self.store.get(&self.path(name)).await {
            Ok(result) => result,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.error("read", name, error)),
        };
        let state = UpdateVersion { e_tag: result.meta.e_tag.clone(), version: result.meta.version.clone() };
        let too_large = || PublishError::too_large(self.location.clone(), name, limit);
        // Nothing is fetched of what is said to be larger, and no more than that of what turns out to be.
        if result.meta.size > limit {
            return Err(too_large());
        }
        let (mut bytes, mut stream) = (BytesMut::new(), result.into_stream());
        while let Some(piece) = stream.try_next().await.map_err(|error| self.error("read", name, error))? {
            if (bytes.len() + piece.len()) as u64 > limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(Some(Stored { bytes: bytes.freeze(), state }))
    }

    /// Streams an object into a sink.
    pub async fn download(&self, name: &str, sink: &mut (dyn std::io::Write + Send)) -> Result<()> {
        let failed = |error| self.error("read", name, error);
        let mut stream = self.store.get(&self.path(name)).await.map_err(failed)?.into_stream();
        while let Some(piece) = stream.next().await {
            sink.write_all(&piece.map_err(failed)?).map_err(|source| PublishError::Io {
                action: "keep a copy of",
                path: name.into(),
                source,
            })?;
        }
        Ok(())
    }

    /// Writes an object whose name is never used for other content.
    ///
    /// In a bucket an object that exists already is another publisher's: [`PublishError::Conflict`].
    /// In a folder the lock keeps others out, and a plain rename works on every file system.
    pub async fn write_versioned(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let mode = if self.is_shared() { PutMode::Create } else { PutMode::Overwrite };
        let written = match self.put(name, bytes, mode).await {
            Err(object_store::Error::NotImplemented { .. }) => {
                self.put(name, bytes, PutMode::Overwrite).await
            }
            written => written,
        };
        self.judge(name, bytes, written).await
    }

    /// Writes an object, whatever lies there.
    pub async fn write_over(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let written = self.put(name, bytes, PutMode::Overwrite).await;
        written.map(drop).map_err(|error| self.error("write", name, error))
    }

    /// Writes an object that is named by its content, from a file.
    pub async fn upload(&self, name: &str, file: &Path) -> Result<()> {
        let mut reader = std::fs::File::open(file).map_err(PublishError::io("open", file))?;
        let size = reader.metadata().map_err(PublishError::io("open", file))?.len();
        if size <= PART as u64 {
            let bytes = std::fs::read(file).map_err(PublishError::io("read", file))?;
            return self
                .put(name, &bytes, PutMode::Overwrite)
                .await
                .map(drop)
                .map_err(|e| self.error("write", name, e));
        }
        let failed = |error| self.error("write", name, error);
        let parts = self.store.put_multipart(&self.path(name)).await.map_err(failed)?;
        let mut upload = WriteMultipart::new_with_chunk_size(parts, PART);
        match fill(&mut upload, &mut reader).await {
            Ok(()) => upload.finish().await.map(drop).map_err(failed),
            Err(error) => {
                // Parts that nobody completes would lie there, unseen.
                let _ = upload.abort().await;
                Err(match error {
                    PartError::Read(error) => PublishError::io("read", file)(error),
                    PartError::Write(error) => failed(error),
                })
            }
        }
    }

    /// Writes `timestamp.json`: the commit point. `before` is the state that the change was made
    /// upon, `None` for a new repository.
    pub async fn commit(&self, bytes: &[u8], before: Option<&UpdateVersion>) -> Result<()> {
        if !self.is_shared() {
            return self.commit_compared(bytes, before).await;
        }
        let mode = before.map_or(PutMode::Create, |state| PutMode::Update(state.clone()));
        match self.put(TIMESTAMP, bytes, mode).await {
            Err(object_store::Error::NotImplemented { .. }) => {
                tracing::warn!(
                    location = self.location,
                    "this storage has no conditional writes: one publisher only"
                );
                self.commit_compared(bytes, before).await
            }
            written => self.judge(TIMESTAMP, bytes, written).await,
        }
    }

    /// What a conditional write has come to. A condition that failed may be our own doing: the
    /// answer to a request was lost, and it was sent again.
    async fn judge(
        &self,
        name: &str,
        bytes: &[u8],
        written: object_store::Result<object_store::PutResult>,
    ) -> Result<()> {
        match written {
            Ok(_) => Ok(()),
            Err(
                object_store::Error::Precondition { .. }
                | object_store::Error::AlreadyExists { .. }
                | object_store::Error::NotFound { .. },
            ) => {
                let lies_there = self.read(name, layout::limit(name)).await?;
                let ours = lies_there.is_some_and(|stored| stored.bytes == bytes);
                if ours { Ok(()) } else { Err(self.conflict(name)) }
            }
            Err(error) => Err(self.error("write", name, error)),
        }
    }

    /// Compares and then writes: enough where a lock keeps others out.
    async fn commit_compared(&self, bytes: &[u8], before: Option<&UpdateVersion>) -> Result<()> {
        let now = self.read(TIMESTAMP, layout::limit(TIMESTAMP)).await?.map(|stored| stored.state);
        if now.as_ref().map(|state| &state.e_tag) != before.map(|state| &state.e_tag) {
            return Err(self.conflict(TIMESTAMP));
        }
        self.put(TIMESTAMP, bytes, PutMode::Overwrite)
            .await
            .map_err(|e| self.error("write", TIMESTAMP, e))?;
        Ok(())
    }

    /// Lists everything below `metadata/` and `targets/`.
    pub async fn list(&self) -> Result<Vec<Listed>> {
        let mut listed = Vec::new();
        for folder in [METADATA, TARGETS] {
            let mut objects = self.store.list(Some(&self.path(folder)));
            while let Some(object) = objects.try_next().await.map_err(|e| self.error("list", folder, e))? {
                listed.extend(self.listed(object));
            }
        }
        Ok(listed)
    }

    fn listed(&self, object: ObjectMeta) -> Option<Listed> {
        let parts: Vec<String> =
            object.location.prefix_match(&self.prefix)?.map(|part| part.as_ref().to_owned()).collect();
        let written = jiff::Timestamp::from_second(object.last_modified.timestamp()).ok()?;
        Some(Listed { name: parts.join("/"), size: object.size, written })
    }

    /// Deletes objects; one that is gone already is no error.
    pub async fn delete(&self, names: &[String]) -> Result<()> {
        for name in names {
            match self.store.delete(&self.path(name)).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(self.error("delete", name, error)),
            }
        }
        Ok(())
    }

    /// Deletes the unfinished files that a killed publisher left in a folder; call with the lock held.
    pub fn delete_unfinished(&self) -> Result<u64> {
        let Some(root) = &self.folder else { return Ok(0) };
        let mut deleted = 0;
        let mut folders = vec![root.join(METADATA), root.join(TARGETS)];
        while let Some(folder) = folders.pop() {
            let entries = match std::fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(PublishError::io("list", &folder)(error)),
            };
            for entry in entries {
                let entry = entry.map_err(PublishError::io("list", &folder))?;
                let kind = entry.file_type().map_err(PublishError::io("list", &folder))?;
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file() && entry.file_name().to_str().is_some_and(is_unfinished) {
                    std::fs::remove_file(entry.path()).map_err(PublishError::io("delete", &entry.path()))?;
                    deleted += 1;
                }
            }
        }
        Ok(deleted)
    }

    async fn put(
        &self,
        name: &str,
        bytes: &[u8],
        mode: PutMode,
    ) -> object_store::Result<object_store::PutResult> {
        let options = PutOptions { mode, ..PutOptions::default() };
        self.store.put_opts(&self.path(name), PutPayload::from(bytes.to_vec()), options).await
    }

    fn path(&self, name: &str) -> ObjectPath {
        name.split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }

    fn conflict(&self, object: &str) -> PublishError {
        PublishError::Conflict { location: self.location.clone(), what: object.to_owned() }
    }

    fn error(&self, action: &'static str, object: &str, source: object_store::Error) -> PublishError {
        let location = self.location.clone();
        PublishError::Storage { action, object: object.to_owned(), location, source: Box::new(source) }
    }
}

/// Why an upload in parts broke off.
enum PartError {
    Read(std::io::Error),
    Write(object_store::Error),
}

async fn fill(upload: &mut WriteMultipart, reader: &mut std::fs::File) -> Result<(), PartError> {
    let mut piece = vec![0; PART];
    loop {
        let read = reader.read(&mut piece).map_err(PartError::Read)?;
        if read == 0 {
            return Ok(());
        }
        upload.wait_for_capacity(2).await.map_err(PartError::Write)?;
        upload.write(&piece[..read]);
    }
}
