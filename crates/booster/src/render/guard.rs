//! What was left, what is not taken again, and what a trial found, in lines.

use crate::{output::Style, text};
use booster_definitions::Version;
use booster_engine::TrialReport;
use booster_service::status::Guard;
use booster_store::{Change, RejectedRelease, RolledBack};

/// The lines of the status, where there is something to say.
pub fn status(guard: &Guard, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(back) = &guard.rolled_back {
        let reason = back.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let went = format!("{} ({}){reason}", text::time(back.time), changes(&back.changes));
        lines.push(format!("Went back    {}", style.attention(&went)));
    }
    lines.extend(guard.rejected.iter().map(|release| format!("Rejected     {}", rejected(release))));
    if guard.awaits_approval {
        lines.push(
            "Probation    another engine, or the health command, has still to say that all is well"
                .to_owned(),
        );
    } else if let Some(until) = guard.probation_until {
        lines.push(format!("Probation    until {}", text::time(until)));
    }
    lines
}

/// A release that is not taken, and why.
pub fn rejected(release: &RejectedRelease) -> String {
    let RejectedRelease { component, version, reason, since, .. } = release;
    format!("{component} {version} since {}: {reason}", text::time(*since))
}

/// What was gone back from, and to what.
pub fn rolled_back(back: &RolledBack, style: Style) -> String {
    format!("{} ({}): {}", style.attention("Went back"), changes(&back.changes), back.reason)
}

fn changes(changes: &[Change]) -> String {
    let version = |version: Option<Version>| version.map_or("none".to_owned(), |version| version.to_string());
    let change = |c: &Change| format!("{} {} -> {}", c.component, version(c.from), version(c.to));
    changes.iter().map(change).collect::<Vec<_>>().join(", ")
}

/// What a trial found.
pub fn trial(report: &TrialReport) -> Vec<String> {
    let mut lines = vec![format!(
        "Tried on {} ({}), of which {} {} flagged now and not before",
        text::counted(report.files, "file"),
        text::bytes(report.bytes),
        text::count(report.newly_flagged),
        if report.newly_flagged == 1 { "is" } else { "are" },
    )];
    if report.failed > 0 {
        lines.push(format!("{} could not be scanned", text::counted(report.failed, "file")));
    }
    if report.cut_short {
        lines.push("The time was over before the end: see `time` under [trial]".to_owned());
    }
    lines.extend(report.flagged.iter().map(|flagged| {
        let threats: Vec<_> = flagged.threats.iter().map(String::as_str).collect();
        format!("{}: {}", flagged.path.display(), threats.join(", "))
    }));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_definitions::{Component, Digest};
    use booster_engine::FlaggedFile;
    use booster_service::status::RollbackStatus;
    use booster_store::{HistoryEntry, Why};
    use jiff::Timestamp;

    fn change() -> Change {
        let version = |n| Some(Version([1, n, 0, 0]));
        Change { component: Component::Antivirus, from: version(2), to: version(1) }
    }

    fn entry(outcome: &str, changes: Vec<Change>) -> HistoryEntry {
        HistoryEntry {
            time: Timestamp::UNIX_EPOCH,
            outcome: outcome.into(),
            source: None,
            changes,
            bytes_downloaded: 0,
            duration_ms: 0,
            error: None,
            reason: Some("false alarms".into()),
        }
    }

    #[test]
    fn the_status_says_what_happened_and_why_and_is_silent_where_nothing_did() {
        let release = RejectedRelease {
            component: Component::Antivirus,
            version: Version([1, 2, 0, 0]),
            archive: Digest::of(b""),
            why: Why::RolledBack,
            reason: "false alarms".into(),
            since: Timestamp::UNIX_EPOCH,
        };
        let guard = Guard {
            probation_until: Some(Timestamp::UNIX_EPOCH),
            awaits_approval: false,
            rejected: vec![release],
            rolled_back: RollbackStatus::last(&[entry("rolled_back", vec![change()])]),
        };
        assert_eq!(
            status(&guard, Style::default()),
            [
                "Went back    1970-01-01 00:00:00 UTC (antivirus 1.2.0.0 -> 1.1.0.0): false alarms",
                "Rejected     antivirus 1.2.0.0 since 1970-01-01 00:00:00 UTC: false alarms",
                "Probation    until 1970-01-01 00:00:00 UTC",
            ]
        );
        assert!(status(&Guard::default(), Style::default()).is_empty());
        let open = Guard { awaits_approval: true, ..Guard::default() };
        assert!(status(&open, Style::default())[0].contains("health command"));
    }

    #[test]
    fn a_trial_names_what_it_flagged() {
        let flagged = FlaggedFile {
            path: "/usr/bin/ls".into(),
            threats: ["A".to_owned(), "B".to_owned()].into(),
            components: [Component::Antivirus].into(),
        };
        let report = TrialReport {
            files: 100,
            bytes: 1000,
            failed: 2,
            cut_short: true,
            newly_flagged: 1,
            flagged: vec![flagged],
        };
        let lines = trial(&report);
        assert_eq!(lines[0], "Tried on 100 files (1.0 kB), of which 1 is flagged now and not before");
        assert_eq!(
            (lines[1].as_str(), lines[3].as_str()),
            ("2 files could not be scanned", "/usr/bin/ls: A, B")
        );
    }
}
