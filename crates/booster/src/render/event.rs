//! An update's events as lines, for logs and pipes: one for each step, none for progress.

use crate::text;
use booster_update::{Event, EventKind, EventResult};

/// The line for an event, if it deserves one. The end has none: the report follows it.
pub fn line(event: &Event) -> Option<String> {
    let update = || event.component.map_or("definitions", |component| component.as_str());
    let place = event.path.as_deref().unwrap_or("the source");
    Some(match (event.kind, &event.result) {
        (EventKind::SearchStart, _) => format!("Looking for updates at {place}"),
        (EventKind::SearchComplete, EventResult::Failed(error)) => {
            format!("Nothing to be had from {place}: {error}")
        }
        (EventKind::SearchComplete, EventResult::NotNeeded) => "Nothing new".to_owned(),
        (EventKind::SearchComplete, EventResult::Ok) => {
            format!("Found {}", text::counted(event.total.into(), "update"))
        }
        (EventKind::SoftwareUpdateAvailable, _) => {
            "A release needs a newer engine: update Booster itself".to_owned()
        }
        (EventKind::DownloadStart, _) => match event.bytes {
            Some((there, total)) if there > 0 => {
                let (there, total) = (text::bytes(there), text::bytes(total));
                format!("Downloading {} ({total}, of which {there} are there)", update())
            }
            Some((_, total)) if total > 0 => format!("Downloading {} ({})", update(), text::bytes(total)),
            _ => format!("Downloading {}", update()),
        },
        (EventKind::DownloadComplete, EventResult::Failed(error)) => {
            format!("The download of {} failed: {error}", update())
        }
        (EventKind::InstallStart, _) => format!("Installing {}", update()),
        (EventKind::InstallComplete, EventResult::Failed(error)) => {
            format!("The installation of {} failed: {error}", update())
        }
        (EventKind::InstallComplete, _) => format!("Installed {}", update()),
        (EventKind::RebootRequired, _) => "The machine must be restarted to use all of it".to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use booster_definitions::Component;
    use booster_sources::SourceKind;
    use booster_update::{Cause, Stage, UpdateError};

    /// An event with nothing remarkable about it.
    pub fn event(kind: EventKind) -> Event {
        Event {
            kind,
            time: jiff::Timestamp::UNIX_EPOCH,
            stage: Stage::Unknown,
            source: Some(SourceKind::Http),
            path: Some("http://a/".into()),
            percent: 0,
            total: 2,
            index: 0,
            component: Some(Component::Nis),
            result: EventResult::Ok,
            bytes: None,
            out_of_date: Vec::new(),
            rolled_back: None,
        }
    }

    fn failed() -> EventResult {
        EventResult::Failed(UpdateError::new(Stage::Search, None, Cause::Internal("no answer".into())))
    }

    #[test]
    fn each_step_has_one_line_and_progress_has_none() {
        for (event, expected) in [
            (event(EventKind::Start), None),
            (event(EventKind::SearchStart), Some("Looking for updates at http://a/")),
            (event(EventKind::SearchComplete), Some("Found 2 updates")),
            (
                Event { result: EventResult::NotNeeded, ..event(EventKind::SearchComplete) },
                Some("Nothing new"),
            ),
            (
                Event { result: failed(), ..event(EventKind::SearchComplete) },
                Some("Nothing to be had from http://a/: search: internal fault: no answer"),
            ),
            (
                Event { bytes: Some((0, 2_000_000)), ..event(EventKind::DownloadStart) },
                Some("Downloading nis (2.0 MB)"),
            ),
            (
                Event { bytes: Some((500_000, 2_000_000)), ..event(EventKind::DownloadStart) },
                Some("Downloading nis (2.0 MB, of which 500.0 kB are there)"),
            ),
            (event(EventKind::DownloadProgress), None),
            (event(EventKind::DownloadComplete), None),
            (event(EventKind::InstallStart), Some("Installing nis")),
            (event(EventKind::InstallProgress), None),
            (event(EventKind::InstallComplete), Some("Installed nis")),
            (
                Event { result: failed(), ..event(EventKind::InstallComplete) },
                Some("The installation of nis failed: search: internal fault: no answer"),
            ),
            (event(EventKind::RequestProcessed), None),
            (event(EventKind::InternalFailure), None),
            (event(EventKind::Complete), None),
        ] {
            assert_eq!(line(&event).as_deref(), expected, "{event:?}");
        }
    }
}
