//! What travels between the service and its callers, and what it stands for on either side.
//!
//! [`generated`] is made from `proto/antimalware.proto`. The other modules turn the crates' own values into
//! messages and back, so that a caller of the service gets the same [`Event`](booster_update::Event)s and the
//! same [`Report`](booster_update::Report) as one who runs an update in its own process. A name that is not
//! known here, told by a newer service, is no reason to fail: what it belongs to is left out, or told as the
//! nearest thing that is known.

mod event;
mod failure;
#[rustfmt::skip]
#[allow(missing_docs, clippy::all, clippy::pedantic)]
pub mod generated;
mod history;
mod report;
mod scan;
mod seen;

pub(crate) use event::event;
pub(crate) use scan::{failed_file, file_report};

pub use seen::{Seen, seen};

use generated as proto;
use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned, de::IntoDeserializer as _};

/// The name of a value that has one, such as a kind or a component.
pub(crate) fn name(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        // Only what has a name is asked for one.
        _ => String::new(),
    }
}

/// The value with this name, if it is known here.
pub(crate) fn named<T: DeserializeOwned>(name: &str) -> Option<T> {
    let name: serde::de::value::StrDeserializer<'_, serde::de::value::Error> = name.into_deserializer();
    T::deserialize(name).ok()
}

/// The values with these names, as far as they are known here.
pub(crate) fn all_named<T: DeserializeOwned>(names: &[String]) -> Vec<T> {
    names.iter().filter_map(|text| named(text)).collect()
}

pub(crate) fn time(time: Timestamp) -> proto::Time {
    proto::Time { seconds: time.as_second(), nanoseconds: time.subsec_nanosecond() }
}

/// A moment; the beginning of 1970 for what is none.
pub(crate) fn timestamp(time: Option<proto::Time>) -> Timestamp {
    let time = time.and_then(|time| Timestamp::new(time.seconds, time.nanoseconds).ok());
    time.unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_definitions::{Component, Version};
    use booster_update::ErrorKind;

    #[test]
    fn names_are_those_of_the_json_and_unknown_ones_are_nothing() {
        assert_eq!(name(&ErrorKind::RetryLater), "retry_later");
        assert_eq!(named("retry_later"), Some(ErrorKind::RetryLater));
        assert_eq!(named::<ErrorKind>("of tomorrow"), None);
        assert_eq!(named::<Version>(&name(&Version([1, 2, 3, 4]))), Some(Version([1, 2, 3, 4])));
        let names = ["nis", "firmware", "antivirus"].map(str::to_owned);
        assert_eq!(all_named::<Component>(&names), [Component::Nis, Component::Antivirus]);
    }

    #[test]
    fn a_moment_that_is_none_is_the_beginning() {
        let now: Timestamp = "2026-11-26T10:11:12.345678901Z".parse().unwrap();
        assert_eq!(timestamp(Some(time(now))), now);
        let wrong = proto::Time { seconds: i64::MAX, nanoseconds: 0 };
        assert_eq!(timestamp(Some(wrong)), Timestamp::UNIX_EPOCH);
        assert_eq!(timestamp(None), Timestamp::UNIX_EPOCH);
    }
}
