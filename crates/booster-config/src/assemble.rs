//! Making the parts of an update from the settings.

use crate::{
    ConfigError, Expiry, Fallback, FallbackOrder, Http, Interval, Secret, Settings, SourceSettings, Unc,
};
use booster_definitions::{Component, archive};
use booster_engine::{ScanLimits, ScanOptions, Worker, WorkerLimits, adapter::Adapter};
use booster_publish::{Lifetimes, PublishError, Repository, RepositoryOptions};
use booster_sources::{
    ClientCertificate, Credentials, DirectorySource, HttpOptions, HttpSource, ProxyChoice, RateLimit,
    Refusals, ShareOptions, Source, SourceKind, TransferRules, UncPath, UncSource, WsusOptions, WsusSource,
};
use booster_store::{Store, StoreOptions};
use booster_trust::{ClientOptions, FreshnessPolicy};
use booster_update::{DownloadOptions, UpdateOptions};
use jiff::SignedDuration;
use std::{
    num::{NonZeroU64, NonZeroUsize},
    path::PathBuf,
    sync::Arc,
};

/// Which of the sources are asked, as a caller says it.
#[derive(Debug, Clone, Default)]
pub struct SourceChoice {
    /// Only sources of this kind.
    pub kind: Option<SourceKind>,
    /// This source, in place of those configured.
    pub from: Option<SourceSettings>,
}

impl Settings {
    /// The chosen sources, in the order in which they are tried. Certificates are read; nothing is
    /// sent yet.
    pub fn sources(&self, choice: &SourceChoice) -> Result<Vec<Arc<dyn Source>>, ConfigError> {
        let refusals = Refusals::default();
        self.chosen(choice)?.into_iter().map(|source| self.source(source, &refusals)).collect()
    }

    /// The settings of the chosen sources, in the order in which they are tried. Nothing is read.
    ///
    /// # Errors
    /// There is none.
    pub fn chosen<'a>(&'a self, choice: &'a SourceChoice) -> Result<Vec<&'a SourceSettings>, ConfigError> {
        let candidates = match (&choice.from, &self.fallback_order, choice.kind) {
            (Some(source), _, _) => vec![source],
            (None, Some(order), None) => self.in_order(order),
            (None, _, _) => self.sources.iter().collect(),
        };
        let wanted = |source: &&SourceSettings| choice.kind.is_none_or(|kind| kind == source.kind);
        let sources: Vec<_> = candidates.into_iter().filter(wanted).collect();
        match (sources.is_empty(), choice.kind) {
            (true, Some(kind)) => Err(ConfigError::NoSourceOfKind { kind }),
            (true, None) => Err(ConfigError::NoSource),
            (false, _) => Ok(sources),
        }
    }

    /// The sources by an order of kinds; those of one kind stay as they are listed.
    fn in_order(&self, order: &FallbackOrder) -> Vec<&SourceSettings> {
        let of = |fallback: &Fallback| {
            let kinds = fallback.kinds();
            self.sources.iter().filter(move |source| kinds.contains(&source.kind))
        };
        order.0.iter().flat_map(of).collect()
    }

    fn source(&self, source: &SourceSettings, refusals: &Refusals) -> Result<Arc<dyn Source>, ConfigError> {
        match (source.kind, &source.path) {
            (SourceKind::Http, _) => {
                let source = HttpSource::new(self.http_options(source)?);
                Ok(Arc::new(source.map_err(|error| ConfigError::Source(Box::new(error)))?))
            }
            (SourceKind::Directory, Some(path)) => {
                // Reports and the history outlive the working folder.
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                Ok(Arc::new(DirectorySource::new(path)))
            }
            (SourceKind::Managed | SourceKind::Unmanaged, _) => {
                let source = WsusSource::new(self.wsus_options(source)?);
                Ok(Arc::new(source.map_err(|error| ConfigError::Source(Box::new(error)))?))
            }
            (SourceKind::Unc, Some(path)) => {
                let unc = crate::source::unc(path)?;
                Ok(Arc::new(UncSource::beside(self.share_options(unc, &source.unc)?, refusals)))
            }
            (kind, _) => Err(ConfigError::Unsupported { kind }),
        }
    }

