//! What is installed, in lines for people.

use crate::{
    output::Style,
    render::{engines, guard, service},
    text,
};
use booster_service::status::Status;

/// The status in words.
pub fn lines(status: &Status, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    if status.components.is_empty() {
        lines.push(style.bad("No definitions are installed."));
    } else {
        lines.extend(table(status, style));
    }
    lines.push(String::new());
    lines.push(format!("Data folder  {}", status.data_dir.display()));
    let place = status
        .place
        .map_or(String::new(), |place| format!(", place {} of 10,000", text::count(place.number().into())));
    lines.push(format!("Roll-out     channel {}{place}", status.channel));
    if let Some(pause) = &status.pause {
        lines.push(style.attention(&format!("Paused      {}", text::pause(pause))));
    }
    for component in &status.components {
        if let Some(pin) = &component.pin {
            lines.push(style.attention(&format!("Pin          {}: {}", component.name, text::pin(pin))));
        }
    }
    lines.push(format!("Last check   {}", status.last_check.map_or("never".to_owned(), text::time)));
    if let Some(error) = &status.last_error {
        lines.push(format!("Last error   {}", style.bad(error)));
    }
    lines.extend(engines::lines(&status.engines, style));
    lines.extend(guard::status(&status.guard, style));
    if let Some(service) = &status.service {
        lines.extend(service::lines(service, style));
    }
    if status.components.iter().any(|c| c.damaged) {
        lines.push(style.bad("The installed set is damaged: `booster update` installs it afresh."));
    } else if status.out_of_date {
        lines.push(style.attention("Out of date: run `booster update`."));
    }
    lines
}

fn table(status: &Status, style: Style) -> Vec<String> {
    let heading = ["component", "version", "published", "age", "files", "rules", "hashes", "source", ""];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for c in &status.components {
        let remark = match (c.damaged, c.in_use, c.out_of_date) {
            (true, ..) => "damaged".to_owned(),
            (false, Some(in_use), _) if in_use != c.version => format!("engine still uses {in_use}"),
            (false, _, true) => "out of date".to_owned(),
            (false, Some(_), false) => "in use".to_owned(),
            (false, None, false) => String::new(),
        };
        rows.push(vec![
            c.name.to_string(),
            c.version.to_string(),
            c.published.strftime("%Y-%m-%d %H:%M").to_string(),
            text::age(c.age_days),
            text::count(c.files),
            text::count(c.rules),
            text::count(c.hashes),
            c.source.clone(),
            remark,
        ]);
    }
    let mut lines = text::table(&rows, &[3, 4, 5, 6]);
    lines[0] = style.strong(&lines[0]);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_definitions::{Channel, Component, Version};
    use booster_service::status::{ComponentStatus, Guard};
    use jiff::Timestamp;

    fn component(published: &str, age_days: i64) -> ComponentStatus {
        ComponentStatus {
            name: Component::Antivirus,
            version: Version([1, 2, 3, 4]),
            in_use: None,
            published: published.parse().unwrap(),
            installed: Timestamp::UNIX_EPOCH,
            age_days,
            out_of_date: age_days > 7,
            damaged: false,
            pin: None,
            files: 3,
            rules: 5934,
            hashes: 1_000_000,
            source: "http".into(),
            location: "http://a/".into(),
            last_check: None,
            last_error: None,
        }
    }

    fn status(components: Vec<ComponentStatus>) -> Status {
        Status {
            data_dir: "/data".into(),
            generation: Some(12),
            engine: Version([1, 0, 0, 0]),
            out_of_date: true,
            last_check: None,
            last_error: None,
            pause: None,
            channel: Channel::Broad,
            place: None,
            engines: Vec::new(),
            guard: Guard::default(),
            service: None,
            components,
        }
    }

    #[test]
    fn the_table_lines_up() {
        let lines = lines(&status(vec![component("2025-03-10T12:00:00Z", 365)]), Style::default());
        assert_eq!(
            lines[0],
            "component  version  published              age  files  rules     hashes  source"
        );
        assert_eq!(
            lines[1],
            "antivirus  1.2.3.4  2025-03-10 12:00  365 days      3  5,934  1,000,000  http    out of date"
        );
    }

    #[test]
    fn nothing_installed_is_said_first() {
        assert!(lines(&status(Vec::new()), Style::default())[0].contains("No definitions"));
    }

    #[test]
    fn definitions_that_the_engine_does_not_use_yet_are_told_apart() {
        let in_use = Some(Version([1, 2, 3, 3]));
        let other = ComponentStatus { in_use, ..component("2026-03-10T12:00:00Z", 0) };
        assert!(lines(&status(vec![other]), Style::default())[1].ends_with("engine still uses 1.2.3.3"));
        let same =
            ComponentStatus { in_use: Some(Version([1, 2, 3, 4])), ..component("2026-03-10T12:00:00Z", 0) };
        assert!(lines(&status(vec![same]), Style::default())[1].ends_with("in use"));
    }
}
