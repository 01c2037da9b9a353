//! Other engines: what they are shown before a switch, given after it, and brought back to.
//!
//! An engine that rejects definitions keeps them out of use everywhere: before the switch its own test is asked,
//! after it the engine itself, and a no undoes the switch for all. One that cannot be asked says nothing about
//! the definitions: unless it is required, it gets its files, and the report and the status say that it has not
//! confirmed them. Every operation begins by giving each engine what is current, where it has something else:
//! after a rollback, after a crash, or when the engine was away.

use crate::{Cause, Clock, approval::verdict_of, context::Context};
use booster_definitions::{Component, Digest, ReleaseManifest};
use booster_engine::adapter::{Adapter, Fault, Reading};
use booster_store::{
    EngineRecord, EngineSet, Installed, Operation, RejectedRelease, RolledBack, Staging, Store, StoreError,
    verify,
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;

/// Another engine's no, or its silence.
#[derive(Debug, thiserror::Error)]
#[error("engine {engine}: {fault}")]
pub struct EngineError {
    /// The engine's name.
    pub engine: String,
    /// What is wrong.
    #[source]
    pub fault: Fault,
    /// Whether the engine has used definitions before that it was given in this way.
    pub proven: bool,
}

impl EngineError {
    /// Whether it speaks against the definitions. The silence of an engine that has never used any may as well
    /// mean that it reads another folder.
    pub const fn is_about_content(&self) -> bool {
        self.fault.is_about_content() && (self.proven || !self.fault.is_silence())
    }
}

/// What is known of another engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineStatus {
    /// Its name.
    pub name: String,
    /// What it is: `clamd`, `suricata` or `command`.
    pub kind: String,
    /// What it was given last.
    pub placed: Option<EngineSet>,
    /// What it last showed to use.
    pub confirmed: Option<EngineSet>,
    /// Why that is not what it was given, if it is not.
    pub problem: Option<String>,
}

/// What is known of other engines.
///
/// # Errors
/// The record is damaged or cannot be read.
pub fn engine_status(store: &Store, adapters: &[Adapter]) -> Result<Vec<EngineStatus>, StoreError> {
    let mut records = store.engines()?;
    let status = |adapter: &Adapter| {
        let (name, kind) = (adapter.name.clone(), adapter.engine.kind().to_owned());
        match records.remove(&name) {
            Some(EngineRecord { placed, confirmed, problem }) => {
                EngineStatus { name, kind, placed: Some(placed), confirmed, problem }
            }
            None => EngineStatus { name, kind, placed: None, confirmed: None, problem: None },
        }
    };
    Ok(adapters.iter().map(status).collect())
}

/// Gives other engines what is current, for whoever has changed that without an update, and says which of them do
/// not use it.
///
/// # Errors
/// The data folder cannot be read or written, or the caller has cancelled: the next update goes on.
pub async fn bring_engines(
    operation: &Operation,
    adapters: &[Adapter],
    clock: &dyn Clock,
    cancel: &CancellationToken,
) -> Result<Vec<EngineError>, Cause> {
    Engines { adapters, operation, clock }.bring_all(cancel).await
}

/// Shows built definitions to the engines' own tests; releases that one rejects are remembered.
pub(crate) async fn check(
    context: &Context<'_>,
    staging: &Staging<'_>,
    updates: &[&ReleaseManifest],
) -> Result<(), Cause> {
    for adapter in &context.request.options.engines {
        let releases: Vec<_> =
            updates.iter().filter(|update| adapter.components.contains(&update.component)).collect();
        if releases.is_empty() {
            continue;
        }
        let place = Place::new(context.store, Some(staging.dir()), None)?;
        let scratch = staging.scratch();
        let checked = context.unless_cancelled(check_one(adapter, &place, &scratch));
        let Err(fault) = checked.await? else { continue };
        // What a test says, it says of these files: nothing has to be known of the engine.
        let error = EngineError { engine: adapter.name.clone(), fault, proven: true };
        if error.is_about_content() {
            let verdict = verdict_of(context, &error);
            let rejected = releases.iter().map(|release| RejectedRelease::new(release, &verdict)).collect();
            staging.operation().reject(rejected)?;
        } else if !adapter.required {
            tracing::warn!(%error, "definitions are installed without this engine's test");
            continue;
        }
        return Err(Cause::Engine(error));
    }
    Ok(())
}

