//! A fleet in lines.
//!
//! What machines claim is shown, and was stripped of control characters when it was kept.

use crate::{output::Style, text};
use booster_fleet::{Approvals, Decision, Machine, ReleaseKey, Report};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;

/// Every machine in one line.
pub fn machines(machines: &[Machine], now: Timestamp, style: Style) -> Vec<String> {
    let head = ["machine", "group", "last asked", "has", "state"].map(|word| style.faint(word)).to_vec();
    let row = |machine: &Machine| {
        let state = match (machine.failure.as_str(), machine.outcome.as_str()) {
            ("", "") => style.faint("nothing reported"),
            ("", outcome) => outcome.to_owned(),
            (failure, _) => style.bad(failure),
        };
        vec![
            machine.name.clone(),
            machine.group.clone(),
            machine.last_asked.map_or_else(|| "never".to_owned(), |time| ago(time, now)),
            versions(&machine.versions),
            state,
        ]
    };
    let rows: Vec<_> = std::iter::once(head).chain(machines.iter().map(row)).collect();
    text::table(&rows, &[])
}

/// One machine with its reports.
pub fn machine(machine: &Machine, reports: &[Report], style: Style) -> Vec<String> {
    let time = |time: Option<Timestamp>| time.map_or_else(|| "never".to_owned(), text::time);
    let facts = [
        ("id", machine.id.to_string()),
        ("group", machine.group.clone()),
        ("system", format!("{} ({})", machine.system, machine.architecture)),
        ("booster", machine.client.clone()),
        ("registered", text::time(machine.registered)),
        ("last asked", time(machine.last_asked)),
        ("last report", time(machine.last_report)),
        ("has", versions(&machine.versions)),
        (
            "state",
            if machine.failure.is_empty() { machine.outcome.clone() } else { style.bad(&machine.failure) },
        ),
    ];
    let rows: Vec<_> = facts.into_iter().map(|(name, fact)| vec![format!("  {name}"), fact]).collect();
    let mut lines = vec![style.strong(&machine.name)];
    lines.extend(text::table(&rows, &[]));
    if !reports.is_empty() {
        lines.push("Reports, the newest first".to_owned());
        let row = |report: &Report| {
            let result =
                if report.failure.is_empty() { report.outcome.clone() } else { report.failure.clone() };
            vec![format!("  {}", text::time(report.time)), report.title().to_owned(), result]
        };
        lines.extend(text::table(&reports.iter().map(row).collect::<Vec<_>>(), &[]));
    }
    lines
}

/// What was decided.
pub fn decision(release: ReleaseKey, group: Option<&str>, decision: Decision) -> String {
    let whom = group.map_or_else(|| "all machines".to_owned(), |group| format!("group {group}"));
    match decision {
        Decision::Approved { deadline: None } => format!("{release}: approved for {whom}"),
        Decision::Approved { deadline: Some(deadline) } => {
            format!("{release}: approved for {whom}, to be installed by {}", text::time(deadline))
        }
        Decision::Declined => format!("{release}: declined for {whom}"),
    }
}

