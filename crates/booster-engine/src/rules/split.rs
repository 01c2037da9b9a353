//! Splits a file of many rules into pieces that compile apart.
//!
//! Large sets are often published as one file. A piece is the whole text with the other pieces' rules
//! turned into blanks, so every place in it stays where it was. Rules that refer to each other stay
//! together. Where that cannot be told for sure the file stays whole: a piece must never mean
//! anything else than the file does.

use super::salvage::{blank, declaration_start};
use boreal_parser::{file::YaraFileComponent, rule::Rule};
use std::{collections::HashMap, ops::Range};

/// Bytes of all pieces of a file together; a file that would need more stays whole.
const MOST_TEXT: usize = 128 << 20;

/// Splits a text into pieces of at most so many rules; `None` where it must stay whole.
pub(super) fn split(source: &str, most: usize) -> Option<Vec<String>> {
    let file = boreal_parser::parse(source).ok()?;
    let mut rules = Vec::new();
    for component in &file.components {
        match component {
            YaraFileComponent::Rule(rule) if !rule.is_global => rules.push(rule.as_ref()),
            YaraFileComponent::Import(_) => {}
            // A global rule bears on all others, and what an include holds is not known.
            YaraFileComponent::Rule(_) | YaraFileComponent::Include(_) => return None,
        }
    }
    let spans = spans(source, &file.components)?;
    let pieces = pieces(&groups(source, &rules)?, most)?;
    if pieces.len() * source.len() > MOST_TEXT {
        return None;
    }
    Some(pieces.iter().map(|piece| without_others(source, &spans, piece)).collect())
}

/// From the head of each rule to what follows it.
fn spans(source: &str, components: &[YaraFileComponent]) -> Option<Vec<Range<usize>>> {
    let mut starts = Vec::new();
    for component in components {
        starts.push(match component {
            YaraFileComponent::Rule(rule) => (declaration_start(source, rule.name_span.start)?, true),
            YaraFileComponent::Import(import) => (import.span.start, false),
            YaraFileComponent::Include(include) => (include.span.start, false),
        });
    }
    let ends = starts.iter().skip(1).map(|(start, _)| *start).chain([source.len()]);
    Some(
        starts
            .iter()
            .zip(ends)
            .filter(|((_, is_rule), _)| *is_rule)
            .map(|((start, _), end)| *start..end)
            .collect(),
    )
}

/// For each rule the first of those that it belongs together with, itself if there is none.
///
/// `None` if two rules have one name: only the whole file shows that fault.
fn groups(source: &str, rules: &[&Rule]) -> Option<Vec<usize>> {
    let mut numbers = HashMap::new();
    for (number, rule) in rules.iter().enumerate() {
        if numbers.insert(rule.name.as_str(), number).is_some() {
            return None;
        }
    }
    let mut first: Vec<usize> = (0..rules.len()).collect();
    for (number, rule) in rules.iter().enumerate() {
        for (word, is_prefix) in words(source.get(rule.condition.span.clone())?) {
            if is_prefix {
                let named = rules.iter().enumerate().filter(|(_, other)| other.name.starts_with(word));
                named.for_each(|(other, _)| join(&mut first, number, other));
            } else if let Some(other) = numbers.get(word) {
                join(&mut first, number, *other);
            }
        }
    }
    Some((0..rules.len()).map(|number| root(&mut first, number)).collect())
}

/// The words of a condition, each with whether a `*` makes it the start of names.
fn words(condition: &str) -> impl Iterator<Item = (&str, bool)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = condition;
    std::iter::from_fn(move || {
        rest = &rest[rest.find(is_word)?..];
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        Some((word, after.starts_with('*')))
    })
}

fn root(first: &mut [usize], number: usize) -> usize {
    let mut at = number;
    while first[at] != at {
        first[at] = first[first[at]];
        at = first[at];
    }
    at
}

fn join(first: &mut [usize], one: usize, other: usize) {
    let (one, other) = (root(first, one), root(first, other));
    first[one.max(other)] = one.min(other);
}

/// Fills pieces with whole groups, in the order of their first rules.
fn pieces(groups: &[usize], most: usize) -> Option<Vec<Vec<usize>>> {
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); groups.len()];
    for (number, group) in groups.iter().enumerate() {
        members[*group].push(number);
    }
    let mut pieces: Vec<Vec<usize>> = vec![Vec::new()];
    for group in members.into_iter().filter(|group| !group.is_empty()) {
        if group.len() > most {
            return None;
        }
        if pieces.last().is_none_or(|piece| piece.len() + group.len() > most) {
            pieces.push(Vec::new());
        }
        pieces.last_mut()?.extend(group);
    }
    Some(pieces)
}

fn without_others(source: &str, spans: &[Range<usize>], piece: &[usize]) -> String {
    let mut kept = vec![false; spans.len()];
    piece.iter().for_each(|number| kept[*number] = true);
    let mut text = source.to_owned();
    for (span, _) in spans.iter().zip(kept).filter(|(_, kept)| !kept) {
        blank(&mut text, span.start, span.end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of the rules in each piece.
    fn names(source: &str, most: usize) -> Option<Vec<Vec<String>>> {
        let pieces = split(source, most)?;
        assert!(
            pieces
                .iter()
                .all(|piece| piece.len() == source.len() && piece.lines().count() == source.lines().count())
        );
        let named = |component: YaraFileComponent| match component {
            YaraFileComponent::Rule(rule) => Some(rule.name),
            _ => None,
        };
        let names = |piece: &String| {
            boreal_parser::parse(piece).unwrap().components.into_iter().filter_map(named).collect()
        };
        Some(pieces.iter().map(names).collect())
    }

    #[test]
    fn rules_that_refer_to_each_other_stay_together() {
        let source = "import \"pe\"\nrule a { condition: true }\nprivate rule b { condition: pe.is_pe }\n\
            // of c\nrule c { condition: true } rule d { condition: b and filesize > 1 }\n\
            rule pre_e { condition: true }\nrule f { condition: any of (pre_*) }";
        let split = names(source, 2).unwrap();
        assert_eq!(split, [vec!["a"], vec!["b", "d"], vec!["c"], vec!["pre_e", "f"]]);
    }

    #[test]
    fn a_file_whose_pieces_could_mean_something_else_stays_whole() {
        for source in [
            "global rule a { condition: true } rule b { condition: true }",
            "rule a { condition: true } rule a { condition: true }",
            "include \"x\" rule a { condition: true } rule b { condition: true }",
            "rule a { condition: true } rule b { condition: a } rule c { condition: b }",
            "rule a { condition: true } rule /* why */ b { condition: true }",
            "rule a { condition: true",
        ] {
            assert_eq!(split(source, 1), None, "{source}");
        }
    }
}
