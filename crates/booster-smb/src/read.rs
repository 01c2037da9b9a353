//! Reading large files: many blocks on their way at once.

use crate::{Share, ShareError, share::is_absent};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use smb2::{
    Error, Tree,
    client::Connection,
    msg::{
        close::CloseRequest,
        create::{CreateDisposition, CreateRequest, CreateResponse, ImpersonationLevel, ShareAccess},
        header::Header,
        read::{ReadRequest, SMB2_CHANNEL_NONE},
    },
    pack::{ReadCursor, Unpack as _},
    types::{
        Command, CreditCharge, FileId, OplockLevel,
        flags::{FileAccessMask, FileAttributes},
        status::NtStatus,
    },
};
use std::{
    hint::black_box,
    sync::{Arc, Once},
    time::Duration,
};
use tokio::runtime::Handle;

/// How much is asked for with one request.
const BLOCK: u64 = 256 << 10;
/// How many requests are on their way at once: 8 MiB fill a gigabit over 60 ms of distance.
const AT_ONCE: usize = 32;
/// What a process gets from the system and gives back as a whole, after [`keep_freed_memory`].
const KEPT: usize = 8 << 20;

/// How much one credit pays for (MS-SMB2, section 3.1.5.2).
const CREDIT: u64 = 64 << 10;

/// A file that has been opened: its length and its content are those of that moment's file, whatever takes
/// its name meanwhile. It is open in such a way that others may read, write, rename and delete it. Only a file
/// that takes its name has to wait until it is closed: servers refuse that, whatever the reader allows.
pub struct RemoteFile {
    open: Arc<OpenFile>,
    size: u64,
    modified: u64,
    limit: Duration,
}

/// A handle of the server's, closed when it goes.
struct OpenFile {
    connection: Connection,
    tree: Arc<Tree>,
    id: FileId,
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        let (connection, tree) = (self.connection.clone(), Arc::clone(&self.tree));
        let request = CloseRequest { flags: 0, file_id: self.id };
        // Where nothing runs any more, the end of the connection closes it.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                let _ = connection.execute(Command::Close, &request, Some(tree.tree_id)).await;
            });
        }
    }
}

impl Share {
    /// Opens a file. `None`: it is not there.
    ///
    /// # Errors
    /// [`ShareError`].
    pub async fn open(&self, path: &str) -> Result<Option<RemoteFile>, ShareError> {
        let path = self.path(path)?;
        match self.bounded(self.create_for_reading(&path)).await? {
            Ok(opened) => {
                let open = OpenFile {
                    connection: self.connection.clone(),
                    tree: Arc::clone(&self.tree),
                    id: opened.file_id,
                };
                if opened.file_attributes & FileAttributes::DIRECTORY != 0 {
                    return Err(ShareError::NotAFile);
                }
                Ok(Some(RemoteFile {
                    open: Arc::new(open),
                    size: opened.end_of_file,
                    modified: opened.last_write_time.0,
                    limit: self.limit,
                }))
            }
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(ShareError::of(error, self.limit)),
        }
    }

    async fn create_for_reading(&self, path: &str) -> Result<CreateResponse, Error> {
        let request = CreateRequest {
            requested_oplock_level: OplockLevel::None,
            impersonation_level: ImpersonationLevel::Impersonation,
            desired_access: FileAccessMask::new(
                FileAccessMask::FILE_READ_DATA
                    | FileAccessMask::FILE_READ_ATTRIBUTES
                    | FileAccessMask::SYNCHRONIZE,
            ),
            file_attributes: 0,
            share_access: ShareAccess(
                ShareAccess::FILE_SHARE_READ | ShareAccess::FILE_SHARE_WRITE | ShareAccess::FILE_SHARE_DELETE,
            ),
            create_disposition: CreateDisposition::FileOpen,
            create_options: 0,
            name: self.wire_name(path),
            create_contexts: Vec::new(),
        };
        let frame = self.connection.execute(Command::Create, &request, Some(self.tree.tree_id)).await?;
        if frame.header.status != NtStatus::SUCCESS {
            return Err(Error::Protocol { status: frame.header.status, command: Command::Create });
        }
        CreateResponse::unpack(&mut ReadCursor::new(&frame.body))
    }

