use super::*;
use crate::schedule::{SourceFacts, Spread};
use booster_config::Interval;
use booster_definitions::Place;
use booster_store::{Attempts, Pause};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// When the tests take place: a Monday, 12:00 in the machine's zone.
const NOW: &str = "2026-01-05T11:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn from_now(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

fn zone() -> TimeZone {
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
}

/// Settings that spread nothing, so that times can be told.
fn settings() -> Schedule {
    Schedule { randomization_time: Interval::seconds(0), ..Schedule::default() }
}

fn hours(hours: u64) -> Interval {
    Interval::seconds(hours * 3600)
}

/// A machine that was on for ten days and has updated two hours ago.
fn facts() -> Facts {
    Facts {
        now: now(),
        zone: zone(),
        spread: Spread::of_place(Place::default()),
        started: from_now(-10 * DAY),
        able_since: from_now(-10 * DAY),
        since_run: None,
        paused: None,
        sources: vec![source(None)],
        link: Link::Usable,
        attempts: Some(succeeded(-2 * HOUR)),
        installed: Some(from_now(-20 * DAY)),
        first_installed: None,
    }
}

fn source(left_alone_until: Option<i64>) -> SourceFacts {
    SourceFacts { remote: true, left_alone_until: left_alone_until.map(from_now) }
}

fn succeeded(at: i64) -> Attempts {
    let last = from_now(at);
    Attempts { last, outcome: "current".into(), error: None, last_success: Some(last), failures: 0 }
}

fn failed(at: i64, failures: u32, success: Option<i64>) -> Attempts {
    let last_success = success.map(from_now);
    Attempts { last: from_now(at), outcome: "failed".into(), error: Some("x".into()), last_success, failures }
}

fn cancelled(at: i64, success: i64) -> Attempts {
    Attempts { last: from_now(at), outcome: "cancelled".into(), ..succeeded(success) }
}

fn at(seconds: i64, because: Because) -> Due {
    Due::At { time: from_now(seconds), because }
}

const fn due_now(because: Because) -> Due {
    Due::Now { because }
}

const fn never(hold: Hold) -> Due {
    Due::Never { hold }
}

