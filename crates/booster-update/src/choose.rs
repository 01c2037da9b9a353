//! Which of the releases that a publisher offers a machine takes: a pure decision.
//!
//! It weighs the roll-out (channel, place and time), the administrator's pin, what was rejected here, and
//! what is installed.
//! Whether the chosen release is then fit to be installed is for the [plan](crate::plan()) to say.

use crate::Held;
use booster_definitions::{Availability, Channel, Component, Digest, Place, Turn, Version};
use booster_sources::Approval;
use booster_store::{Pin, RejectedRelease};
use jiff::Timestamp;

/// A release that the trusted metadata lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) version: Version,
    /// SHA-256 of its manifest.
    pub(crate) manifest: Option<Digest>,
    /// How it is given out; without it to everybody.
    pub(crate) availability: Option<Availability>,
    /// Whether who runs the source gives it to this machine.
    pub(crate) approval: Approval,
}

/// What a machine goes by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chooser<'a> {
    pub(crate) channel: Channel,
    pub(crate) place: Place,
    pub(crate) now: Timestamp,
    /// Whether to take a release although it is not this machine's turn.
    pub(crate) at_once: bool,
    pub(crate) pin: Option<&'a Pin>,
    /// The component that is chosen for.
    pub(crate) component: Component,
    /// The releases that this machine does not take, of every component.
    pub(crate) rejected: &'a [RejectedRelease],
    /// The installed release, and when it was published.
    pub(crate) installed: Option<(Version, Timestamp)>,
}

/// What was chosen.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    /// The release to take, or to stay with.
    pub(crate) take: Option<Listed>,
    /// Why a newer one is not taken.
    pub(crate) held: Option<Held>,
}

