//! Which event may follow which.
//!
//! One small automaton is the whole rule. The operation's own events pass through it before anyone
//! sees them, and tests hold recorded streams against it. It knows nothing of what events carry.

use crate::EventKind;

/// An event that may not come where it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} (update {index}) may not follow {after:?}")]
pub struct OutOfOrder {
    /// The event.
    pub event: EventKind,
    /// Its update index.
    pub index: u32,
    /// The event before it, if there was one.
    pub after: Option<EventKind>,
}

/// Where in the order a stream of events is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Order {
    place: Place,
    last: Option<EventKind>,
}

/// What has begun and not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Open {
    Nothing,
    Search,
    Download(u32),
    /// The installations with these indexes.
    Install {
        first: u32,
        last: u32,
    },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    /// Nothing has happened.
    #[default]
    Before,
    /// Nothing is open: a search, a download, an installation or the end may come.
    Idle,
    /// A source is being asked.
    Searching,
    /// A source has answered: what it offers is being judged.
    Found,
    /// The update with this index is being downloaded.
    Downloading(u32),
    /// Updates 0 to this one have been downloaded, none is open.
    Downloaded(u32),
    /// Updates 0 to this one are being installed.
    Installing(u32),
    /// The switch has been made or has failed: installations are being closed in order.
    Closing { next: u32, last: u32 },
    /// All installations are closed.
    Installed,
    /// A restart was asked for.
    Restart,
    /// The error was told.
    Failed,
    /// The request's result was told.
    Processed,
    /// Nothing may follow.
    Over,
}

impl Order {
    /// Takes the next event of a stream, or says why it may not come here.
    pub fn accept(&mut self, event: EventKind, index: u32) -> Result<(), OutOfOrder> {
        let refused = OutOfOrder { event, index, after: self.last };
        self.place = self.place.after(event, index).ok_or(refused)?;
        self.last = Some(event);
        Ok(())
    }

    /// What has begun and not ended.
    pub(crate) const fn open(&self) -> Open {
        match self.place {
            Place::Searching => Open::Search,
            Place::Downloading(index) => Open::Download(index),
            Place::Installing(last) => Open::Install { first: 0, last },
            Place::Closing { next, last } => Open::Install { first: next, last },
            _ => Open::Nothing,
        }
    }

    /// Whether the last event has been seen.
    pub fn is_over(&self) -> bool {
        self.place == Place::Over
    }
}

impl Place {
    fn after(self, event: EventKind, index: u32) -> Option<Self> {
        use EventKind as E;
        Some(match (self, event) {
            (Self::Before, E::Start) => Self::Idle,
            // Another source may be asked after one was left at any point.
            (Self::Idle | Self::Found | Self::Downloaded(_) | Self::Installed, E::SearchStart) => {
                Self::Searching
            }
            (Self::Searching, E::SearchComplete) => Self::Found,
            (Self::Found, E::SoftwareUpdateAvailable) => Self::Found,
            (Self::Found, E::DownloadStart) if index == 0 => Self::Downloading(0),
            (Self::Downloaded(done), E::DownloadStart) if index == done + 1 => Self::Downloading(index),
            (Self::Downloading(open), E::DownloadProgress) if index == open => self,
            (Self::Downloading(open), E::DownloadComplete) if index == open => Self::Downloaded(open),
            (Self::Downloaded(_), E::InstallStart) if index == 0 => Self::Installing(0),
            (Self::Installing(open), E::InstallStart) if index == open + 1 => Self::Installing(index),
            (Self::Installing(open), E::InstallProgress) if index <= open => self,
            (Self::Installing(open), E::InstallComplete) if index == 0 => Self::closing(1, open),
            (Self::Closing { next, last }, E::InstallComplete) if index == next => {
                Self::closing(next + 1, last)
            }
            (Self::Installed, E::RebootRequired) => Self::Restart,
            (Self::Idle | Self::Found | Self::Downloaded(_) | Self::Installed, E::InternalFailure) => {
                Self::Failed
            }
            (
                Self::Idle
                | Self::Found
                | Self::Downloaded(_)
                | Self::Installed
                | Self::Restart
                | Self::Failed,
                E::RequestProcessed,
            ) => Self::Processed,
            (Self::Processed, E::Complete) => Self::Over,
            _ => return None,
        })
    }