#[test]
fn what_is_due_follows_from_the_last_success_and_the_settings() {
    let daily = |hour| Schedule {
        day: Day::Daily,
        time: jiff::civil::time(hour, 0, 0, 0),
        update_interval: hours(0),
        ..settings()
    };
    let weekly = |day: &str| Schedule { day: day.parse().unwrap(), ..daily(12) };
    let without = |settings: Schedule| Schedule { catchup_interval: Interval::seconds(0), ..settings };
    let both = Schedule { day: Day::Daily, time: jiff::civil::time(15, 0, 0, 0), ..settings() };
    let long_grace = Schedule { grace_period: hours(12), ..settings() };
    use Because::{CatchUp, Interval as Over, Start, Time};
    for (case, settings, facts, expected) in [
        ("the interval is not over", settings(), facts(), at(6 * HOUR, Over)),
        (
            "the interval is over",
            settings(),
            Facts { attempts: Some(succeeded(-8 * HOUR)), ..facts() },
            due_now(Over),
        ),
        ("a longer grace period lengthens the interval", long_grace, facts(), at(10 * HOUR, Over)),
        (
            "the first definitions have just come",
            Schedule { update_interval: hours(1), ..settings() },
            Facts {
                attempts: Some(succeeded(-10 * MINUTE)),
                first_installed: Some(from_now(-10 * MINUTE)),
                ..facts()
            },
            at(110 * MINUTE, Over),
        ),
        (
            "a cancelled update is not started again at once",
            settings(),
            Facts { attempts: Some(cancelled(-MINUTE, -9 * HOUR)), ..facts() },
            at(8 * HOUR - MINUTE, Over),
        ),
        ("the time is to come", daily(13), facts(), at(HOUR, Time)),
        ("the earlier of interval and time counts", both, facts(), at(3 * HOUR, Time)),
        ("the time has come", daily(12), facts(), due_now(Time)),
        ("the time was done", daily(12), Facts { attempts: Some(succeeded(0)), ..facts() }, at(DAY, Time)),
        (
            "the time falls into the grace period",
            daily(12),
            Facts { attempts: Some(succeeded(-50 * MINUTE)), ..facts() },
            at(DAY, Time),
        ),
        ("the day is not today", weekly("tuesday"), facts(), at(DAY, Time)),
        ("the week is over", weekly("monday"), facts(), due_now(Time)),
        (
            "a time was missed this morning and the last success is old",
            daily(8),
            Facts { attempts: Some(succeeded(-30 * HOUR)), ..facts() },
            due_now(CatchUp),
        ),
        (
            "a time was missed this morning and the last success is not a day old",
            daily(8),
            Facts { attempts: Some(succeeded(-20 * HOUR)), ..facts() },
            at(4 * HOUR, CatchUp),
        ),
        (
            "times that are missed are not made up for",
            without(daily(8)),
            Facts { attempts: Some(succeeded(-90 * HOUR)), ..facts() },
            at(20 * HOUR, Time),
        ),
        (
            "nothing was ever tried and something is installed",
            daily(8),
            Facts { attempts: None, started: from_now(0), able_since: from_now(0), ..facts() },
            due_now(Start),
        ),
        (
            "nothing is installed",
            settings(),
            Facts {
                attempts: None,
                installed: None,
                started: from_now(0),
                able_since: from_now(0),
                ..facts()
            },
            due_now(Start),
        ),
        (
            "the service has started within the grace period",
            settings(),
            Facts { attempts: Some(succeeded(-30 * MINUTE)), started: from_now(0), ..facts() },
            at(8 * HOUR - 30 * MINUTE, Over),
        ),
        (
            "the service has started after it",
            settings(),
            Facts { started: from_now(0), ..facts() },
            due_now(Start),
        ),
        (
            "the service has started and is not to update then",
            Schedule { update_on_start: false, ..settings() },
            Facts { attempts: None, installed: None, started: from_now(-HOUR), ..facts() },
            at(7 * HOUR, Over),
        ),
        (
            "there are neither interval nor day, and the start is over",
            Schedule { update_interval: hours(0), ..settings() },
            facts(),
            never(Hold::NothingScheduled),
        ),
    ] {
        assert_eq!(decide(&settings, &facts), expected, "{case}");
    }
}

#[test]
fn failures_and_wishes_of_sources_put_it_off() {
    let pause = |failures, last: i64| {
        let drawn = facts().spread.number(from_now(last));
        i64::try_from(settings().back_off().pause(failures, drawn).as_nanos()).unwrap()
    };
    let after = |last: i64, pause: i64| Due::At {
        time: from_now(last) + SignedDuration::from_nanos(pause),
        because: Because::Retry,
    };
    let failing = |at, failures| Facts { attempts: Some(failed(at, failures, Some(-20 * HOUR))), ..facts() };
    let cooling = |times: &[Option<i64>]| times.iter().map(|&time| source(time)).collect::<Vec<_>>();
    for (case, facts, expected) in [
        ("after the first failure", failing(-MINUTE, 1), after(-MINUTE, pause(1, -MINUTE))),
        ("after many", failing(-MINUTE, 9), after(-MINUTE, pause(9, -MINUTE))),
        ("after the pause", failing(-4 * HOUR, 9), due_now(Because::Retry)),
        (
            "a restart of the service does not shorten it",
            Facts { started: from_now(0), able_since: from_now(0), ..failing(-MINUTE, 9) },
            after(-MINUTE, pause(9, -MINUTE)),
        ),
        (
            "every source is left alone",
            Facts { sources: cooling(&[Some(9 * HOUR), Some(7 * HOUR)]), ..failing(-4 * HOUR, 1) },
            at(7 * HOUR, Because::SourcesLeftAlone),
        ),
        (
            "one source is not",
            Facts { sources: cooling(&[Some(9 * HOUR), None]), ..failing(-4 * HOUR, 1) },
            due_now(Because::Retry),
        ),
        (
            "the wish of the only source is over",
            Facts { sources: cooling(&[Some(-HOUR)]), ..failing(-4 * HOUR, 1) },
            due_now(Because::Retry),
        ),
        (
            "the schedule has just ended an update",
            Facts { since_run: Some(Duration::from_secs(60)), ..failing(-4 * HOUR, 1) },
            at(4 * MINUTE, Because::Retry),
        ),
    ] {
        assert_eq!(decide(&settings(), &facts), expected, "{case}");
    }
}

