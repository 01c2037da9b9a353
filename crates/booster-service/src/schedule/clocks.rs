//! Noticing that the machine slept or that its clock was set.
//!
//! The monotonic clock does not go on while a machine sleeps, and nobody can set it; the wall clock does and
//! can be. What the two disagree by is the sleep or the jump.

use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// Less than this is a clock that is being corrected.
const NOTICED: SignedDuration = SignedDuration::from_secs(60);

/// What both clocks showed when they were last looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clocks {
    wall: Timestamp,
    monotonic: Duration,
}

/// How far the wall clock has moved by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Jump {
    /// The machine slept for so long, or the clock was set ahead.
    Ahead(SignedDuration),
    /// The clock was set back.
    Back(SignedDuration),
}

impl Clocks {
    pub(super) const fn new(wall: Timestamp, monotonic: Duration) -> Self {
        Self { wall, monotonic }
    }

    /// Looks again.
    pub(super) fn look(&mut self, wall: Timestamp, monotonic: Duration) -> Option<Jump> {
        let passed = SignedDuration::try_from(monotonic.saturating_sub(self.monotonic));
        let by = wall.duration_since(self.wall).saturating_sub(passed.unwrap_or(SignedDuration::MAX));
        *self = Self { wall, monotonic };
        match by {
            by if by > NOTICED => Some(Jump::Ahead(by)),
            by if by < -NOTICED => Some(Jump::Back(by.abs())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_clocks_disagree_by_is_a_jump_and_a_correction_is_none() {
        let start = Timestamp::from_second(1_000_000).unwrap();
        for (wall, monotonic, jump) in [
            (60, 60, None),
            (3600, 3600, None),
            (0, 0, None),
            (120, 60, None),
            (0, 60, None),
            (121, 60, Some(Jump::Ahead(SignedDuration::from_secs(61)))),
            (8 * 3600, 30, Some(Jump::Ahead(SignedDuration::from_secs(8 * 3600 - 30)))),
            (-1, 60, Some(Jump::Back(SignedDuration::from_secs(61)))),
        ] {
            let mut clocks = Clocks::new(start, Duration::from_secs(5));
            let now = start + SignedDuration::from_secs(wall);
            assert_eq!(clocks.look(now, Duration::from_secs(5 + monotonic)), jump, "{wall} {monotonic}");
            assert_eq!(clocks.look(now, Duration::from_secs(5 + monotonic)), None, "told once");
        }
    }
}
