//! An update that the antimalware service runs, followed to its end.

use booster_service::{
    Asked,
    client::{Client, ClientError, Followed, Progress},
};
use booster_update::{Observer, Report};
use serde::Serialize;
use std::{error::Error, fmt};
use tokio_util::sync::CancellationToken;

/// Where a request is among those of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Place {
    /// It has joined an update for the same, which somebody else has asked for.
    Joined {
        /// The update's number.
        update: u64,
        /// So many updates come first.
        ahead: u32,
    },
    /// It waits in line.
    Queued {
        /// The update's number.
        update: u64,
        /// So many updates come first.
        ahead: u32,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Joined { update, ahead: 0 } => write!(f, "Joined update {update}, which runs already"),
            Self::Joined { update, ahead } => write!(f, "Joined update {update}, which waits behind {ahead}"),
            Self::Queued { update, ahead: 0 } => write!(f, "Update {update} is next"),
            Self::Queued { update, ahead } => write!(f, "Update {update} waits behind {ahead}"),
        }
    }
}

impl Place {
    /// The place of a request that was just taken; nothing where it runs at once.
    const fn of(followed: &Followed) -> Option<Self> {
        let (update, ahead) = (followed.number, followed.ahead);
        match (followed.joined, ahead) {
            (true, _) => Some(Self::Joined { update, ahead }),
            (false, 0) => None,
            (false, _) => Some(Self::Queued { update, ahead }),
        }
    }
}

/// Who is told what a service's update does.
pub(super) struct Listener<'a> {
    pub events: &'a Observer<'a>,
    pub place: &'a (dyn Fn(Place) + Send + Sync),
}

/// Has the service update, and tells the listener what it does. A cancellation cancels the update, where this user
/// may; where not, the update goes on, and that is said.
pub(super) async fn update(
    mut client: Client,
    asked: &Asked,
    progress: bool,
    listener: &Listener<'_>,
    cancel: &CancellationToken,
) -> Result<Report, Box<dyn Error>> {
    let mut followed = client.update(asked, progress).await?;
    let number = followed.number;
    if let Some(place) = Place::of(&followed) {
        (listener.place)(place);
    }
    if let Some(report) = follow(&mut followed, listener, Some(cancel)).await? {
        return Ok(report);
    }
    match client.cancel(number).await {
        Ok(()) | Err(ClientError::Refused(_)) => {}
        Err(error) => return Err(format!("{error}; update {number} goes on in the service").into()),
    }
    let report = follow(&mut followed, listener, None).await?;
    report.ok_or_else(|| "the service ended the update without a report".into())
}

/// Tells what happens until the update's end, or until the cancellation (`None`).
async fn follow(
    followed: &mut Followed,
    listener: &Listener<'_>,
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
            Progress::Queued(ahead) => (listener.place)(Place::Queued { update: followed.number, ahead }),
            Progress::Event(event) => (listener.events)(&event),
            Progress::Report(report) => return Ok(Some(*report)),
        }
    }
}
