//! What machines say, gathered in memory and written in one step from time to time.
//!
//! A machine has one line here however often it asks, and only machines that are registered have one. Of what
//! one reports too often, the last of each kind is kept for later: it is about the state that the machine is in.

use crate::{
    Report, Result,
    fleet::{Fleet, plain},
    registry::{Note, Notes, Told},
};
use booster_definitions::{Component, Version};
use booster_wsus::message::ReportingEvent;
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};
use uuid::Uuid;

/// Reports that wait to be written.
const WAITING: usize = 10_000;
/// The time between two reports of a machine that are kept.
const APART: SignedDuration = SignedDuration::from_secs(5);
/// Kinds of events of one machine that wait at once.
const KINDS: usize = 8;
/// Facts of one report that are looked at.
const FACTS: usize = 32;

/// What machines have said since the last writing.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<Pages>);

#[derive(Debug, Default)]
struct Pages {
    asked: HashMap<Uuid, (String, Timestamp)>,
    told: Vec<(Uuid, Told)>,
    last_told: HashMap<Uuid, Timestamp>,
    /// What came too soon: of each kind the last, in the order in which they came.
    later: HashMap<Uuid, Vec<Told>>,
}

impl Ledger {
    /// Notes that a machine has asked what there is.
    pub(super) fn asked(&self, machine: Uuid, group: &str, now: Timestamp) {
        self.pages().asked.insert(machine, (group.to_owned(), now));
    }

    /// Notes what a machine reports: of each kind of event in the batch the last. `false`: there is no room,
    /// and nothing was noted.
    #[must_use]
    pub(super) fn told(&self, machine: Uuid, events: &[ReportingEvent], now: Timestamp) -> bool {
        let told: Vec<Told> = last_of_each(events).into_iter().map(|event| read(event, now)).collect();
        let mut pages = self.pages();
        let waiting = pages.told.len() + pages.later.len() + told.len();
        if waiting > WAITING && !pages.later.contains_key(&machine) {
            tracing::debug!(%machine, "there is no room for a report");
            return false;
        }
        let too_soon = pages.last_told.get(&machine).is_some_and(|last| now.duration_since(*last) < APART);
        if too_soon {
            let later = pages.later.entry(machine).or_default();
            later.retain(|earlier| told.iter().all(|it| it.report.event != earlier.report.event));
            later.extend(told);
            later.drain(..later.len().saturating_sub(KINDS));
        } else if !told.is_empty() {
            let earlier = pages.later.remove(&machine).unwrap_or_default();
            pages.last_told.insert(machine, now);
            pages.told.extend(earlier.into_iter().chain(told).map(|told| (machine, told)));
        }
        true
    }

    /// Writes everything down whose time has come, and gives the machines of which nothing could be kept, as they
    /// are not registered. What cannot be written is written the next time.
    pub(super) async fn write(&self, fleet: &Fleet, now: Timestamp) -> Result<Vec<Uuid>> {
        let notes = self.pages().take(now);
        let written = fleet.note(&notes).await;
        if written.is_err() {
            self.pages().put_back(notes);
        }
        written
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        // Whatever a panic left is still a list of notes.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    /// What is to be written now.
    fn take(&mut self, now: Timestamp) -> Notes {
        self.last_told.retain(|_, last| now.duration_since(*last) < APART);
        let due: Vec<_> =
            self.later.keys().filter(|machine| !self.last_told.contains_key(machine)).copied().collect();
        for machine in due {
            let later = self.later.remove(&machine).unwrap_or_default();
            self.told.extend(later.into_iter().map(|told| (machine, told)));
            self.last_told.insert(machine, now);
        }
        let mut notes = Notes::new();
        for (machine, asked) in self.asked.drain() {
            notes.insert(machine, Note { asked: Some(asked), told: Vec::new() });
        }
        for (machine, told) in self.told.drain(..) {
            notes.entry(machine).or_default().told.push(told);
        }
        notes
    }

    /// Takes back what could not be written. Of reports there may be as many as may wait; the oldest go first.
    fn put_back(&mut self, notes: Notes) {
        let mut told = Vec::new();
        for (machine, note) in notes {
            if let Some(asked) = note.asked {
                self.asked.entry(machine).or_insert(asked);
            }
            told.extend(note.told.into_iter().map(|told| (machine, told)));
        }
        told.append(&mut self.told);
        told.sort_by_key(|(_, told)| told.report.time);
        let over = told.len().saturating_sub(WAITING);
        if over > 0 {
            tracing::warn!(reports = over, "reports that could not be written are lost");
        }
        told.drain(..over);
        self.told = told;
    }
}

/// The last event of each kind, in the order in which they happened.
fn last_of_each(events: &[ReportingEvent]) -> Vec<&ReportingEvent> {
    let mut seen = HashSet::new();
    let last = events.iter().rev().filter(|event| seen.insert(event.event)).take(KINDS);
    let mut last: Vec<_> = last.collect();
    last.reverse();
    last
}

/// What an event says, in short and plain words.
fn read(event: &ReportingEvent, now: Timestamp) -> Told {
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
    let mut report = Report { time: now, event: event.event, result: event.result, outcome, failure: failed };
    // A client of another kind gives no facts, but its event is one.
    if report.is_failure() && report.failure.is_empty() {
        report.failure = format!("{} (0x{:08x})", report.title(), report.result.cast_unsigned());
    }
    if report.outcome.is_empty() {
        report.outcome = match event.event {
            _ if report.is_failure() => "failed",
            ReportingEvent::INSTALL_SUCCEEDED => "installed",
            _ => "",
        }
        .to_owned();
    }
    // A map of texts is always JSON.
    let versions = serde_json::to_string(&versions).ok().filter(|_| !versions.is_empty());
    Told { report, versions }
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_wsus::{UpdateIdentity, message::Computer};

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
        let told = read(&event, Timestamp::UNIX_EPOCH);
        assert_eq!(told.versions.as_deref(), Some("{\"nis\":\"1.2.3.4\"}"));
        assert_eq!(
            (told.report.outcome.as_str(), told.report.failure.as_str()),
            ("failed", "install io: [2Jgone")
        );
    }