#[test]
fn what_stands_in_the_way_is_named() {
    let due = || Facts { attempts: Some(succeeded(-9 * HOUR)), ..facts() };
    let pause = |until: Option<i64>| {
        let until = until.map(from_now);
        (Some(Pause { since: from_now(-HOUR), until, reason: None }), Hold::Paused { until })
    };
    let local = SourceFacts { remote: false, left_alone_until: None };
    let here_and_there = || vec![local, source(None)];
    let (open, open_hold) = pause(None);
    let (closed, closed_hold) = pause(Some(HOUR));
    for (facts, hold) in [
        (Facts { sources: Vec::new(), ..due() }, Some(Hold::NoSource)),
        (Facts { paused: open, ..due() }, Some(open_hold)),
        (Facts { paused: closed, ..due() }, Some(closed_hold)),
        (Facts { link: Link::Offline, ..due() }, Some(Hold::Offline)),
        (Facts { link: Link::Offline, sources: here_and_there(), ..due() }, None),
        (Facts { link: Link::Metered, ..due() }, Some(Hold::Metered)),
        (Facts { link: Link::Metered, sources: here_and_there(), ..due() }, Some(Hold::Metered)),
        (Facts { link: Link::Metered, sources: vec![local], ..due() }, None),
    ] {
        let expected = hold.map_or(due_now(Because::Interval), never);
        assert_eq!(decide(&settings(), &facts), expected, "{facts:?}");
    }
    let paid = Schedule { metered_updates: true, ..settings() };
    assert_eq!(decide(&paid, &Facts { link: Link::Metered, ..due() }), due_now(Because::Interval));
}

#[test]
fn an_update_comes_before_a_scan_where_the_last_one_is_not_recent() {
    let wanted = Schedule { check_before_scan: true, ..settings() };
    let failing = |at| Facts { attempts: Some(failed(at, 9, Some(-20 * HOUR))), ..facts() };
    for (settings, facts, hold) in [
        (settings(), facts(), Some(Hold::NotBeforeScans)),
        (wanted.clone(), facts(), None),
        (
            wanted.clone(),
            Facts { attempts: Some(succeeded(-59 * MINUTE)), ..facts() },
            Some(Hold::FreshEnough),
        ),
        (wanted.clone(), Facts { sources: Vec::new(), ..facts() }, Some(Hold::NoSource)),
        (wanted.clone(), Facts { link: Link::Offline, ..facts() }, Some(Hold::Offline)),
        (wanted.clone(), failing(-MINUTE), Some(Hold::FailedLately)),
        (wanted.clone(), failing(-5 * HOUR), None),
        (wanted.clone(), Facts { sources: vec![source(Some(HOUR))], ..facts() }, Some(Hold::FailedLately)),
        (wanted, Facts { attempts: None, installed: None, ..facts() }, None),
    ] {
        assert_eq!(before_scan(&settings, &facts), hold, "{facts:?}");
    }
}

#[test]
fn a_record_from_the_future_says_nothing_and_makes_no_standstill() {
    let settings = Schedule { update_on_start: false, ..settings() };
    for years in [1, 10, 1000] {
        let ahead = years * 365 * DAY;
        for attempts in [succeeded(ahead), failed(ahead, 5, Some(ahead)), failed(ahead, 5, None)] {
            let facts = Facts {
                attempts: Some(attempts),
                installed: Some(from_now(ahead)),
                first_installed: Some(from_now(ahead)),
                ..facts()
            };
            assert_eq!(decide(&settings, &facts), due_now(Because::Interval), "{facts:?}");
        }
    }
    // A correction by minutes is no other clock.
    let corrected = Facts { attempts: Some(succeeded(5 * MINUTE)), ..facts() };
    assert_eq!(decide(&settings, &corrected), at(8 * HOUR, Because::Interval));
}

