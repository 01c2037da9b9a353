//! What is known of a machine's definitions, as one value.
//!
//! It is gathered from the data folder, where nobody needs a lock for it; a service adds what only it knows.

mod guard;

pub use guard::{Guard, RollbackStatus};

use crate::schedule::Snapshot;
use booster_config::{Interval, Settings};
use booster_definitions::{Channel, Component, Place, Version};
use booster_store::{Decisions, GenerationRecord, Pause, Pin, SourceCheck, StoreError};
use booster_update::{EngineStatus, engine_status};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

/// What is known of a machine's definitions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    /// The data folder.
    pub data_dir: PathBuf,
    /// The current generation's number, if there is one.
    pub generation: Option<u64>,
    /// This build's engine.
    pub engine: Version,
    /// Whether nothing is installed, or something that is installed is too old.
    pub out_of_date: bool,
    /// When a source was last asked.
    pub last_check: Option<Timestamp>,
    /// Why that gave nothing, if it did not.
    pub last_error: Option<String>,
    /// The administrator's pause, unless it is over.
    pub pause: Option<Pause>,
    /// The machines that this one takes releases with.
    pub channel: Channel,
    /// Its place in roll-outs, once it has one.
    pub place: Option<Place>,
    /// What is known of new definitions that turned out bad.
    #[serde(flatten)]
    pub guard: Guard,
    /// What other engines use.
    #[serde(default)]
    pub engines: Vec<EngineStatus>,
    /// What a service says of itself, where one answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceStatus>,
    /// What is installed.
    pub components: Vec<ComponentStatus>,
}

/// What a service says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Where it listens.
    pub socket: PathBuf,
    /// Since when.
    pub since: Timestamp,
    /// The update that is running.
    pub running: Option<u64>,
    /// How many wait behind it.
    pub queued: u32,
    /// The generation that its engine has in use.
    pub engine_generation: Option<u64>,
    /// Why it is not the installed one, if it could not be loaded.
    pub engine_problem: Option<String>,
    /// Where its figures are served over HTTP, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<SocketAddr>,
    /// What its schedule is up to.
    pub schedule: Snapshot,
}

/// What is known of one component.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ComponentStatus {
    /// The component.
    pub name: Component,
    /// The version that is installed.
    pub version: Version,
    /// The version that the service's engine has confirmed that it uses; only a service knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_use: Option<Version>,
    /// When the publisher published it, by the signed manifest.
    pub published: Timestamp,
    /// When it was installed here.
    pub installed: Timestamp,
    /// Whole days since it was published.
    pub age_days: i64,
    /// Whether it is older than the settings allow.
    pub out_of_date: bool,
    /// Whether the last verification found it damaged.
    pub damaged: bool,
    /// How far it may go, where the administrator has pinned it.
    pub pin: Option<Pin>,
    /// Files in it.
    pub files: u64,
    /// YARA rules in use.
    pub rules: u64,
    /// Hashes in use.
    pub hashes: u64,
    /// The kind of source that it came from.
    pub source: String,
    /// Where it came from.
    pub location: String,
    /// When a source was last asked for newer ones.
    pub last_check: Option<Timestamp>,
    /// Why that gave nothing, if it did not.
    pub last_error: Option<String>,
}

/// What is read from the disk.
pub struct Facts {
    /// The data folder.
    pub data_dir: PathBuf,
    /// What is installed.
    pub current: Option<GenerationRecord>,
    /// When each source was asked.
    pub checks: BTreeMap<String, SourceCheck>,
    /// What the last verification found damaged.
    pub damaged: Vec<Component>,
    /// What the administrator decided.
    pub decisions: Decisions,
    /// The machines that this one takes releases with.
    pub channel: Channel,
    /// Its place in roll-outs, once it has one.
    pub place: Option<Place>,
    /// What is known of new definitions that turned out bad.
    pub guard: Guard,
    /// What is known of other engines.
    pub engines: Vec<EngineStatus>,
}

