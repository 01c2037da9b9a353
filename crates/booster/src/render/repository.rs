//! A repository as its publisher sees it, in lines.

use crate::{output::Style, text};
use booster_publish::{InitReport, RefreshReport, RepositoryStatus, RoleStatus, RootReport};
use std::path::Path;

/// A new repository.
pub fn init(report: &InitReport, root: Option<&Path>, keys: Option<&Path>, style: Style) -> Vec<String> {
    let root_keys = report.key_ids.get("root").map_or(0, Vec::len);
    let mut lines = vec![format!("{} {}", style.good("Made a repository in"), report.location)];
    if let Some(keys) = keys {
        lines.push(format!(
            "  {}/offline  {} root keys, of which {} must sign: keep them in a safe",
            keys.display(),
            root_keys,
            report.root_threshold
        ));
        lines.push(format!("  {}/online   the keys that sign every publication", keys.display()));
    }
    let root = root.map_or("metadata/1.root.json in it".to_owned(), |root| root.display().to_string());
    lines.push(format!("  {root}  what machines need to trust you"));
    lines.push(format!("  the root is good until {}", text::time(report.root_expires)));
    lines
}

/// Roles, releases, sizes.
pub fn status(status: &RepositoryStatus, style: Style) -> Vec<String> {
    let mut lines = vec![format!(
        "{} ({}, {})",
        style.strong(&status.location),
        text::counted(status.objects, "object"),
        text::bytes(status.bytes)
    )];
    let mut rows = vec![["role", "version", "signatures", "good until", ""].map(str::to_owned).to_vec()];
    rows.extend(status.roles.iter().map(role));
    lines.extend(text::table(&rows, &[1]));
    lines.push(String::new());
    if status.releases.is_empty() {
        lines.push("Nothing is published yet.".to_owned());
        return lines;
    }
    let heading = ["component", "version", "published", "files", "rules", "hashes", "download", "patches"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(status.releases.iter().map(|release| {
        vec![
            release.component.to_string(),
            release.version.to_string(),
            release.published.strftime("%Y-%m-%d %H:%M").to_string(),
            text::count(release.counts.files),
            text::count(release.counts.rules),
            text::count(release.counts.hashes),
            text::bytes(release.download_size),
            match release.patches {
                0 => "none".to_owned(),
                patches => format!("{} ({})", text::count(patches), text::bytes(release.patch_bytes)),
            },
        ]
    }));
    lines.extend(text::table(&rows, &[3, 4, 5, 6]));
    lines
}

fn role(role: &RoleStatus) -> Vec<String> {
    let remark = match (role.expired, role.due, role.role.as_str()) {
        (true, _, _) => "EXPIRED: machines refuse it",
        (false, true, "root") => "due: run `booster repository rotate-root`",
        (false, true, _) => "due: run `booster repository refresh`",
        (false, false, _) => "",
    };
    vec![
        role.role.clone(),
        role.version.to_string(),
        format!("{} of {}", role.threshold, role.key_ids.len()),
        text::time(role.expires),
        remark.to_owned(),
    ]
}

/// What a refresh signed.
pub fn refresh(report: &RefreshReport, style: Style) -> Vec<String> {
    let mut signed = vec!["timestamp"];
    signed.extend(report.snapshot_renewed.then_some("snapshot"));
    signed.extend(report.targets_renewed.then_some("targets"));
    vec![
        format!("{} {} until {}", style.good("Signed"), signed.join(", "), text::time(report.expires)),
        format!("  the root is good until {}", text::time(report.root_expires)),
    ]
}

/// A new root.
pub fn root(report: &RootReport, style: Style) -> Vec<String> {
    let mut lines = vec![format!(
        "{} root {}, good until {}",
        style.good("Published"),
        report.version,
        text::time(report.expires)
    )];
    lines.extend(report.key_ids.iter().map(|(role, ids)| {
        let short: Vec<_> = ids.iter().map(|id| id.get(..12).unwrap_or(id)).collect();
        format!("  {role:<10}{}", short.join(" "))
    }));
    lines
}
