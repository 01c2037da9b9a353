//! Whether a service does the work, or the caller itself.

use super::{Client, ClientError};
use booster_config::{Settings, UseService};
use std::io::ErrorKind;

/// Who does the work.
#[derive(Debug)]
pub enum Choice {
    /// A service.
    Service(Client),
    /// The caller, in its own process; with why, where a service is there and cannot be asked.
    Embedded(Option<ClientError>),
}

impl Client {
    /// Connects to the service for these settings, where `using` says that one is to be used.
    ///
    /// # Errors
    /// One has to be used, and none answers.
    pub async fn choose(using: UseService, settings: &Settings) -> Result<Choice, ClientError> {
        if using == UseService::Never {
            return Ok(Choice::Embedded(None));
        }
        match Self::connect_to_any(&settings.service_sockets()).await {
            Ok(client) => Ok(Choice::Service(client)),
            Err(error) if using == UseService::Always => Err(error),
            Err(error) => Ok(Choice::Embedded(Some(error).filter(|error| !is_nobody(error)))),
        }
    }
}

/// Whether nobody listens, which is how it is on a machine without a service.
fn is_nobody(error: &ClientError) -> bool {
    use ErrorKind::{ConnectionRefused, NotFound, Unsupported};
    let ClientError::Absent { source, .. } = error else { return false };
    matches!(source.kind(), NotFound | ConnectionRefused | Unsupported)
}
