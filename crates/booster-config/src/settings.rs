//! The settings, their meaning and their defaults.
//!
//! Every field is a key of the configuration file under the same name, and an environment variable:
//! `BOOSTER_`, the name in capitals, and `__` between a table and its key (`BOOSTER_STORE__KEEP`).

use crate::{
    EngineSettings, FallbackOrder, Fleet, Health, Interval, Probation, Schedule, Secret, Service, Size,
    Trial, Unc, source::SourceSettings,
};
use booster_definitions::{Channel, Component, Place, archive};
use booster_engine::{ScanLimits, WorkerLimits};
use booster_publish::RepositoryOptions;
use booster_sources::TransferRules;
use booster_store::StoreOptions;
use booster_update::DownloadOptions;
use serde::{Deserialize, Serialize};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where installed definitions, trusted metadata and history live.
    pub data_dir: PathBuf,
    /// The publisher's root metadata to trust when nothing is trusted yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<PathBuf>,
    /// The components to keep current.
    #[serde(deserialize_with = "crate::source::list_or_text")]
    pub components: Vec<Component>,
    /// Where to look for definitions, in the order in which they are tried.
    #[serde(deserialize_with = "crate::source::list_or_text")]
    pub sources: Vec<SourceSettings>,
    /// The order by Defender's names, in place of that of `sources`; sources of other kinds are not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_order: Option<FallbackOrder>,
    /// How old definitions may be, and what an expired repository means.
    pub freshness: Freshness,
    /// When this machine takes a release that is rolled out in steps.
    pub rollout: Rollout,
    /// How HTTP sources are reached, unless a source says otherwise.
    pub http: Http,
    /// How file shares are reached, unless a source says otherwise.
    pub unc: Unc,
    /// When a transfer is given up.
    pub transfer: Transfer,
    /// How much a release may hold.
    pub limits: Limits,
    /// What is kept on disk.
    pub store: Store,
    /// What the compiling child process may use.
    pub engine: Engine,
    /// The engines beside the built-in one.
    #[serde(deserialize_with = "crate::engines::list")]
    pub engines: Vec<EngineSettings>,
    /// What new definitions are tried on before they come into use.
    pub trial: Trial,
    /// How new definitions are watched after they came into use.
    pub probation: Probation,
    /// What says whether the machine is well with them.
    pub health: Health,
    /// When the service updates by itself.
    pub schedule: Schedule,
    /// How files are scanned.
    pub scan: Scan,
    /// The antimalware service, and how commands and programs use it.
    pub service: Service,
    /// For publishers: where and how releases are published.
    pub publish: Publish,
    /// For sites: how an update server is run.
    pub fleet: Fleet,
}

/// How old definitions may be, and what an expired repository means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Freshness {
    /// Whether expiry is judged by this machine's clock or by the publisher's signed time.
    pub expiry: Expiry,
    /// With `expiry = "signed-time"`: how old the publisher's signed time may be.
    pub max_age: Interval,
    /// From which age, by the signed date of publication, definitions are called out of date.
    pub out_of_date_after: Interval,
    /// From which age on of its newest release a source is left for the next one; `0s` means never.
    pub source_stale_after: Interval,
}

/// When this machine takes a release that is rolled out in steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rollout {
    /// The machines that this one goes with: `preview`, `staged`, `broad` or `delayed`.
    pub channel: Channel,
    /// Its place, from 0, among the first, to 9999. Unset, it is drawn from the system's identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// What decides whether a repository's metadata has expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expiry {
    /// The machine's clock: for everything that can reach its publisher.
    Enforced,
    /// The time that the publisher signed, which may be at most `max_age` ago: for air-gapped sites.
    SignedTime,
}

/// How HTTP sources are reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// The proxy's URL, or `none`; unset means what the environment says (`HTTPS_PROXY`, `NO_PROXY` ...).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// The user name for the proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_user: Option<String>,
    /// The password for the proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_password: Option<Secret>,
    /// Servers that are reached without the proxy, written as in `NO_PROXY`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_proxy: Option<String>,
    /// The user name for the server itself (basic authentication).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The password for the server itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// A PEM file of certificate authorities to trust, in place of the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<PathBuf>,
    /// A PEM file with this machine's certificate, for servers that ask for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<PathBuf>,
    /// The PEM file with the certificate's private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_key: Option<PathBuf>,
    /// How many redirects are followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_redirects: Option<u32>,
    /// Whether a redirect may lead to another host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_other_hosts: Option<bool>,
    /// What this machine calls itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// When a transfer is given up (by lack of progress, never by its total time), how it is gone on with,
