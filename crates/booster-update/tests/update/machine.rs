//! A machine: a data folder, a clock, and checks that must hold after every operation.

use crate::publisher::Publisher;
use booster_definitions::{Component, Version};
use booster_engine::Worker;
use booster_sources::{
    Area, Counters, DirectorySource, HttpOptions, HttpSource, Opened, ProxyChoice, Resume, Source,
    SourceError, SourceKind, TransferRules,
};
use booster_store::{Store, StoreOptions, verify::verify};
use booster_trust::TrustedState;
use booster_update::{
    ErrorKind, Event, EventKind, EventResult, FakeClock, Order, Outcome, Report, UpdateOptions,
    UpdateRequest, run,
};
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// When the tests take place.
pub fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// Longer than any operation here takes; a test that gets here has hung.
const HUNG: Duration = Duration::from_secs(120);

pub struct Machine {
    pub data: TempDir,
    pub clock: FakeClock,
    pub worker: Worker,
    pub options: UpdateOptions,
}

/// What an operation said.
pub struct Told {
    pub report: Report,
    pub events: Vec<Event>,
}

impl Machine {
    /// A machine that trusts this publisher and has nothing installed.
    pub fn new(publisher: &Publisher) -> Self {
        let machine = Self::without_trust();
        let trust = machine.store().trust_dir();
        fs::create_dir_all(&trust).unwrap();
        TrustedState::open(&trust).unwrap().pin(publisher.root()).unwrap();
        machine
    }

    pub fn without_trust() -> Self {
        let mut options = UpdateOptions::default();
        options.trust.retry_pause = Duration::ZERO;
        // Only what a test provokes may end a transfer.
        options.transfer = TransferRules {
            minimum_bytes: 1,
            window: HUNG,
            connect_timeout: HUNG,
            response_timeout: HUNG,
            ..TransferRules::default()
        };
        options.download.retry_pause = Duration::ZERO;
        let worker = Worker::new(env!("CARGO_BIN_EXE_booster-update-test-program"), ["worker"]);
        Self { data: tempfile::tempdir().unwrap(), clock: FakeClock::at(now()), worker, options }
    }

    pub fn store(&self) -> Store {
        Store::new(self.data.path(), StoreOptions::default())
    }

    pub fn request(&self, sources: &[Arc<dyn Source>]) -> UpdateRequest {
        UpdateRequest { sources: sources.to_vec(), options: self.options.clone(), ..UpdateRequest::default() }
    }

    /// Updates from a folder, with progress.
    pub async fn update(&self, repository: &Path) -> Told {
        self.update_from(&[folder(repository)]).await
    }

    /// Updates from these sources, with progress.
    pub async fn update_from(&self, sources: &[Arc<dyn Source>]) -> Told {
        self.run(UpdateRequest { progress: true, ..self.request(sources) }).await
    }

    pub async fn run(&self, request: UpdateRequest) -> Told {
        self.run_until(request, |_| false).await
    }

    /// Runs an operation that is cancelled with the first event that this says yes to.
    pub async fn run_until(
        &self,
        request: UpdateRequest,
        cancel_at: impl Fn(&Event) -> bool + Send + Sync,
    ) -> Told {
        self.run_with(request, CancellationToken::new(), cancel_at).await
    }

    /// As [`Machine::run_until`], with a token that others hold too.
    pub async fn run_with(
        &self,
        request: UpdateRequest,
        cancel: CancellationToken,
        cancel_at: impl Fn(&Event) -> bool + Send + Sync,
    ) -> Told {
        let events = Mutex::new(Vec::new());
        let observer = |event: &Event| {
            if cancel_at(event) {
                cancel.cancel();
            }
            events.lock().unwrap().push(event.clone());
        };
        let before = self.versions();
        let store = self.store();
        let operation = run(&store, &self.worker, request, &observer, &cancel, &self.clock);
        let report = tokio::time::timeout(HUNG, operation).await.expect("the operation hung");
        let told = Told { report, events: events.into_inner().unwrap() };
        told.check_events();
        self.check_folder();
        if matches!(told.report.outcome, Outcome::Updated | Outcome::Current | Outcome::RestartRequired) {
            assert!(!self.data.path().join("downloads").exists(), "a download was left that nobody wants");
        }
        let restored = told.report.rolled_back.is_some();
        if !restored
            && matches!(
                told.report.outcome,
                Outcome::Failed | Outcome::Cancelled | Outcome::Current | Outcome::Available
            )
        {
            assert_eq!(self.versions(), before, "{:?} changed something", told.report.outcome);
        }
        told
    }

    /// Removes downloads that were broken off.
    pub fn forget_downloads(&self) {
        let _ = fs::remove_dir_all(self.data.path().join("downloads"));
    }

    /// What is installed.
    pub fn versions(&self) -> BTreeMap<Component, Version> {
        let Some(current) = self.store().current().unwrap() else { return BTreeMap::new() };
        current
            .record()
            .components
            .iter()
            .map(|(name, installed)| (*name, installed.manifest.version))
            .collect()
    }