impl Facts {
    /// Reads them, without a lock.
    ///
    /// # Errors
    /// The data folder is damaged or cannot be read.
    pub fn read(settings: &Settings, now: Timestamp) -> Result<Self, StoreError> {
        let store = settings.store();
        let current = store.current()?;
        let watched = settings.probation.watched();
        let until = current.as_ref().map(|installed| watched.until(installed.record().installed));
        let guard = Guard {
            probation_until: until.filter(|&until| watched.crashes > 0 && until > now),
            awaits_approval: store.awaits_approval()?,
            rejected: store.rejected()?,
            // Shown beside other things: a damaged history is no reason to show nothing.
            rolled_back: RollbackStatus::last(&store.history().unwrap_or_default()),
        };
        let data_dir = store.data_dir();
        Ok(Self {
            data_dir: std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned()),
            current: current.map(|installed| installed.record().clone()),
            checks: store.checks()?,
            damaged: store.damaged_components()?,
            decisions: store.decisions()?,
            channel: settings.rollout.channel,
            place: settings.rollout.place.map_or_else(|| store.place(), |place| Ok(Some(place)))?,
            guard,
            engines: engine_status(&store, &settings.adapters())?,
        })
    }
}

impl Status {
    /// The status by what stands in the data folder.
    ///
    /// # Errors
    /// The data folder is damaged or cannot be read.
    pub fn read(settings: &Settings, now: Timestamp) -> Result<Self, StoreError> {
        Ok(Self::of(Facts::read(settings, now)?, now, settings.freshness.out_of_date_after))
    }

