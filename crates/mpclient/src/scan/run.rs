//! A scan on its threads: what it does, what it tells, and how it is held and ended.
//!
//! Everything that changes is behind one lock, under which notifications are put in line, too: so
//! nothing is told between a pause and its end, and nothing after the end. While a scan is paused its
//! threads wait here, each with at most one file that it has looked at and not told of yet.

use super::{Notification, ScanOptions, Statistics, definitions::Definitions};
use crate::{
    Hresult,
    delivery::Delivery,
    error::{Error, Result, of_file, of_kind, of_service},
    filetime, numbers,
    signals::survive_broken_pipes,
    threats::{Found, Threat},
};
use booster_engine::{FileError, FileOutcome, FileReport, SkipReason, scan_paths};
use booster_update::ErrorKind;
use jiff::Timestamp;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};
use tokio_util::sync::CancellationToken;
use walkdir::WalkDir;

/// All of a scan, in parts of a million.
const COMPLETE: u32 = 1_000_000;
/// Progress is told in steps of so many parts: a thousand times a scan at most.
const STEP: u32 = 1000;

/// What a scan works with.
pub(super) struct Work {
    pub definitions: Definitions,
    pub options: booster_engine::ScanOptions,
    pub paths: Vec<PathBuf>,
}

/// What the scan's threads and its owner share.
pub(super) struct Run {
    delivery: Option<Delivery<Notification>>,
    options: ScanOptions,
    cancel: CancellationToken,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    paused: bool,
    /// Nobody can control it any more.
    closed: bool,
    /// How many paths there are to scan, once they are counted.
    total: Option<u64>,
    /// How many of them are dealt with.
    done: u64,
    statistics: Statistics,
    found: Found,
    /// Why it could not go on.
    failed: Option<Error>,
    result: Option<Result<Hresult>>,
}

