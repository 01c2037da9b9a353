//! How long what has failed is left alone: longer after each failure, and never equally long on two machines.

use std::time::Duration;

/// The pauses after failures: each twice as long as the one before it, up to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackOff {
    /// After the first failure.
    pub first: Duration,
    /// After many.
    pub longest: Duration,
}

impl Default for BackOff {
    fn default() -> Self {
        Self { first: Duration::from_secs(5 * 60), longest: Duration::from_secs(4 * 3600) }
    }
}

impl BackOff {
    /// The pause after so many failures in a row. The lower half of it is certain, the upper half a matter of
    /// `drawn`, any number: machines that failed together do not come back together.
    pub fn pause(&self, failures: u32, drawn: u64) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let whole = self.first.saturating_mul(1 << doublings).min(self.longest);
        let half = whole / 2;
        half + part(whole - half, drawn)
    }
}

/// The part of a duration that a drawn number stands for: even over all numbers.
pub fn part(of: Duration, drawn: u64) -> Duration {
    let nanoseconds = (of.as_nanos() * u128::from(drawn >> 32)) >> 32;
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_with_each_failure_up_to_the_longest_and_half_of_it_is_drawn() {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        let back_off = BackOff { first: minutes(5), longest: minutes(60) };
        for (failures, whole) in
            [(0, 5), (1, 5), (2, 10), (3, 20), (4, 40), (5, 60), (6, 60), (32, 60), (33, 60), (u32::MAX, 60)]
        {
            let (least, most) = (back_off.pause(failures, 0), back_off.pause(failures, u64::MAX));
            assert_eq!(least, minutes(whole) / 2, "{failures}");
            assert!(most <= minutes(whole) && most + Duration::from_millis(1) > minutes(whole), "{most:?}");
        }
        // A first pause above the longest is the longest.
        let short = BackOff { first: minutes(60), longest: minutes(5) };
        assert!(short.pause(1, u64::MAX) <= minutes(5));
    }

    #[test]
    fn a_drawn_part_is_even_over_the_numbers() {
        let hour = Duration::from_secs(3600);
        for (drawn, expected) in [(0, 0), (1 << 62, 900), (1 << 63, 1800), (3 << 62, 2700)] {
            assert_eq!(part(hour, drawn), Duration::from_secs(expected));
        }
        assert!(part(hour, u64::MAX) < hour);
        assert!(part(Duration::MAX, u64::MAX) > Duration::ZERO);
    }
}
