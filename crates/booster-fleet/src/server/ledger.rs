//! What machines say, gathered in memory and written in one step from time to time.
//!
//! A machine has one line here however often it asks, and only machines that are registered have one. Of what
//! one reports too often, the last of each kind is kept for later: it is about the state that the machine is in.

use crate::{
    Report, Result,
    fleet::{Fleet, Told, plain},
};
use booster_definitions::{Component, Version};
use booster_wsus::message::ReportingEvent;
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};
use uuid::Uuid;

/// Reports that wait to be written.
const WAITING: usize = 10_000;
/// The time between two reports of a machine that are kept.
const APART: SignedDuration = SignedDuration::from_secs(5);
/// Reports of one machine that wait because they came too soon.
const SOON: usize = 4;
/// Facts of one report that are looked at.
const FACTS: usize = 32;

/// What machines have said since the last writing.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<Pages>);

#[derive(Debug, Default)]
struct Pages {
    asked: HashMap<Uuid, (String, Timestamp)>,
    told: Vec<Told>,
    last_told: HashMap<Uuid, Timestamp>,
    /// What came too soon: of each kind the last, in the order in which they came.
    later: HashMap<Uuid, Vec<Told>>,
}

impl Ledger {
    /// Notes that a machine has asked what there is.
    pub(super) fn asked(&self, machine: Uuid, group: &str, now: Timestamp) {
        self.pages().asked.insert(machine, (group.to_owned(), now));
    }

    /// Notes what a machine reports: the last of the batch, which is about the state that it is in.
    pub(super) fn told(&self, machine: Uuid, events: &[ReportingEvent], now: Timestamp) {
        let Some(event) = events.last() else { return };
        let mut pages = self.pages();
        let too_soon = pages.last_told.get(&machine).is_some_and(|last| now.duration_since(*last) < APART);
        let full = pages.told.len() + pages.later.len() >= WAITING && !pages.later.contains_key(&machine);
        if full {
            tracing::debug!(%machine, "a report is not kept");
        } else if too_soon {
            let told = read(machine, event, now);
            let later = pages.later.entry(machine).or_default();
            later.retain(|earlier| earlier.report.event != told.report.event);
            if later.len() == SOON {
                later.remove(0);
            }
            later.push(told);
        } else {
            let earlier = pages.later.remove(&machine).unwrap_or_default();
            pages.told.extend(earlier);
            pages.last_told.insert(machine, now);
            pages.told.push(read(machine, event, now));
        }
    }

    /// Writes everything down whose time has come. What cannot be written is lost, and said to be.
    pub(super) async fn write(&self, fleet: &Fleet, now: Timestamp) -> Result<()> {
        let (asked, told) = self.pages().take(now);
        let asked: Vec<_> =
            asked.into_iter().map(|(machine, (group, time))| (machine, group, time)).collect();
        fleet.note(&asked, &told).await
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        // Whatever a panic left is still a list of notes.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    /// What is to be written now.
    fn take(&mut self, now: Timestamp) -> (HashMap<Uuid, (String, Timestamp)>, Vec<Told>) {
        self.last_told.retain(|_, last| now.duration_since(*last) < APART);
        let due: Vec<_> =
            self.later.keys().filter(|machine| !self.last_told.contains_key(machine)).copied().collect();
        for machine in due {
            self.told.extend(self.later.remove(&machine).unwrap_or_default());
            self.last_told.insert(machine, now);
        }
        (std::mem::take(&mut self.asked), std::mem::take(&mut self.told))
    }
}

/// What an event says, in short and plain words.
fn read(machine: Uuid, event: &ReportingEvent, now: Timestamp) -> Told {
    let facts = event.facts.iter().take(FACTS).filter_map(|fact| fact.split_once('='));
    let (mut outcome, mut failed, mut versions) = (String::new(), String::new(), BTreeMap::new());
    for (name, value) in facts {
        match name.split_once('.') {
            Some(("version", component)) => {
                if let (Ok(component), Ok(version)) =
                    (component.parse::<Component>(), value.parse::<Version>())
                {
                    versions.insert(component.to_string(), version.to_string());
                }
            }
            None if name == "outcome" => outcome = plain(value),
            None if name == "failed" => failed = plain(value),
            _ => {}
        }
    }
    if !failed.is_empty()
        && let Some(words) = event.replacements.first()
    {
        failed = format!("{failed}: {}", plain(words));
    }
    let report = Report { time: now, event: event.event, result: event.result, outcome, failure: failed };
    // A map of texts is always JSON.
    let versions = serde_json::to_string(&versions).ok().filter(|_| !versions.is_empty());
    Told { machine, report, versions }
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_wsus::UpdateIdentity;

    #[test]
    fn only_facts_that_are_known_are_kept_and_in_plain_words() {
        let event = ReportingEvent {
            client_id: "x".into(),
            time: Timestamp::UNIX_EPOCH,
            instance: Uuid::nil(),
            event: 182,
            update: UpdateIdentity { update: Uuid::nil(), revision: 0 },
            result: -1,
            replacements: vec!["\u{1b}[2Jgone".into()],
            facts: [
                "outcome=failed",
                "version.nis=1.2.3.4",
                "version.evil=1.2.3.4",
                "version.antivirus=x",
                "failed=install io",
                "x",
            ]
            .map(String::from)
            .to_vec(),
        };
        let told = read(Uuid::nil(), &event, Timestamp::UNIX_EPOCH);
        assert_eq!(told.versions.as_deref(), Some("{\"nis\":\"1.2.3.4\"}"));
        assert_eq!(
            (told.report.outcome.as_str(), told.report.failure.as_str()),
            ("failed", "install io: [2Jgone")
        );
    }

    #[test]
    fn a_machine_that_reports_all_the_time_is_heard_now_and_then_and_its_last_word_is_kept() {
        let (ledger, machine) = (Ledger::default(), Uuid::from_u128(1));
        let event = |second: i64| ReportingEvent {
            client_id: String::new(),
            time: Timestamp::UNIX_EPOCH,
            instance: Uuid::nil(),
            event: 147,
            update: UpdateIdentity { update: Uuid::nil(), revision: 0 },
            result: 0,
            replacements: Vec::new(),
            facts: vec![format!("version.nis=1.0.0.{second}")],
        };
        let at = |second| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second);
        for second in 0..12 {
            ledger.told(machine, &[event(second)], at(second));
            ledger.asked(machine, "", at(second));
        }
        let versions =
            |told: Vec<Told>| -> Vec<_> { told.into_iter().filter_map(|told| told.versions).collect() };
        let version = |second| format!("{{\"nis\":\"1.0.0.{second}\"}}");
        let (asked, told) = ledger.pages().take(at(12));
        assert_eq!((asked.len(), versions(told)), (1, [0, 4, 5, 9, 10].map(version).to_vec()));
        let later = |second| versions(ledger.pages().take(at(second)).1);
        assert_eq!(later(14), Vec::<String>::new());
        assert_eq!(later(15), [version(11)]);
        assert_eq!(later(30), Vec::<String>::new());
    }
}
