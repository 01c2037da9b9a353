//! The most that is fetched in a second.

use std::{
    num::NonZeroU64,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, sleep_until};

/// So many bytes a second, over all transfers that hold a clone of it together.
#[derive(Debug, Clone)]
pub struct RateLimit {
    bytes_per_second: NonZeroU64,
    /// Until when what has been fetched so far takes at this rate.
    paid_until: Arc<Mutex<Option<Instant>>>,
}

impl RateLimit {
    /// A limit of its own; clones share it.
    pub fn new(bytes_per_second: NonZeroU64) -> Self {
        Self { bytes_per_second, paid_until: Arc::default() }
    }

    /// The bytes a second.
    pub const fn bytes_per_second(&self) -> u64 {
        self.bytes_per_second.get()
    }

    /// Returns when so many bytes, after all others, have taken the time that they must take. A pause
    /// saves nothing up: there is no burst after it.
    pub async fn take(&self, bytes: u64) {
        let until = {
            let mut paid_until = self.paid_until.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let from = paid_until.map_or(now, |until| until.max(now));
            let until = from.checked_add(self.time_for(bytes)).unwrap_or(from);
            *paid_until = Some(until);
            until
        };
        sleep_until(until).await;
    }

    fn time_for(&self, bytes: u64) -> Duration {
        let nanoseconds = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second.get());
        Duration::from_nanos(nanoseconds.try_into().unwrap_or(u64::MAX))
    }
}

/// Rules with the same rate are the same rules.
impl PartialEq for RateLimit {
    fn eq(&self, other: &Self) -> bool {
        self.bytes_per_second == other.bytes_per_second
    }
}

impl Eq for RateLimit {}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(rate: u64) -> RateLimit {
        RateLimit::new(NonZeroU64::new(rate).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn transfers_that_share_a_limit_have_its_rate_together() {
        let (limit, start) = (limit(1000), Instant::now());
        let (one, other) = (limit.clone(), limit.clone());
        let fetch = |limit: RateLimit| async move {
            for _ in 0..10 {
                limit.take(500).await;
            }
        };
        tokio::join!(fetch(one), fetch(other));
        assert_eq!(start.elapsed().as_secs(), 10, "10,000 bytes at 1,000 a second");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_saves_nothing_up() {
        let limit = limit(1000);
        limit.take(1000).await;
        tokio::time::sleep(Duration::from_secs(3600)).await;
        let start = Instant::now();
        limit.take(2000).await;
        assert_eq!(start.elapsed().as_secs(), 2);
    }
}