impl Chooser<'_> {
    /// Chooses from the releases of a component, newest first.
    pub(crate) fn choose(&self, listed: &[Listed]) -> Choice {
        let installed = self.installed.map(|(version, _)| version);
        let goes_back = listed.first().is_some_and(|newest| Some(newest.version) < installed);
        if goes_back && !self.leads_back() {
            // The publisher, or the source, goes back: the plan refuses that.
            return Choice { take: listed.first().cloned(), held: None };
        }
        let mut held = None;
        for release in listed {
            let is_newer = Some(release.version) > installed || self.leads_back();
            // A roll-out that is halted later takes nothing away.
            if Some(release.version) == installed && !is_newer {
                return Choice { take: Some(release.clone()), held };
            }
            match self.refusal(release).filter(|_| is_newer) {
                None if is_newer => return Choice { take: Some(release.clone()), held },
                None => break,
                Some(refusal) => _ = held.get_or_insert(refusal),
            }
        }
        Choice { take: None, held }
    }

    /// Whether the administrator's pin takes the machine back: only from what is beyond it.
    pub(crate) fn leads_back(&self) -> bool {
        let (Some(pin), Some((version, published))) = (self.pin, self.installed) else { return false };
        !pin.limit.allows(version, Some(published))
    }

    /// Whether who runs the source wants it taken by now, whatever the roll-out says.
    fn is_due(&self, approval: Approval) -> bool {
        matches!(approval, Approval::Approved { deadline: Some(deadline) } if deadline <= self.now)
    }

    fn refusal(&self, release: &Listed) -> Option<Held> {
        let offered = release.version;
        let published = release.availability.as_ref().map(|availability| availability.published);
        if let Some(pin) = self.pin.filter(|pin| !pin.limit.allows(offered, published)) {
            return Some(Held::Pinned { offered, limit: pin.limit, reason: pin.reason.clone() });
        }
        let is_it = |one: &&RejectedRelease| (one.component, one.version) == (self.component, offered);
        if let Some(rejected) = self.rejected.iter().find(is_it) {
            return Some(Held::Rejected { offered, why: rejected.why });
        }
        if release.approval == Approval::Withheld {
            return Some(Held::NotApproved { offered });
        }
        let availability = release.availability.as_ref()?;
        let halted = || availability.halted.as_ref().map(|halt| halt.reason.clone()).unwrap_or_default();
        match availability.turn(self.channel, self.place, self.now) {
            Turn::Halted => Some(Held::Halted { offered, reason: halted() }),
            Turn::At(from) if !self.at_once && !self.is_due(release.approval) => {
                Some(Held::NotYet { offered, channel: self.channel, from })
            }
            Turn::At(_) | Turn::Now => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_definitions::{Halt, Schedule};
    use booster_store::{PinLimit, Why};
    use jiff::SignedDuration;

    fn version(n: u16) -> Version {
        Version([1, n, 0, 0])
    }

    fn hours(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    /// Release 3 goes out over ten hours from hour 30 on; 2 and 1 are there for all.
    fn listed() -> Vec<Listed> {
        let release = |n: u16, schedule: Schedule| Listed {
            version: version(n),
            manifest: None,
            availability: Some(Availability::new(n.into(), hours(10 * i64::from(n)), schedule)),
            approval: Approval::Unsaid,
        };
        let slow = "1%@0h,100%@10h".parse().unwrap();
        vec![release(3, slow), release(2, Schedule::immediate()), release(1, Schedule::immediate())]
    }

    fn chooser(installed: Option<u16>, now: i64) -> Chooser<'static> {
        Chooser {
            channel: Channel::Broad,
            place: Place::new(5000).unwrap(),
            now: hours(now),
            at_once: false,
            pin: None,
            component: Component::Nis,
            rejected: &[],
            installed: installed.map(|n| (version(n), hours(10 * i64::from(n)))),
        }
    }

    fn chosen(chooser: Chooser<'_>, listed: &[Listed]) -> (Option<u16>, Option<Held>) {
        let choice = chooser.choose(listed);
        (choice.take.map(|release| release.version.0[1]), choice.held)
    }

    #[test]
    fn what_was_rejected_here_is_passed_over_for_what_is_left() {
        let rejected = |n: u16, component| RejectedRelease {
            component,
            version: version(n),
            archive: Digest::of(b""),
            why: Why::Crashed,
            reason: String::new(),
            since: hours(0),
        };
        let newest = [rejected(3, Component::Nis), rejected(2, Component::Antivirus)];
        let held = Some(Held::Rejected { offered: version(3), why: Why::Crashed });
        for (installed, expected) in [(None, Some(2)), (Some(1), Some(2)), (Some(2), Some(2))] {
            let chooser = Chooser { rejected: &newest, ..chooser(installed, 40) };
            assert_eq!(chosen(chooser, &listed()), (expected, held.clone()), "{installed:?}");
        }
    }

    #[test]
    fn until_its_turn_a_machine_takes_the_release_before() {
        let waits = Some(Held::NotYet { offered: version(3), channel: Channel::Broad, from: hours(40) });
        for (installed, now, expected) in [
            (None, 39, (Some(2), waits.clone())),
            (Some(1), 39, (Some(2), waits.clone())),
            (Some(2), 39, (Some(2), waits)),
            (Some(2), 40, (Some(3), None)),
            (Some(3), 39, (Some(3), None)),
        ] {
            assert_eq!(chosen(chooser(installed, now), &listed()), expected, "{installed:?} at {now}");
        }
        let first = Chooser { place: Place::new(0).unwrap(), ..chooser(None, 30) };
        assert_eq!(chosen(first, &listed()), (Some(3), None));
        let at_once = Chooser { at_once: true, ..chooser(None, 30) };
        assert_eq!(chosen(at_once, &listed()), (Some(3), None));
    }

    #[test]
    fn a_halted_release_is_taken_by_nobody_and_from_nobody() {
        let mut listed = listed();
        let halt = Halt { since: hours(31), reason: "finds too much".to_owned() };
        listed[0].availability.as_mut().unwrap().halted = Some(halt);
        let held = Some(Held::Halted { offered: version(3), reason: "finds too much".to_owned() });
        for at_once in [false, true] {
            let chooser = |installed| Chooser { at_once, ..chooser(installed, 100) };
            assert_eq!(chosen(chooser(Some(1)), &listed), (Some(2), held.clone()));
            assert_eq!(chosen(chooser(Some(3)), &listed), (Some(3), None));
        }
    }

    #[test]
    fn a_pin_limits_by_version_or_date_and_may_lead_back() {
        let pin = |limit| Pin { limit, since: hours(0), reason: None };
        let held = |n, limit| Some(Held::Pinned { offered: version(n), limit, reason: None });
        for limit in [PinLimit::Version(version(2)), PinLimit::Date(hours(29))] {
            let pin = pin(limit);
            for installed in [None, Some(1), Some(2), Some(3)] {
                let chooser = Chooser { pin: Some(&pin), ..chooser(installed, 100) };
                assert_eq!(chosen(chooser, &listed()), (Some(2), held(3, limit)), "{installed:?} {limit}");
            }
        }
        let pin = pin(PinLimit::Version(version(0)));
        let chooser = Chooser { pin: Some(&pin), ..chooser(Some(3), 100) };
        assert_eq!(chosen(chooser, &listed()), (None, held(3, pin.limit)), "nothing that old is offered");
    }

    #[test]
    fn a_pin_above_what_is_installed_opens_no_way_back() {
        let pin = Pin { limit: PinLimit::Version(version(9)), since: hours(0), reason: None };
        let chooser = Chooser { pin: Some(&pin), ..chooser(Some(5), 100) };
        assert!(!chooser.leads_back());
        assert_eq!(chosen(chooser, &listed()), (Some(3), None), "for the plan to refuse");
    }

    #[test]
    fn a_publisher_that_goes_back_is_left_to_the_plan_to_refuse() {
        assert_eq!(chosen(chooser(Some(9), 39), &listed()), (Some(3), None));
        assert_eq!(chosen(chooser(None, 39), &[]), (None, None));
    }

    #[test]
    fn what_is_not_approved_is_passed_over_and_a_deadline_comes_before_the_roll_out() {
        let mut listed = listed();
        listed[0].approval = Approval::Withheld;
        let held = Some(Held::NotApproved { offered: version(3) });
        assert_eq!(chosen(chooser(Some(1), 100), &listed), (Some(2), held.clone()));
        assert_eq!(chosen(chooser(Some(3), 100), &listed), (Some(3), None), "nothing is taken away");
        let at_once = Chooser { at_once: true, ..chooser(None, 100) };
        assert_eq!(chosen(at_once, &listed), (Some(2), held));
        for (deadline, expected) in [(39, Some(3)), (38, Some(3)), (40, Some(2))] {
            listed[0].approval = Approval::Approved { deadline: Some(hours(deadline)) };
            assert_eq!(chosen(chooser(Some(2), 39), &listed).0, expected, "{deadline}");
        }
    }

    #[test]
    fn a_release_that_says_nothing_of_its_roll_out_is_for_everybody() {
        let approval = Approval::Unsaid;
        let plain = Listed { version: version(1), manifest: None, availability: None, approval };
        assert_eq!(chosen(chooser(None, 0), &[plain]), (Some(1), None));
    }
}