async fn check_one(adapter: &Adapter, place: &Place, scratch: &std::path::Path) -> Result<(), Fault> {
    if adapter.required {
        adapter.reach().await?;
    }
    adapter.check(&place.reading(), scratch).await
}

/// Gives the engines what is current at the beginning of an operation, and goes back from it if one of them
/// rejects it now.
pub(crate) async fn reconcile(
    context: &Context<'_>,
    operation: &Operation,
) -> Result<Option<RolledBack>, Cause> {
    let engines = Engines::of(context, operation);
    let errors = engines.bring_all(context.cancel).await?;
    for error in &errors {
        tracing::warn!(%error, "an engine does not use the definitions that are current");
    }
    let Some(error) = errors.iter().find(|error| error.is_about_content()) else { return Ok(None) };
    let Some(earlier) = operation.store().last_known_good()? else { return Ok(None) };
    if !verify::verify(&earlier, &mut |_| {})?.is_whole() {
        return Ok(None);
    }
    let only = engines.components_of(error);
    let rolled_back = operation.roll_back(&earlier, &verdict_of(context, error), Some(&only))?;
    engines.bring_back(!context.cancel.is_cancelled()).await;
    Ok(Some(rolled_back))
}

/// The engines of an operation.
#[derive(Clone, Copy)]
pub(crate) struct Engines<'a> {
    adapters: &'a [Adapter],
    operation: &'a Operation,
    clock: &'a dyn Clock,
}

impl<'a> Engines<'a> {
    pub(crate) fn of(context: &Context<'a>, operation: &'a Operation) -> Self {
        Self { adapters: &context.request.options.engines, operation, clock: context.clock }
    }

    /// Has every engine use a set, or says who does not; one that cannot be asked only if it must be.
    pub(crate) async fn activate(
        &self,
        installed: Option<&Installed>,
        cancel: &CancellationToken,
    ) -> Result<(), Cause> {
        for adapter in self.adapters {
            match self.bring(adapter, installed, Wait::Unless(cancel)).await {
                Err(Cause::Engine(error)) if !error.is_about_content() && !adapter.required => {
                    tracing::warn!(%error, "an engine has not confirmed the new definitions");
                }
                done => done?,
            }
        }
        Ok(())
    }

    /// Has every engine use what is current, as far as each can be had.
    pub(crate) async fn bring_back(&self, wait: bool) {
        let wait = if wait { Wait::ToTheEnd } else { Wait::No };
        let current = self.operation.store().current();
        for adapter in self.adapters {
            let brought = match &current {
                Ok(current) => self.bring(adapter, current.as_ref(), wait).await,
                // Whoever undid the switch could read it a moment ago.
                Err(_) => Ok(()),
            };
            if let Err(error) = brought {
                tracing::warn!(engine = adapter.name, %error, "an engine has not confirmed the definitions before");
            }
        }
    }

    /// The components that an engine's error is about.
    pub(crate) fn components_of(&self, error: &EngineError) -> Vec<Component> {
        let named = self.adapters.iter().filter(|adapter| adapter.name == error.engine);
        named.flat_map(|adapter| adapter.components.iter().copied()).collect()
    }

    async fn bring_all(&self, cancel: &CancellationToken) -> Result<Vec<EngineError>, Cause> {
        let current = self.operation.store().current()?;
        let mut errors = Vec::new();
        for adapter in self.adapters {
            match self.bring(adapter, current.as_ref(), Wait::Unless(cancel)).await {
                Err(Cause::Engine(error)) => errors.push(error),
                done => done?,
            }
        }
        Ok(errors)
    }

