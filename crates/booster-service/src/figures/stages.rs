//! How long an update took for each of its stages, by the times of its events.

use booster_update::{Event, Stage};
use jiff::{SignedDuration, Timestamp};

/// An update, as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Stages {
    /// The stage that goes on, and since when.
    current: Option<(Stage, Timestamp)>,
    /// Stages are come back to, as with another source.
    spent: Vec<(Stage, SignedDuration)>,
}

impl Stages {
    pub(super) fn note(&mut self, event: &Event) {
        if let Some((stage, since)) = self.current {
            // A clock that was set back takes nothing away.
            let took = event.time.duration_since(since).max(SignedDuration::ZERO);
            match self.spent.iter_mut().find(|(known, _)| *known == stage) {
                Some((_, spent)) => *spent += took,
                None => self.spent.push((stage, took)),
            }
        }
        self.current = Some((event.stage, event.time));
    }

    /// What was spent on each stage that was reached; then it begins anew.
    pub(super) fn take(&mut self) -> impl Iterator<Item = (Stage, SignedDuration)> + use<> {
        let ended = std::mem::take(self);
        ended.spent.into_iter().filter(|(stage, _)| *stage != Stage::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::tests::event;

    #[test]
    fn the_time_of_every_stage_is_the_sum_of_what_was_spent_on_it() {
        let mut stages = Stages::default();
        for (stage, second) in [
            (Stage::Unknown, 0),
            (Stage::Search, 1),
            (Stage::Search, 3),
            (Stage::Download, 4),
            // Another source.
            (Stage::Search, 10),
            (Stage::Download, 12),
            // The clock is set back.
            (Stage::Install, 2),
            (Stage::Install, 5),
        ] {
            stages.note(&event(stage, second));
        }
        let spent: Vec<_> = stages.take().map(|(stage, took)| (stage, took.as_secs())).collect();
        assert_eq!(spent, [(Stage::Search, 5), (Stage::Download, 6), (Stage::Install, 3)]);
        assert_eq!(stages.take().count(), 0);
    }
}