    pub(crate) fn wsus_options(&self, source: &SourceSettings) -> Result<WsusOptions, ConfigError> {
        let (http, wsus) = (self.http_options(source)?, source.wsus.clone());
        let options = WsusOptions::new(source.kind, http, self.data_dir.join("wsus"));
        Ok(WsusOptions {
            target_group: wsus.target_group,
            products: wsus.products,
            classifications: wsus.classifications,
            ancestors: wsus.ancestors,
            plain_http: wsus.plain_http,
            content_hosts: wsus.content_hosts,
            conversation_time: wsus.conversation_time.0,
            conversation_bytes: wsus.conversation_bytes.0,
            retry_pause: self.transfer.retry_pause.0,
            ..options
        })
    }

    fn http_options(&self, source: &SourceSettings) -> Result<HttpOptions, ConfigError> {
        let http = source.http.or(&self.http);
        let mut options = match (&source.url, &source.metadata_url, &source.targets_url) {
            (_, Some(metadata), Some(targets)) => HttpOptions::separate(metadata.clone(), targets.clone()),
            (Some(url), _, _) => HttpOptions::new(url.clone()),
            _ => return Err(ConfigError::NoSource),
        };
        options.credentials = credentials(&http.user, "user", &http.password, "password")?;
        options.proxy = proxy(&http)?;
        options.client_certificate = client_certificate(&http)?;
        options.ca_bundle = http.ca_bundle;
        options.max_redirects = http.max_redirects.unwrap_or(options.max_redirects);
        options.allow_other_hosts = http.allow_other_hosts.unwrap_or(options.allow_other_hosts);
        options.user_agent = http.user_agent.unwrap_or(options.user_agent);
        options.rules = self.transfer_rules();
        Ok(options)
    }

    /// When a transfer is given up, and how fast it may be: clones share the rate.
    pub fn transfer_rules(&self) -> TransferRules {
        TransferRules {
            minimum_bytes: self.transfer.minimum.0,
            window: self.transfer.window.0,
            connect_timeout: self.transfer.connect_timeout.0,
            response_timeout: self.transfer.response_timeout.0,
            rate: NonZeroU64::new(self.transfer.max_rate.0).map(RateLimit::new),
        }
    }

    /// How downloads are gone on with, and how much they may be.
    pub fn download_options(&self) -> DownloadOptions {
        let transfer = &self.transfer;
        DownloadOptions {
            retries: transfer.retries,
            retry_pause: transfer.retry_pause.0,
            keep_for: transfer.keep_for.0,
            keep_bytes: transfer.keep_size.0,
            daily_budget: Some(transfer.daily_budget.0).filter(|&budget| budget > 0),
        }
    }

    /// What decides whether metadata has expired.
    pub fn freshness_policy(&self) -> FreshnessPolicy {
        match self.freshness.expiry {
            Expiry::Enforced => FreshnessPolicy::Enforced,
            Expiry::SignedTime => FreshnessPolicy::SignedTime {
                // Durations here come from at most 2^64 milliseconds, which always fits.
                max_age: self.freshness.max_age.0.try_into().unwrap_or(SignedDuration::MAX),
            },
        }
    }

    /// The limits that an update keeps.
    pub fn update_options(&self) -> UpdateOptions {
        UpdateOptions {
            trust: ClientOptions { freshness: self.freshness_policy(), ..ClientOptions::default() },
            transfer: self.transfer_rules(),
            download: self.download_options(),
            archive: self.archive_limits(),
            channel: self.rollout.channel,
            place: self.rollout.place,
            out_of_date_after: self.freshness.out_of_date_after.0,
            stale_after: Some(self.freshness.source_stale_after.0).filter(|limit| !limit.is_zero()),
            trial: self.trial.options(),
            engines: self.adapters(),
            health: self.health.command(),
            back_off: self.schedule.back_off(),
            ..UpdateOptions::default()
        }
    }

    /// The engines beside the built-in one.
    pub fn adapters(&self) -> Vec<Adapter> {
        self.engines.iter().map(|engine| engine.adapter().clone()).collect()
    }

    /// The components to update; `None` for all of them, also those that a publisher adds later.
    pub fn wanted_components(&self) -> Option<Vec<Component>> {
        let all = Component::ALL.iter().all(|component| self.components.contains(component));
        (!all).then(|| self.components.clone())
    }

    /// How much a release may hold.
    pub const fn archive_limits(&self) -> archive::Limits {
        archive::Limits {
            files: self.limits.files,
            total_bytes: self.limits.release_size.0,
            file_bytes: self.limits.file_size.0,
        }
    }

    const fn store_options(&self) -> StoreOptions {
        StoreOptions { keep_generations: self.store.keep, probation: self.probation.watched() }
    }

    /// The data folder. Nothing is read or written yet.
    pub fn store(&self) -> Store {
        Store::new(&self.data_dir, self.store_options())
    }