    /// Has an engine use a set, unless it does so already.
    async fn bring(
        &self,
        adapter: &Adapter,
        installed: Option<&Installed>,
        wait: Wait<'_>,
    ) -> Result<(), Cause> {
        let store = self.operation.store();
        let place = Place::new(
            store,
            installed.map(|installed| installed.dir().to_owned()),
            installed.map(|installed| installed.record().number),
        )?;
        let placed = self.set(adapter, installed);
        // An unreadable record is written anew below.
        let known = store.engines().ok().and_then(|mut records| records.remove(&adapter.name));
        if known.is_none() && installed.is_none() {
            return Ok(());
        }
        if known.as_ref().is_some_and(|known| known.uses(&placed))
            && adapter.has_files(&place.reading()).unwrap_or(false)
        {
            return Ok(());
        }
        let confirmed = known.and_then(|known| known.confirmed);
        let proves = |confirmed: &EngineSet| confirmed.way == placed.way && !confirmed.releases.is_empty();
        let proven = confirmed.as_ref().is_some_and(proves);
        let waiting = Some("it has still to confirm them".to_owned());
        let mut record = EngineRecord { placed, confirmed, problem: waiting };
        self.operation.record_engine(&adapter.name, record.clone())?;
        let result = match self.use_it(adapter, &place, wait).await {
            Ok(true) => {
                record.confirmed = Some(self.set(adapter, installed));
                record.problem = None;
                Ok(())
            }
            Ok(false) => return if matches!(wait, Wait::No) { Ok(()) } else { Err(Cause::Cancelled) },
            Err(fault) => {
                let error = EngineError { engine: adapter.name.clone(), fault, proven };
                record.problem = Some(error.fault.to_string());
                Err(Cause::Engine(error))
            }
        };
        self.operation.record_engine(&adapter.name, record)?;
        result
    }

    /// Places a set and has it loaded; whether that was waited for.
    async fn use_it(&self, adapter: &Adapter, place: &Place, wait: Wait<'_>) -> Result<bool, Fault> {
        let reading = place.reading();
        // Before its files change, so that one that is not there is told from one that goes away.
        let reached = async { if matches!(wait, Wait::No) { Ok(()) } else { adapter.reach().await } };
        let Some(reached) = wait.unless_cancelled(reached).await else { return Ok(false) };
        let placed = adapter.place(&reading).await?;
        reached?;
        if matches!(wait, Wait::No) {
            adapter.nudge().await;
            return Ok(false);
        }
        wait.unless_cancelled(adapter.activate(&placed, &reading))
            .await
            .transpose()
            .map(|done| done.is_some())
    }

    /// A set as an engine gets it now.
    fn set(&self, adapter: &Adapter, installed: Option<&Installed>) -> EngineSet {
        let way = Digest::of(format!("{:?} {:?}", adapter.engine, adapter.endings).as_bytes());
        let components = adapter.components.iter();
        let releases = components.filter_map(|&component| Some(&installed?.component(component)?.manifest));
        let mut content = way.to_string();
        let mut versions = std::collections::BTreeMap::new();
        for manifest in releases {
            content.push_str(&format!(" {} {}", manifest.component, manifest.archive.sha256));
            versions.insert(manifest.component, manifest.version);
        }
        EngineSet {
            generation: installed.map(|installed| installed.record().number),
            releases: versions,
            digest: Digest::of(content.as_bytes()),
            way,
            time: self.clock.now(),
        }
    }
}

/// Whether an engine's answer is waited for.
#[derive(Clone, Copy)]
enum Wait<'a> {
    /// As long as it may take.
    ToTheEnd,
    /// So long, unless the operation is cancelled.
    Unless(&'a CancellationToken),
    /// Not at all.
    No,
}

impl Wait<'_> {
    async fn unless_cancelled<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        match self {
            Self::ToTheEnd | Self::No => Some(work.await),
            Self::Unless(cancel) => cancel.run_until_cancelled(work).await,
        }
    }
}

/// Where a set is, by paths that hold in every working folder.
struct Place {
    data_dir: PathBuf,
    definitions: Option<PathBuf>,
    generation: Option<u64>,
}

impl Place {
    fn new(store: &Store, definitions: Option<PathBuf>, generation: Option<u64>) -> Result<Self, Cause> {
        let absolute = |path: PathBuf| {
            std::path::absolute(&path).map_err(Cause::io(format!("looking for {}", path.display())))
        };
        let data_dir = absolute(store.data_dir().to_owned())?;
        Ok(Self { data_dir, definitions: definitions.map(absolute).transpose()?, generation })
    }

    fn reading(&self) -> Reading<'_> {
        Reading {
            data_dir: &self.data_dir,
            definitions: self.definitions.as_deref(),
            generation: self.generation,
        }
    }
}
