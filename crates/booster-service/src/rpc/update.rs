//! Starting updates, following them, and going back.

use super::{Rpc, refusal};
use crate::{
    caller::Caller,
    desk::{Asked, By, Notice, Taken, Told, is_progress},
    feed::{Next, Reader},
    wire::{generated as proto, named},
};
use booster_sources::SourceKind;
use booster_update::{ErrorKind, RollbackError, RollbackRequest, SystemClock, bring_engines};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use proto::update_message::Message;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
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
        self.check_options(&asked, &caller)?;
        let settings = self.overview.settings.load_full();
        // Certificates are read for that; said now, because later nobody may be listening.
        let (its, wanted) = (Arc::clone(&settings), asked.clone());
        let sources = tokio::task::spawn_blocking(move || wanted.sources(&its).map(drop)).await;
        sources
            .map_err(|error| Status::internal(error.to_string()))?
            .map_err(|error| refusal::configuration(&error))?;
        let taken = self.overview.desk.ask(asked, By::Caller(caller)).map_err(|error| {
            tracing::warn!(%caller, %error, "a request for an update is not taken");
            refusal::refused(&error)
        })?;
        tracing::info!(%caller, update = taken.update.number, joined = taken.joined, "an update is asked for");
        Ok(follow(&taken, progress))
    }

    /// What goes beyond "update from what is configured" changes more than definitions are meant to.
    fn check_options(&self, asked: &Asked, caller: &Caller) -> Result<(), Status> {
        for (wanted, what) in [
            (asked.from.is_some(), "naming another source"),
            (asked.at_once, "taking releases before their turn"),
            (asked.ignore_budget, "passing over the daily budget"),
            (asked.max_rate.is_some(), "naming another rate"),
        ] {
            if wanted {
                self.require_administrator(caller, what)?;
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
        let settings = self.overview.settings.load();
        let (store, adapters) = (settings.store(), settings.adapters());
        drop(settings);
        let work = move || booster_update::roll_back(&store, &wanted);
        let done = tokio::task::spawn_blocking(work).await;
        let done = done.map_err(|error| Status::internal(error.to_string()))?;
        let (operation, generation, rolled_back) = done.map_err(|error| match error {
            RollbackError::Store(error) => refusal::store(error),
            error => refusal::impossible(ErrorKind::NotFound, error.to_string()),
        })?;
        // The rollback stands whatever they say: it was asked for. The status tells what they use.
        let (clock, cancel) = (SystemClock::default(), CancellationToken::new());
        if let Err(error) = bring_engines(&operation, &adapters, &clock, &cancel).await {
            tracing::warn!(%error, "other engines could not be brought along");
        }
        drop(operation);
        let reply = proto::RollbackReply { generation, rolled_back: Some((&rolled_back).into()) };
        let rolled_back = Arc::new(rolled_back);
        self.overview.desk.announce(Notice::RolledBack { by: By::Caller(caller), generation, rolled_back });
        self.changed.notify_one();
        Ok(reply)
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
