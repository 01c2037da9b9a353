//! The service's figures, for Prometheus.
//!
//! What is counted is counted from what the desk tells everybody ([`Figures::note`]), and from scans; what is
//! measured is read off the status when somebody asks ([`Figures::text`]). Names and labels are described in
//! docs/service.md and do not change.

mod stages;

use crate::{
    desk::Notice,
    status::{ComponentStatus, ServiceStatus, Status},
    wire::generated as proto,
};
use booster_engine::ENGINE_VERSION;
use jiff::Timestamp;
use prometheus_client::{
    encoding::text::{encode_eof, encode_registry},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};
use stages::Stages;
use std::sync::{Mutex, PoisonError, atomic::AtomicI64};

/// What every name begins with.
const PREFIX: &str = "booster";
/// The limits in seconds between which durations are counted.
const SECONDS: [f64; 9] = [0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0];

type Label = [(&'static str, &'static str); 1];

/// What is counted.
pub(crate) struct Figures {
    registry: Registry,
    updates: Family<Label, Counter>,
    failures: Family<Label, Counter>,
    downloaded: Counter,
    requests: Counter,
    stages: Family<Label, Histogram>,
    swaps: Family<Label, Counter>,
    reversions: Counter,
    scans: Family<Label, Counter>,
    detections: Counter,
    running: Mutex<Stages>,
}

impl Default for Figures {
    fn default() -> Self {
        let figures = Self {
            registry: Registry::with_prefix(PREFIX),
            updates: Family::default(),
            failures: Family::default(),
            downloaded: Counter::default(),
            requests: Counter::default(),
            stages: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            swaps: Family::default(),
            reversions: Counter::default(),
            scans: Family::default(),
            detections: Counter::default(),
            running: Mutex::default(),
        };
        figures.registered()
    }
}

