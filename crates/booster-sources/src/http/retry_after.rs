//! `Retry-After`: what a server means by it, and the memory of it.

use jiff::Timestamp;
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

/// The longest time that a server can keep a machine away.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How long to stay away, by the header's value: seconds or an HTTP date (RFC 9110, 10.2.3).
///
/// A date is counted from the server's own clock (its `Date` header) where it is given, so that a
/// wrong clock on this machine does not matter. `None` if the value is neither.
pub(super) fn wait(value: &str, server_date: Option<SystemTime>, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let wait = if is_number {
        // More digits than fit are more than the bound.
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        let until = httpdate::parse_http_date(value).ok()?;
        until.duration_since(server_date.unwrap_or(now)).unwrap_or_default()
    };
    Some(wait.min(LONGEST))
}

/// Until when a source is left alone.
#[derive(Debug, Default)]
pub(super) struct CoolDown(Mutex<Option<Pause>>);

#[derive(Debug, Clone, Copy)]
struct Pause {
    /// Measured on the clock that nobody can set.
    end: Instant,
    /// The same moment for people and files.
    until: Timestamp,
}

impl CoolDown {
    /// Begins a pause, and says when it ends. A shorter pause does not end a longer one early.
    pub(super) fn begin(&self, wait: Duration) -> Timestamp {
        let wait = wait.min(LONGEST);
        let until = Timestamp::now()
            .saturating_add(jiff::SignedDuration::try_from(wait).unwrap_or_default())
            .unwrap_or(Timestamp::MAX);
        let pause = Pause { end: Instant::now() + wait, until };
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = held.filter(|held| held.end > pause.end).unwrap_or(pause);
        *held = Some(kept);
        kept.until
    }

    /// The end of the pause that is on, if one is.
    pub(super) fn until(&self) -> Option<Timestamp> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.filter(|pause| pause.end > Instant::now()).map(|pause| pause.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_read_as_seconds_or_as_a_date_and_bounded() {
        let second = Duration::from_secs;
        let at = |seconds| SystemTime::UNIX_EPOCH + second(seconds);
        // 784111777 is the date of the example in RFC 9110, section 5.6.7.
        let (date, date_at) = ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777);
        let cases = [
            ("120", None, 0, Some(second(120))),
            (" 0 ", None, 0, Some(second(0))),
            ("86401", None, 0, Some(LONGEST)),
            ("99999999999999999999999999", None, 0, Some(LONGEST)),
            (date, None, date_at - 60, Some(second(60))),
            (date, Some(date_at - 30), 0, Some(second(30))),
            (date, None, date_at + 60, Some(second(0))),
            (date, None, 0, Some(LONGEST)),
            ("-5", None, 0, None),
            ("", None, 0, None),
            ("soon", None, 0, None),
        ];
        for (value, server, now, expected) in cases {
            assert_eq!(wait(value, server.map(at), at(now)), expected, "{value:?}");
        }
    }

    #[test]
    fn a_shorter_pause_does_not_end_a_longer_one() {
        let cool_down = CoolDown::default();
        assert_eq!(cool_down.until(), None);
        let long = cool_down.begin(Duration::from_secs(3600));
        assert_eq!(cool_down.begin(Duration::from_secs(1)), long);
        assert_eq!(cool_down.until(), Some(long));
    }

    #[test]
    fn a_pause_of_no_length_is_over_at_once() {
        let cool_down = CoolDown::default();
        cool_down.begin(Duration::ZERO);
        assert_eq!(cool_down.until(), None);
    }
}
