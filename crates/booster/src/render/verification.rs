//! What a verification found, in lines.

use crate::{output::Style, text};
use booster_store::verify::{Fault, Verification};

/// The finding in words.
pub fn lines(found: &Verification, style: Style) -> Vec<String> {
    let read = format!(
        "generation {}, {}, {}",
        found.generation,
        text::counted(found.files, "file"),
        text::bytes(found.bytes)
    );
    if found.is_whole() {
        return vec![format!("{} ({read})", style.good("Every byte is as it was signed"))];
    }
    let mut lines: Vec<_> = found
        .problems
        .iter()
        .map(|problem| {
            let place = problem.component.map_or("image", |component| component.as_str());
            format!("{place}/{}: {}", problem.path, fault(&problem.fault))
        })
        .collect();
    lines.push(format!("{} ({read})", style.bad("The installed set is damaged")));
    lines
}

fn fault(fault: &Fault) -> String {
    match fault {
        Fault::Changed => "changed".to_owned(),
        Fault::Missing => "missing".to_owned(),
        Fault::Added => "not part of the release".to_owned(),
        Fault::Unreadable(reason) => format!("cannot be read: {reason}"),
        Fault::NotSigned(reason) => format!("not signed by the publisher: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_definitions::Component;
    use booster_store::verify::Problem;

    #[test]
    fn each_problem_names_its_file() {
        let whole = Verification { generation: 3, files: 2, bytes: 1500, problems: Vec::new() };
        assert_eq!(
            lines(&whole, Style::default()),
            ["Every byte is as it was signed (generation 3, 2 files, 1.5 kB)"]
        );
        let problem = |component, path: &str, fault| Problem { component, path: path.into(), fault };
        let damaged = Verification {
            problems: vec![
                problem(Some(Component::Nis), "a.yar", Fault::Changed),
                problem(None, "hashes", Fault::Missing),
            ],
            ..whole
        };
        assert_eq!(
            lines(&damaged, Style::default()),
            [
                "nis/a.yar: changed",
                "image/hashes: missing",
                "The installed set is damaged (generation 3, 2 files, 1.5 kB)"
            ]
        );
    }
}
