//! What the store's records say, for the schedule: a record that cannot be read is passed over with a warning.

use super::SourceFacts;
use booster_config::{Settings, SourceChoice};
use booster_sources::SourceKind;
use booster_store::{Attempts, Pause, SourceCheck, Store, StoreError};
use booster_update::{left_alone_until, source_key};
use jiff::Timestamp;
use std::{collections::BTreeMap, net::IpAddr};

/// A warning that is given once, and again when something else is wrong.
#[derive(Debug, Default)]
pub(super) struct Warning(Option<String>);

impl Warning {
    pub(super) fn about(&mut self, problem: Option<String>) {
        if let Some(problem) = problem.as_ref().filter(|problem| self.0.as_ref() != Some(*problem)) {
            tracing::warn!("{problem}");
        }
        self.0 = problem;
    }
}

/// The sources of the settings, as the record of checks knows them.
#[derive(Debug, Clone, Default)]
pub(super) struct Sources(Vec<(String, bool)>);

impl Sources {
    /// Where a source cannot be set up the update says so; the schedule then knows of no pauses.
    pub(super) fn of(settings: &Settings) -> Self {
        let remote = settings.sources.iter().map(is_remote);
        match settings.sources(&SourceChoice::default()) {
            Ok(sources) => {
                Self(sources.iter().map(|source| source_key(source.as_ref())).zip(remote).collect())
            }
            Err(_) => Self(remote.map(|remote| (String::new(), remote)).collect()),
        }
    }

    pub(super) fn facts(&self, checks: &BTreeMap<String, SourceCheck>, now: Timestamp) -> Vec<SourceFacts> {
        let facts = |(key, remote): &(String, bool)| SourceFacts {
            remote: *remote,
            left_alone_until: checks.get(key).and_then(|check| left_alone_until(check, now)),
        };
        self.0.iter().map(facts).collect()
    }
}

fn is_remote(source: &booster_config::SourceSettings) -> bool {
    let urls = [&source.url, &source.metadata_url, &source.targets_url];
    let hosts = urls.into_iter().flatten().filter_map(|url| url.host_str());
    let local = |host: &str| {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        address.map_or(host == "localhost", |address| address.is_loopback())
    };
    source.kind != SourceKind::Directory && !hosts.into_iter().any(local)
}

/// What stands in the data folder.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) attempts: Option<Attempts>,
    pub(super) checks: BTreeMap<String, SourceCheck>,
    pub(super) paused: Option<Pause>,
    pub(super) installed: Option<Timestamp>,
    pub(super) first_installed: Option<Timestamp>,
}

impl Records {
    /// Reads them all, and says what could not be read.
    pub(super) fn read(store: &Store, now: Timestamp) -> (Self, Option<String>) {
        let mut problems = Vec::new();
        let current = kept(store.current(), &mut problems).flatten();
        let installed = current.as_ref().map(|current| current.record().installed);
        let first = current.filter(|current| current.record().number == 1);
        let records = Self {
            attempts: kept(store.attempts(), &mut problems).flatten(),
            checks: kept(store.checks(), &mut problems).unwrap_or_default(),
            // An update that is not allowed to read this one fails, and says so.
            paused: kept(store.decisions(), &mut problems)
                .and_then(|decisions| decisions.paused(now).cloned()),
            installed,
            first_installed: first.map(|first| first.record().installed),
        };
        let problem = (!problems.is_empty())
            .then(|| format!("the schedule goes on without a record: {}", problems.join("; ")));
        (records, problem)
    }
}

fn kept<T>(read: Result<T, StoreError>, problems: &mut Vec<String>) -> Option<T> {
    read.map_err(|error| problems.push(error.to_string())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_on_this_machine_is_not_remote() {
        for (source, remote) in [
            ("https://definitions.example/", true),
            ("http://192.0.2.1:8080/", true),
            ("http://127.0.0.1:8080/", false),
            ("http://[::1]:8080/", false),
            ("http://localhost/", false),
            ("/media/usb", false),
        ] {
            assert_eq!(is_remote(&source.parse().unwrap()), remote, "{source}");
        }
    }

    #[test]
    fn damaged_records_are_passed_over_and_named() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path(), booster_store::StoreOptions::default());
        let (records, problem) = Records::read(&store, Timestamp::UNIX_EPOCH);
        assert!(records.attempts.is_none() && problem.is_none());
        for file in ["attempts.json", "checks.json"] {
            std::fs::write(dir.path().join(file), "{").unwrap();
        }
        let (records, problem) = Records::read(&store, Timestamp::UNIX_EPOCH);
        assert!(records.attempts.is_none() && records.checks.is_empty());
        let problem = problem.unwrap();
        assert!(problem.contains("attempts.json") && problem.contains("checks.json"), "{problem}");
    }
}