impl Figures {
    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        registry.register("updates", "Updates that have ended, by their outcome", self.updates.clone());
        registry.register(
            "update_failures",
            "Failures of updates and of sources, by their kind",
            self.failures.clone(),
        );
        registry.register_with_unit(
            "downloaded",
            "What updates have fetched",
            Unit::Bytes,
            self.downloaded.clone(),
        );
        registry.register("requests", "Requests that updates have sent", self.requests.clone());
        let help = "How long updates took for each of their stages";
        registry.register_with_unit("update_stage", help, Unit::Seconds, self.stages.clone());
        registry.register(
            "engine_swaps",
            "Times that the engine went over to other definitions, or could not",
            self.swaps.clone(),
        );
        registry.register("reversions", "Returns to an earlier set of definitions", self.reversions.clone());
        registry.register(
            "scans",
            "Contents that were scanned for callers, by what came of it",
            self.scans.clone(),
        );
        registry.register("detections", "Threats found in them", self.detections.clone());
        // Those that may never happen are there from the start, so that their increase can be seen.
        for result in ["ok", "failed"] {
            drop(self.swaps.get_or_create(&[("result", result)]));
        }
        for result in ["clean", "detected", "incomplete", "failed"] {
            drop(self.scans.get_or_create(&[("result", result)]));
        }
        self
    }

    /// Counts what the desk tells.
    pub fn note(&self, notice: &Notice) {
        match notice {
            Notice::Started { .. } => *self.running() = Stages::default(),
            Notice::Event { event, .. } => self.running().note(event),
            Notice::Report { report, .. } => {
                self.updates.get_or_create(&[("outcome", report.outcome.as_str())]).inc();
                self.downloaded.inc_by(report.bytes_downloaded);
                self.requests.inc_by(report.requests);
                self.reversions.inc_by(report.rolled_back.iter().chain(&report.undone).count() as u64);
                let tried = report.sources_tried.iter().filter_map(|tried| tried.error.as_ref());
                let behind = report.error.iter().filter(|&error| !tried.clone().any(|tried| tried == error));
                for error in tried.clone().chain(behind) {
                    self.failures.get_or_create(&[("kind", error.kind().as_str())]).inc();
                }
                for (stage, took) in self.running().take() {
                    self.stages.get_or_create(&[("stage", stage.as_str())]).observe(took.as_secs_f64());
                }
            }
            Notice::Engine(swapped) => {
                let result = if swapped.failed.is_none() { "ok" } else { "failed" };
                self.swaps.get_or_create(&[("result", result)]).inc();
            }
            Notice::RolledBack { .. } => _ = self.reversions.inc(),
        }
    }

    /// Counts a scan.
    pub fn scanned(&self, reply: &proto::ScanReply) {
        let result = match reply {
            reply if reply.failed.is_some() => "failed",
            reply if !reply.detections.is_empty() => "detected",
            reply if reply.incomplete.is_some() => "incomplete",
            _ => "clean",
        };
        self.scans.get_or_create(&[("result", result)]).inc();
        self.detections.inc_by(reply.detections.len() as u64);
    }

    /// All figures, with those of this moment.
    pub fn text(&self, status: Option<&Status>, connections: usize, now: Timestamp) -> String {
        let mut moment = Moment(Registry::with_prefix(PREFIX));
        moment.info(
            "build",
            "The program",
            vec![("version", env!("CARGO_PKG_VERSION").to_owned()), ("engine", ENGINE_VERSION.to_string())],
        );
        moment.gauge("data_folder_readable", "Whether the data folder can be read", truth(status.is_some()));
        moment.gauge("connections", "Programs that are connected", connections as i64);
        if let Some(status) = status {
            moment.definitions(status, now);
            if let Some(service) = &status.service {
                moment.service(service, now);
            }
        }
        let mut text = String::new();
        // Writing to a text does not fail.
        _ = encode_registry(&mut text, &moment.0);
        _ = encode_registry(&mut text, &self.registry);
        _ = encode_eof(&mut text);
        text
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Stages> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The figures of a moment.
struct Moment(Registry);

impl Moment {
    fn definitions(&mut self, status: &Status, now: Timestamp) {
        self.gauge(
            "definitions_out_of_date",
            "Whether none are installed, or some are too old",
            truth(status.out_of_date),
        );
        if let Some(generation) = status.generation {
            self.gauge("generation", "The set that is installed", generation as i64);
        }
        self.versions("definitions", "The versions that are installed", status, |component| {
            Some(component.version)
        });
        self.versions("definitions_in_use", "The versions that the engine uses", status, |component| {
            component.in_use
        });
        let published = |component: &ComponentStatus| component.published.as_second();
        self.seconds("definitions_published_timestamp", "When they were published", status, published);
        let installed = |component: &ComponentStatus| component.installed.as_second();
        self.seconds("definitions_installed_timestamp", "When they were installed", status, installed);
        let age = |component: &ComponentStatus| now.duration_since(component.published).as_secs().max(0);
        self.seconds("definitions_age", "How long ago they were published", status, age);
    }

    fn service(&mut self, service: &ServiceStatus, now: Timestamp) {
        self.gauge("update_running", "Whether an update is running", truth(service.running.is_some()));
        self.gauge("updates_waiting", "Updates that wait behind it", service.queued.into());
        self.gauge(
            "engine_healthy",
            "Whether the engine could load what is installed",
            truth(service.engine_problem.is_none()),
        );
        if let Some(generation) = service.engine_generation {
            self.gauge("engine_generation", "The set that the engine uses", generation as i64);
        }
        self.time("start_timestamp", "When the service started", Some(service.since));
        self.time("next_update_timestamp", "When the schedule updates next", service.schedule.next.time(now));
        let attempts = service.schedule.attempts.as_ref();
        self.time(
            "last_attempt_timestamp",
            "When an update last ended",
            attempts.map(|attempts| attempts.last),
        );
        let success = attempts.and_then(|attempts| attempts.last_success);
        self.time("last_success_timestamp", "When one last went well", success);
        let failures = attempts.map_or(0, |attempts| attempts.failures);
        self.gauge("failures_in_a_row", "Updates that have failed since then", failures.into());
    }

    fn gauge(&mut self, name: &str, help: &str, value: i64) {
        let gauge: Gauge<i64, AtomicI64> = Gauge::default();
        gauge.set(value);
        self.0.register(name, help, gauge);
    }

    /// A moment, if there is one.
    fn time(&mut self, name: &str, help: &str, time: Option<Timestamp>) {
        let Some(time) = time else { return };
        let gauge: Gauge<i64, AtomicI64> = Gauge::default();
        gauge.set(time.as_second());
        self.0.register_with_unit(name, help, Unit::Seconds, gauge);
    }

    fn seconds(&mut self, name: &str, help: &str, status: &Status, of: impl Fn(&ComponentStatus) -> i64) {
        let family = Family::<Label, Gauge>::default();
        for component in &status.components {
            family.get_or_create(&[("component", component.name.as_str())]).set(of(component));
        }
        self.0.register_with_unit(name, help, Unit::Seconds, family);
    }

    fn versions(
        &mut self,
        name: &str,
        help: &str,
        status: &Status,
        of: impl Fn(&ComponentStatus) -> Option<booster_definitions::Version>,
    ) {
        let family = Family::<[(&'static str, String); 2], Gauge>::default();
        for component in &status.components {
            if let Some(version) = of(component) {
                let labels = [("component", component.name.to_string()), ("version", version.to_string())];
                family.get_or_create(&labels).set(1);
            }
        }
        self.0.register(format!("{name}_info"), help, family);
    }

    fn info(&mut self, name: &str, help: &str, labels: Vec<(&'static str, String)>) {
        self.0.register(name, help, Info::new(labels));
    }
}

const fn truth(truth: bool) -> i64 {
    truth as i64
}

#[cfg(test)]
mod tests;
