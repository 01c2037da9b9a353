use super::*;
use crate::FakeClock;
use booster_definitions::{ArchiveInfo, Counts, Digest, FullPackage, Requires, Version};
use booster_sources::DirectorySource;
use jiff::Timestamp;
use std::sync::Mutex;

fn release(component: Component) -> ReleaseManifest {
    ReleaseManifest {
        format: booster_definitions::MANIFEST_FORMAT,
        component,
        version: Version([1, 0, 0, 0]),
        published: Timestamp::UNIX_EPOCH,
        archive: ArchiveInfo { sha256: Digest::of(b""), size: 1000, files: 1 },
        full: FullPackage { target: String::new(), size: 1000 },
        counts: Counts::default(),
        requires: Requires::default(),
        restart_required: false,
        notes: None,
    }
}

/// Runs a script and gives back what was told.
fn told(wants_progress: bool, script: impl FnOnce(Sequencer<'_>)) -> Vec<Event> {
    let seen = Mutex::new(Vec::new());
    let observer = |event: &Event| seen.lock().unwrap().push(event.clone());
    let clock = FakeClock::at(Timestamp::UNIX_EPOCH);
    script(Sequencer::start(&observer, &clock, wants_progress, None));
    let events = seen.into_inner().unwrap();
    let mut order = Order::default();
    for event in &events {
        order.accept(event.kind, event.index).unwrap();
    }
    assert!(order.is_over());
    assert!(events.is_sorted_by_key(|event| event.percent), "the percentage fell");
    events
}

fn names(events: &[Event]) -> String {
    events.iter().map(|event| format!("{:?}", event.kind)).collect::<Vec<_>>().join(" ")
}

fn error(step: Stage) -> UpdateError {
    UpdateError::new(step, None, Cause::Internal("for the test".into()))
}

#[test]
fn a_whole_update_is_told_from_start_to_complete() {
    let releases = [release(Component::Antivirus), release(Component::Nis)];
    let events = told(true, |mut s| {
        s.search_start(&DirectorySource::new("media"));
        s.search_complete(releases.iter());
        for index in 0..2 {
            s.download_start(index, 0);
            s.download_progress(index, 500);
            s.download_complete(index);
        }
        for index in 0..2 {
            s.install_start(index);
            s.install_progress(index, 1000);
        }
        s.built();
        s.installed();
        s.complete(Outcome::RestartRequired, None, &[]);
    });
    assert_eq!(
        names(&events),
        "Start SearchStart SearchComplete \
         DownloadStart DownloadProgress DownloadComplete DownloadStart DownloadProgress DownloadComplete \
         InstallStart InstallProgress InstallStart InstallProgress InstallProgress \
         InstallComplete InstallComplete RebootRequired RequestProcessed Complete"
    );
    let percents = events.iter().map(|event| event.percent).collect::<Vec<_>>();
    assert_eq!(
        percents,
        [0, 0, 0, 0, 8, 16, 16, 24, 33, 33, 49, 49, 66, 99, 100, 100, 100, 100, 100],
        "{}",
        names(&events)
    );
    let second = &events[7];
    assert_eq!((second.total, second.index, second.bytes), (2, 1, Some((500, 1000))));
    assert_eq!(second.component, Some(Component::Nis));
    assert_eq!(second.source, Some(SourceKind::Directory));
    assert_eq!(second.path.as_deref(), Some("media"));
    assert!(events.iter().all(|event| event.result == EventResult::Ok));
}

#[test]
fn without_progress_there_are_no_progress_events_and_the_rest_is_the_same() {
    let script = |mut s: Sequencer<'_>| {
        s.search_start(&DirectorySource::new("media"));
        s.search_complete([release(Component::Nis)].iter());
        s.download_start(0, 0);
        s.download_progress(0, 1000);
        s.download_complete(0);
        s.install_start(0);
        s.install_progress(0, 1000);
        s.built();
        s.installed();
        s.complete(Outcome::Updated, None, &[]);
    };
    let mut with = told(true, script);
    with.retain(|event| !matches!(event.kind, EventKind::DownloadProgress | EventKind::InstallProgress));
    assert_eq!(told(false, script), with);
}

#[test]
fn nothing_needed_is_said_in_the_last_events() {
    let events = told(false, |mut s| {
        s.search_start(&DirectorySource::new("media"));
        s.search_complete(std::iter::empty());
        s.complete(Outcome::Current, None, &[]);
    });
    assert_eq!(names(&events), "Start SearchStart SearchComplete RequestProcessed Complete");
    assert!(events[2..].iter().all(|event| event.result == EventResult::NotNeeded));
    assert_eq!(events.last().map(|event| event.percent), Some(100));
}

#[test]
fn whatever_is_open_is_closed_with_the_failure() {
    let two = || [release(Component::Antivirus), release(Component::Nis)];
    let failure = EventResult::from(&error(Stage::Search));
    type Script = fn(&mut Sequencer<'_>);
    let table: [(Script, &str, usize); 4] = [
        (|_| {}, "Start InternalFailure RequestProcessed Complete", 0),
        (|_| {}, "Start SearchStart SearchComplete InternalFailure RequestProcessed Complete", 1),
        (
            |s| s.download_start(0, 0),
            "Start SearchStart SearchComplete DownloadStart DownloadComplete \
             InternalFailure RequestProcessed Complete",
            1,
        ),
        (
            |s| {
                for index in 0..2 {
                    s.download_start(index, 0);
                    s.download_complete(index);
                }
                s.install_start(0);
                s.install_start(1);
            },
            "Start SearchStart SearchComplete DownloadStart DownloadComplete DownloadStart \
             DownloadComplete InstallStart InstallStart InstallComplete InstallComplete \
             InternalFailure RequestProcessed Complete",
            2,
        ),
    ];
    for (case, (script, expected, closed)) in table.into_iter().enumerate() {
        let events = told(false, |mut s| {
            if case > 0 {
                s.search_start(&DirectorySource::new("media"));
            }
            if case > 1 {
                s.search_complete(two().iter());
            }
            script(&mut s);
            s.complete(Outcome::Failed, Some(&error(Stage::Search)), &[]);
        });
        assert_eq!(names(&events), expected);
        let failed = events.iter().filter(|event| event.result == failure).count();
        assert_eq!(failed, closed + 3, "what was open, and the three last events, hold the failure");
        assert!(events.iter().all(|event| event.percent < 100));
    }
}

#[test]
fn a_cancelled_operation_ends_without_an_internal_failure() {
    let cancelled = UpdateError::new(Stage::Download, None, Cause::Cancelled);
    let events = told(false, |mut s| {
        s.search_start(&DirectorySource::new("media"));
        s.search_complete([release(Component::Nis)].iter());
        s.download_start(0, 0);
        s.complete(Outcome::Cancelled, Some(&cancelled), &[]);
    });
    assert_eq!(
        names(&events),
        "Start SearchStart SearchComplete DownloadStart DownloadComplete RequestProcessed Complete"
    );
    assert_eq!(events.last().map(|event| event.result.clone()), Some(EventResult::from(&cancelled)));
}
