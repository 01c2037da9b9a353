//! The messages: what is asked and what is answered, operation by operation.
//!
//! Members are written in the order of the service's contract, and read in any. What this project has no
//! use for is neither kept nor written, unless native machines miss it.

mod authorize;
mod config;
mod extended;
mod register;
mod report;
mod sync;

pub use authorize::{AuthorizationCookie, Cookie, GetAuthorizationCookie, GetCookie};
pub use config::{AuthPlugIn, GetConfig, ServerConfig};
pub use extended::{
    ExtendedInfo, FileLocation, FileLocations, GetExtendedUpdateInfo, GetFileLocations, UpdateFragment,
};
pub use register::{Computer, RegisterComputer, Registered};
pub use report::{ReportEventBatch, Reported, ReportingEvent};
pub use sync::{
    Action, CategoryScan, Deployment, RefreshCache, RefreshedCache, RefreshedUpdate, RequestedCategory,
    StartCategoryScan, SyncParameters, SyncResult, SyncUpdates, UpdateInfo,
};

use crate::{Read, Reader, XmlError};

/// Reads what the element of this name inside the reader's element holds.
fn inside<T: Read>(reader: &mut Reader<'_>, wanted: &'static str) -> Result<T, XmlError> {
    let mut found = None;
    reader.children(|reader, name| {
        if name == wanted && found.is_none() {
            found = Some(T::read(reader)?);
        }
        Ok(())
    })?;
    found.ok_or(XmlError::Missing(wanted))
}

const INTEGER: &str = "an integer";
const GUID: &str = "a GUID";
