//! The operation from its first event to its report.

use crate::{
    Cause, Clock, EngineStatus, ErrorKind, Outcome, Plan, Policy, Report, SourceTried, UpdateError,
    UpdateRequest, approval,
    budget::Budget,
    context::Context,
    download::{Downloader, tidy},
    engines::{self, engine_status},
    install::install,
    obtain::{Obtainer, ways},
    owner::check_owner,
    plan::plan,
    records::{attempted, history_entry, left_alone, record, source_check, source_key},
    report::{self, changes},
    search::{Answer, Before, Offer, Release, search},
    sequencer::{Observer, Sequencer},
};
use booster_definitions::{Component, Digest};
use booster_engine::{Image, ImageError, Worker};
use booster_sources::{Counters, Ended, EndedBadly, Source};
use booster_store::{Operation, Pause, RolledBack, Store};
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::BTreeMap,
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
};
use tokio_util::sync::CancellationToken;

/// What the data folder's lock is taken for, as others read it.
pub const OPERATION: &str = "update";

/// Runs one update operation: asks the sources in order, and downloads and installs what they offer.
///
/// The observer hears every event, in order, from this task; the same is then summed up in the
/// report. Whatever happens, the installed set is afterwards the old one or the new one, whole, and
/// nothing else has been left in the data folder but downloads that a later operation goes on with.
///
/// It must run on a tokio runtime with time and I/O enabled, and to its end: dropping the future
/// changes nothing that is installed, and leaves debris that the next operation removes.
/// To stop it, cancel the token.
pub async fn run(
    store: &Store,
    worker: &Worker,
    request: UpdateRequest,
    observer: &Observer<'_>,
    cancel: &CancellationToken,
    clock: &dyn Clock,
) -> Report {
    operate(None, store, worker, request, observer, cancel, clock).await
}

/// As [`run`], in a data folder that the caller holds already: for callers that have to know at once whether
/// the operation can begin, or have something to put in order first.
pub async fn run_holding(
    operation: Operation,
    worker: &Worker,
    request: UpdateRequest,
    observer: &Observer<'_>,
    cancel: &CancellationToken,
    clock: &dyn Clock,
) -> Report {
    let store = operation.store().clone();
    operate(Some(operation), &store, worker, request, observer, cancel, clock).await
}

/// All that is told of an operation that is cancelled before anybody began it.
pub fn unbegun(observer: &Observer<'_>, clock: &dyn Clock) -> Report {
    let events = Sequencer::start(observer, clock, false, None);
    let error = events.failure(Cause::Cancelled);
    events.complete(Outcome::Cancelled, Some(&error), &[]);
    Report::unasked(Outcome::Cancelled, Some(error))
}

async fn operate(
    held: Option<Operation>,
    store: &Store,
    worker: &Worker,
    request: UpdateRequest,
    observer: &Observer<'_>,
    cancel: &CancellationToken,
    clock: &dyn Clock,
) -> Report {
    let context = Context { store, worker, request: &request, cancel, clock };
    let only_source = match request.sources.as_slice() {
        [source] => Some(&**source),
        _ => None,
    };
    let mut run = Run {
        events: Sequencer::start(observer, clock, request.progress, only_source),
        tried: Vec::new(),
        installing: None,
        budget: Budget::default(),
        failed: Vec::new(),
        started: clock.monotonic(),
        counted: counters(&request.sources),
        rolled_back: None,
        may_be_stale: true,
        context,
    };
    let (report, operation) = run.operate(held).await;
    let Run { events, .. } = run;
    // Whoever hears the last event may start the next operation at once.
    drop(operation);
    events.complete(report.outcome, report.error.as_ref(), &report.out_of_date);
    report
}

