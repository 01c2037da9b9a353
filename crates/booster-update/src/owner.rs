//! Whose data folder it is: root fills no folder of another user's.
//!
//! Folders that root makes in it could not be changed or removed by the user who owns the data folder, a service
//! mostly, and every later update of that user's would fail.

use crate::Cause;
use booster_store::Store;
use std::{io, os::unix::fs::MetadataExt as _};

/// The data folder is another user's.
#[derive(Debug, thiserror::Error)]
#[error(
    "it belongs to user {owner}, who could not change what root leaves there; run it as that user \
     (sudo -u '#{owner}' ...), or have the service do it (--service)"
)]
struct Foreign {
    owner: u32,
}

/// Refuses root a folder that is another user's, for whoever touches it before an operation runs in it.
///
/// # Errors
/// The folder is another user's, and this user is root: any other is refused by the system.
pub fn check_owner(store: &Store) -> Result<(), Cause> {
    let folder = store.data_dir().display();
    check(store).map_err(Cause::io(format!("writing into the data folder {folder}")))
}

pub(crate) fn check(store: &Store) -> io::Result<()> {
    let Ok(folder) = std::fs::metadata(store.data_dir()) else { return Ok(()) };
    let owner = folder.uid();
    if owner == 0 || !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::PermissionDenied, Foreign { owner }))
}
