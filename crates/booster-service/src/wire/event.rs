//! Events of updates.

use super::{all_named, generated as proto, name, named, time, timestamp};
use booster_store::{Change, RolledBack, Why};
use booster_update::{Event, EventResult, Stage};

impl From<&Event> for proto::Event {
    fn from(event: &Event) -> Self {
        let (result, failure) = match &event.result {
            EventResult::Ok => ("ok", None),
            EventResult::NotNeeded => ("not_needed", None),
            EventResult::Failed(error) => ("failed", Some(error.into())),
        };
        Self {
            kind: name(&event.kind),
            time: Some(time(event.time)),
            stage: name(&event.stage),
            source: event.source.map(|kind| name(&kind)),
            path: event.path.clone(),
            percent: event.percent,
            total: event.total,
            index: event.index,
            component: event.component.map(|component| name(&component)),
            result: result.to_owned(),
            failure,
            bytes: event.bytes.map(|(done, all)| proto::Bytes { done, all }),
            out_of_date: event.out_of_date.iter().map(name).collect(),
            rolled_back: event.rolled_back.as_deref().map(proto::RolledBack::from),
        }
    }
}

/// An event, unless its kind is not known here.
pub(crate) fn event(event: proto::Event) -> Option<Event> {
    Some(Event {
        kind: named(&event.kind)?,
        time: timestamp(event.time),
        stage: named(&event.stage).unwrap_or(Stage::Unknown),
        source: event.source.and_then(|kind| kind.parse().ok()),
        path: event.path,
        percent: event.percent,
        total: event.total,
        index: event.index,
        component: event.component.as_deref().and_then(named),
        result: match (event.result.as_str(), event.failure) {
            (_, Some(failure)) => EventResult::Failed(failure.into()),
            ("not_needed", None) => EventResult::NotNeeded,
            _ => EventResult::Ok,
        },
        bytes: event.bytes.map(|bytes| (bytes.done, bytes.all)),
        out_of_date: all_named(&event.out_of_date),
        rolled_back: event.rolled_back.map(|rolled_back| Box::new(rolled_back.into())),
    })
}

impl From<&RolledBack> for proto::RolledBack {
    fn from(rolled_back: &RolledBack) -> Self {
        Self {
            time: Some(time(rolled_back.time)),
            why: name(&rolled_back.why),
            reason: rolled_back.reason.clone(),
            changes: rolled_back.changes.iter().map(proto::ComponentChange::from).collect(),
        }
    }
}

impl From<proto::RolledBack> for RolledBack {
    fn from(rolled_back: proto::RolledBack) -> Self {
        Self {
            time: timestamp(rolled_back.time),
            why: named(&rolled_back.why).unwrap_or(Why::RolledBack),
            reason: rolled_back.reason,
            changes: rolled_back.changes.into_iter().filter_map(change).collect(),
        }
    }
}

impl From<&Change> for proto::ComponentChange {
    fn from(change: &Change) -> Self {
        Self {
            component: name(&change.component),
            from_version: change.from.map(|version| version.to_string()),
            to_version: change.to.map(|version| version.to_string()),
        }
    }
}

/// A component's step, unless the component is not known here.
pub(super) fn change(change: proto::ComponentChange) -> Option<Change> {
    Some(Change {
        component: named(&change.component)?,
        from: change.from_version.as_deref().and_then(named),
        to: change.to_version.as_deref().and_then(named),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_definitions::{Component, Version};
    use booster_sources::SourceKind;
    use booster_update::{Cause, EventKind, UpdateError};
    use jiff::Timestamp;

    fn sample() -> Event {
        let changes = vec![Change { component: Component::Nis, from: Some(Version([2, 0, 0, 0])), to: None }];
        Event {
            kind: EventKind::DownloadComplete,
            time: Timestamp::UNIX_EPOCH,
            stage: Stage::Download,
            source: Some(SourceKind::Directory),
            path: Some("/media".into()),
            percent: 7,
            total: 2,
            index: 1,
            component: Some(Component::Antispyware),
            result: EventResult::Failed(UpdateError::new(Stage::Download, None, Cause::Cancelled)),
            bytes: Some((1, 2)),
            out_of_date: vec![Component::Antivirus],
            rolled_back: Some(Box::new(RolledBack {
                time: Timestamp::UNIX_EPOCH,
                why: Why::Crashed,
                reason: "x".into(),
                changes,
            })),
        }
    }

    #[test]
    fn an_event_is_the_same_on_both_sides() {
        let plain = Event {
            result: EventResult::NotNeeded,
            bytes: None,
            path: None,
            source: None,
            component: None,
            out_of_date: Vec::new(),
            rolled_back: None,
            ..sample()
        };
        for sample in [sample(), plain] {
            assert_eq!(event(proto::Event::from(&sample)), Some(sample));
        }
    }

    #[test]
    fn an_event_of_tomorrow_is_left_out() {
        let unknown = proto::Event { kind: "of_tomorrow".into(), ..proto::Event::from(&sample()) };
        assert_eq!(event(unknown), None);
    }
}
