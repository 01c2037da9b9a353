//! What an update tells: an event of the operation in the words of the API.

use crate::{Hresult, delivery::Message, error::of_update, filetime, numbers};
use booster_sources::SourceKind;
use booster_update::{Event, EventKind, EventResult, Stage};

/// What a callback of an update gets, `MPCALLBACK_DATA` and `MPSIGUPDATE_DATA` in one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notification {
    /// What happened: `MPNOTIFY_SIGUPDATE_*`, or `MPNOTIFY_INTERNAL_FAILURE`.
    pub notify: u32,
    /// How it went.
    pub result: Hresult,
    /// When, as a FILETIME.
    pub time: u64,
    /// Estimate over all updates, 0 to 100.
    pub percent: u32,
    /// Number of updates; 0 until it is known.
    pub total: u32,
    /// The current update, from 0.
    pub index: u32,
    /// The kind of source in use: `MPSIGUPDATE_TYPE_*`.
    pub source: u32,
    /// The stage that has been reached: `MP_*_UPDATE`.
    pub stage: u32,
    /// The URL or path in use; empty at the start where several sources may be asked.
    pub path: String,
}

impl From<&Event> for Notification {
    fn from(event: &Event) -> Self {
        Self {
            notify: notify_of(event.kind),
            result: match &event.result {
                EventResult::Ok => Hresult::S_OK,
                EventResult::NotNeeded => Hresult::S_FALSE,
                EventResult::Failed(error) => of_update(error),
            },
            time: filetime::from_timestamp(event.time),
            percent: event.percent,
            total: event.total,
            index: event.index,
            source: source_type(event.source),
            stage: match event.stage {
                Stage::Unknown => numbers::MP_STAGE_UNKNOWN,
                Stage::Search => numbers::MP_SEARCH_UPDATE,
                Stage::Download => numbers::MP_DOWNLOAD_UPDATE,
                Stage::Install => numbers::MP_INSTALL_UPDATE,
            },
            path: event.path.clone().unwrap_or_default(),
        }
    }
}

/// Progress that still waits is not worth hearing beside later progress of the same update.
impl Message for Notification {
    fn replaces(&self, earlier: &Self) -> bool {
        let progress =
            [numbers::MPNOTIFY_SIGUPDATE_DOWNLOAD_PROGRESS, numbers::MPNOTIFY_SIGUPDATE_INSTALL_PROGRESS];
        progress.contains(&self.notify) && (self.notify, self.index) == (earlier.notify, earlier.index)
    }
}

const fn notify_of(kind: EventKind) -> u32 {
    match kind {
        EventKind::Start => numbers::MPNOTIFY_SIGUPDATE_START,
        EventKind::SearchStart => numbers::MPNOTIFY_SIGUPDATE_SEARCH_START,
        EventKind::SearchComplete => numbers::MPNOTIFY_SIGUPDATE_SEARCH_COMPLETE,
        EventKind::SoftwareUpdateAvailable => numbers::MPNOTIFY_SIGUPDATE_SOFTWARE_UPDATE_AVAILABLE,
        EventKind::DownloadStart => numbers::MPNOTIFY_SIGUPDATE_DOWNLOAD_START,
        EventKind::DownloadProgress => numbers::MPNOTIFY_SIGUPDATE_DOWNLOAD_PROGRESS,
        EventKind::DownloadComplete => numbers::MPNOTIFY_SIGUPDATE_DOWNLOAD_COMPLETE,
        EventKind::InstallStart => numbers::MPNOTIFY_SIGUPDATE_INSTALL_START,
        EventKind::InstallProgress => numbers::MPNOTIFY_SIGUPDATE_INSTALL_PROGRESS,
        EventKind::InstallComplete => numbers::MPNOTIFY_SIGUPDATE_INSTALL_COMPLETE,
        EventKind::RebootRequired => numbers::MPNOTIFY_SIGUPDATE_REBOOT_REQUIRED,
        EventKind::RequestProcessed => numbers::MPNOTIFY_SIGUPDATE_REQUEST_PROCESSED,
        EventKind::Complete => numbers::MPNOTIFY_SIGUPDATE_COMPLETE,
        EventKind::InternalFailure => numbers::MPNOTIFY_INTERNAL_FAILURE,
    }
}

