//! A machine: a data folder, and the environment that programs on it get.

use super::{Site, WORKER};
use booster_definitions::{Component, Version};
use booster_engine::Worker;
use booster_sources::DirectorySource;
use booster_store::{Store, StoreOptions};
use booster_trust::TrustedState;
use booster_update::{Outcome, Report, SystemClock, UpdateRequest};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A machine of its own.
pub struct Machine {
    folder: TempDir,
    variables: BTreeMap<String, OsString>,
}

impl Machine {
    /// A machine on which nothing is installed and nobody is trusted, without a source.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("booster.toml"), "").unwrap();
        let mut machine = Self { folder, variables: BTreeMap::new() };
        machine.set("BOOSTER_CONFIG", machine.path().join("booster.toml"));
        machine.set("BOOSTER_DATA_DIR", machine.data());
        machine.set("BOOSTER_ENGINE__WORKER", WORKER);
        machine
    }

    /// A machine that is configured for a publisher.
    pub fn of(site: &Site) -> Self {
        let mut machine = Self::new();
        machine.set("BOOSTER_ROOT", site.root_file());
        machine.set("BOOSTER_SOURCES", site.repository());
        machine
    }

    /// The machine's folder, for whatever a test needs.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Sets a variable for programs.
    pub fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.variables.insert(name.to_owned(), value.into());
    }

    /// Takes a variable away again.
    pub fn unset(&mut self, name: &str) {
        self.variables.remove(name);
    }

    /// Gives a program this machine's variables, and no others that begin with `BOOSTER_`.
    pub fn environment(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("BOOSTER_") {
                command.env_remove(name);
            }
        }
        command.envs(&self.variables);
    }

    pub fn store(&self) -> Store {
        Store::new(self.data(), StoreOptions::default())
    }

    /// The installed version of a component.
    pub fn version(&self, component: Component) -> Option<Version> {
        Some(self.store().current().unwrap()?.component(component)?.manifest.version)
    }

    /// Installs what a publisher offers, without the library that is under test.
    pub fn install(&self, site: &Site) -> Report {
        let store = self.store();
        if !store.trust_dir().exists() {
            fs::create_dir_all(store.trust_dir()).unwrap();
            TrustedState::open(&store.trust_dir()).unwrap().pin(&site.root).unwrap();
        }
        let worker = Worker::new(WORKER, [] as [&str; 0]);
        let sources: Vec<Arc<dyn booster_sources::Source>> =
            vec![Arc::new(DirectorySource::new(site.repository()))];
        let request = UpdateRequest { sources, ..UpdateRequest::default() };
        let (cancel, clock) = (CancellationToken::new(), SystemClock::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let report =
            runtime.block_on(booster_update::run(&store, &worker, request, &|_| {}, &cancel, &clock));
        assert_eq!(report.outcome, Outcome::Updated, "{:?}", report.error.as_ref().map(ToString::to_string));
        report
    }
}