    /// A path below the share as it goes over the wire; a distributed file system wants it whole.
    fn wire_name(&self, path: &str) -> String {
        let path = path.replace('/', r"\");
        match self.tree.is_dfs {
            true => format!(r"{}\{}\{path}", self.tree.server, self.tree.share_name),
            false => path,
        }
    }
}

impl RemoteFile {
    /// Length in bytes.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// What tells this copy of the file from another of the same name: length and time of its last change.
    pub fn identity(&self) -> String {
        format!("{:x}-{:x}", self.size, self.modified)
    }

    /// The bytes from an offset on, in order.
    pub fn bytes_from(self, offset: u64) -> impl Stream<Item = Result<Bytes, ShareError>> + Send + use<> {
        keep_freed_memory();
        let Self { open, size, limit, .. } = self;
        let most = open.connection.params().map_or(CREDIT, |params| u64::from(params.max_read_size));
        let block_size = BLOCK.min(most.max(CREDIT));
        let blocks = size.saturating_sub(offset).div_ceil(block_size);
        let read = move |block: u64| {
            let open = Arc::clone(&open);
            async move {
                let start = offset + block * block_size;
                let length = block_size.min(size - start);
                let bytes =
                    open.read_at(start, length).await.map_err(|error| ShareError::of(error, limit))?;
                if (bytes.len() as u64) < length { Err(ShareError::Shrunk) } else { Ok(bytes) }
            }
        };
        stream::iter(0..blocks).map(read).buffered(AT_ONCE)
    }
}

impl OpenFile {
    /// A block, or less where the file ends; not copied once more.
    async fn read_at(&self, offset: u64, length: u64) -> Result<Bytes, Error> {
        let request = ReadRequest {
            padding: 0x50,
            flags: 0,
            // A block is much smaller than this can be.
            length: length as u32,
            offset,
            file_id: self.id,
            minimum_count: 0,
            channel: SMB2_CHANNEL_NONE,
            remaining_bytes: 0,
            read_channel_info: Vec::new(),
        };
        let charge = CreditCharge(length.div_ceil(CREDIT) as u16);
        let tree = Some(self.tree.tree_id);
        let frame = self.connection.execute_with_credits(Command::Read, &request, tree, charge).await?;
        match frame.header.status {
            NtStatus::SUCCESS => data(frame.body, length),
            NtStatus::END_OF_FILE => Ok(Bytes::new()),
            status => Err(Error::Protocol { status, command: Command::Read }),
        }
    }
}

/// The data of an answer to a read (MS-SMB2, section 2.2.20), at most as much as was asked for.
fn data(body: Vec<u8>, length: u64) -> Result<Bytes, Error> {
    let garbled = || Error::invalid_data("the answer to a read does not hold together");
    let (Some(&offset), Some(said)) = (body.get(2), body.get(4..8)) else { return Err(garbled()) };
    // Offsets count from the message's header.
    let start = usize::from(offset).checked_sub(Header::SIZE).ok_or_else(garbled)?;
    let said = u32::from_le_bytes([said[0], said[1], said[2], said[3]]) as usize;
    let end = start.checked_add(said).filter(|&end| end <= body.len()).ok_or_else(garbled)?;
    if said as u64 > length { Err(garbled()) } else { Ok(Bytes::from(body).slice(start..end)) }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer that says this offset and length, with ten bytes of data behind its sixteen of its own.
    fn answer(offset: u8, said: u32) -> Vec<u8> {
        let mut body = vec![0; 16];
        body[2] = offset;
        body[4..8].copy_from_slice(&said.to_le_bytes());
        body.extend_from_slice(b"0123456789");
        body
    }

    #[test]
    fn an_answer_is_taken_apart_and_one_that_leads_out_of_itself_is_refused() {
        assert_eq!(data(answer(80, 10), 10).unwrap(), "0123456789");
        assert_eq!(data(answer(82, 3), 10).unwrap(), "234");
        for (offset, said, asked) in
            [(80, 11, 20), (0, 10, 10), (63, 1, 10), (255, 1, 10), (80, u32::MAX, 10), (80, 10, 9)]
        {
            assert!(data(answer(offset, said), asked).is_err(), "{offset} {said} {asked}");
        }
        assert!(data(vec![0; 3], 10).is_err());
    }
}
