//! Everything that happens, for whoever watches.

use super::in_use;
use crate::{
    desk::{Notice, is_progress},
    feed::{Next, Reader},
    wire::{generated as proto, time},
};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use proto::watch_message::Message;
use tonic::Status;

/// What a watcher is told, until the service ends.
pub(super) fn stream(
    reader: Reader<Notice>,
    progress: bool,
) -> BoxStream<'static, Result<proto::WatchMessage, Status>> {
    let messages = stream::unfold(reader, |mut reader| async move { Some((reader.next().await?, reader)) });
    messages.filter_map(move |next| async move { message(next, progress).map(Ok) }).boxed()
}

fn message(next: Next<Notice>, progress: bool) -> Option<proto::WatchMessage> {
    let (update, message) = match next {
        // What comes of it is told by the engine.
        Next::Message(Notice::RolledBack { .. }) => return None,
        Next::Missed(missed) => (0, Message::Missed(missed)),
        Next::Message(Notice::Started { update, by, time: started }) => {
            (update, Message::Started(proto::Started { by: by.to_string(), time: Some(time(started)) }))
        }
        Next::Message(Notice::Event { event, .. }) if is_progress(event.kind) && !progress => return None,
        Next::Message(Notice::Event { update, event }) => (update, Message::Event((&*event).into())),
        Next::Message(Notice::Report { update, report }) => (update, Message::Report((&*report).into())),
        Next::Message(Notice::Engine(swapped)) => {
            let engine = proto::EngineInUse {
                time: Some(time(swapped.time)),
                generation: swapped.generation,
                components: in_use(&swapped.components),
                failed: swapped.failed.clone(),
            };
            (0, Message::Engine(engine))
        }
    };
    Some(proto::WatchMessage { update, message: Some(message) })
}
