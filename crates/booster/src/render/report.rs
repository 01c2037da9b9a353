//! The end of an update, in words.

use crate::{output::Style, render::engines, text};
use booster_update::{ComponentChange, ErrorKind, How, Outcome, Report};
use std::time::Duration;

/// The lines for standard output: what is installed now, and what it cost.
pub fn lines(report: &Report, style: Style) -> Vec<String> {
    let mut lines = vec![headline(report, style)];
    lines.extend(components(report));
    lines.extend(engines::lines(&report.engines, style));
    if !report.out_of_date.is_empty() {
        let names: Vec<_> = report.out_of_date.iter().map(ToString::to_string).collect();
        lines.push(style.attention(&format!("Out of date by their signed date: {}", names.join(", "))));
    }
    lines
}

fn headline(report: &Report, style: Style) -> String {
    let place = report.path.as_deref().unwrap_or("no source");
    let what = match report.outcome {
        Outcome::Updated => style.good("Updated"),
        Outcome::Current => style.good("Nothing new"),
        Outcome::Available => style.attention("Updates are available"),
        Outcome::Failed => style.bad("Failed; nothing was changed"),
        Outcome::Cancelled => style.attention("Cancelled; nothing was changed"),
        Outcome::Paused => return paused(report, style),
        Outcome::RestartRequired => style.attention("Updated; restart the machine to use all of it"),
        Outcome::SoftwareUpdateAvailable => {
            style.attention("A release needs a newer Booster; it was not installed")
        }
    };
    format!(
        "{what} ({place}, {}, {}, {})",
        text::bytes(report.bytes_downloaded),
        text::counted(report.requests, "request"),
        text::duration(Duration::from_millis(report.duration_ms)),
    )
}

fn paused(report: &Report, style: Style) -> String {
    let words = report.pause.as_ref().map(text::pause).unwrap_or_default();
    format!("{}{words}; `booster resume` ends that", style.attention("Updates are paused"))
}

fn components(report: &Report) -> Vec<String> {
    let rows: Vec<Vec<String>> = report.components.iter().map(|change| row(change, report.outcome)).collect();
    text::table(&rows, &[])
}

fn row(change: &ComponentChange, outcome: Outcome) -> Vec<String> {
    let version = |v: Option<booster_definitions::Version>| v.map_or("none".to_owned(), |v| v.to_string());
    let (step, how) = match change.how {
        How::None => (version(change.to.or(change.from)), ""),
        how => {
            let how = match (how, outcome) {
                (How::Full, Outcome::Available) => "available, whole",
                (How::Full, _) => "whole",
                (How::Installed, _) => "from what is installed",
                (_, Outcome::Available) => "available, as a patch",
                (_, _) => "as a patch",
            };
            (format!("{} -> {}", version(change.from), version(change.to)), how)
        }
    };
    let how = match &change.patch_failed {
        Some(reason) => format!("{how}, for a patch failed: {reason}"),
        None => how.to_owned(),
    };
    let note = match (&change.held, how.as_str()) {
        (None, how) => how.to_owned(),
        (Some(held), "") => held.to_string(),
        (Some(held), how) => format!("{how}; {held}"),
    };
    vec![format!("  {}", change.name), step, note]
}

