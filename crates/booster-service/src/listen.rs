//! The socket where callers find the service.
//!
//! One that a service before has left is taken over; one where a service answers is not. The socket is there for
//! everybody: who calls is told by the system, and what that one may do is decided for each call.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
};

/// A socket that callers can connect to. It vanishes with this, unless somebody else made it.
#[derive(Debug)]
pub(crate) struct Listening {
    listener: UnixListener,
    /// The socket that was made here: its path, and what tells it from another's at the same path.
    made: Option<(PathBuf, u64)>,
}

/// Why the service cannot be reached where it should be.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another service answers there.
    #[error("another service answers at {}: only one can own the definitions", socket.display())]
    Taken {
        /// The socket.
        socket: PathBuf,
    },
    /// Something else stands there.
    #[error("{} is no socket: remove it, or name another `socket` under [service]", socket.display())]
    NotASocket {
        /// The path.
        socket: PathBuf,
    },
    /// The system's answer.
    #[error("the service cannot listen at {}: {source}; see `socket` under [service]", socket.display())]
    Io {
        /// The socket.
        socket: PathBuf,
        /// The answer.
        #[source]
        source: io::Error,
    },
}

impl Listening {
    /// The socket that the system's service manager has opened already, or a new one at this path.
    ///
    /// # Errors
    /// Another service answers there, or it cannot be made.
    pub fn open(socket: &Path) -> Result<Self, ListenError> {
        let failed = |source| ListenError::Io { socket: socket.to_owned(), source };
        let listening = match listenfd::ListenFd::from_env().take_unix_listener(0).map_err(failed)? {
            Some(listener) => Self { listener, made: None },
            None => Self::make(socket)?,
        };
        listening.listener.set_nonblocking(true).map_err(failed)?;
        Ok(listening)
    }

    fn make(socket: &Path) -> Result<Self, ListenError> {
        let failed = |source| ListenError::Io { socket: socket.to_owned(), source };
        if let Some(folder) = socket.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        remove_stale(socket)?;
        // Made under another name first: a caller finds it when everybody may connect, or does not find it.
        let new = booster_durable::leftover(socket);
        _ = fs::remove_file(&new);
        let listener = UnixListener::bind(&new).map_err(failed)?;
        let placed = fs::set_permissions(&new, fs::Permissions::from_mode(0o666))
            .and_then(|()| fs::rename(&new, socket))
            .and_then(|()| fs::symlink_metadata(socket));
        let made = placed.inspect_err(|_| _ = fs::remove_file(&new)).map_err(failed)?;
        Ok(Self { listener, made: Some((socket.to_owned(), made.ino())) })
    }

    /// The same for the runtime that this is called on.
    pub fn listener(&self) -> io::Result<tokio::net::UnixListener> {
        tokio::net::UnixListener::from_std(self.listener.try_clone()?)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let Some((socket, inode)) = &self.made else { return };
        if fs::symlink_metadata(socket).is_ok_and(|found| found.ino() == *inode) {
            _ = fs::remove_file(socket);
        }
    }
}

/// Removes a socket where nobody answers.
fn remove_stale(socket: &Path) -> Result<(), ListenError> {
    let failed = |source| ListenError::Io { socket: socket.to_owned(), source };
    match fs::symlink_metadata(socket) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(ListenError::NotASocket { socket: socket.to_owned() });
        }
        Ok(_) => {}
    }
    match UnixStream::connect(socket) {
        Ok(_) => Err(ListenError::Taken { socket: socket.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            tracing::info!(socket = %socket.display(), "a socket that nobody listens at is replaced");
            fs::remove_file(socket).map_err(failed)
        }
        // Somebody listens who has no room for more callers.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(ListenError::Taken { socket: socket.to_owned() })
        }
        Err(error) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_for_everybody_and_vanishes_with_the_service() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("run/service.sock");
        let listening = Listening::open(&socket).unwrap();
        assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o666);
        UnixStream::connect(&socket).unwrap();
        let error = Listening::open(&socket).unwrap_err();
        assert!(matches!(error, ListenError::Taken { .. }), "{error}");
        drop(listening);
        assert_eq!(fs::read_dir(socket.parent().unwrap()).unwrap().count(), 0);
    }

    #[test]
    fn a_socket_that_was_left_is_taken_over_and_anything_else_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("service.sock");
        drop(UnixListener::bind(&socket).unwrap());
        let listening = Listening::open(&socket).unwrap();
        UnixStream::connect(&socket).unwrap();
        // Another service has come meanwhile, as after a restart: its socket is not removed.
        fs::remove_file(&socket).unwrap();
        let _other = UnixListener::bind(&socket).unwrap();
        drop(listening);
        assert!(socket.exists());

        let file = folder.path().join("file");
        fs::write(&file, "x").unwrap();
        assert!(matches!(Listening::open(&file), Err(ListenError::NotASocket { .. })));
        assert_eq!(fs::read(&file).unwrap(), b"x");
        let long = folder.path().join("x".repeat(200));
        assert!(matches!(Listening::open(&long), Err(ListenError::Io { .. })));
    }
}