/// The type of a source. A folder is what a mounted share is.
const fn source_type(kind: Option<SourceKind>) -> u32 {
    match kind {
        None => numbers::MPSIGUPDATE_TYPE_NONE,
        Some(SourceKind::Http) => numbers::MPSIGUPDATE_TYPE_HTTP,
        Some(SourceKind::Unc | SourceKind::Directory) => numbers::MPSIGUPDATE_TYPE_UNC,
        Some(SourceKind::Managed) => numbers::MPSIGUPDATE_TYPE_MANAGED,
        Some(SourceKind::Unmanaged) => numbers::MPSIGUPDATE_TYPE_UNMANAGED,
    }
}

/// Whether cancelling an update from such a source takes an administrator: it may be another's update
/// then. Documented with MPSIGUPDATE_TYPE; nothing is said of updates without a source yet.
pub(super) const fn needs_administrator(source: u32) -> bool {
    matches!(
        source,
        numbers::MPSIGUPDATE_TYPE_MANAGED
            | numbers::MPSIGUPDATE_TYPE_HTTP_SRV
            | numbers::MPSIGUPDATE_TYPE_UNMANAGED
            | numbers::MPSIGUPDATE_TYPE_MANAGED_PLATFORM
            | numbers::MPSIGUPDATE_TYPE_UNMANAGED_PLATFORM
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_update::{Cause, UpdateError};

    fn event(kind: EventKind) -> Event {
        Event {
            kind,
            time: jiff::Timestamp::UNIX_EPOCH,
            stage: Stage::Download,
            source: Some(SourceKind::Http),
            path: Some("https://definitions.example/".into()),
            percent: 25,
            total: 2,
            index: 1,
            component: None,
            result: EventResult::Ok,
            bytes: None,
            out_of_date: Vec::new(),
            rolled_back: None,
        }
    }

    #[test]
    fn an_event_is_told_with_all_that_the_api_has_room_for() {
        let told = Notification::from(&event(EventKind::DownloadProgress));
        let expected = Notification {
            notify: 0x8006,
            result: Hresult::S_OK,
            time: 116_444_736_000_000_000,
            percent: 25,
            total: 2,
            index: 1,
            source: 2,
            stage: 2,
            path: "https://definitions.example/".into(),
        };
        assert_eq!(told, expected);
    }

    #[test]
    fn results_are_the_documented_codes() {
        let failed = |cause| EventResult::Failed(UpdateError::new(Stage::Search, None, cause));
        for (result, code) in [
            (EventResult::NotNeeded, Hresult::S_FALSE),
            (failed(Cause::Cancelled), Hresult::WU_E_CALL_CANCELLED),
            (failed(Cause::NoSource), Hresult::WU_E_POLICY_NOT_SET),
        ] {
            let event = Event { result, source: None, path: None, ..event(EventKind::Complete) };
            let told = Notification::from(&event);
            assert_eq!((told.result, told.source, told.path.as_str()), (code, 0, ""));
        }
    }

    #[test]
    fn only_progress_of_the_same_update_replaces_what_waits() {
        let told = |kind, index| Notification::from(&Event { index, ..event(kind) });
        use EventKind::{DownloadProgress, DownloadStart, InstallProgress};
        assert!(told(DownloadProgress, 1).replaces(&told(DownloadProgress, 1)));
        assert!(!told(DownloadProgress, 1).replaces(&told(DownloadProgress, 0)));
        assert!(!told(InstallProgress, 1).replaces(&told(DownloadProgress, 1)));
        assert!(!told(DownloadStart, 1).replaces(&told(DownloadStart, 1)));
    }

    #[test]
    fn who_may_cancel_is_as_documented() {
        let needing: Vec<_> = (0..8).filter(|source| needs_administrator(*source)).collect();
        assert_eq!(needing, [1, 3, 5, 6, 7]);
    }
}