    const fn closing(next: u32, last: u32) -> Self {
        if next > last { Self::Installed } else { Self::Closing { next, last } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use EventKind::*;

    fn accepts(events: &[(EventKind, u32)]) -> Result<(), OutOfOrder> {
        let mut order = Order::default();
        events.iter().try_for_each(|(event, index)| order.accept(*event, *index))?;
        assert!(order.is_over(), "the stream has no end");
        Ok(())
    }

    fn plain(events: &[EventKind]) -> Vec<(EventKind, u32)> {
        events.iter().map(|event| (*event, 0)).collect()
    }

    #[test]
    fn documented_orders_are_accepted() {
        let streams: &[&[EventKind]] = &[
            // Nothing needed.
            &[Start, SearchStart, SearchComplete, RequestProcessed, Complete],
            // Refused before any source was asked: another update is running.
            &[Start, InternalFailure, RequestProcessed, Complete],
            // One update.
            &[
                Start,
                SearchStart,
                SearchComplete,
                DownloadStart,
                DownloadProgress,
                DownloadProgress,
                DownloadComplete,
                InstallStart,
                InstallProgress,
                InstallComplete,
                RequestProcessed,
                Complete,
            ],
            // Two sources left, the third has nothing for this engine.
            &[
                Start,
                SearchStart,
                SearchComplete,
                SearchStart,
                SearchComplete,
                DownloadStart,
                DownloadComplete,
                SearchStart,
                SearchComplete,
                SoftwareUpdateAvailable,
                RequestProcessed,
                Complete,
            ],
            // An installation that failed.
            &[
                Start,
                SearchStart,
                SearchComplete,
                DownloadStart,
                DownloadComplete,
                InstallStart,
                InstallComplete,
                InternalFailure,
                RequestProcessed,
                Complete,
            ],
            // A restart is asked for.
            &[
                Start,
                SearchStart,
                SearchComplete,
                DownloadStart,
                DownloadComplete,
                InstallStart,
                InstallComplete,
                RebootRequired,
                RequestProcessed,
                Complete,
            ],
        ];
        for stream in streams {
            assert_eq!(accepts(&plain(stream)), Ok(()), "{stream:?}");
        }
    }

    #[test]
    fn several_updates_are_downloaded_in_turn_and_closed_together() {
        let mut events = plain(&[Start, SearchStart, SearchComplete]);
        for index in 0..3 {
            events.extend([(DownloadStart, index), (DownloadProgress, index), (DownloadComplete, index)]);
        }
        events.extend((0..3).flat_map(|index| [(InstallStart, index), (InstallProgress, index)]));
        events.extend((0..3).map(|index| (InstallComplete, index)));
        events.extend(plain(&[RequestProcessed, Complete]));
        assert_eq!(accepts(&events), Ok(()));
    }

    #[test]
    fn every_other_order_is_refused_at_the_event_that_breaks_it() {
        let table: &[(&[(EventKind, u32)], EventKind)] = &[
            (&[(SearchStart, 0)], SearchStart),
            (&[(Start, 0), (Start, 0)], Start),
            (&[(Start, 0), (DownloadStart, 0)], DownloadStart),
            (&[(Start, 0), (SearchStart, 0), (DownloadStart, 0)], DownloadStart),
            (&[(Start, 0), (SearchStart, 0), (InternalFailure, 0)], InternalFailure),
            (&[(Start, 0), (SearchStart, 0), (SearchComplete, 0), (DownloadStart, 1)], DownloadStart),
            (&[(Start, 0), (SearchStart, 0), (SearchComplete, 0), (InstallStart, 0)], InstallStart),
            (&[(Start, 0), (SearchStart, 0), (SearchComplete, 0), (RebootRequired, 0)], RebootRequired),
            (&[(Start, 0), (Complete, 0)], Complete),
            (&[(Start, 0), (RequestProcessed, 0), (Complete, 0), (Complete, 0)], Complete),
            (&[(Start, 0), (RequestProcessed, 0), (Complete, 0), (SearchStart, 0)], SearchStart),
            (&[(Start, 0), (RequestProcessed, 0), (InternalFailure, 0)], InternalFailure),
            (
                &[
                    (Start, 0),
                    (SearchStart, 0),
                    (SearchComplete, 0),
                    (DownloadStart, 0),
                    (DownloadComplete, 0),
                    (InstallStart, 0),
                    (InstallStart, 1),
                    (InstallComplete, 1),
                ],
                InstallComplete,
            ),
            (
                &[
                    (Start, 0),
                    (SearchStart, 0),
                    (SearchComplete, 0),
                    (DownloadStart, 0),
                    (DownloadComplete, 0),
                    (InstallStart, 0),
                    (InstallStart, 1),
                    (InstallComplete, 0),
                    (RequestProcessed, 0),
                ],
                RequestProcessed,
            ),
        ];
        for (events, culprit) in table {
            let error = accepts(events).unwrap_err();
            assert_eq!(error.event, *culprit, "{events:?}");
        }
    }
}
