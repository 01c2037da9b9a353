//! FILETIME: hundreds of nanoseconds since the beginning of 1601, UTC.

use jiff::Timestamp;

/// Seconds from 1601-01-01 to 1970-01-01: 369 years, 89 of them leap years.
const TO_UNIX_EPOCH: i128 = (369 * 365 + 89) * 24 * 3600;
/// Ticks of 100 ns in a second.
const PER_SECOND: i128 = 10_000_000;

/// A point in time as a FILETIME; 0, the API's "never", for what lies before 1601.
pub fn from_timestamp(time: Timestamp) -> u64 {
    let since_1601 = time.as_nanosecond().div_euclid(100) + TO_UNIX_EPOCH * PER_SECOND;
    // A timestamp ends with the year 9999, which fits.
    u64::try_from(since_1601).unwrap_or(0)
}

/// As [`from_timestamp`], with 0 for what is not known.
pub fn from_optional(time: Option<Timestamp>) -> u64 {
    time.map_or(0, from_timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_epochs_are_where_they_belong() {
        for (text, expected) in [
            ("1601-01-01T00:00:00Z", 0),
            ("1601-01-01T00:00:01Z", 10_000_000),
            ("1970-01-01T00:00:00Z", 116_444_736_000_000_000),
            ("1970-01-01T00:00:00.0000001Z", 116_444_736_000_000_001),
            ("2026-01-01T00:00:00Z", 134_116_992_000_000_000),
            ("1600-12-31T23:59:59Z", 0),
        ] {
            assert_eq!(from_timestamp(text.parse().unwrap()), expected, "{text}");
        }
        assert_eq!(from_optional(None), 0);
    }
}
