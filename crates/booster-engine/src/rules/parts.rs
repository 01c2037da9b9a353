//! A set in parts that can each be saved.
//!
//! An engine may save only sets up to a size. So files are parted before they are compiled, and parts
//! are compiled, saved, loaded and scanned one beside the other. A file that is too large for one part
//! is split where its rules allow that.

use super::{FileFacts, InterruptReason, Interrupted, RuleInput, RuleMatch, RuleSet, split::split};
use booster_definitions::Component;
use std::{
    collections::BTreeMap,
    ops::Range,
    time::{Duration, Instant},
};

/// The text of a file, in pieces where it holds more than `most` rules.
pub(crate) fn in_pieces(source: String, most: usize) -> Vec<String> {
    let large = most_rules_in(&source) > most;
    large.then(|| split(&source, most)).flatten().unwrap_or_else(|| vec![source])
}

/// Parts files in their order so that no part is likely to hold more rules than `most`.
///
/// A file that alone holds more is a part of its own.
pub(crate) fn partition(inputs: &[RuleInput<'_>], most: usize) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let (mut start, mut rules) = (0, 0);
    for (index, input) in inputs.iter().enumerate() {
        let own = most_rules_in(input.source);
        if index > start && rules + own > most {
            parts.push(start..index);
            (start, rules) = (index, 0);
        }
        rules += own;
    }
    if start < inputs.len() {
        parts.push(start..inputs.len());
    }
    parts
}

/// About the number of rules in a text, and rarely less: the heads of rules, wherever they stand.
///
/// A count that is too low makes a part that cannot be saved; one that is too high makes more parts.
fn most_rules_in(source: &str) -> usize {
    let text = source.as_bytes();
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let starts_word = |at: usize| at == 0 || !is_word(&text[at - 1]);
    let is_head = |at: usize| {
        let behind = &text[at + 4..];
        let name = behind.trim_ascii_start();
        let after = name[name.iter().take_while(|byte| is_word(byte)).count()..].trim_ascii_start();
        // A comment may stand where white space may.
        behind.first().is_some_and(|byte| byte.is_ascii_whitespace() || *byte == b'/')
            && matches!(after.first(), Some(b'{' | b':' | b'/'))
    };
    memchr::memmem::find_iter(text, b"rule").filter(|at| starts_word(*at) && is_head(*at)).count()
}

/// Parts that scan as one set.
#[derive(Debug)]
pub(crate) struct PartedRules(pub Vec<Box<dyn RuleSet>>);

impl RuleSet for PartedRules {
    fn counts(&self) -> BTreeMap<Component, u64> {
        let mut counts = BTreeMap::new();
        for (component, count) in self.0.iter().flat_map(|part| part.counts()) {
            *counts.entry(component).or_default() += count;
        }
        counts
    }

    fn scan(
        &self,
        content: &[u8],
        facts: &FileFacts<'_>,
        limit: Duration,
    ) -> Result<Vec<RuleMatch>, Interrupted> {
        let started = Instant::now();
        let mut matches = Vec::new();
        for part in &self.0 {
            let Some(left) = limit.checked_sub(started.elapsed()) else {
                return Err(Interrupted { matches, reason: InterruptReason::TimedOut });
            };
            match part.scan(content, facts, left) {
                Ok(found) => matches.extend(found),
                Err(Interrupted { matches: found, reason }) => {
                    matches.extend(found);
                    return Err(Interrupted { matches, reason });
                }
            }
        }
        Ok(matches)
    }

    /// Parts are saved one by one.
    fn save(&self) -> Option<Vec<u8>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where each part starts and ends.
    fn parts(sources: &[&str], most: usize) -> Vec<(usize, usize)> {
        let inputs: Vec<_> = sources
            .iter()
            .map(|source| RuleInput { component: Component::Antivirus, file: "f", source })
            .collect();
        partition(&inputs, most).into_iter().map(|part| (part.start, part.end)).collect()
    }

    #[test]
    fn files_stay_whole_and_in_order() {
        let (one, three) = ("rule a {}", "rule a {} private rule b {}\nglobal rule\nc {}");
        assert!(parts(&[], 3).is_empty());
        assert_eq!(parts(&[one, one, one], 3), [(0, 3)]);
        assert_eq!(parts(&[one, three, one, one], 3), [(0, 1), (1, 2), (2, 4)]);
        assert_eq!(parts(&[three, one], 2), [(0, 1), (1, 2)]);
    }

    #[test]
    fn words_that_only_hold_rule_are_not_counted() {
        assert_eq!(most_rules_in("ruler rules my_rule overrule x.rule(1) 'a' rule_x rule"), 0);
        assert_eq!(most_rules_in("// a rule to find things\n$a = \"a rule of thumb\""), 0);
        assert_eq!(most_rules_in("rule/* why */a {} rule b:c {} private\trule\nd\n{ } rule e // f\n{}"), 4);
    }
}
