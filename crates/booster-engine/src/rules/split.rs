//! Splits a file of many rules into pieces that compile apart.
//!
//! Large sets are often published as one file. A piece is the text without the other pieces' rules; its
//! lines and columns are those of the file. Rules that refer to each other stay together. Where that
//! cannot be told for sure the file stays whole: a piece must never mean anything else than the file does.

use super::outline::{Item, RuleOutline, is_word, outline};
use std::{collections::HashMap, ops::Range};

/// Splits a text into pieces of at most so many rules; `None` where it must stay whole.
pub(super) fn split(source: &str, most: usize) -> Option<Vec<String>> {
    let items = outline(source)?;
    let ends = items.iter().skip(1).map(|(start, _)| *start).chain([source.len()]);
    let (mut rules, mut spans) = (Vec::new(), Vec::new());
    for ((start, item), end) in items.iter().zip(ends) {
        match item {
            Item::Rule(rule) if !rule.global => {
                rules.push(rule);
                spans.push(*start..end);
            }
            Item::Import => {}
            // A global rule bears on all others, and what an include holds is not known.
            Item::Rule(_) | Item::Include => return None,
        }
    }
    let pieces = pieces(&groups(source, &rules)?, most)?;
    Some(pieces.iter().map(|piece| without_others(source, &spans, piece)).collect())
}

/// For each rule the first of those that it belongs together with, itself if there is none.
///
/// `None` if two rules have one name: only the whole file shows that fault.
fn groups(source: &str, rules: &[&RuleOutline<'_>]) -> Option<Vec<usize>> {
    let mut numbers = HashMap::new();
    for (number, rule) in rules.iter().enumerate() {
        if numbers.insert(rule.name, number).is_some() {
            return None;
        }
    }
    let mut first: Vec<usize> = (0..rules.len()).collect();
    for (number, rule) in rules.iter().enumerate() {
        for (word, is_prefix) in words(&source[rule.condition.clone()]) {
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

/// The words of a condition that may name rules, each with whether a `*` makes it the start of names.
/// A word behind `$`, `#`, `@` or `!` names a string of the rule itself.
fn words(condition: &str) -> impl Iterator<Item = (&str, bool)> {
    let is_word = |c: char| u8::try_from(c).is_ok_and(is_word);
    let mut rest = condition;
    let any_word = std::iter::from_fn(move || {
        let (before, from) = rest.split_at(rest.find(is_word)?);
        let end = from.find(|c| !is_word(c)).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        rest = after;
        Some((word, after.starts_with('*'), before.ends_with(['$', '#', '@', '!'])))
    });
    any_word.filter(|(_, _, of_string)| !of_string).map(|(word, is_prefix, _)| (word, is_prefix))
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
    let (mut text, mut done) = (String::new(), 0);
    for (span, _) in spans.iter().zip(kept).filter(|(_, kept)| !kept) {
        text.push_str(&source[done..span.start]);
        push_blank(&mut text, &source[span.clone()]);
        done = span.end;
    }
    text.push_str(&source[done..]);
    text
}

/// Puts in as many lines as there were, and as much blank on the last: what follows stays in its place.
fn push_blank(text: &mut String, removed: &str) {
    let mut lines = removed.rsplit('\n');
    let last = lines.next().unwrap_or_default();
    text.extend(lines.map(|_| '\n'));
    text.extend(last.chars().map(|_| ' '));
}

#[cfg(test)]
mod tests {
    use super::*;
    use boreal_parser::file::YaraFileComponent;

    /// The names of the rules in each piece, which stand where they stand in the file.
    fn names(source: &str, most: usize) -> Option<Vec<Vec<String>>> {
        let place = |text: &str, name: &str| {
            let at = text.find(&format!("rule {name}")).unwrap();
            (text[..at].lines().count(), text[..at].rsplit('\n').next().unwrap().len())
        };
        let names = |piece: &String| {
            let named = |component: YaraFileComponent| match component {
                YaraFileComponent::Rule(rule) => Some(rule.name),
                _ => None,
            };
            let parsed = boreal_parser::parse(piece).unwrap();
            let names: Vec<_> = parsed.components.into_iter().filter_map(named).collect();
            assert!(names.iter().all(|name| place(piece, name) == place(source, name)));
            names
        };
        Some(split(source, most)?.iter().map(names).collect())
    }

    #[test]
    fn rules_that_refer_to_each_other_stay_together() {
        let source = "import \"pe\"\nrule a { condition: true }\nprivate rule b { condition: pe.is_pe }\n\
            // of c\nrule c { condition: true } rule d { condition: b and filesize > 1 }\n\
            rule pre_e { condition: true }\nrule f { strings: $c = \"x\" condition: any of (pre_*) and any of ($c*) }";
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
            "rule a { condition: true",
        ] {
            assert_eq!(split(source, 1), None, "{source}");
        }
    }
}
