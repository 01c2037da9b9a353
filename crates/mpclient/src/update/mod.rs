//! Updates: `MpUpdateStart` and `MpUpdateControl`, for Rust.
//!
//! An update has a thread of its own, on which it runs or follows the service that runs it; its handler is called
//! on another. Starting one takes the data folder first, or the service's word: whoever gets an [`Update`] has one
//! that runs or waits in the service's line. Dropping an `Update` forgets it: the update goes on, and is not heard
//! of any more.

mod notification;
mod options;
mod run;
mod work;

pub use notification::Notification;
pub use options::{SourceOption, UpdateOptions};

use crate::{
    Error, Hresult, Manager,
    delivery::{Delivery, Handler},
    error::Result,
    service,
};
use booster_service::{
    Asked,
    client::{Client, ClientError},
};
use booster_sources::UncPath;
use booster_update::ErrorKind;
use notification::needs_administrator;
use run::Run;
use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};
use work::{Begun, Order};

/// A started update.
pub struct Update {
    asynchronous: bool,
    begun: Begun,
    run: Arc<Run>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Manager {
    /// Starts an update, or joins one for the same sources that the service runs. It has begun when this returns,
    /// whatever the options say; [`Update::wait`] waits for its end.
    ///
    /// # Errors
    /// It could not be started: settings, sources, the engine's worker, another update that runs, or a service that
    /// has to be used and is not there. The handler is dropped without having been called.
    pub fn start_update(
        &self,
        options: UpdateOptions,
        handler: Option<Handler<Notification>>,
    ) -> Result<Update> {
        let kinds = options.source.map_or(&[][..], SourceOption::kinds);
        self.start(Asked { kinds: kinds.to_vec(), ..Asked::default() }, options, handler)
    }

    /// As [`start_update`](Self::start_update), from one share by its network name, or from one folder, such as
    /// a mounted medium, whatever sources are configured; `options.source` is not looked at.
    ///
    /// # Errors
    /// As there; `ERROR_BAD_PATHNAME` for a name that is none, `E_ACCESSDENIED` where the service has this for
    /// administrators only.
    pub fn start_update_from(
        &self,
        folder: &Path,
        options: UpdateOptions,
        handler: Option<Handler<Notification>>,
    ) -> Result<Update> {
        let bad = |message: String| Error::new(Hresult::ERROR_BAD_PATHNAME, message);
        let from = match folder.to_str().filter(|text| UncPath::is_meant_by(text)) {
            Some(text) => {
                text.parse::<UncPath>().map_err(|error| bad(error.to_string()))?;
                text.to_owned()
            }
            None => std::path::absolute(folder)?.into_os_string().into_string().map_err(|folder| {
                bad(format!("{} is not UTF-8: name the folder by another path", folder.display()))
            })?,
        };
        self.start(Asked { from: Some(from), ..Asked::default() }, options, handler)
    }

    fn start(
        &self,
        asked: Asked,
        options: UpdateOptions,
        handler: Option<Handler<Notification>>,
    ) -> Result<Update> {
        let settings = self.settings()?;
        let order = Order { manager: self.clone(), settings, asked, progress: options.progress };
        let run = Arc::new(Run::new(handler.map(Delivery::start).transpose()?));
        let its = Arc::clone(&run);
        let spawned = thread::Builder::new().name("mp-update".to_owned()).spawn(move || its.perform(order));
        let begun = spawned.map_err(Error::from).and_then(|thread| match run.wait_for_the_beginning() {
            Ok(begun) => Ok((begun, thread)),
            Err(error) => {
                // It has nothing more to do.
                _ = thread.join();
                Err(error)
            }
        });
        match begun {
            Ok((begun, thread)) => {
                let thread = Mutex::new(Some(thread));
                Ok(Update { asynchronous: options.asynchronous, begun, run, thread })
            }
            Err(error) => {
                run.close_delivery();
                Err(error)
            }
        }
    }
}

impl Update {
    /// Cancels an asynchronous update. One that runs ends within a second and changes nothing; one that waits in the
    /// service's line ends when its turn comes.
    ///
    /// # Errors
    /// `E_INVALIDARG` for a synchronous update, `ERROR_MP_ALREADY_SHUTDOWN` for one that has ended,
    /// `E_ACCESSDENIED` where it takes an administrator: for the source in use, or, as the service says, because
    /// others follow the update.
    pub fn abort(&self) -> Result<()> {
        if !self.asynchronous {
            return Err(Error::new(Hresult::E_INVALIDARG, "a synchronous update cannot be cancelled"));
        }
        if self.has_ended() {
            return Err(Hresult::ERROR_MP_ALREADY_SHUTDOWN.into());
        }
        match &self.begun {
            Begun::Here if needs_administrator(self.run.source()) && !is_administrator() => {
                return Err(Hresult::E_ACCESSDENIED.into());
            }
            Begun::Here => self.run.cancel.cancel(),
            Begun::InService { socket, number } => cancel_in_service(socket, *number)?,
        }
        Ok(())
    }

    /// Whether the update has ended. Its last notification may still be on its way.
    pub fn has_ended(&self) -> bool {
        self.run.has_ended()
    }

    /// Waits for the update's end and for the handler to have heard of it.
    ///
    /// # Errors
    /// What the update failed with; `WU_E_CALL_CANCELLED` if it was cancelled.
    pub fn wait(&self) -> Result<Hresult> {
        self.run.wait()
    }

    /// Lets go of the update: from now on no call of the handler starts, and one that is going on has
    /// ended, unless this is called from a handler. A running update goes on.
    pub fn close(&self) {
        self.run.close_delivery();
        // The service goes on by itself; a synchronous update has somebody who waits for its result.
        let left = self.asynchronous && matches!(self.begun, Begun::InService { .. });
        if left {
            self.run.leave.cancel();
        }
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The thread of an update that runs here ends when the update does. Whoever has been told of the end may
        // unload the library next: no thread may be left in it.
        if let Some(thread) = thread.filter(|_| left || self.has_ended() || self.run.is_complete()) {
            // A panic of the update has become its result.
            _ = thread.join();
        }
    }
}

impl Drop for Update {
    fn drop(&mut self) {
        self.close();
    }
}

/// Has the service cancel an update.
fn cancel_in_service(socket: &Path, number: u64) -> Result<()> {
    let socket = socket.to_owned();
    service::apart(async move || match Client::connect(&socket).await?.cancel(number).await {
        Err(ClientError::Refused(error)) if error.kind() == ErrorKind::NotFound => {
            Err(Hresult::ERROR_MP_ALREADY_SHUTDOWN.into())
        }
        cancelled => Ok(cancelled?),
    })
}

#[cfg(unix)]
fn is_administrator() -> bool {
    rustix::process::geteuid().is_root()
}

/// Not known here, so nobody is.
#[cfg(not(unix))]
fn is_administrator() -> bool {
    false
}
