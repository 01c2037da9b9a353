//! The schedule's requests, taken to the desk like everybody's.

use crate::{
    desk::{Asked, By, Desk, Notice, Refused, Request, Told},
    feed::Next,
    schedule::{Because, Scheduler, Updates},
};
use arc_swap::ArcSwap;
use booster_config::Settings;
use booster_update::{Cause, ErrorKind, Outcome, Report, Stage, UpdateError};
use std::sync::Arc;

/// Asks the desk for the schedule.
pub(crate) struct Scheduled {
    pub desk: Arc<Desk>,
    pub settings: Arc<ArcSwap<Settings>>,
}

#[async_trait::async_trait]
impl Updates for Scheduled {
    async fn update(&self, because: Because) -> Arc<Report> {
        tracing::info!(%because, "the schedule asks for an update");
        let asked = Asked { patient: true, ..Asked::default() };
        // Where there is no source, the update says so.
        let sources = asked.meant(&self.settings.load()).unwrap_or_default();
        let taken = match self.desk.ask(Request { asked, sources, by: By::Schedule, privileged: true }) {
            Ok(taken) => taken,
            Err(error) => return not_taken(&error),
        };
        let mut told = taken.update.follow();
        while let Some(next) = told.next().await {
            if let Next::Message(Told::Report(report)) = next {
                return report;
            }
        }
        not_taken(&Refused::Ending)
    }
}

fn not_taken(error: &Refused) -> Arc<Report> {
    let ending = *error == Refused::Ending;
    let (outcome, kind) =
        if ending { (Outcome::Cancelled, ErrorKind::Cancelled) } else { (Outcome::Failed, ErrorKind::Busy) };
    let cause = Cause::Told { kind, detail: None, reason: error.to_string() };
    Arc::new(Report::unasked(outcome, Some(UpdateError::new(Stage::Unknown, None, cause))))
}

/// Has the schedule look again after each update, whoever asked for it.
pub(crate) async fn wake_after_updates(desk: &Desk, scheduler: &Scheduler) {
    let mut notices = desk.watch();
    while let Some(notice) = notices.next().await {
        if matches!(notice, Next::Message(Notice::Report { .. })) {
            scheduler.wake();
        }
    }
}