/// A fleet in numbers.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    machines: usize,
    /// How many machines have which version, component by component; the newest first.
    versions: BTreeMap<String, Vec<(String, usize)>>,
    failing: Vec<Named>,
    silent: Vec<Named>,
    decisions: Vec<Decided>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Named {
    name: String,
    why: String,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Decided {
    release: String,
    group: Option<String>,
    #[serde(flatten)]
    decision: Decision,
    #[serde(skip)]
    words: String,
}

impl Summary {
    /// Sums a fleet up; machines are silent that have not asked for this long.
    pub fn of(machines: &[Machine], approvals: &Approvals, now: Timestamp, silence: SignedDuration) -> Self {
        let mut counts: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
        for (component, version) in machines.iter().flat_map(|machine| &machine.versions) {
            *counts.entry(component.clone()).or_default().entry(version.clone()).or_default() += 1;
        }
        let newest_first = |counts: BTreeMap<String, usize>| {
            let mut counts: Vec<_> = counts.into_iter().collect();
            let version = |text: &str| text.parse::<booster_definitions::Version>().ok();
            counts.sort_by_key(|(text, _)| std::cmp::Reverse(version(text)));
            counts
        };
        let failing = machines.iter().filter(|machine| !machine.failure.is_empty());
        let last = |machine: &Machine| machine.last_asked.unwrap_or(machine.registered);
        let silent = machines.iter().filter(|machine| now.duration_since(last(machine)) > silence);
        let mut decisions: Vec<_> = approvals
            .iter()
            .map(|(release, group, decision)| Decided {
                release: release.to_string(),
                group: group.map(str::to_owned),
                decision,
                words: self::decision(release, group, decision),
            })
            .collect();
        decisions.sort_by(|a, b| (&a.release, &a.group).cmp(&(&b.release, &b.group)));
        Self {
            machines: machines.len(),
            versions: counts.into_iter().map(|(name, counts)| (name, newest_first(counts))).collect(),
            failing: failing.map(|it| Named { name: it.name.clone(), why: it.failure.clone() }).collect(),
            silent: silent.map(|it| Named { name: it.name.clone(), why: ago(last(it), now) }).collect(),
            decisions,
        }
    }

    /// The summary in words.
    pub fn lines(&self, style: Style) -> Vec<String> {
        let mut lines = vec![text::counted(self.machines as u64, "machine")];
        for (component, versions) in &self.versions {
            let counts = versions.iter().map(|(version, count)| format!("{version} on {count}"));
            lines.push(format!("  {component}: {}", counts.collect::<Vec<_>>().join(", ")));
        }
        for (title, named) in [("Failing", &self.failing), ("Silent", &self.silent)] {
            if !named.is_empty() {
                lines.push(style.attention(&format!("{title}: {}", named.len())));
                let row = |it: &Named| vec![format!("  {}", it.name), it.why.clone()];
                lines.extend(text::table(&named.iter().map(row).collect::<Vec<_>>(), &[]));
            }
        }
        if !self.decisions.is_empty() {
            lines.push("Decided".to_owned());
            lines.extend(self.decisions.iter().map(|it| format!("  {}", it.words)));
        }
        lines
    }
}

fn versions(versions: &BTreeMap<String, String>) -> String {
    let all: Vec<_> = versions.iter().map(|(component, version)| format!("{component} {version}")).collect();
    all.join(", ")
}

fn ago(time: Timestamp, now: Timestamp) -> String {
    let minutes = now.duration_since(time).as_mins().max(0);
    match minutes {
        0..120 => format!("{minutes} min ago"),
        120..2880 => format!("{} h ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_definitions::{Component, Version};
    use uuid::Uuid;

    fn now() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn one(name: &str, version: &str, failure: &str, days: i64) -> Machine {
        Machine {
            id: Uuid::nil(),
            name: name.into(),
            group: "a".into(),
            system: "Linux".into(),
            architecture: "AMD64".into(),
            client: "0.1.0.0".into(),
            registered: Timestamp::UNIX_EPOCH,
            last_asked: Some(now() - SignedDuration::from_hours(24 * days)),
            last_report: None,
            outcome: "updated".into(),
            failure: failure.into(),
            versions: BTreeMap::from([("nis".to_owned(), version.to_owned())]),
        }
    }

    #[test]
    fn the_report_counts_versions_and_names_who_fails_or_is_silent() {
        let all =
            [one("x", "1.9.0.0", "", 0), one("y", "1.10.0.0", "install io", 0), one("z", "1.10.0.0", "", 9)];
        let mut approvals = Approvals::default();
        let release = ReleaseKey { component: Component::Nis, version: Version([1, 10, 0, 0]) };
        approvals.insert(release, Some("a".into()), Decision::Declined);
        let summary = Summary::of(&all, &approvals, now(), SignedDuration::from_hours(168));
        assert_eq!(
            summary.lines(Style::default()),
            [
                "3 machines",
                "  nis: 1.10.0.0 on 2, 1.9.0.0 on 1",
                "Failing: 1",
                "  y  install io",
                "Silent: 1",
                "  z  9 days ago",
                "Decided",
                "  nis 1.10.0.0: declined for group a",
            ]
        );
    }

    #[test]
    fn a_machine_is_listed_with_what_it_has_and_what_failed() {
        let lines =
            machines(&[one("x", "1.9.0.0", "", 0), one("y", "", "install io", 3)], now(), Style::default());
        assert_eq!(
            lines[1].split_whitespace().collect::<Vec<_>>().join(" "),
            "x a 0 min ago nis 1.9.0.0 updated"
        );
        assert!(lines[2].contains("3 days ago") && lines[2].ends_with("install io"), "{lines:?}");
    }
}