/// What to do about a failure, where the failure does not say so itself.
pub fn advice(kind: ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::NoTrustedRoot => {
            "get root.json from your publisher, by a way that you trust, and name it with --root FILE"
        }
        ErrorKind::OtherPublisher => {
            "this data folder belongs to another publisher: check the source, or use another --data-dir"
        }
        ErrorKind::Network => "`booster update -vv` shows each request",
        ErrorKind::Tls => "check the server's certificate, or name your own CA under [http] ca_bundle",
        ErrorKind::WebPage => "a portal or proxy seems to answer in the server's place",
        ErrorKind::Expired => {
            "the publisher has to sign afresh; at an air-gapped site see \"expiry\" in the configuration"
        }
        ErrorKind::ClockBehind => "set this machine's clock",
        ErrorKind::OlderThanKnown => "a mirror lags behind: try again in some minutes",
        ErrorKind::TrustDamaged => {
            "nothing is trusted before you decide so: move the folder \"trust\" of the data folder \
             away and update with --root FILE"
        }
        ErrorKind::StoreDamaged => "run `booster verify` to see what is damaged",
        ErrorKind::DiskFull => "free some space; nothing was changed",
        ErrorKind::DetectionSpike => {
            "the definitions in use stay in use; if these alarms are right, `booster allow VERSION` takes the \
             release after all; otherwise tell the publisher"
        }
        ErrorKind::EngineRejected => {
            "if the release is not what the engine stumbles over, `booster allow VERSION` takes it after all; \
             otherwise tell the publisher"
        }
        ErrorKind::EngineUnavailable => "start the engine, or see `required` under [[engines]]",
        ErrorKind::BuildFailed | ErrorKind::SelfTestFailed => {
            "the definitions in use stay in use; tell the publisher"
        }
        ErrorKind::Rollback | ErrorKind::Untrusted | ErrorKind::DigestMismatch => {
            "what the source offers is not what the publisher signed: do not trust this source until \
             you know why"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_definitions::{Component, Version};
    use booster_sources::SourceKind;
    use booster_update::Held;

    fn report(outcome: Outcome, components: Vec<ComponentChange>) -> Report {
        Report {
            outcome,
            source: Some(SourceKind::Http),
            path: Some("http://a/".into()),
            components,
            bytes_downloaded: 2_000,
            requests: 5,
            duration_ms: 1_234,
            error: None,
            sources_tried: Vec::new(),
            pause: None,
            out_of_date: Vec::new(),
            trial: None,
            engines: Vec::new(),
            rolled_back: None,
            undone: Vec::new(),
        }
    }

    fn change(from: Option<u16>, to: u16, how: How) -> ComponentChange {
        let version = |n| Version([1, n, 0, 0]);
        ComponentChange {
            name: Component::Nis,
            from: from.map(version),
            to: Some(version(to)),
            how,
            held: None,
            patch_failed: None,
        }
    }

    #[test]
    fn the_report_says_what_changed_and_what_it_cost() {
        for (outcome, change, expected) in [
            (
                Outcome::Updated,
                change(None, 1, How::Full),
                ["Updated (http://a/, 2.0 kB, 5 requests, 1.2 s)", "  nis  none -> 1.1.0.0  whole"],
            ),
            (
                Outcome::Updated,
                change(Some(1), 2, How::Patch),
                ["Updated (http://a/, 2.0 kB, 5 requests, 1.2 s)", "  nis  1.1.0.0 -> 1.2.0.0  as a patch"],
            ),
            (
                Outcome::Current,
                change(Some(2), 2, How::None),
                ["Nothing new (http://a/, 2.0 kB, 5 requests, 1.2 s)", "  nis  1.2.0.0"],
            ),
            (
                Outcome::Available,
                change(Some(1), 2, How::Full),
                [
                    "Updates are available (http://a/, 2.0 kB, 5 requests, 1.2 s)",
                    "  nis  1.1.0.0 -> 1.2.0.0  available, whole",
                ],
            ),
        ] {
            assert_eq!(lines(&report(outcome, vec![change]), Style::default()), expected);
        }
    }

    #[test]
    fn a_release_that_is_held_back_says_why() {
        let held = Held::NeedsNewerEngine {
            offered: Version([1, 2, 0, 0]),
            required: Version([9, 0, 0, 0]),
            engine: Version([1, 0, 0, 0]),
        };
        let held = ComponentChange { held: Some(held), ..change(Some(1), 1, How::None) };
        let lines = lines(&report(Outcome::SoftwareUpdateAvailable, vec![held]), Style::default());
        assert!(lines[1].contains("needs engine 9.0.0.0"), "{lines:?}");
    }
}
