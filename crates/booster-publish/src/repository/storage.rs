//! Where a repository lies: a folder, a bucket or a share behind one set of verbs.

use super::{
    layout::{self, TIMESTAMP},
    lock::Lock,
    objects::Objects,
    share::ShareFolder,
};
use crate::{PublishError, Result};
use booster_definitions::Digest;
use booster_smb::{ShareOptions, UncPath};
use bytes::Bytes;
use object_store::UpdateVersion;
use std::path::Path;

/// A place for a repository's files.
#[derive(Debug)]
pub(crate) enum Storage {
    /// A folder of this machine, or a bucket.
    Objects(Objects),
    /// A folder of a file share.
    Share(Box<ShareFolder>),
}

/// A file that was read.
#[derive(Debug)]
pub(crate) struct Stored {
    pub bytes: Bytes,
    /// The state of the file that a conditional write is made upon.
    pub state: UpdateVersion,
}

/// A file that was listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its name below the repository.
    pub name: String,
    /// Length in bytes.
    pub size: u64,
    /// When it was written, by the storage's clock.
    pub written: jiff::Timestamp,
}

impl Storage {
    /// Opens a place: a folder's path, a share's network name, or a `file:`, `s3:`, `gs:` or `az:` URL.
    /// Credentials come from `variables`, named as the storage's own tools name them (`AWS_*`, `GOOGLE_*`,
    /// `AZURE_*`), and for a share from its options.
    pub fn open(location: &str, variables: &[(String, String)], share: Option<ShareOptions>) -> Result<Self> {
        // Windows opens network names as any other folder.
        if cfg!(windows) || !UncPath::is_meant_by(location) {
            return Objects::open(location, variables).map(Self::Objects);
        }
        let refuse = |reason: String| PublishError::Location { location: location.to_owned(), reason };
        let unc = location.parse::<UncPath>().map_err(|error| refuse(error.to_string()))?;
        let options = share.ok_or_else(|| refuse("no way to sign in to the share is given".to_owned()))?;
        Ok(Self::Share(Box::new(ShareFolder::new(ShareOptions { unc, ..options }))))
    }

    /// The place in words.
    pub fn location(&self) -> String {
        match self {
            Self::Objects(objects) => objects.location().to_owned(),
            Self::Share(share) => share.location(),
        }
    }

    /// Whether publishers are kept apart by conditions alone and not by a lock.
    pub const fn is_shared(&self) -> bool {
        match self {
            Self::Objects(objects) => objects.is_shared(),
            Self::Share(_) => false,
        }
    }

    /// Takes the place's lock; buckets have none.
    pub async fn lock(&self) -> Result<Option<Lock>> {
        match self {
            Self::Objects(objects) => Ok(objects.lock()?.map(Lock::Folder)),
            Self::Share(share) => Ok(Some(Lock::Share(Box::new(share.lock().await?)))),
        }
    }

    /// Reads a whole file, no larger than its kind may be. `None`: it is not there.
    pub async fn read(&self, name: &str) -> Result<Option<Stored>> {
        let limit = layout::limit(name);
        match self {
            Self::Objects(objects) => objects.read(name, limit).await,
            Self::Share(share) => Ok(share.read(name, limit).await?.map(|bytes| Stored {
                state: UpdateVersion { e_tag: Some(Digest::of(&bytes).to_string()), version: None },
                bytes: bytes.into(),
            })),
        }
    }

    /// What machines would refuse to read is not written.
    fn check_size(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let limit = layout::limit(name);
        let is_too_large = bytes.len() as u64 > limit;
        if is_too_large { Err(PublishError::too_large(self.location(), name, limit)) } else { Ok(()) }
    }

    /// Streams a file into a sink.
    pub async fn download(&self, name: &str, sink: &mut (dyn std::io::Write + Send)) -> Result<()> {
        match self {
            Self::Objects(objects) => objects.download(name, sink).await,
            Self::Share(share) => share.download(name, sink).await,
        }
    }

    /// Writes a file whose name is never used for other content.
    pub async fn write_versioned(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.check_size(name, bytes)?;
        match self {
            Self::Objects(objects) => objects.write_versioned(name, bytes).await,
            Self::Share(share) => share.write(name, bytes).await,
        }
    }

    /// Writes a file, whatever lies there: for content that was verified to be what belongs there.
    pub async fn write_over(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.check_size(name, bytes)?;
        match self {
            Self::Objects(objects) => objects.write_over(name, bytes).await,
            Self::Share(share) => share.write(name, bytes).await,
        }
    }

    /// Writes a file that is named by its content, from one of this machine.
    pub async fn upload(&self, name: &str, file: &Path) -> Result<()> {
        match self {
            Self::Objects(objects) => objects.upload(name, file).await,
            Self::Share(share) => share.upload(name, file).await,
        }
    }

    /// Writes `timestamp.json`: the commit point. `before` is the state that the change was made
    /// upon, `None` for a new repository.
    pub async fn commit(&self, bytes: &[u8], before: Option<&UpdateVersion>) -> Result<()> {
        self.check_size(TIMESTAMP, bytes)?;
        let share = match self {
            Self::Objects(objects) => return objects.commit(bytes, before).await,
            Self::Share(share) => share,
        };
        let now = self.read(TIMESTAMP).await?.map(|stored| stored.state);
        if now.as_ref().map(|state| &state.e_tag) != before.map(|state| &state.e_tag) {
            let location = self.location();
            return Err(PublishError::Conflict { location, what: TIMESTAMP.to_owned() });
        }
        share.write(TIMESTAMP, bytes).await
    }

    /// Lists everything below `metadata/` and `targets/`.
    pub async fn list(&self) -> Result<Vec<Listed>> {
        let mut listed = match self {
            Self::Objects(objects) => objects.list().await?,
            Self::Share(share) => share.list().await?,
        };
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(listed)
    }

    /// Deletes files; one that is gone already is no error.
    pub async fn delete(&self, names: &[String]) -> Result<()> {
        match self {
            Self::Objects(objects) => objects.delete(names).await,
            Self::Share(share) => {
                for name in names {
                    share.delete(name).await?;
                }
                Ok(())
            }
        }
    }

    /// Deletes the unfinished files that a killed publisher left where there is a lock; call with it held.
    pub async fn delete_unfinished(&self) -> Result<u64> {
        match self {
            Self::Objects(objects) => objects.delete_unfinished(),
            Self::Share(share) => share.delete_unfinished().await,
        }
    }
}

/// The names under which unfinished files are written before they are renamed: `name#number`.
pub(super) fn is_unfinished(name: &str) -> bool {
    let suffix = name.rsplit_once('#').map(|(_, suffix)| suffix);
    suffix.is_some_and(|suffix| !suffix.is_empty() && suffix.bytes().all(|b| b.is_ascii_digit()))
}

/// The variables of this process that storages read.
pub(crate) fn storage_variables() -> Vec<(String, String)> {
    let known = |name: &str| ["AWS_", "GOOGLE_", "AZURE_"].iter().any(|prefix| name.starts_with(prefix));
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| known(name))
        .collect()
}
