//! What a watcher sees.

use super::{event::event, generated as proto, named, timestamp};
use booster_definitions::{Component, Version};
use booster_update::{Event, Report};
use jiff::Timestamp;
use proto::watch_message::Message;
use serde::Serialize;
use std::collections::BTreeMap;

/// Something that the service did.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Seen {
    /// Messages that are lost to this watcher, who was too slow.
    Missed {
        /// How many.
        missed: u64,
    },
    /// An update has begun.
    Started {
        /// Who asked for it.
        by: String,
        /// When.
        started: Timestamp,
    },
    /// Something happened in it.
    Event(Box<Event>),
    /// It is over.
    Report(Box<Report>),
    /// The engine has gone over to a set, or could not.
    Engine {
        /// When.
        engine: Timestamp,
        /// The generation in use.
        generation: u64,
        /// The versions in use.
        components: BTreeMap<Component, Version>,
        /// Why it could not.
        #[serde(skip_serializing_if = "Option::is_none")]
        failed: Option<String>,
    },
}

/// What a message says, if it is known here.
pub fn seen(message: proto::WatchMessage) -> Option<Seen> {
    Some(match message.message? {
        Message::Missed(missed) => Seen::Missed { missed },
        Message::Started(started) => Seen::Started { by: started.by, started: timestamp(started.time) },
        Message::Event(told) => Seen::Event(Box::new(event(told)?)),
        Message::Report(report) => Seen::Report(Box::new(report.into())),
        Message::Engine(engine) => {
            let component = |component: proto::Component| {
                Some((named(&component.name)?, component.in_use.as_deref().and_then(named)?))
            };
            Seen::Engine {
                engine: timestamp(engine.time),
                generation: engine.generation,
                components: engine.components.into_iter().filter_map(component).collect(),
                failed: engine.failed,
            }
        }
    })
}
