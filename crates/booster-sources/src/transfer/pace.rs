//! The least that a peer must send: bytes against waiting time, window by window.

use crate::{SourceError, TransferRules};
use std::time::Duration;

/// Counts bytes against waiting time, window by window.
#[derive(Debug)]
pub(super) struct Pace {
    minimum: u64,
    window: Duration,
    spent: Duration,
    bytes: u64,
}

/// A window passed with too few bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Slow {
    received: u64,
    window: Duration,
}

impl Pace {
    pub(super) fn new(rules: &TransferRules) -> Self {
        Self { minimum: rules.minimum_bytes, window: rules.window, spent: Duration::ZERO, bytes: 0 }
    }

    /// How much of this window is left to wait.
    pub(super) fn left(&self) -> Duration {
        self.window.saturating_sub(self.spent)
    }

    /// Accounts for a wait that brought `bytes`. An error when the window is over and too few came.
    pub(super) fn waited(&mut self, time: Duration, bytes: u64) -> Result<(), Slow> {
        self.spent += time;
        self.bytes += bytes;
        if self.spent < self.window {
            return Ok(());
        }
        let received = self.bytes;
        (self.spent, self.bytes) = (Duration::ZERO, 0);
        if received < self.minimum { Err(Slow { received, window: self.window }) } else { Ok(()) }
    }
}

impl Slow {
    pub(super) fn into_error(self, location: &str) -> SourceError {
        let (location, window) = (location.to_owned(), self.window);
        match self.received {
            0 => SourceError::Stalled { location, window },
            received => SourceError::TooSlow { location, received, window },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pace() -> Pace {
        Pace::new(&TransferRules { minimum_bytes: 100, window: 10 * SECOND, ..TransferRules::default() })
    }

    #[test]
    fn a_peer_that_sends_the_minimum_in_every_window_may_take_for_ever() {
        let mut pace = pace();
        for _ in 0..100_000 {
            assert_eq!(pace.waited(SECOND, 10), Ok(()));
        }
    }

    #[test]
    fn a_peer_that_drips_below_the_minimum_is_given_up_at_the_end_of_the_window() {
        let mut pace = pace();
        for _ in 0..9 {
            assert_eq!(pace.waited(SECOND, 9), Ok(()));
        }
        assert_eq!(pace.waited(SECOND, 9), Err(Slow { received: 90, window: 10 * SECOND }));
    }

    #[test]
    fn a_burst_does_not_buy_silence_beyond_its_own_window() {
        let mut pace = pace();
        assert_eq!(pace.waited(9 * SECOND, 1_000_000), Ok(()));
        assert_eq!(pace.left(), SECOND);
        assert_eq!(pace.waited(SECOND, 0), Ok(()));
        assert_eq!(pace.left(), 10 * SECOND);
        assert_eq!(pace.waited(10 * SECOND, 0), Err(Slow { received: 0, window: 10 * SECOND }));
    }
}
