//! What other engines use, in lines.

use crate::{output::Style, text};
use booster_store::EngineSet;
use booster_update::EngineStatus;

/// A line for each engine.
pub fn lines(engines: &[EngineStatus], style: Style) -> Vec<String> {
    engines.iter().map(|engine| format!("Engine       {}", line(engine, style))).collect()
}

fn line(engine: &EngineStatus, style: Style) -> String {
    let EngineStatus { name, placed, confirmed, problem, .. } = engine;
    let used = confirmed.as_ref().map(|set| format!("{}, confirmed {}", releases(set), text::time(set.time)));
    match (placed, problem, used) {
        (None, _, _) => format!("{name} has not been given definitions yet: the next update does so"),
        (Some(_), None, Some(used)) => format!("{name} uses {used}"),
        (Some(placed), problem, used) => {
            let why = problem.as_deref().unwrap_or("it has still to confirm them");
            let told = format!("{name} has not confirmed {}: {why}", releases(placed));
            let before = used.map_or(String::new(), |used| format!("; before: {used}"));
            format!("{}{before}", style.attention(&told))
        }
    }
}

fn releases(set: &EngineSet) -> String {
    if set.releases.is_empty() {
        return "no definitions".to_owned();
    }
    let release = |(component, version)| format!("{component} {version}");
    set.releases.iter().map(release).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_definitions::{Component, Digest, Version};
    use jiff::Timestamp;

    fn set(minor: u16) -> EngineSet {
        EngineSet {
            generation: Some(1),
            releases: [(Component::Antivirus, Version([1, minor, 0, 0]))].into(),
            digest: Digest::of(b""),
            way: Digest::of(b""),
            time: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn an_engine_is_told_by_what_it_has_confirmed_and_not_by_what_it_was_given() {
        let away = || Some("it cannot be reached".to_owned());
        for (placed, confirmed, problem, expected) in [
            (None, None, None, "clamd has not been given definitions yet: the next update does so"),
            (
                Some(set(2)),
                Some(set(2)),
                None,
                "clamd uses antivirus 1.2.0.0, confirmed 1970-01-01 00:00:00 UTC",
            ),
            (Some(set(2)), None, away(), "clamd has not confirmed antivirus 1.2.0.0: it cannot be reached"),
            (
                Some(set(2)),
                Some(set(1)),
                away(),
                "clamd has not confirmed antivirus 1.2.0.0: it cannot be reached; before: antivirus 1.1.0.0, \
                 confirmed 1970-01-01 00:00:00 UTC",
            ),
        ] {
            let engine =
                EngineStatus { name: "clamd".into(), kind: "clamd".into(), placed, confirmed, problem };
            assert_eq!(lines(&[engine], Style::default()), [format!("Engine       {expected}")]);
        }
    }
}