struct Run<'a> {
    context: Context<'a>,
    events: Sequencer<'a>,
    tried: Vec<SourceTried>,
    /// How much may be downloaded today.
    budget: Budget,
    /// The archives that were last tried to install.
    installing: Option<BTreeMap<Component, Digest>>,
    /// What could not be installed, and why: the same from another source would fail again.
    failed: Vec<(BTreeMap<Component, Digest>, UpdateError)>,
    started: std::time::Duration,
    counted: Counters,
    /// What the operation went back from when it began.
    rolled_back: Option<RolledBack>,
    /// Whether a source may be left because its newest release is old.
    may_be_stale: bool,
}

/// What following one source came to.
struct Done {
    plan: Plan,
    outcome: Outcome,
}

impl Run<'_> {
    /// Takes the data folder, walks the sources, and writes down what came of it.
    async fn operate(&mut self, held: Option<Operation>) -> (Report, Option<Operation>) {
        let operation = match self.begin(held) {
            Ok(operation) => operation,
            Err(error) => return (self.report(&Before::default(), Err(error)), None),
        };
        let settled = self.settle(&operation).await;
        let (before, ended) = match settled.and_then(|()| self.before(&operation)) {
            Err(cause) => (Before::default(), Err(self.events.failure(cause))),
            Ok(before) if self.paused(&before).is_some() => {
                (before, Ok(Done { plan: Plan::default(), outcome: Outcome::Paused }))
            }
            Ok(before) => {
                let ended = self.walk(&operation, &before).await;
                (before, ended)
            }
        };
        let report = self.report(&before, ended);
        self.tell_sources(&report).await;
        self.budget.write(&operation);
        record("the downloads", tidy(&operation, &report, &self.context));
        if let Some(entry) = history_entry(&report, self.context.clock.now()) {
            record("the history", operation.record_history(entry));
        }
        self.record_attempt(&operation, &report);
        (report, Some(operation))
    }

    fn begin(&self, held: Option<Operation>) -> Result<Operation, UpdateError> {
        let begun = if self.context.cancel.is_cancelled() {
            Err(Cause::Cancelled)
        } else if self.context.request.sources.is_empty() {
            Err(Cause::NoSource)
        } else {
            let store = self.context.store;
            check_owner(store).and_then(|()| Ok(held.map_or_else(|| store.begin(OPERATION), Ok)?))
        };
        begun.map_err(|cause| self.events.failure(cause))
    }

    /// The administrator's pause, unless nothing is to be changed anyway.
    fn paused<'b>(&self, before: &'b Before) -> Option<&'b Pause> {
        before.decisions.paused(self.context.clock.now()).filter(|_| !self.context.request.check_only)
    }

    /// Notes what was left when the operation began, has a switch approved that an earlier one could not, and
    /// gives other engines what is current.
    async fn settle(&mut self, operation: &Operation) -> Result<(), Cause> {
        self.rolled_back = operation.rolled_back().cloned();
        if !self.context.request.check_only {
            let undone = approval::settle(&self.context, operation).await?;
            let left = engines::reconcile(&self.context, operation).await?;
            self.rolled_back = left.or(undone).or(self.rolled_back.take());
        }
        if let Some(rolled_back) = &self.rolled_back {
            self.events.went_back(rolled_back);
        }
        Ok(())
    }

    fn before(&self, operation: &Operation) -> Result<Before, Cause> {
        let store = self.context.store;
        let generation = store.current()?;
        let foreign = generation.as_ref().is_some_and(|installed| {
            matches!(Image::read(&installed.image_dir()), Err(ImageError::OtherFormat(_)))
        });
        let damaged = if foreign {
            // Another version of Booster built the image, and no scan can use it: everything is installed
            // afresh.
            Component::ALL.to_vec()
        } else {
            // What the record of damage says is worth having, but not worth failing for.
            store.damaged_components().unwrap_or_default()
        };
        let place = self.context.request.options.place.map_or_else(|| operation.place(), Ok)?;
        let mut before = Before::new(generation, &damaged);
        (before.decisions, before.place) = (store.decisions()?, place);
        before.rejected = store.rejected()?;
        Ok(before)
    }

    /// Asks one source after the other until one could be followed to an end.
    async fn walk(&mut self, operation: &Operation, before: &Before) -> Result<Done, UpdateError> {
        // A source that is left because it is stale is better than none: the freshest of these comes again.
        let mut to_come_back: Option<(Timestamp, &Arc<dyn Source>)> = None;
        let all = &self.context.request.sources;
        for turn in 0..=all.len() {
            let Some(source) = all.get(turn).or(to_come_back.map(|(_, source)| source)) else { break };
            self.may_be_stale = all.len() > 1 && turn < all.len();
            let ended = self.visit(operation, source, before).await;
            let error = ended.as_ref().err().cloned();
            self.tried.push(SourceTried { kind: source.kind(), path: source.location(), error });
            let error = match ended {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            self.events.close(&error);
            if let Cause::Stale { published, .. } = error.cause()
                && to_come_back.is_none_or(|(freshest, _)| *published > freshest)
            {
                to_come_back = Some((*published, source));
            }
            if error.cause().is_local() || error.kind() == ErrorKind::Cancelled {
                return Err(error);
            }
            let installing = self.installing.take();
            if let Some(archives) = installing.filter(|_| error.cause().is_about_content()) {
                self.failed.push((archives, error.clone()));
            }
            tracing::warn!(%error, "the source is left");
        }
        // There is a source, and each was left with an error.
        Err(report::gravest(&self.tried).unwrap_or_else(|| self.events.failure(Cause::NoSource)))
    }

    /// Follows one source, unless it wants to be left alone, and remembers how it went.
    async fn visit(
        &mut self,
        operation: &Operation,
        source: &Arc<dyn Source>,
        before: &Before,
    ) -> Result<Done, UpdateError> {
        let location = source.location();
        let key = source_key(source.as_ref());
        // An unreadable record is written anew below.
        let last = self.context.store.checks().ok().and_then(|mut checks| checks.remove(&key));
        let last = last.unwrap_or_default();
        let now = self.context.clock.now();
        self.events.search_start(source.as_ref());
        if let Some(cause) = left_alone(&last, &location, now, self.context.request.patient) {
            return Err(self.events.failure(cause));
        }
        let ended = self.follow(operation, source, before, now).await;
        let ended = ended.map_err(|cause| self.events.failure(cause));
        let back_off = self.context.request.options.back_off;
        // A stale source has answered as it should.
        let failure = ended.as_ref().err().filter(|error| error.kind() != ErrorKind::Stale);
        if let Some(check) = source_check(location, &last, now, failure, back_off, drawn()) {
            record("the check", operation.record_check(&key, check));
        }
        ended
    }

    async fn follow(
        &mut self,
        operation: &Operation,
        source: &Arc<dyn Source>,
        before: &Before,
        now: Timestamp,
    ) -> Result<Done, Cause> {
        let offer = match search(&self.context, source, before, now).await? {
            Answer::Offer(offer) => offer,
            Answer::Unchanged(waiting) => {
                self.check_age(before.published(), now)?;
                self.events.search_complete(std::iter::empty());
                let plan = Plan { waiting, ..Plan::default() };
                return Ok(Done { plan, outcome: Outcome::Current });
            }
        };
        let mut plan = self.plan(&offer, before)?;
        self.check_age(offer.published(), now)?;
        self.events.search_complete(plan.updates());
        if plan.needs_newer_engine() {
            self.events.software_update_available();
        }
        let outcome = outcome(&plan, self.context.request.check_only);
        if plan.updates().next().is_some() && !self.context.request.check_only {
            self.apply(operation, source, *offer, &mut plan, before).await?;
        }
        Ok(Done { plan, outcome })
    }

    /// Leaves a source whose newest release is too old, where there are others to ask.
    fn check_age(&self, published: Option<Timestamp>, now: Timestamp) -> Result<(), Cause> {
        let (Some(limit), Some(published)) = (self.context.request.options.stale_after, published) else {
            return Ok(());
        };
        let too_old =
            now.duration_since(published) > SignedDuration::try_from(limit).unwrap_or(SignedDuration::MAX);
        if self.may_be_stale && too_old { Err(Cause::Stale { published, limit }) } else { Ok(()) }
    }

    /// Tells the sources that were asked how it ended, where they pass that on.
    async fn tell_sources(&self, report: &Report) {
        let Ok(current) = self.context.store.current() else { return };
        let installed = current.iter().flat_map(|current| &current.record().components);
        let ended = Ended {
            time: self.context.clock.now(),
            outcome: report.outcome.as_str(),
            versions: installed
                .map(|(name, it)| (name.to_string(), it.manifest.version.to_string()))
                .collect(),
            failure: report.error.as_ref().map(|error| EndedBadly {
                step: error.step.as_str(),
                kind: error.kind().as_str(),
                message: error.reason(),
            }),
        };
        for source in &self.context.request.sources {
            let location = source.location();
            let was_asked = |tried: &SourceTried| tried.kind == source.kind() && tried.path == location;
            if self.tried.iter().any(was_asked)
                && self.context.unless_cancelled(source.tell(&ended)).await.is_err()
            {
                return;
            }
        }
    }

    /// What is to be done with the offer; an error if it is nothing that could be followed.
    fn plan(&self, offer: &Offer, before: &Before) -> Result<Plan, Cause> {
        let request = self.context.request;
        let policy = Policy {
            engine: request.options.engine,
            components: request.components.clone(),
            may_go_back: offer.may_go_back.clone(),
            rejected: before.rejected.clone(),
        };
        let manifests =
            offer.releases.iter().map(|(component, release)| (*component, release.manifest.clone()));
        let waiting = offer.waiting.clone();
        let mut plan = Plan { waiting, ..plan(&before.releases, &manifests.collect(), &policy) };
        plan.ways = ways(self.context.store, &plan, &offer.releases, before);
        if let Some((component, held)) = plan.refusal() {
            if plan.updates().next().is_none() {
                return Err(Cause::Refused { component, held: held.clone() });
            }
            tracing::warn!(%component, %held, "an offered release is refused");
        }
        if let Some((_, error)) = self.failed.iter().find(|(archives, _)| *archives == archives_of(&plan)) {
            return Err(Cause::SameAgain(error.clone()));
        }
        Ok(plan)
    }

    /// Downloads and installs what is planned.
    async fn apply(
        &mut self,
        operation: &Operation,
        source: &Arc<dyn Source>,
        mut offer: Offer,
        plan: &mut Plan,
        before: &Before,
    ) -> Result<(), Cause> {
        let updates: Vec<&Release> =
            plan.updates().filter_map(|manifest| offer.releases.get(&manifest.component)).collect();
        let staging = operation.stage()?;
        let mut obtainer = Obtainer {
            downloader: Downloader { context: &self.context, operation, budget: &mut self.budget },
            source: source.as_ref(),
            client: &mut offer.client,
            now: offer.now,
            staging: &staging,
            before,
        };
        let obtained = obtainer.all(&updates, &plan.ways, &mut self.events).await?;
        self.installing = Some(archives_of(plan));
        for (release, obtained) in updates.iter().zip(&obtained) {
            let component = release.manifest.component;
            plan.ways.insert(component, obtained.way);
            plan.patch_failed.extend(obtained.patch_failed.clone().map(|reason| (component, reason)));
        }
        let updates: Vec<_> = updates.into_iter().zip(obtained).collect();
        let trusted = offer.client.state();
        let source = source.as_ref();
        install(&self.context, source, trusted, staging, &updates, before, &mut self.events).await?;
        Ok(())
    }

    fn report(&self, before: &Before, ended: Result<Done, UpdateError>) -> Report {
        let (outcome, plan, error) = match ended {
            Ok(done) => (done.outcome, done.plan, None),
            Err(error) if error.kind() == ErrorKind::Cancelled => {
                (Outcome::Cancelled, Plan::default(), Some(error))
            }
            Err(error) => (Outcome::Failed, Plan::default(), Some(error)),
        };
        let now = counters(&self.context.request.sources);
        let elapsed = self.context.clock.monotonic().saturating_sub(self.started);
        let last = self.tried.last();
        let trial = error.as_ref().and_then(|error| match error.cause() {
            Cause::DetectionSpike(spike) => Some(spike.report.clone()),
            _ => None,
        });
        Report {
            outcome,
            source: last.map(|tried| tried.kind),
            path: last.map(|tried| tried.path.clone()),
            components: changes(&before.releases, &plan, &self.context.components().collect::<Vec<_>>()),
            bytes_downloaded: now.bytes.saturating_sub(self.counted.bytes),
            requests: now.requests.saturating_sub(self.counted.requests),
            duration_ms: elapsed.as_millis().try_into().unwrap_or(u64::MAX),
            error,
            sources_tried: self.tried.clone(),
            pause: self.paused(before).filter(|_| outcome == Outcome::Paused).cloned(),
            out_of_date: self.out_of_date(),
            trial,
            engines: self.engines(),
            rolled_back: self.rolled_back.clone(),
            undone: self.events.all_undone().to_vec(),
        }
    }

    /// Looking whether there is something is no attempt to install it.
    fn record_attempt(&self, operation: &Operation, report: &Report) {
        if self.context.request.check_only {
            return;
        }
        let last = self.context.store.attempts().unwrap_or_else(|error| {
            tracing::warn!(%error, "the record of attempts could not be read and starts again");
            None
        });
        if let Some(attempts) = attempted(last.as_ref(), report, self.context.clock.now()) {
            record("the attempt", operation.record_attempts(&attempts));
        }
    }

    /// What is known of other engines; a damaged record says nothing.
    fn engines(&self) -> Vec<EngineStatus> {
        engine_status(self.context.store, &self.context.request.options.engines).unwrap_or_default()
    }

    /// The components that are too old in what is installed now.
    fn out_of_date(&self) -> Vec<Component> {
        let limit = SignedDuration::try_from(self.context.request.options.out_of_date_after);
        let (limit, now) = (limit.unwrap_or(SignedDuration::MAX), self.context.clock.now());
        let Ok(Some(current)) = self.context.store.current() else { return Vec::new() };
        let installed = current.record().components.iter();
        let too_old = installed.filter(|(_, release)| now.duration_since(release.manifest.published) > limit);
        let too_old: Vec<_> = too_old.map(|(component, _)| *component).collect();
        if !too_old.is_empty() {
            tracing::warn!(components = ?too_old, "definitions are out of date");
        }
        too_old
    }
}

/// How an operation ends that follows a plan without a failure.
fn outcome(plan: &Plan, check_only: bool) -> Outcome {
    let updates = plan.updates().next().is_some();
    if updates && check_only {
        Outcome::Available
    } else if plan.updates().any(|manifest| manifest.restart_required) {
        // Comes first: after the restart the next operation says again that a newer engine is needed.
        Outcome::RestartRequired
    } else if plan.needs_newer_engine() {
        Outcome::SoftwareUpdateAvailable
    } else if updates {
        Outcome::Updated
    } else {
        Outcome::Current
    }
}

/// A number that no other machine draws at the same time: the standard library seeds its hashers from the
/// system's random numbers.
fn drawn() -> u64 {
    RandomState::new().hash_one(0)
}

fn archives_of(plan: &Plan) -> BTreeMap<Component, Digest> {
    plan.updates().map(|manifest| (manifest.component, manifest.archive.sha256)).collect()
}

fn counters(sources: &[Arc<dyn Source>]) -> Counters {
    sources.iter().map(|source| source.counters()).fold(Counters::default(), |sum, one| Counters {
        requests: sum.requests + one.requests,
        bytes: sum.bytes + one.bytes,
    })
}

#[cfg(test)]
mod tests;
