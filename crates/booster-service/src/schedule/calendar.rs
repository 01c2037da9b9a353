//! The scheduled times of day: in the machine's own time zone, once on each of their days.
//!
//! Where the clocks are put forward over a time it comes as much later; where they are put back it comes the
//! first time only.

use super::spread::later;
use booster_config::Day;
use jiff::{SignedDuration, Timestamp, ToSpan as _, civil::Time, tz::TimeZone};

/// When a machine comes on each of its days.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calendar<'a> {
    pub(super) day: Day,
    pub(super) time: Time,
    pub(super) zone: &'a TimeZone,
    /// How long after the time this machine comes.
    pub(super) offset: SignedDuration,
}

/// How far the two sides of a moment are looked at, in days: over a week and the longest offset.
const SIGHT: i32 = 9;

impl Calendar<'_> {
    /// The last moment up to this one.
    pub(super) fn last(&self, now: Timestamp) -> Option<Timestamp> {
        self.around(now).filter(|&moment| moment <= now).last()
    }

    /// The first moment after this one.
    pub(super) fn next(&self, now: Timestamp) -> Option<Timestamp> {
        self.around(now).find(|&moment| moment > now)
    }

    /// The moments on both sides, in order.
    fn around(&self, now: Timestamp) -> impl Iterator<Item = Timestamp> + '_ {
        let today = now.to_zoned(self.zone.clone()).date();
        let days = (-SIGHT..=SIGHT).filter_map(move |n| today.checked_add(n.days()).ok());
        days.filter(|date| self.day.includes(date.weekday())).filter_map(|date| {
            let moment = self.zone.to_timestamp(date.to_datetime(self.time)).ok()?;
            Some(later(moment, self.offset))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{Weekday, time};

    /// Central European time: the clocks change at 2 and at 3 o'clock.
    fn zone() -> TimeZone {
        TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_time_comes_once_on_each_of_its_days_also_when_the_clocks_change() {
        let zone = zone();
        let sunday = Day::Weekly(Weekday::Sunday);
        for (day, (hour, minute), now, last, next) in [
            (Day::Daily, (1, 45), "2026-01-05T12:00:00Z", "2026-01-05T00:45:00Z", "2026-01-06T00:45:00Z"),
            (Day::Daily, (1, 45), "2026-01-05T00:45:00Z", "2026-01-05T00:45:00Z", "2026-01-06T00:45:00Z"),
            (Day::Daily, (1, 45), "2026-01-05T00:44:59Z", "2026-01-04T00:45:00Z", "2026-01-05T00:45:00Z"),
            (sunday, (1, 45), "2026-01-05T12:00:00Z", "2026-01-04T00:45:00Z", "2026-01-11T00:45:00Z"),
            // On 29 March there is no 2:30: it comes an hour later, at 3:30 summer time.
            (Day::Daily, (2, 30), "2026-03-28T12:00:00Z", "2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z"),
            (Day::Daily, (2, 30), "2026-03-29T01:30:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"),
            // On 25 October there are two 2:30: only the first counts.
            (Day::Daily, (2, 30), "2026-10-25T00:29:00Z", "2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z"),
            (Day::Daily, (2, 30), "2026-10-25T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"),
        ] {
            let time = time(hour, minute, 0, 0);
            let calendar = Calendar { day, time, zone: &zone, offset: SignedDuration::ZERO };
            assert_eq!(calendar.last(at(now)), Some(at(last)), "{day} {time} before {now}");
            assert_eq!(calendar.next(at(now)), Some(at(next)), "{day} {time} after {now}");
        }
        let never =
            Calendar { day: Day::Never, time: time(1, 0, 0, 0), zone: &zone, offset: SignedDuration::ZERO };
        assert_eq!(
            (never.last(at("2026-01-05T12:00:00Z")), never.next(at("2026-01-05T12:00:00Z"))),
            (None, None)
        );
    }

    #[test]
    fn an_offset_may_lead_into_the_next_day_and_past_a_week() {
        let zone = zone();
        let calendar = Calendar {
            day: Day::Weekly(Weekday::Sunday),
            time: time(23, 0, 0, 0),
            zone: &zone,
            offset: SignedDuration::from_hours(23),
        };
        // Due on Monday at 22:00, local time.
        let monday = at("2026-01-05T21:00:00Z");
        assert_eq!(calendar.next(at("2026-01-05T20:59:00Z")), Some(monday));
        assert_eq!(calendar.last(at("2026-01-12T20:59:00Z")), Some(monday));
        assert_eq!(calendar.next(at("2026-01-05T21:00:00Z")), Some(at("2026-01-12T21:00:00Z")));
    }

    #[test]
    fn the_ends_of_time_are_no_failure() {
        let zone = zone();
        let calendar =
            Calendar { day: Day::Daily, time: time(1, 0, 0, 0), zone: &zone, offset: SignedDuration::ZERO };
        for end in [Timestamp::MIN, Timestamp::MAX] {
            _ = (calendar.last(end), calendar.next(end));
        }
    }
}
