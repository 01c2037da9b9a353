//! What a mirror trusts: the publisher's metadata, verified as on a machine.
//!
//! What a source offers is kept as trusted when the mirror has it, and not before: a source that is ahead and
//! fails in one of its files must not make another one, whole and a little behind, look like an old state.

use super::{MirrorError, MirrorRequest};
use crate::PublishError;
use booster_sources::MetadataRepository;
use booster_trust::{Client, TrustedState};
use jiff::Timestamp;
use std::{path::PathBuf, sync::Arc};
use tokio_util::sync::CancellationToken;

/// The folder of what is trusted.
const KEPT: &str = "trust";
/// The folder of what may be trusted when the mirror has it.
const OFFERED: &str = "offered";

/// The publisher's metadata as the source offers it, verified upon what is trusted.
pub(super) async fn verified(
    request: &MirrorRequest,
    now: Timestamp,
    cancel: &CancellationToken,
) -> Result<Client, MirrorError> {
    let mut kept = TrustedState::open(&folder(request, KEPT)?)?;
    if let Some(root) = &request.root {
        kept.pin(root)?;
    }
    let offered = folder(request, OFFERED)?;
    kept.save_copy(&offered)?;
    let source =
        MetadataRepository::new(Arc::clone(&request.source), request.transfer.clone(), cancel.clone());
    let mut client = Client::new(source, TrustedState::open(&offered)?, request.trust)?;
    client.refresh(now).await?;
    Ok(client)
}

/// Keeps what the mirror has now as trusted.
pub(super) fn keep(request: &MirrorRequest, client: &Client) -> Result<(), MirrorError> {
    client.state().save_copy(&folder(request, KEPT)?)?;
    let offered = request.work.join(OFFERED);
    // Left behind it does no harm: the next run replaces it.
    let _ = std::fs::remove_dir_all(offered);
    Ok(())
}

fn folder(request: &MirrorRequest, name: &str) -> Result<PathBuf, PublishError> {
    let folder = request.work.join(name);
    std::fs::create_dir_all(&folder).map_err(PublishError::io("make", &folder))?;
    Ok(folder)
}
