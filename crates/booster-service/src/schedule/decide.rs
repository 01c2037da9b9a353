//! Whether an update is due: from settings and facts to a named decision, and nothing else.

use super::{
    Because, Due, Facts, Hold, Link,
    calendar::Calendar,
    facts::Lately,
    spread::{later, signed},
};
use booster_config::{Day, Schedule};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// A time of day that passed less long ago than this is not missed yet.
const LATE: SignedDuration = SignedDuration::from_mins(10);
/// Between two updates of the schedule's there is at least so much time, whatever the clock shows.
const BREATH: Duration = Duration::from_secs(5 * 60);

/// Decides when the next update is due.
pub fn decide(settings: &Schedule, facts: &Facts) -> Due {
    let never = |hold| Due::Never { hold };
    if let Some(hold) = forbidden(facts) {
        return never(hold);
    }
    let occasions = Occasions::new(settings, facts);
    let Some((time, because)) = occasions.next() else { return never(Hold::NothingScheduled) };
    if time > facts.now {
        return Due::At { time, because };
    }
    line_hold(settings, facts).map_or(Due::Now { because }, never)
}

/// Decides whether an update comes before a scheduled scan; if it does not, says why.
pub fn before_scan(settings: &Schedule, facts: &Facts) -> Option<Hold> {
    if !settings.check_before_scan {
        return Some(Hold::NotBeforeScans);
    }
    let occasions = Occasions::new(settings, facts);
    let early = |moment: Option<Timestamp>| moment.is_some_and(|moment| moment > facts.now);
    let failed = || early(occasions.retry()) || early(occasions.sources_free());
    forbidden(facts)
        .or_else(|| (occasions.quiet_until > facts.now).then_some(Hold::FreshEnough))
        .or_else(|| failed().then_some(Hold::FailedLately))
        .or_else(|| line_hold(settings, facts))
}

fn forbidden(facts: &Facts) -> Option<Hold> {
    if facts.sources.is_empty() {
        return Some(Hold::NoSource);
    }
    facts.paused.as_ref().map(|pause| Hold::Paused { until: pause.until })
}

/// What the line says against an update. Sources on this machine need none.
fn line_hold(settings: &Schedule, facts: &Facts) -> Option<Hold> {
    let mut sources = facts.sources.iter();
    match facts.link {
        Link::Offline if sources.all(|source| source.remote) => Some(Hold::Offline),
        Link::Metered if !settings.metered_updates && sources.any(|source| source.remote) => {
            Some(Hold::Metered)
        }
        _ => None,
    }
}

/// The reasons for an update, each with its time.
struct Occasions<'a> {
    settings: &'a Schedule,
    facts: &'a Facts,
    lately: Lately,
    /// Before this, a success or the first installation is too recent for anything unbidden.
    quiet_until: Timestamp,
}

impl<'a> Occasions<'a> {
    fn new(settings: &'a Schedule, facts: &'a Facts) -> Self {
        let lately = facts.lately();
        let after = |moment: Option<Timestamp>, grace: Duration| {
            moment.map_or(Timestamp::MIN, |moment| later(moment, signed(grace)))
        };
        let quiet = after(lately.success, settings.grace_period.0);
        let first = after(facts.past(facts.first_installed), settings.first_grace_period.0);
        Self { settings, facts, lately, quiet_until: quiet.max(first) }
    }

    /// The first occasion: its time may have passed.
    fn next(&self) -> Option<(Timestamp, Because)> {
        if !self.is_anything_scheduled() {
            return None;
        }
        let (time, because) = match self.retry() {
            // Every other occasion would only be one more attempt.
            Some(retry) => (retry, Because::Retry),
            None => {
                let occasions = [self.start(), self.missed(), self.scheduled(), self.interval()];
                occasions.into_iter().flatten().min_by_key(|(time, _)| *time)?
            }
        };
        let now = self.facts.now;
        let (time, because) = match self.sources_free().filter(|&free| free > now && free > time) {
            Some(free) => (free, Because::SourcesLeftAlone),
            None => (time, because),
        };
        let rest = self.facts.since_run.map_or(Duration::ZERO, |since| BREATH.saturating_sub(since));
        let time = if rest.is_zero() { time } else { time.max(later(now, signed(rest))) };
        Some((time, because))
    }

