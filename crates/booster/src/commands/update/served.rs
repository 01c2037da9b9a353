//! An update that the antimalware service runs, followed to its end.

use booster_service::{
    Asked,
    client::{Client, ClientError, Followed, Progress},
};
use booster_update::{Observer, Report};
use std::error::Error;
use tokio_util::sync::CancellationToken;

/// Has the service update, and tells the observer what it does. A cancellation cancels the update, where this user
/// may; where not, the update goes on, and that is said.
pub(super) async fn update(
    mut client: Client,
    asked: &Asked,
    progress: bool,
    observer: &Observer<'_>,
    cancel: &CancellationToken,
) -> Result<Report, Box<dyn Error>> {
    let mut followed = client.update(asked, progress).await?;
    let number = followed.number;
    if let Some(report) = follow(&mut followed, observer, Some(cancel)).await? {
        return Ok(report);
    }
    match client.cancel(number).await {
        Ok(()) | Err(ClientError::Refused(_)) => {}
        Err(error) => return Err(format!("{error}; update {number} goes on in the service").into()),
    }
    let report = follow(&mut followed, observer, None).await?;
    report.ok_or_else(|| "the service ended the update without a report".into())
}

/// Tells what happens until the update's end, or until the cancellation (`None`).
async fn follow(
    followed: &mut Followed,
    observer: &Observer<'_>,
    cancel: Option<&CancellationToken>,
) -> Result<Option<Report>, ClientError> {
    loop {
        let cancelled = async {
            match cancel {
                Some(cancel) => cancel.cancelled().await,
                None => std::future::pending().await,
            }
        };
        let told = tokio::select! {
            told = followed.next() => told?,
            () = cancelled => return Ok(None),
        };
        match told {
            Progress::Queued(ahead) => tracing::info!(ahead, "updates come first"),
            Progress::Event(event) => observer(&event),
            Progress::Report(report) => return Ok(Some(*report)),
        }
    }
}
