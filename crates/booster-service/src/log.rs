//! What the log says of updates, returns, the engine and the service's health.
//!
//! Every such thing is a line with an event id and fields of fixed names, so that programs find it: the ids are
//! those of Microsoft Defender's log, wherever it has one for the same. Which lines there are is decided by pure
//! functions from what happened to [`Record`]s; [`Record::write`] is the one place where they are written.

use crate::{desk::By, engine::Swapped, status::Status};
use booster_definitions::{Component, Version};
use booster_engine::ENGINE_VERSION;
use booster_store::RolledBack;
use booster_update::{ComponentChange, ErrorKind, Held, How, Outcome, Report, SourceTried, UpdateError};
use std::{collections::BTreeMap, fmt};
use tracing::Level;

/// What a line is about, and the number that programs find it by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum EventId {
    /// The service is well.
    Healthy = 1150,
    /// What is installed, in use, and wrong.
    HealthReport = 1151,
    /// A component's definitions are new.
    Updated = 2000,
    /// A source, or an update as a whole, has failed.
    UpdateFailed = 2001,
    /// The engine has gone over to other definitions.
    EngineSwapped = 2002,
    /// It could not.
    EngineSwapFailed = 2003,
    /// An earlier set is in use again.
    Reverted = 2004,
    /// A release needs a newer engine than this program has.
    SoftwareTooOld = 2005,
    /// The engine died.
    EngineDied = 5008,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub id: Option<EventId>,
    pub level: Level,
    pub message: String,
    pub fields: Fields,
}

/// What a line says beside its words, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fields {
    pub update: Option<u64>,
    /// Who asked.
    pub by: Option<String>,
    pub outcome: Option<&'static str>,
    pub component: Option<&'static str>,
    pub version: Option<String>,
    pub version_before: Option<String>,
    /// "Full", "Delta", or "Local" where nothing travelled.
    pub update_type: Option<&'static str>,
    pub source: Option<&'static str>,
    pub path: Option<String>,
    pub stage: Option<&'static str>,
    pub error_kind: Option<&'static str>,
    pub error_detail: Option<String>,
    pub error: Option<String>,
    pub generation: Option<u64>,
    pub bytes: Option<u64>,
    pub duration_ms: Option<u64>,
}

impl Record {
    fn new(id: EventId, level: Level, message: impl Into<String>, fields: Fields) -> Self {
        Self { id: Some(id), level, message: message.into(), fields }
    }

    /// Writes it.
    pub fn write(&self) {
        let fields = &self.fields;
        macro_rules! write {
            ($level:expr) => {
                tracing::event!(
                    $level,
                    event_id = self.id.map(|id| id as u16),
                    update = fields.update,
                    by = fields.by.as_deref(),
                    outcome = fields.outcome,
                    component = fields.component,
                    version = fields.version.as_deref(),
                    version_before = fields.version_before.as_deref(),
                    update_type = fields.update_type,
                    source = fields.source,
                    path = fields.path.as_deref(),
                    stage = fields.stage,
                    error_kind = fields.error_kind,
                    error_detail = fields.error_detail.as_deref(),
                    error = fields.error.as_deref(),
                    generation = fields.generation,
                    bytes = fields.bytes,
                    duration_ms = fields.duration_ms,
                    engine = self.id.map(|_| tracing::field::display(ENGINE_VERSION)),
                    "{}",
                    self.message
                )
            };
        }
        // The level of a line has to be known when it is compiled.
        match self.level {
            Level::ERROR => write!(Level::ERROR),
            Level::WARN => write!(Level::WARN),
            _ => write!(Level::INFO),
        }
    }
}

/// What an update has done: a return before it or from it, every source that failed, every component that is
/// new, and its outcome.
pub(crate) fn update(number: u64, by: By, report: &Report) -> Vec<Record> {
    let base = Fields { update: Some(number), by: Some(by.to_string()), ..Fields::default() };
    let mut records = Vec::new();
    let returns = report.rolled_back.iter().chain(&report.undone);
    records.extend(returns.flat_map(|rolled_back| reverted(&base, rolled_back)));
    let tried = report.sources_tried.iter().filter_map(|tried| Some((tried, tried.error.as_ref()?)));
    records.extend(tried.map(|(tried, error)| failed(&base, report, Some(tried), error)));
    // An update that did not come to its sources, or failed behind them.
    let told =
        |error: &UpdateError| report.sources_tried.iter().any(|tried| tried.error.as_ref() == Some(error));
    records.extend(
        report.error.iter().filter(|error| !told(error)).map(|error| failed(&base, report, None, error)),
    );
    if matches!(
        report.outcome,
        Outcome::Updated | Outcome::RestartRequired | Outcome::SoftwareUpdateAvailable
    ) {
        let new = report.components.iter().filter(|change| change.how != How::None);
        records.extend(new.map(|change| updated(&base, report, change)));
    }
    records.extend(report.components.iter().filter_map(|change| too_old(&base, change)));
    let fields = Fields {
        outcome: Some(report.outcome.as_str()),
        bytes: Some(report.bytes_downloaded),
        duration_ms: Some(report.duration_ms),
        ..base
    };
    let message = "the update has ended".to_owned();
    records.push(Record { id: None, level: Level::INFO, message, fields });
    records
}

