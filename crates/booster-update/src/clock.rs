//! Time, given from outside.

use jiff::Timestamp;
use std::{
    fmt::Debug,
    sync::Mutex,
    time::{Duration, Instant},
};

/// What the operation asks about time.
pub trait Clock: Send + Sync + Debug {
    /// The date and time of day. It may jump.
    fn now(&self) -> Timestamp;
    /// Time since some fixed moment. It never goes back.
    fn monotonic(&self) -> Duration;
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    origin: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }
}

/// A clock that stands still until it is moved: for tests, and for replaying what happened.
#[derive(Debug)]
pub struct FakeClock(Mutex<(Timestamp, Duration)>);

impl FakeClock {
    /// A clock that shows this time.
    pub const fn at(now: Timestamp) -> Self {
        Self(Mutex::new((now, Duration::ZERO)))
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        let mut time = self.lock();
        time.0 = time.0.checked_add(by).unwrap_or(Timestamp::MAX);
        time.1 += by;
    }

    /// Sets the date, as an administrator or a dead battery does; no time passes.
    pub fn jump_to(&self, now: Timestamp) {
        self.lock().0 = now;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Timestamp, Duration)> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        self.lock().0
    }

    fn monotonic(&self) -> Duration {
        self.lock().1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_of_the_date_is_no_passing_of_time() {
        let clock = FakeClock::at(Timestamp::UNIX_EPOCH);
        clock.advance(Duration::from_secs(5));
        clock.jump_to(Timestamp::UNIX_EPOCH);
        assert_eq!((clock.now(), clock.monotonic()), (Timestamp::UNIX_EPOCH, Duration::from_secs(5)));
    }
}
