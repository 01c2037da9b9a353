//! The trial: what was built is opened once more as scanners open it, and tried on files of this machine.
//!
//! Before the switch a *detection spike* holds a release back; [`try_installed`] finds one in what is in use
//! already, and goes back. Either way the releases that flagged the files are not taken again.

use crate::{Cause, context::Context};
use booster_definitions::{Component, ReleaseManifest};
use booster_engine::{Definitions, FlaggedFile, Sample, TrialReport, TrialRequest, Worker};
use booster_store::{Installed, Operation, RejectedRelease, RolledBack, Staging, Verdict, Why, verify};
use jiff::Timestamp;
use std::{collections::BTreeSet, fmt};
use tokio_util::sync::CancellationToken;

/// What new definitions are tried on, and how much of it they may flag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrialOptions {
    /// The files; none to see only whether the definitions can be opened.
    pub sample: Sample,
    /// The share of the files that may be newly flagged, in parts of a million.
    pub max_share: u32,
}

/// Definitions that flag more of a machine's files than they may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spike {
    /// What came of the trial.
    pub report: TrialReport,
    /// The share that may be flagged, in parts of a million.
    pub max_share: u32,
}

impl fmt::Display for Spike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Files that a sentence names.
        const NAMED: usize = 3;
        let TrialReport { files, newly_flagged, flagged, .. } = &self.report;
        let share = f64::from(self.max_share) / 10_000.0;
        write!(
            f,
            "detection spike: the new definitions flag {newly_flagged} of {files} files of this machine that \
             those before do not, which is more than {share} %: "
        )?;
        for (number, FlaggedFile { path, threats, .. }) in flagged.iter().take(NAMED).enumerate() {
            let threats: Vec<&str> = threats.iter().map(String::as_str).collect();
            let comma = if number > 0 { ", " } else { "" };
            write!(f, "{comma}{} ({})", path.display(), threats.join(", "))?;
        }
        match newly_flagged.saturating_sub(flagged.len().min(NAMED) as u64) {
            0 => Ok(()),
            rest => write!(f, " and {rest} more"),
        }
    }
}

impl Spike {
    fn find(report: &TrialReport, max_share: u32) -> Option<Self> {
        report.exceeds(max_share).then(|| Self { report: report.clone(), max_share })
    }

    /// The components that flagged files.
    fn components(&self) -> Vec<Component> {
        let components: BTreeSet<_> =
            self.report.flagged.iter().flat_map(|flagged| flagged.components.iter().copied()).collect();
        components.into_iter().collect()
    }

    fn verdict(&self, time: Timestamp) -> Verdict {
        Verdict { why: Why::DetectionSpike, reason: self.to_string(), time }
    }
}

/// Tries what was built; releases that make a spike are remembered as rejected.
pub(crate) async fn try_staged(
    context: &Context<'_>,
    staging: &Staging<'_>,
    updates: &[&ReleaseManifest],
    before: Option<&Installed>,
) -> Result<(), Cause> {
    let TrialOptions { sample, max_share } = &context.request.options.trial;
    let request = TrialRequest {
        generation: staging.dir(),
        image: staging.image_dir(),
        before: before.map(definitions),
        sample: sample.clone(),
    };
    let report = context.worker.trial(&request, context.cancel).await?;
    if !sample.is_empty() {
        let TrialReport { files, newly_flagged, failed, cut_short, .. } = &report;
        tracing::info!(files, newly_flagged, failed, cut_short, "the new definitions were tried");
    }
    let Some(spike) = Spike::find(&report, *max_share) else { return Ok(()) };
    let (verdict, guilty) = (spike.verdict(context.clock.now()), spike.components());
    let rejected = |only_guilty: bool| -> Vec<_> {
        let updates = updates.iter().filter(|update| !only_guilty || guilty.contains(&update.component));
        updates.map(|update| RejectedRelease::new(update, &verdict)).collect()
    };
    // Files that a carried component flags only now that a new one is beside it speak against the new one.
    let releases =
        Some(rejected(true)).filter(|guilty| !guilty.is_empty()).unwrap_or_else(|| rejected(false));
    staging.operation().reject(releases)?;
    Err(Cause::DetectionSpike(Box::new(spike)))
}

/// What came of a trial of the definitions in use.
#[derive(Debug)]
pub struct Tried {
    /// What the trial found; nothing where the process that made it died of the definitions.
    pub report: Option<TrialReport>,
    /// What speaks against the definitions, if something does.
    pub against: Option<String>,
    /// What was gone back from for it; nothing where there is no earlier set that is whole.
    pub rolled_back: Option<RolledBack>,
}

/// Tries the definitions in use against the last known good ones, and goes back to these after a spike, or if
/// the process that tries them dies of them.
///
/// # Errors
/// The trial could not be made, for a reason that is not the definitions'.
pub async fn try_installed(
    operation: &Operation,
    worker: &Worker,
    options: &TrialOptions,
    cancel: &CancellationToken,
    now: Timestamp,
) -> Result<Tried, Cause> {
    let store = operation.store();
    let current = store.current()?.ok_or(Cause::NothingInstalled)?;
    let earlier = store.last_known_good()?;
    let Definitions { generation, image } = definitions(&current);
    let before = earlier.as_ref().map(definitions);
    let request = TrialRequest { generation, image, before, sample: options.sample.clone() };
    let (report, verdict, guilty) = match worker.trial(&request, cancel).await {
        Ok(report) => match Spike::find(&report, options.max_share) {
            None => return Ok(Tried { report: Some(report), against: None, rolled_back: None }),
            Some(spike) => (Some(report), spike.verdict(now), Some(spike.components())),
        },
        Err(error) => {
            let cause = Cause::Worker(error);
            if !cause.is_about_content() {
                return Err(cause);
            }
            (None, Verdict { why: Why::Crashed, reason: cause.to_string(), time: now }, None)
        }
    };
    let mut tried = Tried { report, against: Some(verdict.reason.clone()), rolled_back: None };
    // Without an earlier set files may be flagged for good reason: nothing says that it was not always so.
    if let Some(earlier) = earlier
        && verify::verify(&earlier, &mut |_| {})?.is_whole()
    {
        tried.rolled_back = Some(operation.roll_back(&earlier, &verdict, guilty.as_deref())?);
    }
    Ok(tried)
}

fn definitions(installed: &Installed) -> Definitions {
    Definitions { generation: installed.dir().to_owned(), image: installed.image_dir() }
}