fn updated(base: &Fields, report: &Report, change: &ComponentChange) -> Record {
    let fields = Fields {
        component: Some(change.name.as_str()),
        version: words(change.to),
        version_before: words(change.from),
        update_type: match change.how {
            How::Full => Some("Full"),
            How::Patch => Some("Delta"),
            How::Installed => Some("Local"),
            How::None => None,
        },
        source: report.source.map(|kind| kind.as_str()),
        path: report.path.clone(),
        ..base.clone()
    };
    Record::new(EventId::Updated, Level::INFO, "new definitions are installed", fields)
}

fn failed(base: &Fields, report: &Report, tried: Option<&SourceTried>, error: &UpdateError) -> Record {
    // A source that is left alone for a while has been told of when it failed.
    let level = match (error.kind(), report.outcome) {
        (ErrorKind::Cancelled | ErrorKind::RetryLater, _) => Level::INFO,
        (kind, outcome) if kind.is_security() || outcome == Outcome::Failed => Level::ERROR,
        _ => Level::WARN,
    };
    let message = if tried.is_some() { "a source could not be used" } else { "the update has failed" };
    let source = error.source.as_ref();
    let fields = Fields {
        source: tried.map(|tried| tried.kind).or(source.map(|source| source.kind)).map(|kind| kind.as_str()),
        path: tried.map(|tried| tried.path.clone()).or_else(|| source.map(|source| source.path.clone())),
        stage: Some(error.step.as_str()),
        error_kind: Some(error.kind().as_str()),
        error_detail: error.cause().detail().map(|detail| detail.to_string()),
        error: Some(error.reason()),
        ..base.clone()
    };
    Record::new(EventId::UpdateFailed, level, message, fields)
}

fn too_old(base: &Fields, change: &ComponentChange) -> Option<Record> {
    let Some(held @ Held::NeedsNewerEngine { offered, .. }) = &change.held else { return None };
    let fields = Fields {
        component: Some(change.name.as_str()),
        version: words(*offered),
        version_before: words(change.from),
        error: Some(held.to_string()),
        ..base.clone()
    };
    Some(Record::new(EventId::SoftwareTooOld, Level::WARN, "a release needs a newer Booster", fields))
}

/// Somebody has gone back to an earlier set.
pub(crate) fn rollback(by: By, generation: u64, rolled_back: &RolledBack) -> Vec<Record> {
    let base = Fields { by: Some(by.to_string()), generation: Some(generation), ..Fields::default() };
    reverted(&base, rolled_back)
}

fn reverted(base: &Fields, rolled_back: &RolledBack) -> Vec<Record> {
    let record = |change: &booster_store::Change| {
        let fields = Fields {
            component: Some(change.component.as_str()),
            version: words(change.to),
            version_before: words(change.from),
            error_kind: Some(rolled_back.why.as_str()),
            error: Some(rolled_back.reason.clone()),
            ..base.clone()
        };
        Record::new(EventId::Reverted, Level::WARN, "an earlier set of definitions is in use again", fields)
    };
    rolled_back.changes.iter().map(record).collect()
}

/// The engine has gone over to other definitions, or could not.
pub(crate) fn swap(swapped: &Swapped) -> Record {
    let version = Some(all(&swapped.components)).filter(|all| !all.is_empty());
    let fields = Fields { generation: Some(swapped.generation), version, ..Fields::default() };
    match &swapped.failed {
        None => Record::new(EventId::EngineSwapped, Level::INFO, "the engine uses new definitions", fields),
        Some(error) => {
            let fields = Fields { error: Some(error.clone()), ..fields };
            let message = "the engine goes on with the definitions that it has";
            Record::new(EventId::EngineSwapFailed, Level::ERROR, message, fields)
        }
    }
}

/// The engine died while it loaded definitions.
pub(crate) fn engine_died(error: &impl fmt::Display) -> Record {
    let fields = Fields { error: Some(error.to_string()), ..Fields::default() };
    Record::new(EventId::EngineDied, Level::ERROR, "the engine died while it loaded definitions", fields)
}

/// How the service is: what is wrong, if anything is, and what is installed.
pub(crate) fn health(status: Option<&Status>, problems: &[String]) -> Vec<Record> {
    let components = status.map_or(&[][..], |status| &status.components);
    let report = components.iter().map(|component| {
        let fields = Fields {
            component: Some(component.name.as_str()),
            version: words(component.in_use.unwrap_or(component.version)),
            ..Fields::default()
        };
        let message = format!("published {} days ago", component.age_days);
        Record::new(EventId::HealthReport, Level::INFO, message, fields)
    });
    let wrong = problems.iter().map(|problem| {
        let fields = Fields { error: Some(problem.clone()), ..Fields::default() };
        Record::new(EventId::HealthReport, Level::WARN, "something is wrong", fields)
    });
    let well = Record::new(EventId::Healthy, Level::INFO, "the service is well", Fields::default());
    let well = Some(well).filter(|_| problems.is_empty());
    well.into_iter().chain(wrong).chain(report).collect()
}

fn words(version: impl Into<Option<Version>>) -> Option<String> {
    version.into().map(|version| version.to_string())
}

/// Several versions in one field.
fn all(components: &BTreeMap<Component, Version>) -> String {
    let each = components.iter().map(|(component, version)| format!("{component} {version}"));
    each.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
