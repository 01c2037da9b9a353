//! The approval of a switch: other engines use the new definitions, and the machine is well with them.
//!
//! The switch is made to be approved: until the last of those who are asked has said yes, everything that was in
//! use before is kept, and whatever happens to this process, the next operation finds the question open and asks
//! again. A no undoes the switch, and gives every engine what was before.

use crate::{
    Cause, EngineError, GoOver, context::Context, engines::Engines, health, loaded, sequencer::Sequencer,
};
use booster_definitions::Component;
use booster_store::{Change, HistoryEntry, Installed, Operation, RolledBack, Verdict, Why};

/// A no, or no answer.
struct Refusal {
    cause: Cause,
    /// What speaks against the definitions, if they are what it is about.
    verdict: Option<Verdict>,
    /// The components that it is about; nothing for all.
    only: Option<Vec<Component>>,
}

impl Refusal {
    /// One that says nothing about the definitions.
    const fn silent(cause: Cause) -> Self {
        Self { cause, verdict: None, only: None }
    }
}

/// Whether anybody is to be asked about a switch.
pub(crate) fn is_wanted(context: &Context<'_>) -> bool {
    let options = &context.request.options;
    options.health.is_some() || options.loaded.is_some() || !options.engines.is_empty()
}

/// Has the switch that was just made approved, or undoes it and notes that for the report.
pub(crate) async fn approve(
    context: &Context<'_>,
    operation: &Operation,
    installed: &Installed,
    events: &mut Sequencer<'_>,
) -> Result<(), Cause> {
    match ask(context, operation, installed).await {
        Ok(go_over) => {
            operation.approve()?;
            go_over();
            Ok(())
        }
        Err(refusal) => {
            let changes = operation.undo(refusal.verdict.as_ref(), refusal.only.as_deref())?;
            events.undone(undone(context, &refusal, changes));
            bring_back(context, operation).await;
            Err(refusal.cause)
        }
    }
}

/// What is told of a switch that was undone. Nobody has to have spoken against the definitions.
fn undone(context: &Context<'_>, refusal: &Refusal, changes: Vec<Change>) -> RolledBack {
    match refusal.verdict.clone() {
        Some(Verdict { why, reason, time }) => RolledBack { time, why, reason, changes },
        None => {
            let (time, reason) = (context.clock.now(), refusal.cause.to_string());
            RolledBack { time, why: Why::NotApproved, reason, changes }
        }
    }
}

/// Asks again about a switch that nobody has approved yet, and says what was undone then.
pub(crate) async fn settle(
    context: &Context<'_>,
    operation: &Operation,
) -> Result<Option<RolledBack>, Cause> {
    if !operation.store().awaits_approval()? {
        return Ok(None);
    }
    let Some(current) = operation.store().current()?.filter(|_| is_wanted(context)) else {
        operation.approve()?;
        return Ok(None);
    };
    tracing::info!("the last switch was not approved before its operation ended: it is asked for again");
    let Refusal { cause, verdict, only } = match ask(context, operation, &current).await {
        Ok(go_over) => {
            operation.approve()?;
            go_over();
            return Ok(None);
        }
        Err(refusal) => refusal,
    };
    if matches!(cause, Cause::Cancelled) {
        return Err(cause);
    }
    let changes = operation.undo(verdict.as_ref(), only.as_deref())?;
    bring_back(context, operation).await;
    let Some(verdict) = verdict else { return Err(cause) };
    let Verdict { why, reason, time } = verdict;
    let entry = HistoryEntry {
        time,
        outcome: "rolled_back".to_owned(),
        source: None,
        changes: changes.clone(),
        bytes_downloaded: 0,
        duration_ms: 0,
        error: None,
        reason: Some(reason.clone()),
    };
    crate::records::record("the history", operation.record_history(entry));
    Ok(Some(RolledBack { time, why, reason, changes }))
}

/// Asks the engines first: the health command sees the machine as it is to stay. What is returned has the engine
/// of this process go over.
async fn ask(context: &Context<'_>, operation: &Operation, installed: &Installed) -> Result<GoOver, Refusal> {
    let go_over = match &context.request.options.loaded {
        Some(engine) => {
            loaded::open(engine, installed).await.map_err(|cause| refusal(context, cause, None))?
        }
        None => Box::new(|| {}),
    };
    let engines = Engines::of(context, operation);
    if let Err(cause) = engines.activate(Some(installed), context.cancel).await {
        let only = match &cause {
            Cause::Engine(error) => Some(engines.components_of(error)),
            _ => None,
        };
        return Err(refusal(context, cause, only));
    }
    let Some(command) = &context.request.options.health else { return Ok(go_over) };
    match context.unless_cancelled(health::ask(command, context, installed)).await {
        Ok(Ok(())) => Ok(go_over),
        Ok(Err(error)) => {
            let reason = format!("the health command {error}");
            let verdict = Verdict { why: Why::Unhealthy, reason, time: context.clock.now() };
            let verdict = error.is_about_content().then_some(verdict);
            Err(Refusal { cause: Cause::Unhealthy(error), verdict, only: None })
        }
        Err(cancelled) => Err(Refusal::silent(cancelled)),
    }
}

/// What follows from an engine's no, or its silence.
fn refusal(context: &Context<'_>, cause: Cause, only: Option<Vec<Component>>) -> Refusal {
    match cause {
        Cause::Engine(error) if error.is_about_content() => {
            let verdict = Some(verdict_of(context, &error));
            Refusal { cause: Cause::Engine(error), verdict, only }
        }
        cause => Refusal::silent(cause),
    }
}

/// Gives every engine what is current now. A caller who has cancelled does not wait for their answers.
async fn bring_back(context: &Context<'_>, operation: &Operation) {
    Engines::of(context, operation).bring_back(!context.cancel.is_cancelled()).await;
}

pub(crate) fn verdict_of(context: &Context<'_>, error: &EngineError) -> Verdict {
    Verdict { why: Why::EngineRejected, reason: error.to_string(), time: context.clock.now() }
}