#[test]
fn the_longest_settings_end_in_no_overflow() {
    let long = Schedule {
        grace_period: "4294967295m".parse().unwrap(),
        catchup_interval: "4294967295d".parse().unwrap(),
        day: Day::Daily,
        ..settings()
    };
    assert!(matches!(decide(&long, &facts()), Due::At { time, .. } if time > from_now(365 * DAY)));
}

/// How many of all places are due in each tenth of a span that begins at a moment.
fn tenths(settings: &Schedule, facts: &Facts, begin: Timestamp, span: i64) -> Vec<usize> {
    let mut counts = vec![0; 10];
    for place in 0..Place::COUNT {
        let facts = Facts { spread: Spread::of_place(Place::new(place).unwrap()), ..facts.clone() };
        let time = decide(settings, &facts).time(facts.now).unwrap();
        let after = time.duration_since(begin).as_millis();
        assert!((0..i128::from(span) * 1000).contains(&after), "{time}");
        counts[usize::try_from(after * 10 / (i128::from(span) * 1000)).unwrap()] += 1;
    }
    counts
}

#[test]
fn a_fleet_that_is_due_at_once_comes_spread_evenly() {
    let settings = Schedule { randomization_time: hours(1), ..settings() };
    let daily = Schedule {
        day: Day::Daily,
        time: jiff::civil::time(13, 0, 0, 0),
        update_interval: hours(0),
        ..settings.clone()
    };
    let power_is_back =
        Facts { started: now(), able_since: now(), attempts: Some(succeeded(-40 * HOUR)), ..facts() };
    let overdue = Facts { able_since: now(), attempts: Some(succeeded(-40 * HOUR)), ..facts() };
    let wish = Facts {
        attempts: Some(failed(-MINUTE, 1, Some(-20 * HOUR))),
        sources: vec![source(Some(2 * HOUR))],
        ..facts()
    };
    for (case, settings, facts, begin, span) in [
        ("all have succeeded together", &settings, facts(), 6 * HOUR, HOUR),
        ("the time of day", &daily, facts(), HOUR, HOUR),
        ("all have started together", &settings, power_is_back, 0, 6 * MINUTE),
        ("all are overdue and on line again", &settings, overdue, 0, 6 * MINUTE),
        ("a server has sent all away until the same moment", &settings, wish, 2 * HOUR, 6 * MINUTE),
    ] {
        let counts = tenths(settings, &facts, from_now(begin), span);
        assert!(counts.iter().all(|count| (850..=1150).contains(count)), "{case}: {counts:?}");
    }
}

#[test]
fn a_fleet_whose_server_fails_does_not_come_back_together() {
    let failed_together = Facts { attempts: Some(failed(0, 7, Some(-20 * HOUR))), ..facts() };
    // Between the half and the whole of the four hours.
    let counts = tenths(&settings(), &failed_together, from_now(2 * HOUR), 2 * HOUR);
    assert!(counts.iter().all(|count| (850..=1150).contains(count)), "{counts:?}");
}

#[test]
fn a_daily_time_comes_once_on_every_day_of_a_year_over_both_changes_of_the_clocks() {
    for time in ["01:45", "02:30", "00:00", "23:59"] {
        let settings = Schedule {
            day: Day::Daily,
            time: time.parse().unwrap(),
            update_interval: hours(0),
            update_on_start: false,
            ..settings()
        };
        let mut facts = facts();
        let mut days = BTreeMap::new();
        let end = from_now(365 * DAY);
        while facts.now < end {
            match decide(&settings, &facts) {
                Due::At { time, because: Because::Time } => facts.now = time,
                Due::Now { because: Because::Time } => {
                    *days.entry(facts.now.to_zoned(zone()).date()).or_insert(0) += 1;
                    facts.attempts = Some(succeeded(facts.now.duration_since(now()).as_secs()));
                }
                other => panic!("{other:?} at {}", facts.now),
            }
        }
        assert!(days.values().all(|&runs| runs == 1), "{time}: {days:?}");
        assert!((365..=366).contains(&days.len()), "{time}: {}", days.len());
    }
}