impl Run {
    pub fn new(options: ScanOptions, delivery: Option<Delivery<Notification>>) -> Self {
        let cancel = CancellationToken::new();
        Self { delivery, options, cancel, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Starts the scan's thread.
    ///
    /// # Errors
    /// The system has no thread to give; the handler is not called.
    pub fn start(self: &Arc<Self>, work: Work) -> Result<JoinHandle<()>> {
        let its = Arc::clone(self);
        // Held until the start is told, which comes before everything that the scan or its owner does.
        let state = self.lock();
        match thread::Builder::new().name("mp-scan".to_owned()).spawn(move || its.perform(&work)) {
            Ok(thread) => {
                self.tell(&state, numbers::MPNOTIFY_SCAN_START, Hresult::S_OK, None);
                Ok(thread)
            }
            Err(error) => {
                self.close_delivery();
                Err(error.into())
            }
        }
    }

    /// Scans, to the end.
    fn perform(&self, work: &Work) {
        survive_broken_pipes();
        let scan = std::panic::AssertUnwindSafe(|| self.scan(work));
        let result = std::panic::catch_unwind(scan).unwrap_or_else(|_| Err(Hresult::E_UNEXPECTED.into()));
        self.finish(result);
    }

    fn scan(&self, work: &Work) -> Result<()> {
        let scanner = work.definitions.open()?;
        if self.options.progress {
            let total = self.count(&work.paths);
            self.lock().total = Some(total);
        }
        drop(self.ready());
        scan_paths(&*scanner, &work.paths, &work.options, &|outcome| self.hear(outcome), &self.cancel);
        let failed = self.lock().failed.take();
        failed.map_or(Ok(()), Err)
    }

    /// Counts what the scan will meet.
    fn count(&self, paths: &[PathBuf]) -> u64 {
        let mut count = 0;
        for entry in paths.iter().flat_map(|path| WalkDir::new(path).follow_root_links(true)) {
            drop(self.ready());
            if self.cancel.is_cancelled() {
                break;
            }
            let folder = entry.is_ok_and(|entry| match entry.depth() {
                // A link that was named is what it points to.
                0 => entry.path().is_dir(),
                _ => entry.file_type().is_dir(),
            });
            count += u64::from(!folder);
        }
        count
    }

    /// Hears what became of a file, in one of the scanning threads.
    fn hear(&self, outcome: &FileOutcome) {
        let mut state = self.ready();
        state.done += 1;
        let before = state.statistics.progress;
        let progress = state.total.map(|total| progress(state.done, total));
        state.statistics.progress = progress;
        let path = match outcome {
            FileOutcome::Scanned(report) => {
                self.hear_of_scanned(&mut state, report);
                &report.path
            }
            // Without the service there is nothing more to scan with.
            FileOutcome::Failed { error, .. } if let Some(gone) = service_gone(error) => {
                state.failed.get_or_insert(gone);
                self.cancel.cancel();
                return;
            }
            FileOutcome::Failed { path, error } => {
                self.tell_error(&state, path, of_file(error));
                path
            }
            FileOutcome::Skipped { path, reason } => {
                // What is no file, and links, are left alone on purpose; a threat can hide in a large file.
                if *reason == SkipReason::TooLarge {
                    self.tell_error(&state, path, of_file(&FileError::TooLarge { limit: 0 }));
                }
                path
            }
        };
        if progress.map(|parts| parts / STEP) != before.map(|parts| parts / STEP) {
            self.tell(&state, numbers::MPNOTIFY_SCAN_PROGRESS, Hresult::S_OK, Some(text(path)));
        }
    }

    fn hear_of_scanned(&self, state: &mut State, report: &FileReport) {
        state.statistics.files += 1;
        state.statistics.bytes += report.bytes;
        if report.detections.is_empty() {
            return;
        }
        let (path, time) = (text(&report.path), filetime::from_timestamp(Timestamp::now()));
        for detection in &report.detections {
            state.found.add(detection, &path, time);
        }
        state.statistics.threats = state.found.count();
        self.tell(state, numbers::MPNOTIFY_SCAN_INFECTED, Hresult::S_OK, Some(path));
    }

    fn finish(&self, result: Result<()>) {
        let mut state = self.ready();
        let result = match result {
            Err(error) => {
                self.tell(&state, numbers::MPNOTIFY_INTERNAL_FAILURE, error.code, None);
                Err(error)
            }
            Ok(()) if self.cancel.is_cancelled() => {
                self.tell(&state, numbers::MPNOTIFY_SCAN_CANCEL, Hresult::S_OK, None);
                Err(Hresult::ERROR_MP_SCAN_ABORTED.into())
            }
            Ok(()) => {
                state.statistics.progress = Some(COMPLETE);
                Ok(Hresult::S_OK)
            }
        };
        let code = result.as_ref().map_or_else(|error| error.code, |code| *code);
        self.tell(&state, numbers::MPNOTIFY_SCAN_COMPLETE, code, None);
        if let Some(delivery) = &self.delivery {
            delivery.end();
        }
        state.result = Some(result);
        drop(state);
        self.changed.notify_all();
    }

    fn tell_error(&self, state: &State, path: &Path, code: Hresult) {
        self.tell(state, numbers::MPNOTIFY_SCAN_ERROR, code, Some(text(path)));
    }

    fn tell(&self, state: &State, notify: u32, result: Hresult, file: Option<String>) {
        if let Some(delivery) = &self.delivery {
            let time = filetime::from_timestamp(Timestamp::now());
            delivery.send(Notification { notify, result, time, file, statistics: state.statistics });
        }
    }

    /// Ends the scan after the files that are being looked at.
    pub fn abort(&self) -> Result<()> {
        let state = self.running()?;
        self.cancel.cancel();
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// Holds the scan, or lets it go on.
    pub fn set_paused(&self, paused: bool) -> Result<()> {
        let mut state = self.running()?;
        if self.cancel.is_cancelled() || state.closed {
            return Err(Hresult::ERROR_MP_ALREADY_SHUTDOWN.into());
        }
        if state.paused != paused {
            state.paused = paused;
            let notify = if paused { numbers::MPNOTIFY_SCAN_PAUSED } else { numbers::MPNOTIFY_SCAN_RESUMED };
            self.tell(&state, notify, Hresult::S_OK, None);
        }
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// Tells nothing more, and lets the scan go on: nobody is left who could.
    pub fn detach(&self) {
        self.lock().closed = true;
        // First, so that nothing is told of a scan that was paused and not resumed.
        self.close_delivery();
        self.lock().paused = false;
        self.changed.notify_all();
    }

    fn close_delivery(&self) {
        if let Some(delivery) = &self.delivery {
            delivery.close();
            delivery.join();
        }
    }

    pub fn has_ended(&self) -> bool {
        self.lock().result.is_some()
    }

    /// Waits for the end, and for the handler to have heard of it.
    pub fn wait(&self) -> Result<Hresult> {
        let mut state = self.lock();
        let result = loop {
            if let Some(result) = &state.result {
                break result.clone();
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        drop(state);
        if let Some(delivery) = &self.delivery {
            delivery.wait();
        }
        result
    }

    /// The threats found so far.
    pub fn threats(&self) -> Vec<Arc<Threat>> {
        self.lock().found.threats().to_vec()
    }

    /// The state, once nobody holds the scan.
    fn ready(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        while state.paused && !self.cancel.is_cancelled() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state
    }

    /// The state of a scan that has not ended.
    fn running(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.lock();
        if state.result.is_some() { Err(Hresult::ERROR_MP_ALREADY_SHUTDOWN.into()) } else { Ok(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while it is held can at worst leave a file uncounted.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// That the service has gone, if that is why a file was not scanned.
fn service_gone(error: &FileError) -> Option<Error> {
    let FileError::Io(error) = error else { return None };
    let gone = of_service(error).filter(|error| error.kind() == ErrorKind::ServiceAbsent)?;
    Some(Error::new(of_kind(ErrorKind::ServiceAbsent), gone.to_string()))
}

/// Progress in parts of a million. Files may have come since they were counted, and only the end of the
/// scan is all of it.
fn progress(done: u64, total: u64) -> u32 {
    let parts = done.saturating_mul(COMPLETE.into()).checked_div(total).unwrap_or(0);
    u32::try_from(parts).unwrap_or(u32::MAX).min(COMPLETE - 1)
}

/// A path for the program. What is not UTF-8 in it cannot be told exactly.
fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// A scan that is heard, and has not begun.
    fn run(asynchronous: bool) -> (Arc<Run>, mpsc::Receiver<Notification>) {
        let (told, heard) = mpsc::channel();
        let handler = Box::new(move |notification: &Notification| told.send(notification.clone()).unwrap());
        let options = ScanOptions { asynchronous, ..ScanOptions::default() };
        (Arc::new(Run::new(options, Some(Delivery::start(handler).unwrap()))), heard)
    }

    fn failed() -> FileOutcome {
        FileOutcome::Failed { path: "/x".into(), error: FileError::NotAFile }
    }

    /// What has been told when all is over.
    fn told(heard: mpsc::Receiver<Notification>) -> Vec<(u32, u32)> {
        heard.iter().map(|told| (told.notify, told.result.bits())).collect()
    }

    #[test]
    fn a_paused_scan_tells_nothing_of_a_file_until_it_goes_on() {
        let (run, heard) = run(true);
        run.set_paused(true).unwrap();
        run.set_paused(true).unwrap();
        let its = Arc::clone(&run);
        let thread = thread::spawn(move || its.hear(&failed()));
        assert_eq!(heard.recv().unwrap().notify, numbers::MPNOTIFY_SCAN_PAUSED);
        assert_eq!(run.lock().done, 0);
        run.set_paused(false).unwrap();
        run.set_paused(false).unwrap();
        thread.join().unwrap();
        run.finish(Ok(()));
        assert_eq!(run.wait().unwrap(), Hresult::S_OK);
        let (resumed, error) = (numbers::MPNOTIFY_SCAN_RESUMED, numbers::MPNOTIFY_SCAN_ERROR);
        let unsupported = Hresult::ERROR_MP_NOT_SUPPORTED.bits();
        let expected = [(resumed, 0), (error, unsupported), (numbers::MPNOTIFY_SCAN_COMPLETE, 0)];
        assert_eq!(told(heard), expected);
    }

    #[test]
    fn an_abort_wakes_a_paused_scan_and_is_its_result() {
        let (run, heard) = run(true);
        run.set_paused(true).unwrap();
        let its = Arc::clone(&run);
        let thread = thread::spawn(move || its.finish(Ok(())));
        run.abort().unwrap();
        thread.join().unwrap();
        assert_eq!(run.wait().unwrap_err().code, Hresult::ERROR_MP_SCAN_ABORTED);
        let (paused, cancel) = (numbers::MPNOTIFY_SCAN_PAUSED, numbers::MPNOTIFY_SCAN_CANCEL);
        let complete = (numbers::MPNOTIFY_SCAN_COMPLETE, Hresult::ERROR_MP_SCAN_ABORTED.bits());
        assert_eq!(told(heard), [(paused, 0), (cancel, 0), complete]);
        for ended in [run.abort(), run.set_paused(true), run.set_paused(false)] {
            assert_eq!(ended.unwrap_err().code, Hresult::ERROR_MP_ALREADY_SHUTDOWN);
        }
    }

    #[test]
    fn a_scan_that_is_let_go_of_while_it_is_paused_goes_on_and_is_not_paused_again() {
        let (run, heard) = run(true);
        run.set_paused(true).unwrap();
        run.detach();
        assert_eq!(run.set_paused(true).unwrap_err().code, Hresult::ERROR_MP_ALREADY_SHUTDOWN);
        run.hear(&failed());
        run.finish(Ok(()));
        assert!(told(heard).iter().all(|told| told.0 == numbers::MPNOTIFY_SCAN_PAUSED));
    }

    #[test]
    fn a_failure_is_told_before_the_end() {
        let (run, heard) = run(false);
        run.finish(Err(Hresult::ERROR_MP_NOENGINE.into()));
        assert_eq!(run.wait().unwrap_err().code, Hresult::ERROR_MP_NOENGINE);
        let code = Hresult::ERROR_MP_NOENGINE.bits();
        let expected = [numbers::MPNOTIFY_INTERNAL_FAILURE, numbers::MPNOTIFY_SCAN_COMPLETE];
        assert_eq!(told(heard), expected.map(|notify| (notify, code)));
    }

    #[test]
    fn progress_never_falls_and_is_whole_only_at_the_end() {
        assert_eq!([progress(0, 3), progress(1, 3), progress(2, 3)], [0, 333_333, 666_666]);
        assert_eq!([progress(3, 3), progress(4, 3), progress(1, 0)], [999_999, 999_999, 0]);
        assert_eq!(progress(u64::MAX, u64::MAX), 1);
        assert_eq!(progress(u64::MAX, 1), 999_999);
    }
}