/// and how much is transferred.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Transfer {
    /// How many bytes must arrive in each window.
    pub minimum: Size,
    /// How long a window is.
    pub window: Interval,
    /// How long a connection may take to be made.
    pub connect_timeout: Interval,
    /// How long the first byte of an answer may take.
    pub response_timeout: Interval,
    /// How many bytes are fetched in a second at most, by all transfers of an update together; 0 means no
    /// limit.
    pub max_rate: Size,
    /// How often a transfer that was broken off is gone on with in one update.
    pub retries: u32,
    /// The pause before it is gone on with.
    pub retry_pause: Interval,
    /// For how long the beginning of a download is kept for a later update.
    pub keep_for: Interval,
    /// How many bytes of such beginnings are kept.
    pub keep_size: Size,
    /// How many bytes of releases are downloaded in 24 hours at most; 0 means no limit. The first update in
    /// that time may download what it needs.
    pub daily_budget: Size,
}

/// How much a release may hold: an update that brings more fails before it fills the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Files of a release.
    pub files: u64,
    /// Bytes of a release, unpacked.
    pub release_size: Size,
    /// Bytes of one file.
    pub file_size: Size,
}

/// What is kept on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// How many generations stay on disk, the current and the last known good one among them.
    pub keep: usize,
}

/// What the compiling child process may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Engine {
    /// The program that compiles and tests: `booster`, or `booster-engine-worker`. Unset means that
    /// whoever needs it finds it, the command line in itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<PathBuf>,
    /// Time on the clock.
    pub wall_time: Interval,
    /// Time on the processor.
    pub cpu_time: Interval,
    /// Address space.
    pub memory: Size,
    /// Files open at once.
    pub open_files: u64,
}

/// How files are scanned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scan {
    /// Threads; 0 means one for each processor.
    pub threads: usize,
    /// Larger files are reported as skipped.
    pub max_file_size: Size,
    /// How long the rules may take on one file.
    pub max_file_time: Interval,
}

/// Where and how releases are published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Publish {
    /// The repository: a folder, a share (`\\\\server\\share\\folder`), or an `s3://`, `gs://` or `az://` URL; unset means `repository` in
    /// the working folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The folder with the publisher's keys, unset means `keys` in the working folder;
    /// `BOOSTER_KEY_*` variables are used besides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<PathBuf>,
    /// How many publications stay in the repository for machines that read them just now.
    pub keep: usize,
    /// How hard archives are compressed, 1 to 19; unset means what suits the content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression: Option<i32>,
    /// For how long the root's signatures are good; renewed with the offline keys.
    pub root_lifetime: Interval,
    /// For how long the signature over the list of releases is good.
    pub targets_lifetime: Interval,
    /// For how long the snapshot's signature is good.
    pub snapshot_lifetime: Interval,
    /// For how long a machine believes that nothing is newer; renewed by every publication and refresh.
    pub timestamp_lifetime: Interval,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data_dir: crate::load::default_data_dir(),
            root: None,
            components: Component::ALL.to_vec(),
            sources: Vec::new(),
            fallback_order: None,
            freshness: Freshness::default(),
            rollout: Rollout::default(),
            http: Http::default(),
            unc: Unc::default(),
            transfer: Transfer::default(),
            limits: Limits::default(),
            store: Store::default(),
            engine: Engine::default(),
            engines: Vec::new(),
            trial: Trial::default(),
            probation: Probation::default(),
            health: Health::default(),
            schedule: Schedule::default(),
            scan: Scan::default(),
            service: Service::default(),
            publish: Publish::default(),
            fleet: Fleet::default(),
        }
    }
}

impl Default for Freshness {
    fn default() -> Self {
        Self {
            expiry: Expiry::Enforced,
            max_age: Interval::days(30),
            // The default of the documented API; its policy template has 14.
            out_of_date_after: Interval::days(7),
            source_stale_after: Interval::days(7),
        }
    }
}

impl Default for Rollout {
    fn default() -> Self {
        Self { channel: Channel::Broad, place: None }
    }
}

