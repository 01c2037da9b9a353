//! A machine: a data folder, the environment that programs on it get, and the antimalware service where the tests
//! are those with one.

use super::{Service, Site, WORKER};
use booster_definitions::{Component, Version};
use booster_engine::Worker;
use booster_sources::DirectorySource;
use booster_store::{Store, StoreOptions};
use booster_trust::TrustedState;
use booster_update::{Outcome, Report, SystemClock, UpdateRequest};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Who does the work for the programs of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Each its own.
    Embedded,
    /// The machine's service.
    Served,
}

/// A machine of its own.
pub struct Machine {
    // First, so that it ends before its folder goes.
    service: RefCell<Option<Service>>,
    folder: TempDir,
    variables: BTreeMap<String, OsString>,
    /// Whether a service is started for programs that want one.
    has_service: bool,
}

impl Machine {
    /// A machine on which nothing is installed and nobody is trusted, without a source.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("booster.toml"), "").unwrap();
        let mut machine =
            Self { service: RefCell::default(), folder, variables: BTreeMap::new(), has_service: true };
        machine.set("BOOSTER_CONFIG", machine.path().join("booster.toml"));
        machine.set("BOOSTER_DATA_DIR", machine.data());
        machine.set("BOOSTER_ENGINE__WORKER", WORKER);
        let using = match crate::MODE {
            Mode::Embedded => "never",
            Mode::Served => "always",
        };
        machine.set("BOOSTER_SERVICE__USE", using);
        // Its updates are those that programs ask for.
        machine.set("BOOSTER_SCHEDULE__UPDATE_ON_START", "false");
        machine
    }

    /// Takes the machine its service away, whatever programs want.
    pub fn without_service(&mut self) {
        self.has_service = false;
        self.service.take();
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

    /// Gives a program this machine's variables, and no others that begin with `BOOSTER_`; and has the service
    /// ready for it.
    pub fn environment(&self, command: &mut Command) {
        clear(command).envs(&self.variables);
        self.serve();
    }

    /// The service, with the settings as they are, where programs are to use one.
    fn serve(&self) {
        if !self.has_service || self.variables["BOOSTER_SERVICE__USE"] == "never" {
            return;
        }
        self.wait_until_idle();
        let mut service = self.service.borrow_mut();
        if service.as_ref().is_none_or(|service| service.variables != self.variables) {
            // The one before ends first.
            *service = None;
            *service = Service::start(&self.variables, &self.data());
        }
        if let (Some(service), Ok(current)) = (service.as_mut(), self.store().current()) {
            service.wait_until_it_uses(current.map(|current| current.record().number));
        }
    }

    /// The running service, to do something to it.
    pub fn take_service(&self) -> Service {
        self.serve();
        self.service.take().unwrap()
    }

    /// The same while something goes on in it.
    pub fn take_service_as_it_is(&self) -> Service {
        self.service.take().unwrap()
    }

    /// Where the service listens.
    pub fn socket(&self) -> PathBuf {
        self.data().join("service.sock")
    }

    /// Waits until updates that programs have let go of are over.
    pub fn wait_until_idle(&self) {
        if let Some(service) = &*self.service.borrow() {
            service.wait_until_idle();
        }
    }

    pub fn store(&self) -> Store {
        Store::new(self.data(), StoreOptions::default())
    }

    /// The installed version of a component.
    pub fn version(&self, component: Component) -> Option<Version> {
        self.wait_until_idle();
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

/// Takes variables that are ours from a program.
pub fn clear(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("BOOSTER_") {
            command.env_remove(name);
        }
    }
    command
}
