//! What is installed, as a value for programs and as lines for people.

use crate::{
    output::Style,
    render::guard::{self, Guard},
    text,
};
use booster_config::Interval;
use booster_definitions::{Channel, Component, Place, Version};
use booster_store::{Decisions, GenerationRecord, Pause, Pin, SourceCheck};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What is known of a machine's definitions.
#[derive(Debug, Clone, Serialize)]
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
    /// What is installed.
    pub components: Vec<ComponentStatus>,
}

/// What is known of one component.
#[derive(Debug, Clone, Serialize)]
pub struct ComponentStatus {
    /// The component.
    pub name: Component,
    /// The version in use.
    pub version: Version,
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
}

impl Status {
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
            components,
        }
    }
}

/// The status in words.
pub fn lines(status: &Status, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    if status.components.is_empty() {
        lines.push(style.bad("No definitions are installed."));
    } else {
        lines.extend(table(status, style));
    }
    lines.push(String::new());
    lines.push(format!("Data folder  {}", status.data_dir.display()));
    let place = status
        .place
        .map_or(String::new(), |place| format!(", place {} of 10,000", text::count(place.number().into())));
    lines.push(format!("Roll-out     channel {}{place}", status.channel));
    if let Some(pause) = &status.pause {
        lines.push(style.attention(&format!("Paused      {}", text::pause(pause))));
    }
    for component in &status.components {
        if let Some(pin) = &component.pin {
            lines.push(style.attention(&format!("Pin          {}: {}", component.name, text::pin(pin))));
        }
    }
    lines.push(format!("Last check   {}", status.last_check.map_or("never".to_owned(), text::time)));
    if let Some(error) = &status.last_error {
        lines.push(format!("Last error   {}", style.bad(error)));
    }
    lines.extend(guard::status(&status.guard, style));
    if status.components.iter().any(|c| c.damaged) {
        lines.push(style.bad("The installed set is damaged: `booster update` installs it afresh."));
    } else if status.out_of_date {
        lines.push(style.attention("Out of date: run `booster update`."));
    }
    lines
}

fn table(status: &Status, style: Style) -> Vec<String> {
    let heading = ["component", "version", "published", "age", "files", "rules", "hashes", "source", ""];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for c in &status.components {
        let remark = match (c.damaged, c.out_of_date) {
            (true, _) => "damaged",
            (false, true) => "out of date",
            (false, false) => "",
        };
        rows.push(vec![
            c.name.to_string(),
            c.version.to_string(),
            c.published.strftime("%Y-%m-%d %H:%M").to_string(),
            text::age(c.age_days),
            text::count(c.files),
            text::count(c.rules),
            text::count(c.hashes),
            c.source.clone(),
            remark.to_owned(),
        ]);
    }
    let mut lines = text::table(&rows, &[3, 4, 5, 6]);
    lines[0] = style.strong(&lines[0]);
    lines
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
        };
        let status = Status::of(facts, Timestamp::UNIX_EPOCH, Interval::days(7));
        assert!(status.out_of_date && status.generation.is_none() && status.last_check.is_none());
        assert!(lines(&status, Style::default())[0].contains("No definitions"));
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

    #[test]
    fn the_table_lines_up() {
        let lines = lines(&status("2025-03-10T12:00:00Z", &[]), Style::default());
        assert_eq!(
            lines[0],
            "component  version  published              age  files  rules     hashes  source"
        );
        assert_eq!(
            lines[1],
            "antivirus  1.2.3.4  2025-03-10 12:00  365 days      3  5,934  1,000,000  http    out of date"
        );
    }
}