    /// The second number of a component's version.
    pub fn version(&self, component: Component) -> Option<u16> {
        self.versions().get(&component).map(|version| version.0[1])
    }

    /// The data folder is whole, and holds nothing that does not belong there.
    pub fn check_folder(&self) {
        check_folder(self.data.path());
    }
}

/// See [`Machine::check_folder`].
pub fn check_folder(data: &Path) {
    let store = Store::new(data, StoreOptions::default());
    let mut generations = 0;
    if let Some(current) = store.current().unwrap() {
        let found = verify(&current, &mut |_| {}).unwrap();
        assert_eq!(found.problems, [], "the current generation is not whole");
        generations = fs::read_dir(data.join("generations")).unwrap().count();
    }
    assert!(generations <= StoreOptions::default().keep_generations);
    let known = [
        "lock",
        "current",
        "trust",
        "generations",
        "history.json",
        "checks.json",
        "attempts.json",
        "damaged.json",
        "traffic.json",
        "decisions.json",
        "place.json",
        "failed-patches.json",
        "engines.json",
        "downloads",
        "loading",
    ];
    for name in names(data) {
        assert!(known.contains(&name.as_str()), "{name} was left behind");
    }
    for name in names(&store.trust_dir()) {
        assert_eq!(name, booster_trust::STATE_FILE);
    }
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

impl Told {
    pub fn kind(&self) -> Option<ErrorKind> {
        self.report.error.as_ref().map(|error| error.kind())
    }

    /// The kinds of events, without progress.
    pub fn story(&self) -> Vec<EventKind> {
        let steps = self.events.iter().map(|event| event.kind);
        steps
            .filter(|kind| !matches!(kind, EventKind::DownloadProgress | EventKind::InstallProgress))
            .collect()
    }

    pub fn count(&self, kind: EventKind) -> usize {
        self.events.iter().filter(|event| event.kind == kind).count()
    }

    #[track_caller]
    pub fn is(&self, outcome: Outcome) -> &Self {
        assert_eq!(self.report.outcome, outcome, "{:?}", self.report.error.as_ref().map(ToString::to_string));
        self
    }

    #[track_caller]
    pub fn failed_with(&self, kind: ErrorKind) -> &Self {
        self.is(Outcome::Failed);
        assert_eq!(self.kind(), Some(kind), "{:?}", self.report.error.as_ref().map(ToString::to_string));
        self
    }

    /// What holds for the events of every operation.
    fn check_events(&self) {
        let mut order = Order::default();
        for event in &self.events {
            order.accept(event.kind, event.index).unwrap();
            assert!(event.index == 0 || event.index < event.total);
            assert!(event.percent <= 100);
        }
        assert!(order.is_over(), "no last event");
        assert!(self.events.is_sorted_by_key(|event| event.percent), "the percentage fell");
        let last = self.events.last().unwrap();
        let failed = matches!(self.report.outcome, Outcome::Failed | Outcome::Cancelled);
        assert_eq!(last.percent == 100, !failed);
        assert_eq!(matches!(last.result, EventResult::Failed(_)), failed);
        let not_needed = matches!(self.report.outcome, Outcome::Current | Outcome::Paused);
        assert_eq!(last.result == EventResult::NotNeeded, not_needed);
        let failures = self.count(EventKind::InternalFailure);
        assert_eq!(failures, usize::from(self.report.outcome == Outcome::Failed));
        assert_eq!(self.report.error.is_some(), failed);
        for (start, end) in [
            (EventKind::SearchStart, EventKind::SearchComplete),
            (EventKind::DownloadStart, EventKind::DownloadComplete),
            (EventKind::InstallStart, EventKind::InstallComplete),
        ] {
            assert_eq!(self.count(start), self.count(end), "{start:?}");
        }
    }
}

pub fn folder(path: &Path) -> Arc<dyn Source> {
    Arc::new(DirectorySource::new(path))
}

/// A folder that passes for an update server, behind what that needs of a network.
#[derive(Debug)]
struct Managed(DirectorySource);

#[async_trait::async_trait]
impl Source for Managed {
    fn kind(&self) -> SourceKind {
        SourceKind::Managed
    }

    fn location(&self) -> String {
        self.0.location()
    }

    async fn open(&self, area: Area, path: &str, from: Resume<'_>) -> Result<Option<Opened>, SourceError> {
        self.0.open(area, path, from).await
    }

    fn counters(&self) -> Counters {
        self.0.counters()
    }

    fn locate(&self, area: Area, path: &str) -> String {
        self.0.locate(area, path)
    }
}

/// What an update server gives out of a repository.
pub fn managed(path: &Path) -> Arc<dyn Source> {
    Arc::new(Managed(DirectorySource::new(path)))
}

/// An HTTP source that no environment can change.
pub fn http(url: &str) -> Arc<dyn Source> {
    let options = HttpOptions { proxy: ProxyChoice::Direct, ..HttpOptions::new(url.parse().unwrap()) };
    Arc::new(HttpSource::new(options).unwrap())
}
