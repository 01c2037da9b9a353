//! What a publication did, or why it was refused, in lines.

use crate::{output::Style, text};
use booster_engine::BuildError;
use booster_publish::{Outcome, PublishError, PublishReport, RolloutReport};

/// The report in words.
pub fn lines(report: &PublishReport, location: &str, style: Style) -> Vec<String> {
    let release = format!("{} {}", report.component, report.version);
    let headline = match (report.outcome, report.previous) {
        (Outcome::Published, Some(previous)) => {
            format!("{} {release} to {location}, after {previous}", style.good("Published"))
        }
        (Outcome::Published, None) => format!("{} {release} to {location}", style.good("Published")),
        (Outcome::Unchanged, _) => {
            format!("{}: {release} in {location} holds the same; signatures renewed", style.good("Unchanged"))
        }
    };
    let counts = report.counts;
    let mut lines = vec![
        headline,
        format!(
            "  {}: {}, {}; {} to download",
            text::counted(counts.files, "file"),
            text::counted(counts.rules, "rule"),
            text::counted(counts.hashes, "hash"),
            text::bytes(report.download_size),
        ),
    ];
    lines.extend(patches(report));
    if report.outcome == Outcome::Published {
        lines.push(format!("  {} passed", text::counted(report.self_tests.into(), "self-test")));
    }
    lines.push(format!("  signed until {}", text::time(report.expires)));
    lines
}

/// How a release is given out, in words.
pub fn rollout(report: &RolloutReport, location: &str, style: Style) -> Vec<String> {
    let release = format!("{} {} in {location}", report.component, report.version);
    let availability = &report.availability;
    let headline = match &availability.halted {
        Some(halt) => {
            let since = text::time(halt.since);
            format!("{}: {release}, since {since}: {}", style.attention("Halted"), halt.reason)
        }
        None if availability.emergency => {
            format!("{}: {release}, for everybody at once", style.good("Offered"))
        }
        None => format!("{}: {release}, {}", style.good("Offered"), availability.schedule),
    };
    vec![headline, format!("  signed until {}", text::time(report.expires))]
}

/// How small the patches are, in a line.
fn patches(report: &PublishReport) -> Option<String> {
    let newest = report.patches.first()?;
    let mut line = format!(
        "  {}: {} from {}",
        text::counted(report.patches.len() as u64, "patch"),
        text::bytes(newest.size),
        newest.base
    );
    if let [_, .., oldest] = report.patches.as_slice() {
        line += &format!(", {} from {}", text::bytes(oldest.size), oldest.base);
    }
    Some(line)
}

/// What was left out, by name.
pub fn left_out(report: &PublishReport) -> Vec<String> {
    let mut lines: Vec<_> = report.rejected.iter().map(ToString::to_string).collect();
    if !report.left_out.is_empty() {
        let files = text::counted(report.left_out.len() as u64, "file");
        lines.push(format!("Left out {files} with rules that the engine cannot take, named above."));
    }
    lines
}

/// Everything that refused a release, a line each; the error itself is told after it.
pub fn refusal(error: &PublishError) -> Vec<String> {
    let PublishError::Build(error) = error else { return Vec::new() };
    match error {
        BuildError::Rejected { rejected, .. } => rejected.iter().map(ToString::to_string).collect(),
        BuildError::HashLists { errors, .. } => errors.iter().map(ToString::to_string).collect(),
        BuildError::SelfTest { failures } => failures.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}
