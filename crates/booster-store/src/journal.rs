//! What operations changed, and when the sources were asked.

use crate::{StoreError, generation};
use booster_definitions::{Component, Version};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fs, path::Path};

/// How many entries the history keeps.
const KEPT: usize = 500;
const TRAFFIC: &str = "traffic.json";

/// One finished operation that changed something or failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When it ended.
    pub time: jiff::Timestamp,
    /// Its outcome in one word, such as `updated` or `failed`.
    pub outcome: String,
    /// The kind of source that delivered, or was asked last.
    pub source: Option<String>,
    /// What changed.
    pub changes: Vec<Change>,
    /// Bytes that came over the source.
    pub bytes_downloaded: u64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Why it was done, where somebody or something gave a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One component's step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The component.
    pub component: Component,
    /// What was installed before, if anything was.
    pub from: Option<Version>,
    /// What is installed now, if anything is.
    pub to: Option<Version>,
}

/// The last time that a source was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceCheck {
    /// The URL or path, without credentials.
    pub location: String,
    /// When it was last asked.
    pub last_check: Option<jiff::Timestamp>,
    /// When it last answered with verified metadata.
    pub last_success: Option<jiff::Timestamp>,
    /// Why it did not, the last time, if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Until when the server asked to be left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<jiff::Timestamp>,
    /// How often it has failed in a row.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failures: u32,
    /// Until when it is left alone for these failures by whoever asks unbidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backed_off_until: Option<jiff::Timestamp>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

pub(crate) fn history(data: &Path) -> Result<Vec<HistoryEntry>, StoreError> {
    Ok(generation::read_json_if_present(&data.join("history.json"))?.unwrap_or_default())
}

pub(crate) fn append(data: &Path, entry: HistoryEntry) -> Result<(), StoreError> {
    // A damaged history is not worth failing an update for: it starts again.
    let mut entries = history(data).unwrap_or_else(|error| {
        tracing::warn!(%error, "the history could not be read and starts again");
        Vec::new()
    });
    entries.push(entry);
    entries.drain(..entries.len().saturating_sub(KEPT));
    save(data, "history.json", &entries)
}

pub(crate) fn checks(data: &Path) -> Result<BTreeMap<String, SourceCheck>, StoreError> {
    Ok(generation::read_json_if_present(&data.join("checks.json"))?.unwrap_or_default())
}

pub(crate) fn record_check(data: &Path, source: &str, check: SourceCheck) -> Result<(), StoreError> {
    let mut all = checks(data).unwrap_or_else(|error| {
        tracing::warn!(%error, "the record of checks could not be read and starts again");
        BTreeMap::new()
    });
    all.insert(source.to_owned(), check);
    save(data, "checks.json", &all)
}

/// How much has been downloaded of releases since a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// When the count began.
    pub since: jiff::Timestamp,
    /// The bytes.
    pub bytes: u64,
}

pub(crate) fn traffic(data: &Path) -> Result<Option<Traffic>, StoreError> {
    generation::read_json_if_present(&data.join(TRAFFIC))
}

/// Unflushed: it is written again and again while a download runs, and no promise hangs on the last bytes.
pub(crate) fn record_traffic(data: &Path, traffic: Traffic) -> Result<(), StoreError> {
    let (path, failed) = (data.join(TRAFFIC), || StoreError::io(format!("writing {TRAFFIC}")));
    let new = booster_durable::leftover(&path);
    let bytes = generation::to_json(&traffic).map_err(failed())?;
    fs::write(&new, bytes).and_then(|()| fs::rename(&new, &path)).map_err(|error| {
        // The error that counts is the first one; a leftover is collected with the next start.
        let _ = fs::remove_file(&new);
        failed()(error)
    })
}

/// The components of a generation that a verification found damaged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Damage {
    pub(crate) generation: u64,
    pub(crate) components: Vec<Component>,
}

pub(crate) fn damage(data: &Path) -> Result<Option<Damage>, StoreError> {
    generation::read_json_if_present(&data.join("damaged.json"))
}

pub(crate) fn record_damage(data: &Path, damage: &Damage) -> Result<(), StoreError> {
    save(data, "damaged.json", damage)
}

pub(crate) fn save<T: Serialize>(data: &Path, name: &str, value: &T) -> Result<(), StoreError> {
    let failed = || StoreError::io(format!("writing {name}"));
    let bytes = generation::to_json(value).map_err(failed())?;
    booster_durable::replace_file(&data.join(name), &bytes).map_err(failed())
}