    fn event(number: i16, result: i32, facts: &[&str]) -> ReportingEvent {
        ReportingEvent {
            client_id: String::new(),
            time: Timestamp::UNIX_EPOCH,
            instance: Uuid::nil(),
            event: number,
            update: UpdateIdentity { update: Uuid::nil(), revision: 0 },
            result,
            replacements: Vec::new(),
            facts: facts.iter().map(ToString::to_string).collect(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
    }

    #[test]
    fn a_machine_that_reports_all_the_time_is_heard_now_and_then_and_its_last_word_is_kept() {
        let (ledger, machine) = (Ledger::default(), Uuid::from_u128(1));
        for second in 0..12 {
            assert!(ledger.told(
                machine,
                &[event(147, 0, &[&format!("version.nis=1.0.0.{second}")])],
                at(second)
            ));
            ledger.asked(machine, "", at(second));
        }
        let versions = |notes: Notes| -> Vec<_> {
            notes.into_values().flat_map(|note| note.told).filter_map(|told| told.versions).collect()
        };
        let version = |second| format!("{{\"nis\":\"1.0.0.{second}\"}}");
        let notes = ledger.pages().take(at(12));
        assert!(notes[&machine].asked.is_some());
        assert_eq!(versions(notes), [0, 4, 5, 9, 10].map(version));
        let later = |second| versions(ledger.pages().take(at(second)));
        assert_eq!(later(14), Vec::<String>::new());
        assert_eq!(later(15), [version(11)]);
        assert_eq!(later(30), Vec::<String>::new());
    }

    #[test]
    fn of_a_batch_the_last_event_of_each_kind_is_kept_in_its_order() {
        let (ledger, machine) = (Ledger::default(), Uuid::from_u128(1));
        let batch = [
            event(161, -1, &[]),
            event(147, 0, &["version.nis=1.0.0.0"]),
            event(161, -2, &[]),
            event(156, 0, &[]),
            event(147, 0, &["version.nis=2.0.0.0"]),
        ];
        let kept = |now| -> Vec<_> {
            let notes = ledger.pages().take(at(now));
            let told = notes.into_values().flat_map(|note| note.told);
            told.map(|told| (told.report.event, told.report.result)).collect()
        };
        assert!(ledger.told(machine, &batch, at(0)));
        assert_eq!(kept(0), [(161, -2), (156, 0), (147, 0)]);
        // The same where it comes too soon.
        assert!(ledger.told(machine, &batch[..1], at(1)) && ledger.told(machine, &batch[1..], at(2)));
        assert_eq!(kept(9), [(161, -2), (156, 0), (147, 0)]);
        let many: Vec<_> = (0..100).map(|number| event(number, 0, &[])).collect();
        assert!(ledger.told(machine, &many, at(30)));
        assert_eq!(kept(30), (92..100).map(|number| (number, 0)).collect::<Vec<_>>());
    }

    #[test]
    fn an_event_without_facts_is_a_failure_by_its_number_or_its_result() {
        let said = |number, result| {
            let Told { report, .. } = read(&event(number, result, &[]), at(0));
            (report.outcome, report.failure)
        };
        for (number, result, outcome, failure) in [
            (148, 0, "failed", "search failed (0x00000000)"),
            (161, -1, "failed", "download failed (0xffffffff)"),
            (182, 0x8024_0022_u32.cast_signed(), "failed", "installation failed (0x80240022)"),
            (200, i32::MIN, "failed", "reported (0x80000000)"),
            (183, 0, "installed", ""),
            (147, 0, "", ""),
        ] {
            assert_eq!(said(number, result), (outcome.to_owned(), failure.to_owned()), "{number}");
        }
    }

    async fn fleet(dir: &tempfile::TempDir, machines: impl IntoIterator<Item = Uuid>) -> Fleet {
        let fleet = Fleet::open(dir.path().join("fleet.sqlite").to_str().unwrap()).await.unwrap();
        for machine in machines {
            fleet.register(machine, "", &Computer::default(), at(0)).await.unwrap();
        }
        fleet
    }

    #[tokio::test]
    async fn an_event_that_says_nothing_changes_nothing_that_is_known() {
        let (dir, machine, ledger) = (tempfile::tempdir().unwrap(), Uuid::from_u128(1), Ledger::default());
        let fleet = fleet(&dir, [machine]).await;
        let known = async |events: &[ReportingEvent], now| {
            assert!(ledger.told(machine, events, at(now)));
            ledger.write(&fleet, at(now)).await.unwrap();
            let machine = fleet.machines().await.unwrap().remove(0);
            (machine.outcome, machine.failure, machine.versions.len())
        };
        let failed = ("failed".to_owned(), "download failed (0xffffffff)".to_owned(), 0);
        assert_eq!(known(&[event(161, -1, &[]), event(147, 0, &[])], 0).await, failed);
        assert_eq!(known(&[event(156, 0, &[])], 10).await, failed);
        let updated = known(&[event(183, 0, &["outcome=updated", "version.nis=1.0.0.0"])], 20).await;
        assert_eq!(updated, ("updated".to_owned(), String::new(), 1));
        assert_eq!(known(&[event(147, 0, &[])], 30).await, updated);
        assert_eq!(fleet.reports(machine).await.unwrap().len(), 5, "all of them are reports still");
    }

    #[tokio::test]
    async fn what_could_not_be_written_is_written_the_next_time() {
        let (dir, machine, ledger) = (tempfile::tempdir().unwrap(), Uuid::from_u128(1), Ledger::default());
        let fleet = fleet(&dir, [machine]).await;
        let rename = async |from: &str, to: &str| {
            let rename = sqlx::AssertSqlSafe(format!("ALTER TABLE {from} RENAME TO {to}"));
            sqlx::query(rename).execute(fleet.database().pool()).await.unwrap();
        };
        rename("fleet_reports", "elsewhere").await;
        assert!(ledger.told(machine, &[event(147, 0, &[])], at(0)));
        ledger.asked(machine, "old", at(0));
        ledger.write(&fleet, at(0)).await.unwrap_err();
        ledger.asked(machine, "new", at(6));
        assert!(ledger.told(machine, &[event(183, 0, &[])], at(6)));
        rename("elsewhere", "fleet_reports").await;
        assert!(ledger.write(&fleet, at(6)).await.unwrap().is_empty());
        let events: Vec<_> =
            fleet.reports(machine).await.unwrap().into_iter().map(|report| report.event).collect();
        let known = fleet.machines().await.unwrap().remove(0);
        assert_eq!((events, known.group.as_str(), known.last_asked), (vec![183, 147], "new", Some(at(6))));
    }

    #[cfg(unix)]
    #[tokio::test(flavor = "multi_thread")]
    async fn servers_that_write_about_the_same_machines_at_once_lose_nothing() {
        let Some(postgres) = booster_test_support::Postgres::start() else { return };
        let url = postgres.url();
        let (one, other) = (Fleet::open(&url).await.unwrap(), Fleet::open(&url).await.unwrap());
        let machines: Vec<_> = (1..=500).map(Uuid::from_u128).collect();
        for machine in &machines {
            one.register(*machine, "", &Computer::default(), at(0)).await.unwrap();
        }
        let ledgers = [Ledger::default(), Ledger::default()];
        for round in 1..=4 {
            for machine in &machines {
                for ledger in &ledgers {
                    ledger.asked(*machine, "", at(round * 10));
                    assert!(ledger.told(*machine, &[event(147, 0, &[])], at(round * 10)));
                }
            }
            let now = at(round * 10);
            let (first, second) = tokio::join!(ledgers[0].write(&one, now), ledgers[1].write(&other, now));
            assert!(first.unwrap().is_empty() && second.unwrap().is_empty());
        }
        let reports = "SELECT COUNT(*) FROM fleet_reports";
        let row = sqlx::query(reports).fetch_one(one.database().pool()).await.unwrap();
        assert_eq!(one.database().number(&row, 0).unwrap(), 2 * 4 * 500);
        assert!(one.machines().await.unwrap().iter().all(|machine| machine.last_asked == Some(at(40))));
    }

    #[test]
    fn a_full_ledger_says_so_and_does_not_grow() {
        let ledger = Ledger::default();
        let tell =
            |machine: usize| ledger.told(Uuid::from_u128(machine as u128), &[event(147, 0, &[])], at(0));
        assert!((1..=WAITING).all(tell));
        assert!(!tell(WAITING + 1));
        let notes = ledger.pages().take(at(0));
        assert!(tell(WAITING + 2), "there is room again");
        ledger.pages().put_back(notes);
        assert_eq!(ledger.pages().told.len(), WAITING);
    }
}
