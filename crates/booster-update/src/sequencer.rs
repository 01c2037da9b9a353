//! Tells the observer what happens, in the documented order and no other.
//!
//! Every event of an operation leaves through here: it gets its time, source, percentage and
//! index, and is held against [`Order`] first. Whatever is open when an operation fails is closed
//! with the failure, so that each `…Start` that was seen has its `…Complete`. The last event
//! consumes the sequencer: nothing can follow it.

use crate::{
    Cause, Clock, Event, EventKind, EventResult, Order, Outcome, SourceRef, Stage, UpdateError,
    order::Open,
    progress::{Progress, Throttle, Weight},
};
use booster_definitions::{Component, ReleaseManifest};
use booster_sources::{Source, SourceKind};
use booster_store::RolledBack;

/// Whoever listens to an operation. It is called in order, from one task at a time, and should
/// return soon: the operation waits for it.
pub type Observer<'a> = dyn Fn(&Event) + Send + Sync + 'a;

pub(crate) struct Sequencer<'a> {
    observer: &'a Observer<'a>,
    clock: &'a dyn Clock,
    wants_progress: bool,
    order: Order,
    progress: Progress,
    throttle: Throttle,
    stage: Stage,
    source: Option<(SourceKind, String)>,
    updates: Vec<(Component, Weight)>,
    /// What the last event says of age.
    out_of_date: Vec<Component>,
    /// What was gone back from last, for the event that carries the operation's result.
    rolled_back: Option<Box<RolledBack>>,
    /// The switches that were undone, for the report.
    undone: Vec<RolledBack>,
}

impl<'a> Sequencer<'a> {
    /// The operation begins; where one source alone can be asked, the first event names it.
    pub(crate) fn start(
        observer: &'a Observer<'a>,
        clock: &'a dyn Clock,
        wants_progress: bool,
        only_source: Option<&dyn Source>,
    ) -> Self {
        let mut sequencer = Self {
            observer,
            clock,
            wants_progress,
            order: Order::default(),
            progress: Progress::default(),
            throttle: Throttle::default(),
            stage: Stage::Unknown,
            source: only_source.map(|source| (source.kind(), source.location())),
            updates: Vec::new(),
            out_of_date: Vec::new(),
            rolled_back: None,
            undone: Vec::new(),
        };
        sequencer.tell(EventKind::Start, 0, EventResult::Ok);
        // Until it is asked, no failure is its own.
        sequencer.source = None;
        sequencer
    }

    /// A failure in the stage that has been reached, with the source in use.
    pub(crate) fn failure(&self, cause: Cause) -> UpdateError {
        let source = self.source.clone().map(|(kind, path)| SourceRef { kind, path });
        UpdateError::new(self.stage, source, cause)
    }

    /// Before anything else, a set was left.
    pub(crate) fn went_back(&mut self, rolled_back: &RolledBack) {
        self.rolled_back = Some(Box::new(rolled_back.clone()));
    }

    /// A switch of this operation's was undone.
    pub(crate) fn undone(&mut self, undone: RolledBack) {
        self.rolled_back = Some(Box::new(undone.clone()));
        self.undone.push(undone);
    }

    /// The switches that were undone, in order.
    pub(crate) fn all_undone(&self) -> &[RolledBack] {
        &self.undone
    }

    pub(crate) fn search_start(&mut self, source: &dyn Source) {
        self.stage = Stage::Search;
        self.source = Some((source.kind(), source.location()));
        self.updates.clear();
        self.progress.begin(Vec::new());
        self.tell(EventKind::SearchStart, 0, EventResult::Ok);
    }

