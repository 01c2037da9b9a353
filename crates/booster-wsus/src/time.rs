//! Dates as servers write them, and as they are written here.

use jiff::{Timestamp, civil, tz::TimeZone};

/// Reads a date and time. One without a zone is in UTC, and one without a time is its midnight: both come
/// from real servers. What is read can be written: there are no years before the first.
pub fn read_time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let civil = || {
        let midnight = || text.parse::<civil::Date>().ok().map(|date| date.at(0, 0, 0, 0));
        let time = if text.contains(['T', 't', ' ']) { text.parse().ok() } else { midnight() };
        time?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    };
    let time: Option<Timestamp> = text.parse().ok().or_else(civil);
    time.filter(|time| *time >= FIRST)
}

/// The beginning of the year 1, in which `xs:dateTime` begins.
const FIRST: Timestamp = Timestamp::constant(-62_135_596_800, 0);

/// Writes a time as `xs:dateTime` in UTC.
pub(crate) fn write_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_with_and_without_zone_and_time() {
        let second: Timestamp = "2026-10-04T12:30:05Z".parse().unwrap();
        for text in ["2026-10-04T12:30:05Z", " 2026-10-04T14:30:05+02:00 ", "2026-10-04T12:30:05"] {
            assert_eq!(read_time(text), Some(second), "{text}");
        }
        assert_eq!(read_time("2026-10-04"), "2026-10-04T00:00:00Z".parse().ok());
        let micro = "2026-10-04T12:30:05.123456Z".parse().ok();
        assert_eq!(read_time("2026-10-04T12:30:05.123456"), micro);
        assert_eq!(read_time("2026-10-04T12:30:05.1234567Z"), "2026-10-04T12:30:05.1234567Z".parse().ok());
        for text in [
            "",
            "-000044-03-15T12:00:00Z",
            "0001-01-01T00:00:00+01:00",
            "yesterday",
            "2026-13-01",
            "12:30:05",
            "2026-10-04T25:00:00",
        ] {
            assert_eq!(read_time(text), None, "{text}");
        }
    }

    #[test]
    fn a_date_is_written_as_it_is_read() {
        for text in ["2026-10-04T12:30:05Z", "2026-10-04T12:30:05.25Z", "0001-01-01T00:00:00Z"] {
            assert_eq!(write_time(text.parse().unwrap()), text);
        }
    }
}
