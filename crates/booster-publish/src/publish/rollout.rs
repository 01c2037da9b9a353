//! What a publisher does to a release that is out: halt its roll-out, resume or change it, or withdraw it.
//!
//! The release itself never changes. A roll-out is changed by signing its availability anew; a
//! withdrawal publishes the content of the release before under a higher version, so that machines
//! move forward and never back, as TUF's rules against rollback want it.

use super::{PublishReport, PublishRequest, trial::unpack_published, work::WorkFolder};
use crate::{
    KeyRing, PublishError, Repository, Result,
    repository::{OfferedRelease, Published, manifest_of, offered, prepare},
};
use booster_definitions::{Availability, Component, Halt, Schedule, Version, manifest_target};
use jiff::Timestamp;

/// A change of how a release is given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RolloutChange {
    /// Nobody takes it from now on who has not taken it yet.
    Halt {
        /// Words for administrators.
        reason: String,
    },
    /// A halted roll-out goes on where it was: the time of the halt does not count.
    Resume,
    /// Another schedule, counted from the start that it had.
    Schedule(Schedule),
    /// Everybody is to have it at once.
    Emergency,
}

/// How a release is given out now.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RolloutReport {
    /// The component.
    pub component: Component,
    /// The release.
    pub version: Version,
    /// How it is given out.
    pub availability: Availability,
    /// When machines stop to believe the signatures.
    pub expires: Timestamp,
}

/// A release to withdraw.
#[derive(Debug, Clone)]
pub struct Withdrawal {
    /// The component whose newest release is withdrawn.
    pub component: Component,
    /// The version of the release that takes its place; without one the next higher.
    pub version: Option<Version>,
    /// Words for administrators.
    pub reason: String,
}

impl Repository {
    /// Changes how a release, the newest where no version is given, is given out.
    ///
    /// # Errors
    /// There is no such release; else those of every change of a repository.
    pub async fn change_rollout(
        &self,
        component: Component,
        version: Option<Version>,
        change: &RolloutChange,
        keys: &KeyRing,
        now: Timestamp,
    ) -> Result<RolloutReport> {
        let _lock = self.storage.lock().await?;
        let published = self.begin().await?;
        let release = find(&published, component, version)?;
        let first = || Availability::new(release.sequence(), now, Schedule::immediate());
        let before = release.availability.clone().unwrap_or_else(first);
        let availability = changed(before, change, now);
        let mut targets = published.targets.clone();
        if let Some(entry) = targets.targets.get_mut(&manifest_target(component, release.version)) {
            entry.custom = Some(availability.to_json()?);
        }
        let signer = self.signer(&published, keys, now);
        let prepared = prepare(&published, Some(targets), &signer)?;
        self.commit(&published, &prepared).await?;
        let expires = signer.expires(booster_trust::signing::TopRole::Timestamp);
        Ok(RolloutReport { component, version: release.version, availability, expires })
    }

    /// Withdraws the newest release: the content of the one before is published in its place, for everybody
    /// at once, and the withdrawn one is offered no longer.
    ///
    /// `settings` says how to publish: keys of a request that name content are not looked at.
    ///
    /// # Errors
    /// There is no release before it; else those of a publication.
    pub async fn withdraw(
        &self,
        withdrawal: &Withdrawal,
        settings: &PublishRequest,
        keys: &KeyRing,
        now: Timestamp,
    ) -> Result<PublishReport> {
        let component = withdrawal.component;
        let published = self.published().await?;
        let newest = find(&published, component, None)?;
        let before = offered(&published.targets, component).into_iter().nth(1);
        let before = before.ok_or(PublishError::NothingBefore { component, version: newest.version })?;
        let manifest = manifest_of(&self.storage, &before).await?;
        let work = WorkFolder::new(settings.scratch.as_deref())?;
        let folder = work.path().join("content");
        unpack_published(self, &manifest, &published, &folder, settings.limits).await?;
        let request = PublishRequest {
            component,
            version: withdrawal.version.unwrap_or_else(|| next(newest.version)),
            folder: folder.join(component.as_str()),
            extra: Vec::new(),
            requires: manifest.requires,
            restart_required: manifest.restart_required,
            notes: Some(withdrawal.reason.clone()),
            schedule: Schedule::immediate(),
            emergency: true,
            withdraws: Some(newest.version),
            published: Some(manifest.published),
            ..settings.clone()
        };
        self.publish(&request, keys, now).await
    }
}

/// A release that is offered: this version, or the newest.
fn find(published: &Published, component: Component, version: Option<Version>) -> Result<OfferedRelease> {
    let releases = offered(&published.targets, component);
    let wanted = |release: &OfferedRelease| version.is_none_or(|version| release.version == version);
    releases.into_iter().find(wanted).ok_or(PublishError::NotOffered { component, version })
}

fn changed(before: Availability, change: &RolloutChange, now: Timestamp) -> Availability {
    match change {
        RolloutChange::Halt { reason } => {
            let since = before.halted.as_ref().map_or(now, |halt| halt.since);
            Availability { halted: Some(Halt { since, reason: reason.clone() }), ..before }
        }
        RolloutChange::Resume => {
            let pause = before.halted.as_ref().map(|halt| now.duration_since(halt.since));
            let started = pause.and_then(|pause| before.started.checked_add(pause).ok());
            Availability { halted: None, started: started.unwrap_or(before.started), ..before }
        }
        RolloutChange::Schedule(schedule) => {
            Availability { schedule: schedule.clone(), emergency: false, ..before }
        }
        RolloutChange::Emergency => Availability { emergency: true, ..before },
    }
}

/// The next higher version.
fn next(version: Version) -> Version {
    Version::from(version.to_u64().saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_definitions::{Channel, Place, Turn};
    use jiff::SignedDuration;

    #[test]
    fn a_halt_keeps_its_first_moment_and_a_resumed_roll_out_goes_on_where_it_was() {
        let at = |hours: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours);
        let release = Availability::new(1, at(0), "1%@0h,100%@10h".parse().unwrap());
        let halt = |reason: &str| RolloutChange::Halt { reason: reason.to_owned() };
        let halted = changed(release, &halt("slow"), at(4));
        let halted = changed(halted, &halt("too slow"), at(5));
        assert_eq!(halted.halted, Some(Halt { since: at(4), reason: "too slow".to_owned() }));
        let resumed = changed(halted, &RolloutChange::Resume, at(104));
        let last = Place::new(9999).unwrap();
        assert_eq!(resumed.turn(Channel::Broad, last, at(109)), Turn::At(at(110)));
        assert_eq!(resumed.published, at(0));
        assert_eq!(changed(resumed.clone(), &RolloutChange::Resume, at(200)), resumed);
    }

    #[test]
    fn the_next_version_carries_over() {
        assert_eq!(next(Version([1, 2, 3, 4])), Version([1, 2, 3, 5]));
        assert_eq!(next(Version([1, 2, 3, u16::MAX])), Version([1, 2, 4, 0]));
    }
}
