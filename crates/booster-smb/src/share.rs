//! A signed-in connection to a folder of a share.

use crate::{ShareError, ShareOptions, UncPath, unc::check_component, wire::Wire};
use smb2::{Error, Tree, client::Connection, types::status::NtStatus};
use std::{
    fmt,
    future::Future,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::time::timeout;

/// A signed-in connection to a folder of a share.
///
/// Paths are relative to the folder, with `/` between their parts. Clones share the connection, which ends
/// with the last of them.
#[derive(Clone)]
pub struct Share {
    pub(crate) connection: Connection,
    pub(crate) tree: Arc<Tree>,
    wire: Arc<Wire>,
    unc: UncPath,
    pub(crate) limit: Duration,
}

/// Something in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Length in bytes.
    pub size: u64,
    /// When it was last written, by the server's clock.
    pub modified: Option<SystemTime>,
}

/// A small file, read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Small {
    /// Its bytes.
    Whole(Vec<u8>),
    /// It is larger; so many bytes.
    Larger(u64),
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({})", self.unc)
    }
}

impl Share {
    pub(crate) fn new(
        options: &ShareOptions,
        unc: UncPath,
        connection: Connection,
        tree: Tree,
        wire: Arc<Wire>,
    ) -> Self {
        Self { connection, tree: Arc::new(tree), wire, unc, limit: options.response_timeout }
    }

    /// The folder, where referrals have led.
    pub fn unc(&self) -> &UncPath {
        &self.unc
    }

    /// Whether the connection has ended: a new one is needed.
    pub fn is_lost(&self) -> bool {
        self.connection.is_disconnected()
    }

    /// Whether what is carried is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.connection.should_encrypt()
    }

    /// How many messages this connection has sent, signing in among them.
    pub fn messages(&self) -> u64 {
        self.wire.sent()
    }

    /// Reads a file of at most `max` bytes in one round trip. `None`: it is not there.
    ///
    /// # Errors
    /// [`ShareError`].
    pub async fn read_small(&self, path: &str, max: u64) -> Result<Option<Small>, ShareError> {
        let path = self.path(path)?;
        let mut connection = self.connection.clone();
        let read = self.tree.read_file_compound_sized(&mut connection, &path, max);
        match self.bounded(read).await? {
            Ok(bytes) => Ok(Some(Small::Whole(bytes))),
            Err(Error::FileTooLargeForSingleRead { size, .. }) => Ok(Some(Small::Larger(size))),
            // Folders are opened as files, and not read as such.
            Err(error) if error.status() == Some(NtStatus::INVALID_DEVICE_REQUEST) => {
                Err(ShareError::NotAFile)
            }
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(ShareError::of(error, self.limit)),
        }
    }

    /// What is in a folder; `None`: the folder is not there.
    ///
    /// # Errors
    /// [`ShareError`].
    pub async fn list(&self, folder: &str) -> Result<Option<Vec<Entry>>, ShareError> {
        let path = self.path(folder)?;
        let opened = self.bounded(self.tree.open_directory_reader(self.connection.clone(), &path)).await?;
        let mut reader = match opened {
            Ok(reader) => reader,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(ShareError::of(error, self.limit)),
        };
        let mut entries = Vec::new();
        // Each answer has its time; a large folder takes many.
        while let Some(batch) =
            self.bounded(reader.next_batch()).await?.map_err(|error| ShareError::of(error, self.limit))?
        {
            entries.extend(batch);
        }
        let entries = entries.into_iter().filter(|entry| !matches!(entry.name.as_str(), "." | ".."));
        let entry = |entry: smb2::DirectoryEntry| Entry {
            is_folder: entry.is_directory,
            size: entry.size,
            modified: entry.modified.to_system_time(),
            name: entry.name,
        };
        Ok(Some(entries.map(entry).collect()))
    }

    /// A path below the share, for the protocol. Empty is the folder itself.
    pub(crate) fn path(&self, path: &str) -> Result<String, ShareError> {
        let parts = path.split('/').filter(|_| !path.is_empty());
        let name = |reason| ShareError::Name { reason };
        parts.clone().try_for_each(check_component).map_err(name)?;
        let parts = self.unc.parts().iter().map(String::as_str).chain(parts);
        Ok(parts.collect::<Vec<_>>().join("/"))
    }

    /// The answer to one request, if it comes in time.
    pub(crate) async fn bounded<T>(&self, answer: impl Future<Output = T>) -> Result<T, ShareError> {
        timeout(self.limit, answer).await.map_err(|_| ShareError::NoAnswer { limit: self.limit })
    }
}

/// Whether an answer means that there is definitely nothing of that name.
pub(crate) fn is_absent(error: &Error) -> bool {
    matches!(
        error.status(),
        Some(
            NtStatus::OBJECT_NAME_NOT_FOUND
                | NtStatus::OBJECT_PATH_NOT_FOUND
                | NtStatus::NO_SUCH_FILE
                | NtStatus::NOT_A_DIRECTORY
        )
    )
}
