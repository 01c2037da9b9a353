//! New roots on a mirror: when each may be seen.
//!
//! Machines take the newest root that they find and then ask it about the timestamp. So at each moment the newest
//! root on the mirror has to accept the state that lies there. New roots that accept the state before are written
//! first, then the timestamp, then those that accept the new state alone. Where no root accepts both, because the
//! mirror was not brought up to date while the publisher's metadata was signed by the old keys and the new ones, a
//! few small files are written while machines are refused: the roots from the first that does not accept the old
//! state, and right behind them the timestamp. What a run leaves that ends just there is taken back.

use crate::{
    PublishError, Repository, Result,
    repository::{Stored, TIMESTAMP, Versioned},
};
use booster_trust::signing;
use bytes::Bytes;

/// Signed metadata that goes together: what readers are led to by a timestamp.
pub(super) struct State {
    pub timestamp: Bytes,
    pub snapshot: Bytes,
    pub targets: Bytes,
}

/// A new root's word on the state before and on the new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    pub old: bool,
    pub new: bool,
}

/// When new roots are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Split {
    /// So many come before the timestamp.
    pub before: usize,
    /// Whether the last of those do not accept the state that readers see until the timestamp is there.
    pub has_gap: bool,
}

impl State {
    /// Whether machines with this root believe it.
    pub fn is_accepted_by(&self, root: &[u8]) -> bool {
        signing::verify_current(root, &self.timestamp, &self.snapshot, &self.targets).is_ok()
    }
}

/// Decides when new roots, in the order of their versions, are written.
pub(super) fn split(newest_accepts: bool, roots: &[Verdict]) -> Split {
    // All behind the last one that the new timestamp does not pass.
    let needed = match roots.iter().rposition(|root| !root.new) {
        Some(last) => (last + 2).min(roots.len()),
        None => usize::from(!newest_accepts && !roots.is_empty()),
    };
    let harmless = roots.iter().take_while(|root| root.old).count();
    Split { before: needed.max(harmless), has_gap: needed > harmless }
}

impl Repository {
    /// The state that readers see, where it is there and whole.
    pub(super) async fn seen(&self, timestamp: Option<&Stored>) -> Result<Option<State>> {
        let Some(timestamp) = timestamp else { return Ok(None) };
        let led = match self.led_to(timestamp).await {
            Err(PublishError::TooLarge { .. }) => None,
            led => led?,
        };
        let Some(led) = led else { return Ok(None) };
        let targets = self.readable(&Versioned::Targets.object(led.targets)).await?;
        Ok(targets.map(|targets| State {
            timestamp: timestamp.bytes.clone(),
            snapshot: led.snapshot,
            targets,
        }))
    }

    /// Deletes the newest roots, as far as they do not accept the state that readers see and one before them does:
    /// a run ended between them and its timestamp. Call with the lock held.
    pub(super) async fn withdraw_roots(&self, timestamp: Option<&Stored>) -> Result<()> {
        let Some(seen) = self.seen(timestamp).await? else { return Ok(()) };
        let listed = self.storage.list().await?;
        let root = |name: &str| match Versioned::parse(name) {
            Some((Versioned::Root, version)) => Some(version),
            _ => None,
        };
        let mut versions: Vec<u64> = listed.iter().filter_map(|object| root(&object.name)).collect();
        versions.sort_unstable();
        // In a bucket another mirror may be just behind its roots.
        let judged: Vec<u64> = self.old_enough(&listed).filter_map(|object| root(&object.name)).collect();
        let mut doomed = Vec::new();
        for version in versions.into_iter().rev() {
            let object = Versioned::Root.object(version);
            if self.readable(&object).await?.is_some_and(|root| seen.is_accepted_by(&root)) {
                if !doomed.is_empty() {
                    tracing::info!(roots = doomed.len(), "taking back roots without their timestamp");
                }
                return self.storage.delete(&doomed).await;
            }
            if !judged.contains(&version) {
                return Ok(());
            }
            doomed.push(object);
        }
        Ok(())
    }

    /// A file's bytes; none where it is not there, or larger than such a file can be.
    pub(super) async fn readable(&self, object: &str) -> Result<Option<Bytes>> {
        match self.storage.read(object).await {
            Ok(stored) => Ok(stored.map(|stored| stored.bytes)),
            Err(PublishError::TooLarge { .. }) if object != TIMESTAMP => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_split_so_that_each_state_is_accepted_as_long_as_that_can_be() {
        let both = Verdict { old: true, new: true };
        let (old, new) = (Verdict { old: true, new: false }, Verdict { old: false, new: true });
        let neither = Verdict { old: false, new: false };
        for (newest_accepts, roots, before, has_gap) in [
            (true, vec![], 0, false),
            // The same keys sign before and after.
            (true, vec![both, both], 2, false),
            // The state between, signed by the old keys and the new ones, was mirrored.
            (true, vec![new, new], 0, false),
            (false, vec![both, new], 1, false),
            (false, vec![old, both, new, new], 2, false),
            // It was not.
            (false, vec![new], 1, true),
            (false, vec![old, new, new], 2, true),
            (false, vec![old, neither, new], 3, true),
            // Keys that went and came back.
            (true, vec![neither, both], 2, true),
        ] {
            assert_eq!(
                split(newest_accepts, &roots),
                Split { before, has_gap },
                "{newest_accepts} {roots:?}"
            );
        }
    }
}