impl Default for Transfer {
    fn default() -> Self {
        let TransferRules { minimum_bytes, window, connect_timeout, response_timeout, rate } =
            TransferRules::default();
        let DownloadOptions { retries, retry_pause, keep_for, keep_bytes, daily_budget } =
            DownloadOptions::default();
        Self {
            minimum: Size(minimum_bytes),
            window: Interval(window),
            connect_timeout: Interval(connect_timeout),
            response_timeout: Interval(response_timeout),
            max_rate: Size(rate.map_or(0, |rate| rate.bytes_per_second())),
            retries,
            retry_pause: Interval(retry_pause),
            keep_for: Interval(keep_for),
            keep_size: Size(keep_bytes),
            daily_budget: Size(daily_budget.unwrap_or(0)),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let archive::Limits { files, total_bytes, file_bytes } = archive::Limits::default();
        Self { files, release_size: Size(total_bytes), file_size: Size(file_bytes) }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self { keep: StoreOptions::default().keep_generations }
    }
}

impl Default for Engine {
    fn default() -> Self {
        let WorkerLimits { wall_time, cpu_time, memory_bytes, open_files, .. } = WorkerLimits::default();
        Self {
            worker: None,
            wall_time: Interval(wall_time),
            cpu_time: Interval(cpu_time),
            memory: Size(memory_bytes),
            open_files,
        }
    }
}

impl Default for Scan {
    fn default() -> Self {
        let ScanLimits { file_bytes, file_time } = ScanLimits::default();
        Self { threads: 0, max_file_size: Size(file_bytes), max_file_time: Interval(file_time) }
    }
}

impl Default for Publish {
    fn default() -> Self {
        let RepositoryOptions { lifetimes, keep, .. } = RepositoryOptions::default();
        // Lifetimes are never negative.
        let interval = |lifetime: jiff::SignedDuration| Interval(lifetime.unsigned_abs());
        Self {
            repository: None,
            keys: None,
            keep,
            compression: None,
            root_lifetime: interval(lifetimes.root),
            targets_lifetime: interval(lifetimes.targets),
            snapshot_lifetime: interval(lifetimes.snapshot),
            timestamp_lifetime: interval(lifetimes.timestamp),
        }
    }
}

impl Engine {
    /// The program that the settings name, with the arguments that make it the engine's worker.
    pub fn worker_command(&self) -> Option<(PathBuf, Vec<OsString>)> {
        self.worker.clone().map(Self::command_of)
    }

    /// A program with the arguments that make it the engine's worker: the command line needs one, every
    /// other program is a worker by itself.
    pub fn command_of(program: PathBuf) -> (PathBuf, Vec<OsString>) {
        let is_command_line = program.file_stem().is_some_and(|name| name == "booster");
        (program, if is_command_line { vec!["engine-worker".into()] } else { Vec::new() })
    }
}

impl Publish {
    /// The repository.
    pub fn location(&self) -> &str {
        self.repository.as_deref().unwrap_or("repository")
    }

    /// The folder with the keys.
    pub fn key_folder(&self) -> &Path {
        self.keys.as_deref().unwrap_or(Path::new("keys"))
    }
}

impl Http {
    /// These settings, with `base` for what they leave open.
    pub fn or(&self, base: &Self) -> Self {
        let own_proxy = self.proxy.is_some();
        Self {
            proxy: self.proxy.clone().or_else(|| base.proxy.clone()),
            // Credentials belong to their proxy: another proxy does not get them.
            proxy_user: self.proxy_user.clone().or_else(|| base.proxy_user.clone().filter(|_| !own_proxy)),
            proxy_password: self
                .proxy_password
                .clone()
                .or_else(|| base.proxy_password.clone().filter(|_| !own_proxy)),
            no_proxy: self.no_proxy.clone().or_else(|| base.no_proxy.clone().filter(|_| !own_proxy)),
            user: self.user.clone().or_else(|| base.user.clone()),
            password: self.password.clone().or_else(|| base.password.clone()),
            ca_bundle: self.ca_bundle.clone().or_else(|| base.ca_bundle.clone()),
            client_certificate: self.client_certificate.clone().or_else(|| base.client_certificate.clone()),
            client_key: self.client_key.clone().or_else(|| base.client_key.clone()),
            max_redirects: self.max_redirects.or(base.max_redirects),
            allow_other_hosts: self.allow_other_hosts.or(base.allow_other_hosts),
            user_agent: self.user_agent.clone().or_else(|| base.user_agent.clone()),
        }
    }
}
