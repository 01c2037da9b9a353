//! How far the operation is, as one number from 0 to 100 over all updates.
//!
//! Each update weighs the bytes to download, the bytes to unpack, and once more the bytes to
//! unpack for the build that follows. The number never falls, also when a second source starts
//! the count anew, and it says 100 only after the switch.

use booster_definitions::ReleaseManifest;

/// Highest percentage before everything is done.
const NEARLY: u32 = 99;

/// What one update weighs, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weight {
    /// Bytes to download.
    pub download: u64,
    /// Bytes to unpack.
    pub unpack: u64,
}

impl From<&ReleaseManifest> for Weight {
    fn from(manifest: &ReleaseManifest) -> Self {
        Self { download: manifest.full.size, unpack: manifest.archive.size }
    }
}

/// The count of what is done.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    weights: Vec<Weight>,
    done: Vec<Weight>,
    built: bool,
    highest: u32,
}

impl Progress {
    /// Begins to count new updates; the percentage reached so far stays.
    pub fn begin(&mut self, weights: Vec<Weight>) {
        self.done = vec![Weight::default(); weights.len()];
        self.weights = weights;
        self.built = false;
    }

    /// Number of updates.
    pub fn total(&self) -> u32 {
        u32::try_from(self.weights.len()).unwrap_or(u32::MAX)
    }

    /// Weighs the download of an update anew: it comes by another way.
    pub fn weigh(&mut self, index: u32, download: u64) {
        if let Some(weight) = self.weights.get_mut(index as usize) {
            weight.download = download;
        }
    }

    /// Notes how many bytes of an update have been downloaded.
    pub fn downloaded(&mut self, index: u32, bytes: u64) {
        if let Some(done) = self.done.get_mut(index as usize) {
            done.download = bytes;
        }
        self.settle();
    }

    /// Notes how many bytes of an update have been unpacked.
    pub fn unpacked(&mut self, index: u32, bytes: u64) {
        if let Some(done) = self.done.get_mut(index as usize) {
            done.unpack = bytes;
        }
        self.settle();
    }

    /// Notes that the image has been built and tested.
    pub fn built(&mut self) {
        self.built = true;
        self.settle();
    }

    /// Everything is done.
    pub const fn finish(&mut self) {
        self.highest = 100;
    }

    /// The percentage.
    pub const fn percent(&self) -> u32 {
        self.highest
    }

    fn settle(&mut self) {
        let sum =
            |of: fn(&Weight) -> u64, all: &[Weight]| all.iter().map(|w| u128::from(of(w))).sum::<u128>();
        let unpack = sum(|w| w.unpack, &self.weights);
        let total = sum(|w| w.download, &self.weights) + 2 * unpack;
        let build = if self.built { unpack } else { 0 };
        let done = self.weights.iter().zip(&self.done).map(|(weight, done)| {
            u128::from(done.download.min(weight.download)) + u128::from(done.unpack.min(weight.unpack))
        });
        let done = done.sum::<u128>() + build;
        let percent = (done * u128::from(NEARLY)).checked_div(total).unwrap_or(0);
        self.highest = self.highest.max(u32::try_from(percent).unwrap_or(NEARLY));
    }
}

/// Lets through as many progress reports as someone can look at, and the last one always.
#[derive(Debug, Clone, Default)]
pub struct Throttle {
    last: Option<u64>,
}

impl Throttle {
    /// Whether to report that so many of so many bytes are done.
    pub fn lets_through(&mut self, done: u64, total: u64) -> bool {
        /// Reports per update.
        const REPORTS: u64 = 200;
        let step = (total / REPORTS).max(1);
        let due = match self.last {
            None => true,
            Some(last) => done > last && (done - last >= step || done >= total),
        };
        if due {
            self.last = Some(done);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights() -> Vec<Weight> {
        vec![Weight { download: 100, unpack: 200 }, Weight { download: 300, unpack: 200 }]
    }

    #[test]
    fn downloads_unpacking_and_the_build_count_by_their_bytes() {
        let mut progress = Progress::default();
        progress.begin(weights());
        // 100 + 300 + 2 * (200 + 200) = 1200 in all, of which 99 percent come before the switch.
        for (step, expected) in [
            ((|p| p.downloaded(0, 50)) as fn(&mut Progress), 4),
            (|p| p.downloaded(0, 100), 8),
            (|p| p.downloaded(1, 300), 33),
            (|p| p.unpacked(0, 200), 49),
            (|p| p.unpacked(1, 200), 66),
            (Progress::built, 99),
            (Progress::finish, 100),
        ] {
            step(&mut progress);
            assert_eq!(progress.percent(), expected);
        }
    }

    #[test]
    fn the_percentage_never_falls_when_another_source_starts_anew() {
        let mut progress = Progress::default();
        progress.begin(weights());
        progress.downloaded(0, 100);
        progress.downloaded(1, 300);
        assert_eq!(progress.percent(), 33);
        progress.begin(vec![Weight { download: 1000, unpack: 1000 }]);
        assert_eq!((progress.percent(), progress.total()), (33, 1));
        progress.downloaded(0, 10);
        assert_eq!(progress.percent(), 33);
        progress.downloaded(0, 1000);
        progress.unpacked(0, 500);
        assert_eq!(progress.percent(), 49);
    }

    #[test]
    fn more_bytes_than_announced_and_updates_without_bytes_do_no_harm() {
        let mut progress = Progress::default();
        progress.begin(vec![Weight::default()]);
        progress.downloaded(0, u64::MAX);
        progress.downloaded(7, 1);
        assert_eq!(progress.percent(), 0);
        progress.begin(vec![Weight { download: u64::MAX, unpack: u64::MAX }]);
        progress.downloaded(0, u64::MAX);
        progress.unpacked(0, u64::MAX);
        progress.built();
        assert_eq!(progress.percent(), 99);
    }

    #[test]
    fn a_throttle_lets_through_the_first_the_last_and_some_between() {
        let mut throttle = Throttle::default();
        let through = (0..=10_000).filter(|&done| throttle.lets_through(done, 10_000)).collect::<Vec<u64>>();
        assert_eq!((through.first(), through.last(), through.len()), (Some(&0), Some(&10_000), 201));
        assert!(!throttle.lets_through(10_000, 10_000), "the same count is not reported twice");
    }
}