    /// Judges the facts: age is counted from the signed date of publication, never from a download.
    pub fn of(facts: Facts, now: Timestamp, out_of_date_after: Interval) -> Self {
        let last = facts.checks.into_values().max_by_key(|check| check.last_check);
        let (last_check, last_error) =
            last.map_or((None, None), |check| (check.last_check, check.last_error));
        let too_old = |published: Timestamp| {
            let limit =
                jiff::SignedDuration::try_from(out_of_date_after.0).unwrap_or(jiff::SignedDuration::MAX);
            now.duration_since(published) > limit
        };
        let components: Vec<_> = facts
            .current
            .iter()
            .flat_map(|record| &record.components)
            .map(|(&name, installed)| {
                let published = installed.manifest.published;
                ComponentStatus {
                    name,
                    version: installed.manifest.version,
                    in_use: None,
                    published,
                    installed: installed.installed,
                    // A clock that is behind makes nothing younger than new.
                    age_days: (now.duration_since(published).as_hours() / 24).max(0),
                    out_of_date: too_old(published),
                    damaged: facts.damaged.contains(&name),
                    pin: facts.decisions.pins.get(&name).cloned(),
                    files: installed.counts.files,
                    rules: installed.counts.rules,
                    hashes: installed.counts.hashes,
                    source: installed.source.clone(),
                    location: installed.location.clone(),
                    last_check,
                    last_error: last_error.clone(),
                }
            })
            .collect();
        Self {
            data_dir: facts.data_dir,
            generation: facts.current.map(|record| record.number),
            engine: booster_engine::ENGINE_VERSION,
            out_of_date: components.is_empty() || components.iter().any(|c| c.out_of_date),
            last_check,
            last_error,
            pause: facts.decisions.paused(now).cloned(),
            channel: facts.channel,
            place: facts.place,
            guard: facts.guard,
            engines: facts.engines,
            service: None,
            components,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_definitions::{
        ArchiveInfo, Counts, Digest, FullPackage, MANIFEST_FORMAT, ReleaseManifest, Requires,
    };
    use booster_store::InstalledComponent;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn record(published: &str) -> GenerationRecord {
        let version = Version([1, 2, 3, 4]);
        let manifest = ReleaseManifest {
            format: MANIFEST_FORMAT,
            component: Component::Antivirus,
            version,
            published: at(published),
            archive: ArchiveInfo { sha256: Digest::of(b""), size: 0, files: 0 },
            full: FullPackage { target: String::new(), size: 0 },
            counts: Counts::default(),
            requires: Requires::default(),
            restart_required: false,
            notes: None,
        };
        let component = InstalledComponent {
            manifest,
            counts: Counts { files: 3, rules: 5934, hashes: 1_000_000 },
            installed: at("2026-03-09T00:00:00Z"),
            source: "http".into(),
            location: "http://a/".into(),
        };
        GenerationRecord {
            number: 12,
            installed: at("2026-03-09T00:00:00Z"),
            components: [(Component::Antivirus, component)].into(),
        }
    }

    fn status(published: &str, checks: &[(&str, SourceCheck)]) -> Status {
        let facts = Facts {
            data_dir: "/data".into(),
            current: Some(record(published)),
            checks: checks.iter().map(|(kind, check)| (kind.to_string(), check.clone())).collect(),
            damaged: Vec::new(),
            decisions: Decisions::default(),
            channel: Channel::Broad,
            place: None,
            guard: Guard::default(),
            engines: Vec::new(),
        };
        Status::of(facts, at("2026-03-10T12:00:00Z"), Interval::days(7))
    }

    #[test]
    fn age_is_counted_from_the_signed_date_of_publication() {
        for (published, age_days, out_of_date) in [
            ("2026-03-10T11:59:00Z", 0, false),
            ("2026-03-09T11:59:00Z", 1, false),
            ("2026-03-03T12:00:00Z", 7, false),
            ("2026-03-03T11:59:59Z", 7, true),
            ("2025-03-10T12:00:00Z", 365, true),
            // The publisher's clock is ahead of ours.
            ("2026-03-11T12:00:00Z", 0, false),
        ] {
            let status = status(published, &[]);
            let component = &status.components[0];
            assert_eq!((component.age_days, component.out_of_date), (age_days, out_of_date), "{published}");
            assert_eq!(status.out_of_date, out_of_date);
        }
    }

    #[test]
    fn nothing_installed_is_out_of_date() {
        let facts = Facts {
            data_dir: "/d".into(),
            current: None,
            checks: BTreeMap::new(),
            damaged: Vec::new(),
            decisions: Decisions::default(),
            channel: Channel::Broad,
            place: None,
            guard: Guard::default(),
            engines: Vec::new(),
        };
        let status = Status::of(facts, Timestamp::UNIX_EPOCH, Interval::days(7));
        assert!(status.out_of_date && status.generation.is_none() && status.last_check.is_none());
    }

    #[test]
    fn the_last_check_is_that_of_the_source_asked_last() {
        let check = |time: &str, error: Option<&str>| SourceCheck {
            last_check: Some(at(time)),
            last_error: error.map(str::to_owned),
            ..SourceCheck::default()
        };
        let checks = [
            ("http", check("2026-03-10T10:00:00Z", Some("no answer"))),
            ("directory", check("2026-03-10T10:00:01Z", None)),
        ];
        let status = status("2026-03-10T00:00:00Z", &checks);
        assert_eq!(status.last_check, Some(at("2026-03-10T10:00:01Z")));
        assert_eq!(status.last_error, None);
    }

    #[test]
    fn the_json_has_every_documented_field() {
        let json = serde_json::to_value(status("2026-03-10T00:00:00Z", &[])).unwrap();
        assert_eq!(json["out_of_date"], false);
        let component = &json["components"][0];
        for field in [
            "name",
            "version",
            "published",
            "installed",
            "age_days",
            "files",
            "rules",
            "hashes",
            "source",
            "last_check",
            "last_error",
            "out_of_date",
        ] {
            assert!(component.get(field).is_some(), "{field}");
        }
        assert_eq!(component["name"], "antivirus");
        assert_eq!(component["version"], "1.2.3.4");
    }
}
