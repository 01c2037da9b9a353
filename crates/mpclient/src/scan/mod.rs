//! Scans: `MpScanStart` and `MpScanControl`, for Rust.
//!
//! A scan runs on threads of its own, its handler is called on another. What it found is there for as
//! long as the [`Scan`] is. Dropping it forgets it: the scan goes on, and is not heard of any more.

mod definitions;
mod notification;
mod options;
mod resource;
mod run;

pub use notification::{Notification, Statistics};
pub use options::{ScanOptions, check_type};
pub use resource::{FILE, path_of};

use crate::{
    Error, Hresult, Manager,
    delivery::{Delivery, Handler},
    error::Result,
    threats::{Threat, ThreatType, Threats},
};
use definitions::Definitions;
use run::{Run, Work};
use std::{
    num::NonZeroUsize,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

/// What deaths while loading definitions are counted by.
const PROGRAM: &str = "mpclient";

/// A started scan.
pub struct Scan {
    asynchronous: bool,
    run: Arc<Run>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Manager {
    /// Starts a scan of files and folders, with the definitions that the service has in use, or with those that are
    /// installed. It has begun when this returns,
    /// whatever the options say; [`Scan::wait`] waits for its end.
    ///
    /// # Errors
    /// It could not be started: a path that cannot be read, settings, a service that has to be used and is not there,
    /// or `ERROR_MP_NOENGINE` where there are no definitions. The handler is dropped without having been called.
    pub fn start_scan(
        &self,
        paths: &[PathBuf],
        options: ScanOptions,
        handler: Option<Handler<Notification>>,
    ) -> Result<Scan> {
        let paths = resource::readable(paths)?;
        let settings = self.settings()?;
        let definitions = Definitions::find(&settings)?;
        let mut how = settings.scan_options();
        if options.low_priority {
            how.threads = Some(NonZeroUsize::MIN);
        }
        let run = Arc::new(Run::new(options, handler.map(Delivery::start).transpose()?));
        let work = Work { definitions, options: how, paths };
        let thread = run.start(work)?;
        Ok(Scan { asynchronous: options.asynchronous, run, thread: Mutex::new(Some(thread)) })
    }
}

impl Scan {
    /// Ends an asynchronous scan after the files that are being looked at, also while it is paused.
    ///
    /// # Errors
    /// `E_INVALIDARG` for a synchronous scan, `ERROR_MP_ALREADY_SHUTDOWN` for one that has ended.
    pub fn abort(&self) -> Result<()> {
        self.controllable()?.abort()
    }

    /// Holds an asynchronous scan after the files that are being looked at. Nothing is told until it goes on.
    /// A paused one stays so.
    ///
    /// # Errors
    /// As [`Scan::abort`]; `ERROR_MP_ALREADY_SHUTDOWN` also for one that is being aborted.
    pub fn pause(&self) -> Result<()> {
        self.controllable()?.set_paused(true)
    }

    /// Lets a paused scan go on. One that is not paused goes on as it does.
    ///
    /// # Errors
    /// As [`Scan::pause`].
    pub fn resume(&self) -> Result<()> {
        self.controllable()?.set_paused(false)
    }

    fn controllable(&self) -> Result<&Run> {
        if !self.asynchronous {
            return Err(Error::new(Hresult::E_INVALIDARG, "a synchronous scan cannot be controlled"));
        }
        Ok(&self.run)
    }

    /// Whether the scan has ended. Its last notification may still be on its way.
    pub fn has_ended(&self) -> bool {
        self.run.has_ended()
    }

    /// Waits for the scan's end and for the handler to have heard of it.
    ///
    /// # Errors
    /// What the scan failed with; `ERROR_MP_SCAN_ABORTED` if it was aborted.
    pub fn wait(&self) -> Result<Hresult> {
        self.run.wait()
    }

    /// The threats that have been found so far.
    pub fn threats(&self, wanted: ThreatType) -> Threats {
        Threats::new(self.run.threats(), wanted)
    }

    /// The threat with this number, if it has been found.
    pub fn threat(&self, id: u32) -> Option<Arc<Threat>> {
        self.run.threats().into_iter().find(|threat| threat.id == id)
    }

    /// Lets go of the scan: from now on no call of the handler starts, and one that is going on has ended,
    /// unless this is called from a handler. A running scan goes on, a paused one, too.
    pub fn close(&self) {
        self.run.detach();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The thread of a running scan ends when the scan does.
        if let Some(thread) = thread.filter(|_| self.has_ended()) {
            // A panic of the scan has become its result.
            _ = thread.join();
        }
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        self.close();
    }
}