    /// The source has answered: these updates will follow, or none is needed.
    pub(crate) fn search_complete<'m>(&mut self, updates: impl Iterator<Item = &'m ReleaseManifest>) {
        self.updates = updates.map(|manifest| (manifest.component, Weight::from(manifest))).collect();
        self.progress.begin(self.updates.iter().map(|(_, weight)| *weight).collect());
        let result = if self.updates.is_empty() { EventResult::NotNeeded } else { EventResult::Ok };
        self.tell(EventKind::SearchComplete, 0, result);
    }

    pub(crate) fn software_update_available(&mut self) {
        self.tell(EventKind::SoftwareUpdateAvailable, 0, EventResult::Ok);
    }

    /// So many bytes of an update are to be downloaded: as a patch, or as the whole after all.
    pub(crate) fn download_size(&mut self, index: u32, bytes: u64) {
        if let Some((_, weight)) = self.updates.get_mut(index as usize) {
            weight.download = bytes;
        }
        self.progress.weigh(index, bytes);
        self.throttle = Throttle::default();
    }

    /// The download of an update begins, of which so many bytes are there already.
    pub(crate) fn download_start(&mut self, index: u32, there: u64) {
        self.stage = Stage::Download;
        self.throttle = Throttle::default();
        self.progress.downloaded(index, there);
        let bytes = (there, self.weight(index).download);
        self.emit(EventKind::DownloadStart, index, EventResult::Ok, Some(bytes));
    }

    pub(crate) fn download_progress(&mut self, index: u32, done: u64) {
        self.progress.downloaded(index, done);
        let total = self.weight(index).download;
        self.tell_progress(EventKind::DownloadProgress, index, (done, total));
    }

    pub(crate) fn download_complete(&mut self, index: u32) {
        self.progress.downloaded(index, u64::MAX);
        self.tell(EventKind::DownloadComplete, index, EventResult::Ok);
    }

    pub(crate) fn install_start(&mut self, index: u32) {
        self.stage = Stage::Install;
        self.throttle = Throttle::default();
        let bytes = (0, self.weight(index).unpack);
        self.emit(EventKind::InstallStart, index, EventResult::Ok, Some(bytes));
    }

    pub(crate) fn install_progress(&mut self, index: u32, done: u64) {
        self.progress.unpacked(index, done);
        let total = self.weight(index).unpack;
        self.tell_progress(EventKind::InstallProgress, index, (done, total));
    }

    /// The image of all updates has been built and tested.
    pub(crate) fn built(&mut self) {
        self.progress.built();
        let last = self.progress.total().saturating_sub(1);
        if self.wants_progress {
            self.tell(EventKind::InstallProgress, last, EventResult::Ok);
        }
    }

    /// The switch has been made: every update is in use.
    pub(crate) fn installed(&mut self) {
        self.progress.finish();
        for index in 0..self.progress.total() {
            self.tell(EventKind::InstallComplete, index, EventResult::Ok);
        }
    }

    /// Closes what is open with a failure.
    pub(crate) fn close(&mut self, error: &UpdateError) {
        let result = EventResult::from(error);
        match self.order.open() {
            Open::Nothing => {}
            Open::Search => self.tell(EventKind::SearchComplete, 0, result),
            Open::Download(index) => self.tell(EventKind::DownloadComplete, index, result),
            Open::Install { first, last } => {
                for index in first..=last {
                    self.tell(EventKind::InstallComplete, index, result.clone());
                }
            }
        }
    }

    /// The end: the last events, and none after them.
    pub(crate) fn complete(
        mut self,
        outcome: Outcome,
        error: Option<&UpdateError>,
        out_of_date: &[Component],
    ) {
        if let Some(error) = error {
            self.close(error);
        } else {
            self.progress.finish();
        }
        let result = match (outcome, error) {
            (_, Some(error)) => EventResult::from(error),
            (Outcome::Current | Outcome::Paused, None) => EventResult::NotNeeded,
            (_, None) => EventResult::Ok,
        };
        match outcome {
            Outcome::RestartRequired => self.tell(EventKind::RebootRequired, 0, EventResult::Ok),
            Outcome::Failed => self.tell(EventKind::InternalFailure, 0, result.clone()),
            _ => {}
        }
        self.tell(EventKind::RequestProcessed, 0, result.clone());
        self.out_of_date = out_of_date.to_vec();
        self.tell(EventKind::Complete, 0, result);
    }

    fn weight(&self, index: u32) -> Weight {
        self.updates.get(index as usize).map(|(_, weight)| *weight).unwrap_or_default()
    }

    fn tell_progress(&mut self, kind: EventKind, index: u32, bytes: (u64, u64)) {
        if self.wants_progress && self.throttle.lets_through(bytes.0, bytes.1) {
            self.emit(kind, index, EventResult::Ok, Some(bytes));
        }
    }

    fn tell(&mut self, kind: EventKind, index: u32, result: EventResult) {
        self.emit(kind, index, result, None);
    }

    fn emit(&mut self, kind: EventKind, index: u32, result: EventResult, bytes: Option<(u64, u64)>) {
        if let Err(fault) = self.order.accept(kind, index) {
            // A listener may rely on the order, so an event out of order is worse than none.
            debug_assert!(false, "{fault}");
            tracing::error!(%fault, "an event was held back");
            return;
        }
        let (source, path) = match &self.source {
            Some((kind, path)) => (Some(*kind), Some(path.clone())),
            None => (None, None),
        };
        let current = match kind {
            EventKind::DownloadStart
            | EventKind::DownloadProgress
            | EventKind::DownloadComplete
            | EventKind::InstallStart
            | EventKind::InstallProgress
            | EventKind::InstallComplete => self.updates.get(index as usize),
            _ => None,
        };
        (self.observer)(&Event {
            kind,
            time: self.clock.now(),
            stage: self.stage,
            source,
            path,
            percent: self.progress.percent(),
            total: self.progress.total(),
            index,
            component: current.map(|(component, _)| *component),
            result,
            bytes,
            out_of_date: self.out_of_date.clone(),
            rolled_back: self.rolled_back.take_if(|_| kind == EventKind::RequestProcessed),
        });
    }
}

#[cfg(test)]
mod tests;
