//! The daily budget of bytes: what ends a loop of downloads that never leads to anything.
//!
//! A day is 24 hours, and begins with the first download after the day before is over: machines of a
//! fleet do not all begin anew at the same moment. What counts is what arrives of archives and patches,
//! whether it is of any use or not. The count is kept in the data folder.

use crate::{Cause, records::record};
use booster_store::{Operation, Store, Traffic};
use jiff::{SignedDuration, Timestamp};

/// How long a day is.
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// After how many bytes the count is written down, while a download runs. A process that is killed
/// leaves no more than this uncounted.
const NOTE_EVERY: u64 = 1 << 20;

/// The budget in the course of one operation.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    day: Option<Day>,
}

#[derive(Debug)]
struct Day {
    traffic: Traffic,
    /// Nothing had been downloaded that day before this operation, so it may download what it needs.
    first: bool,
    unwritten: u64,
}

impl Budget {
    /// Whether so many bytes may be downloaded now.
    pub(crate) fn check(
        &mut self,
        store: &Store,
        needed: u64,
        limit: Option<u64>,
        now: Timestamp,
    ) -> Result<(), Cause> {
        let day = self.day.get_or_insert_with(|| {
            let known = store.traffic().unwrap_or_else(|error| {
                tracing::warn!(%error, "the count of downloads could not be read and starts again");
                None
            });
            let traffic = today(known, now);
            Day { traffic, first: traffic.bytes == 0, unwritten: 0 }
        });
        let spent = day.traffic.bytes;
        match limit {
            Some(budget) if needed > 0 && !day.first && spent.saturating_add(needed) > budget => {
                Err(Cause::OverBudget { needed, spent, budget, until: day.traffic.since + DAY })
            }
            _ => Ok(()),
        }
    }

    /// Counts bytes that have arrived.
    pub(crate) fn spend(&mut self, operation: &Operation, bytes: u64) {
        let Some(day) = &mut self.day else { return };
        day.traffic.bytes = day.traffic.bytes.saturating_add(bytes);
        day.unwritten += bytes;
        if day.unwritten >= NOTE_EVERY {
            self.write(operation);
        }
    }

    /// Writes down what has been counted.
    pub(crate) fn write(&mut self, operation: &Operation) {
        let Some(day) = self.day.as_mut().filter(|day| day.unwritten > 0) else { return };
        day.unwritten = 0;
        record("the count of downloads", operation.record_traffic(day.traffic));
    }
}

/// The count that goes on, or a new one.
fn today(known: Option<Traffic>, now: Timestamp) -> Traffic {
    // A count from the future is that of a clock that was wrong.
    known
        .filter(|known| known.since <= now && now.duration_since(known.since) < DAY)
        .unwrap_or(Traffic { since: now, bytes: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_store::StoreOptions;

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1_000_000 + hours)
    }

    #[test]
    fn a_day_ends_after_24_hours_or_when_the_clock_was_wrong() {
        let known = Traffic { since: at(0), bytes: 5 };
        for (now, goes_on) in [(at(0), true), (at(23), true), (at(24), false), (at(-1), false)] {
            let expected = if goes_on { known } else { Traffic { since: now, bytes: 0 } };
            assert_eq!(today(Some(known), now), expected, "{now}");
        }
        assert_eq!(today(None, at(3)), Traffic { since: at(3), bytes: 0 });
    }

    #[test]
    fn the_first_operation_of_a_day_gets_what_it_needs_and_later_ones_what_is_left() {
        let data = tempfile::tempdir().unwrap();
        let store = Store::new(data.path(), StoreOptions::default());
        let operation = store.begin("test").unwrap();
        let limit = Some(100);
        let may = |budget: &mut Budget, needed, hour| budget.check(&store, needed, limit, at(hour)).is_ok();

        let mut first = Budget::default();
        assert!(may(&mut first, 1000, 0), "more than the budget, and the first");
        first.spend(&operation, 90);
        assert!(may(&mut first, 1000, 1), "the same operation from another source");
        first.write(&operation);

        let mut second = Budget::default();
        assert!(may(&mut second, 10, 2) && may(&mut second, 0, 2));
        let over = second.check(&store, 11, limit, at(2)).unwrap_err();
        assert!(
            matches!(over, Cause::OverBudget { needed: 11, spent: 90, budget: 100, until } if until == at(24)),
            "{over}"
        );
        assert!(second.check(&store, 1000, None, at(2)).is_ok(), "no limit");
        assert!(may(&mut Budget::default(), 1000, 24), "the next day");
    }

    #[test]
    fn the_count_is_written_while_bytes_arrive_and_one_that_cannot_be_read_begins_anew() {
        let data = tempfile::tempdir().unwrap();
        let store = Store::new(data.path(), StoreOptions::default());
        let operation = store.begin("test").unwrap();
        let mut budget = Budget::default();
        budget.check(&store, 1, Some(1), at(0)).unwrap();
        budget.spend(&operation, NOTE_EVERY - 1);
        assert_eq!(store.traffic().unwrap(), None);
        budget.spend(&operation, 1);
        assert_eq!(store.traffic().unwrap(), Some(Traffic { since: at(0), bytes: NOTE_EVERY }));

        std::fs::write(data.path().join("traffic.json"), b"{").unwrap();
        Budget::default().check(&store, 1, Some(1), at(0)).unwrap();
    }
}
