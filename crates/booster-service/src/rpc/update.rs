//! Starting updates, following them, and going back.

use super::{Rpc, refusal};
use crate::{
    caller::Caller,
    desk::{Asked, By, Request, Taken, Told, is_progress},
    feed::{Next, Reader},
    going_back::NotDone,
    wire::{generated as proto, named},
};
use booster_sources::SourceKind;
use booster_update::{ErrorKind, RollbackError, RollbackRequest};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use proto::update_message::Message;
use std::sync::Arc;
use tonic::Status;

type Messages = BoxStream<'static, Result<proto::UpdateMessage, Status>>;

impl Rpc {
    pub(super) async fn start_update(
        &self,
        request: proto::UpdateRequest,
        caller: Caller,
    ) -> Result<Messages, Status> {
        let progress = request.progress;
        let asked = asked(request)?;
        self.check_options(&asked, &caller).await?;
        let settings = self.overview.settings.load_full();
        // Certificates are read for that; said now, because later nobody may be listening.
        let wanted = asked.clone();
        let sources = tokio::task::spawn_blocking(move || {
            wanted.sources(&settings)?;
            wanted.meant(&settings)
        });
        let sources = sources.await.map_err(|error| Status::internal(error.to_string()))?;
        let sources = sources.map_err(|error| refusal::configuration(&error))?;
        let privileged = self.administrators().include(&caller).await;
        let request = Request { asked, sources, by: By::Caller(caller), privileged };
        let taken = self.overview.desk.ask(request).map_err(|error| {
            tracing::warn!(%caller, %error, "a request for an update is not taken");
            refusal::refused(&error)
        })?;
        tracing::info!(%caller, update = taken.update.number, joined = taken.joined, "an update is asked for");
        Ok(follow(&taken, progress))
    }

    /// What goes beyond "update from what is configured" changes more than definitions are meant to.
    async fn check_options(&self, asked: &Asked, caller: &Caller) -> Result<(), Status> {
        for (wanted, what) in [
            (asked.from.is_some(), "naming another source"),
            (asked.at_once, "taking releases before their turn"),
            (asked.ignore_budget, "passing over the daily budget"),
            (asked.max_rate.is_some(), "naming another rate"),
        ] {
            if wanted {
                self.require_administrator(caller, what).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn roll_back(
        &self,
        request: proto::RollbackRequest,
        caller: Caller,
    ) -> Result<proto::RollbackReply, Status> {
        let unknown = |what: &str, text: &str| refusal::invalid(format!("{text:?} is no {what}"));
        let to =
            request.to_version.as_deref().map(|text| named(text).ok_or_else(|| unknown("version", text)));
        let component =
            request.component.as_deref().map(|text| named(text).ok_or_else(|| unknown("component", text)));
        let wanted = RollbackRequest {
            to: to.transpose()?,
            component: component.transpose()?,
            reason: request.reason,
        };
        let updater = Arc::clone(&self.updater);
        // What is begun is finished, whether or not the caller waits for it.
        let work = async move { updater.roll_back(wanted, By::Caller(caller)).await };
        let work = self.overview.desk.finish(work).map_err(|error| refusal::refused(&error))?;
        let done = work.await.map_err(|error| Status::internal(error.to_string()))?;
        let (generation, rolled_back) = done.map_err(|error| match error {
            NotDone::Rollback(RollbackError::Store(error)) => refusal::store(error),
            NotDone::Rollback(error) => refusal::impossible(ErrorKind::NotFound, error.to_string()),
            NotDone::Died(error) => Status::internal(error.to_string()),
        })?;
        Ok(proto::RollbackReply { generation, rolled_back: Some((&rolled_back).into()) })
    }
}

/// What the request asks for.
fn asked(request: proto::UpdateRequest) -> Result<Asked, Status> {
    let kind =
        |text: &String| text.parse::<SourceKind>().map_err(|error| refusal::invalid(error.to_string()));
    let kinds = request.kinds.iter().map(kind).collect::<Result<_, _>>()?;
    Ok(Asked {
        kinds,
        from: request.other_source,
        check_only: request.check_only,
        at_once: request.at_once,
        ignore_budget: request.ignore_budget,
        max_rate: request.max_rate,
        patient: false,
    })
}

/// What the update tells, from its first event on.
fn follow(taken: &Taken, progress: bool) -> Messages {
    let accepted = proto::Accepted { update: taken.update.number, joined: taken.joined, ahead: taken.ahead };
    let accepted = proto::UpdateMessage { message: Some(Message::Accepted(accepted)) };
    let told = stream::unfold(taken.update.follow(), next);
    let told = told.filter_map(move |told| async move { message(told, progress).map(Ok) });
    stream::iter([Ok(accepted)]).chain(told).boxed()
}

async fn next(mut reader: Reader<Told>) -> Option<(Next<Told>, Reader<Told>)> {
    Some((reader.next().await?, reader))
}

fn message(told: Next<Told>, progress: bool) -> Option<proto::UpdateMessage> {
    let message = match told {
        // An update has far fewer events than are kept.
        Next::Missed(_) => return None,
        Next::Message(Told::Queued(ahead)) => Message::Queued(proto::Queued { ahead }),
        Next::Message(Told::Event(event)) if is_progress(event.kind) && !progress => return None,
        Next::Message(Told::Event(event)) => Message::Event((&*event).into()),
        Next::Message(Told::Report(report)) => Message::Report((&*report).into()),
    };
    Some(proto::UpdateMessage { message: Some(message) })
}