    fn is_anything_scheduled(&self) -> bool {
        let settings = self.settings;
        !settings.update_interval.0.is_zero() || settings.day != Day::Never || settings.update_on_start
    }

    /// Once after each start. Where a recent success makes it needless, it does not come later either.
    fn start(&self) -> Option<(Timestamp, Because)> {
        let started = self.facts.started.min(self.facts.now);
        let since = self.lately.last.is_some_and(|last| last >= started);
        let due = later(started, self.soon_after(started));
        (self.settings.update_on_start && !since && due >= self.quiet_until).then_some((due, Because::Start))
    }

    /// The interval after the last success, or after an update that somebody did not want.
    fn interval(&self) -> Option<(Timestamp, Because)> {
        let interval = self.settings.update_interval.0;
        if interval.is_zero() {
            return None;
        }
        let unwanted = self.lately.last.filter(|_| self.lately.cancelled);
        let base = self.lately.success.max(unwanted).unwrap_or(self.facts.started.min(self.facts.now));
        // With a short interval the spread is short as well, or it would be what decides.
        let over = self.settings.randomization_time.0.min(interval / 4);
        let due = later(later(base, signed(interval)), self.facts.spread.after(base, over));
        Some((self.not_overdue(due.max(self.quiet_until)), Because::Interval))
    }

    /// The next scheduled time of day that is not within the grace period.
    fn scheduled(&self) -> Option<(Timestamp, Because)> {
        let from = self.quiet_until.saturating_sub(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MIN);
        self.calendar().next(self.facts.now.max(from)).map(|time| (time, Because::Time))
    }

    /// The last scheduled time of day, if nothing was tried since: still, or to be made up for.
    fn missed(&self) -> Option<(Timestamp, Because)> {
        let time = self.calendar().last(self.facts.now)?;
        let done = self.lately.last.is_some_and(|last| last >= time);
        if done || time < self.quiet_until {
            return None;
        }
        if self.facts.now.duration_since(time) <= LATE {
            return Some((time, Because::Time));
        }
        let interval = self.settings.catchup_interval.0;
        let old_enough = self.lately.success.map_or(time, |success| later(success, signed(interval)));
        let due = self.not_overdue(time.max(old_enough));
        (!interval.is_zero()).then_some((due, Because::CatchUp))
    }

    fn calendar(&self) -> Calendar<'_> {
        Calendar {
            day: self.settings.day,
            time: self.settings.time,
            zone: &self.facts.zone,
            offset: self.facts.spread.daily(self.settings.randomization_time.0),
        }
    }

    /// The end of the pause after failures, if the last updates failed.
    fn retry(&self) -> Option<Timestamp> {
        let last = self.lately.last.filter(|_| self.lately.failures > 0)?;
        let drawn = self.facts.spread.number(last);
        let pause = self.settings.back_off().pause(self.lately.failures, drawn);
        Some(self.not_overdue(later(last, signed(pause)).max(self.quiet_until)))
    }

    /// When the first source can be asked again, if every one is left alone, or was.
    fn sources_free(&self) -> Option<Timestamp> {
        let moments: Option<Vec<_>> =
            self.facts.sources.iter().map(|source| source.left_alone_until).collect();
        // A server may have sent a whole fleet away until the same moment.
        moments?.into_iter().min().map(|free| later(free, self.soon_after(free)))
    }

    /// What has been due since before the machine was able to comes a little later: so was every other
    /// machine's that the same thing has kept from it.
    fn not_overdue(&self, due: Timestamp) -> Timestamp {
        let able = self.facts.able_since.min(self.facts.now);
        if due < able { later(able, self.soon_after(able)) } else { due }
    }

    /// A short spread: a machine may be awake for minutes only. One with no definitions at all goes at once.
    fn soon_after(&self, occasion: Timestamp) -> SignedDuration {
        if self.facts.installed.is_none() && self.lately.success.is_none() && self.lately.last.is_none() {
            return SignedDuration::ZERO;
        }
        self.facts.spread.after(occasion, self.settings.randomization_time.0 / 10)
    }
}

#[cfg(test)]
mod tests;
