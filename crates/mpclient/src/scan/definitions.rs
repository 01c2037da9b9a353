//! The definitions that a scan works with: those of the service, or those that are installed.

use super::PROGRAM;
use crate::{Error, Hresult, error::Result, service};
use booster_config::Settings;
use booster_engine::{ContentScanner, Image, ScanLimits, Scanner};
use booster_service::{client::RemoteScanner, status::Status};
use booster_store::{Installed, Loading};
use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

/// Definitions that are there, and not opened yet: opening takes longer.
pub(super) struct Definitions {
    place: Place,
    limits: ScanLimits,
}

enum Place {
    /// This process opens them.
    Installed {
        installed: Box<Installed>,
        /// Told how the loading of these goes; taken by who opens them.
        loading: Mutex<Option<Loading>>,
    },
    /// The service at this socket has them in use.
    Service(PathBuf),
}

impl Definitions {
    /// Finds them.
    ///
    /// # Errors
    /// `ERROR_MP_NOENGINE` where none are in use or installed; those that are installed cannot be used; or a service
    /// that has to be used is not there.
    pub fn find(settings: &Settings) -> Result<Self> {
        let served = service::ask(settings, async |mut client| {
            check(client.status().await?)?;
            Ok(client.socket().to_owned())
        })?;
        let place = match served {
            Some(socket) => Place::Service(socket),
            None => installed(settings)?,
        };
        Ok(Self { place, limits: settings.scan_limits() })
    }

    /// Opens them.
    ///
    /// # Errors
    /// They are damaged, or the service has gone.
    pub fn open(&self) -> Result<Box<dyn ContentScanner>> {
        match &self.place {
            Place::Service(socket) => {
                Ok(Box::new(RemoteScanner::connect(vec![socket.clone()], self.limits)?))
            }
            Place::Installed { installed, loading } => {
                let loading = loading.lock().unwrap_or_else(PoisonError::into_inner).take();
                let scanner = Scanner::open(&installed.image_dir(), installed.dir(), self.limits)?;
                if let Some(loading) = loading {
                    loading.succeeded();
                }
                Ok(Box::new(scanner))
            }
        }
    }
}

/// Whether the service has definitions in use.
fn check(status: Status) -> Result<()> {
    let Some(service) = status.service.filter(|service| service.engine_generation.is_none()) else {
        return Ok(());
    };
    match service.engine_problem {
        Some(problem) => Err(Error::new(Hresult::ERROR_MP_NOENGINE, problem)),
        None => Err(Hresult::ERROR_MP_NOENGINE.into()),
    }
}

fn installed(settings: &Settings) -> Result<Place> {
    let loaded = settings.store().load_current(PROGRAM)?;
    let (installed, loading) = loaded.ok_or(Hresult::ERROR_MP_NOENGINE)?;
    // Whether it can be used is worth knowing now.
    Image::read(&installed.image_dir())?;
    Ok(Place::Installed { installed: Box::new(installed), loading: Mutex::new(Some(loading)) })
}
