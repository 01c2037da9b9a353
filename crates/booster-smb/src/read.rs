//! Reading large files: many blocks on their way at once.

use crate::{Share, ShareError, share::is_absent};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use smb2::client::stream::{FileReader, open_file_reader};
use std::{
    hint::black_box,
    sync::{Arc, Once},
    time::Duration,
};

/// How much is asked for with one request.
const BLOCK: u64 = 256 << 10;
/// How many requests are on their way at once: 8 MiB fill a gigabit over 60 ms of distance.
const AT_ONCE: usize = 32;
/// What a process gets from the system and gives back as a whole, after [`keep_freed_memory`].
const KEPT: usize = 8 << 20;

/// A file that has been opened: its length and its content are those of that moment's file, whatever takes
/// its name meanwhile. It is open in such a way that others may read, write, rename and delete it.
pub struct RemoteFile {
    reader: Arc<FileReader>,
    limit: Duration,
}

impl Share {
    /// Opens a file. `None`: it is not there.
    ///
    /// # Errors
    /// [`ShareError`].
    pub async fn open(&self, path: &str) -> Result<Option<RemoteFile>, ShareError> {
        let path = self.path(path)?;
        let opened = open_file_reader(Arc::clone(&self.tree), self.connection.clone(), &path);
        match self.bounded(opened).await? {
            Ok(reader) if reader.info().is_directory => Err(ShareError::NotAFile),
            Ok(reader) => Ok(Some(RemoteFile { reader: Arc::new(reader), limit: self.limit })),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(ShareError::of(error, self.limit)),
        }
    }
}

impl RemoteFile {
    /// Length in bytes.
    pub fn size(&self) -> u64 {
        self.reader.size()
    }

    /// What tells this copy of the file from another of the same name: length and time of its last change.
    pub fn identity(&self) -> String {
        format!("{:x}-{:x}", self.size(), self.reader.info().modified.0)
    }

    /// The bytes from an offset on, in order.
    pub fn bytes_from(self, offset: u64) -> impl Stream<Item = Result<Bytes, ShareError>> + Send + use<> {
        keep_freed_memory();
        let (size, reader, limit) = (self.size(), self.reader, self.limit);
        let blocks = size.saturating_sub(offset).div_ceil(BLOCK);
        let read = move |block: u64| {
            let reader = Arc::clone(&reader);
            async move {
                let start = offset + block * BLOCK;
                let length = BLOCK.min(size - start);
                let bytes =
                    reader.read_at(start, length).await.map_err(|error| ShareError::of(error, limit))?;
                if (bytes.len() as u64) < length { Err(ShareError::Shrunk) } else { Ok(Bytes::from(bytes)) }
            }
        };
        stream::iter(0..blocks).map(read).buffered(AT_ONCE)
    }
}

/// Lets the allocator keep what is freed, instead of asking the system for it again.
///
/// Each block passes through some buffers of its size. glibc gives such memory back to the system at once, and
/// the system clears it page by page when it is wanted again: that took four fifths of the processor time of a
/// download. Where a larger piece has been freed before, glibc keeps pieces up to its size (mallopt(3),
/// `M_MMAP_THRESHOLD`). Other allocators do without; for them this is one allocation that is never touched.
fn keep_freed_memory() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| drop(black_box(Vec::<u8>::with_capacity(KEPT))));
}
