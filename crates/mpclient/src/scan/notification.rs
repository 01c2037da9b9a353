//! What a scan tells, in the words of the API.

use crate::{Hresult, delivery::Message, numbers};

/// What a callback of a scan gets, `MPCALLBACK_DATA` and `MPSCAN_DATA` in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// What happened: `MPNOTIFY_SCAN_*`, or `MPNOTIFY_INTERNAL_FAILURE`.
    pub notify: u32,
    /// How it went.
    pub result: Hresult,
    /// When, as a FILETIME.
    pub time: u64,
    /// The file that it is about, by its absolute path; none for what is about the whole scan.
    pub file: Option<String>,
    /// What had been done and found by then.
    pub statistics: Statistics,
}

/// What a scan has done and found so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Parts of a million; `None` where it is not known. A million means that the scan is complete.
    pub progress: Option<u32>,
    /// Files scanned.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Threats found, each counted once.
    pub threats: u32,
}

/// Progress that still waits is not worth hearing beside later progress.
impl Message for Notification {
    fn replaces(&self, earlier: &Self) -> bool {
        let progress = numbers::MPNOTIFY_SCAN_PROGRESS;
        (self.notify, earlier.notify) == (progress, progress)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_progress_replaces_what_waits_and_only_progress() {
        let told = |notify| Notification {
            notify,
            result: Hresult::S_OK,
            time: 0,
            file: None,
            statistics: Statistics::default(),
        };
        let all = numbers::MPNOTIFY_SCAN_START..=numbers::MPNOTIFY_SCAN_INFECTED;
        for (notify, earlier) in all.clone().flat_map(|notify| all.clone().map(move |other| (notify, other)))
        {
            let both = notify == earlier && notify == numbers::MPNOTIFY_SCAN_PROGRESS;
            assert_eq!(told(notify).replaces(&told(earlier)), both);
        }
    }
}