    /// The compiling child process: the program that the settings name, else `program`, with the
    /// arguments that make it one.
    pub fn worker(&self, program: PathBuf, arguments: Vec<std::ffi::OsString>) -> Worker {
        let (program, arguments) = self.engine.worker_command().unwrap_or((program, arguments));
        let limits = WorkerLimits {
            wall_time: self.engine.wall_time.0,
            cpu_time: self.engine.cpu_time.0,
            memory_bytes: self.engine.memory.0,
            open_files: self.engine.open_files,
            ..WorkerLimits::default()
        };
        Worker { program, args: arguments, limits }
    }
}

impl Settings {
    /// The repository to publish into. Nothing is read yet.
    ///
    /// # Errors
    /// The text names no place that can hold a repository.
    pub fn repository(&self) -> Result<Repository, PublishError> {
        let publish = &self.publish;
        let lifetime = |interval: Interval| interval.0.try_into().unwrap_or(SignedDuration::MAX);
        let options = RepositoryOptions {
            lifetimes: Lifetimes {
                root: lifetime(publish.root_lifetime),
                targets: lifetime(publish.targets_lifetime),
                snapshot: lifetime(publish.snapshot_lifetime),
                timestamp: lifetime(publish.timestamp_lifetime),
            },
            keep: publish.keep,
            share: self.share_to_publish_on()?,
            ..RepositoryOptions::default()
        };
        Repository::open(publish.location(), options)
    }

    /// How the share is reached that is published on, where the repository lies on one.
    fn share_to_publish_on(&self) -> Result<Option<ShareOptions>, PublishError> {
        let location = self.publish.location();
        if !UncPath::is_meant_by(location) {
            return Ok(None);
        }
        let refuse = |reason: String| PublishError::Location { location: location.to_owned(), reason };
        let unc = location.parse::<UncPath>().map_err(|error| refuse(error.to_string()))?;
        let options = self.share_options(unc, &Unc::default());
        options.map(Some).map_err(|error| refuse(error.to_string()))
    }

    /// How much one file may cost when it is scanned.
    pub fn scan_limits(&self) -> ScanLimits {
        ScanLimits { file_bytes: self.scan.max_file_size.0, file_time: self.scan.max_file_time.0 }
    }

    /// How many files are scanned at once.
    pub fn scan_options(&self) -> ScanOptions {
        ScanOptions { threads: NonZeroUsize::new(self.scan.threads) }
    }
}

fn credentials(
    user: &Option<String>,
    user_key: &'static str,
    password: &Option<Secret>,
    password_key: &'static str,
) -> Result<Option<Credentials>, ConfigError> {
    match (user, password) {
        (Some(user), Some(password)) => {
            Ok(Some(Credentials { user: user.clone(), password: password.reveal().to_owned() }))
        }
        (Some(_), None) => {
            Err(ConfigError::Incomplete { given: user_key, missing: password_key, table: "http" })
        }
        (None, Some(_)) => {
            Err(ConfigError::Incomplete { given: password_key, missing: user_key, table: "http" })
        }
        (None, None) => Ok(None),
    }
}

fn proxy(http: &Http) -> Result<ProxyChoice, ConfigError> {
    let credentials = credentials(&http.proxy_user, "proxy_user", &http.proxy_password, "proxy_password")?;
    let url = match http.proxy.as_deref() {
        None if credentials.is_some() => {
            return Err(ConfigError::Incomplete { given: "proxy_user", missing: "proxy", table: "http" });
        }
        None => return Ok(ProxyChoice::Environment),
        Some("none") => return Ok(ProxyChoice::Direct),
        Some(text) => text.parse::<url::Url>().ok().filter(|url| matches!(url.scheme(), "http" | "https")),
    };
    // The text may hold a password, so it is not repeated.
    let url = url.ok_or(ConfigError::InvalidProxy)?;
    Ok(ProxyChoice::Url { url, credentials, except: http.no_proxy.clone() })
}

fn client_certificate(http: &Http) -> Result<Option<ClientCertificate>, ConfigError> {
    match (&http.client_certificate, &http.client_key) {
        (Some(certificate), Some(key)) => {
            Ok(Some(ClientCertificate { certificate: certificate.clone(), key: key.clone() }))
        }
        (Some(_), None) => {
            Err(ConfigError::Incomplete { given: "client_certificate", missing: "client_key", table: "http" })
        }
        (None, Some(_)) => {
            Err(ConfigError::Incomplete { given: "client_key", missing: "client_certificate", table: "http" })
        }
        (None, None) => Ok(None),
    }
}
