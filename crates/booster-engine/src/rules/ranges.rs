//! Ranges that start below zero, which boreal 1.4.0 takes otherwise than YARA does.
//!
//! `$a in (filesize-1000..filesize)` asks for a string near the end of a file. In a file shorter than
//! 1,000 bytes the range starts below zero; for YARA and yara-x it still holds everything up to its end,
//! for boreal it holds nothing. Public rules for small scripts are written so, and would find nothing in
//! small scripts. So before a text is compiled, such a start *e* becomes `((e) & ~((e) >> 63))`: itself, or
//! zero where it is negative. The comparison of engines (`benches/engine-comparison`) found this; when
//! boreal agrees with YARA, the test beside this says that this module can go.

use super::outline::{Item, after_literal, is_word, outline};
use std::{borrow::Cow, ops::Range};

/// A text whose ranges are clamped, and how its places lie in the text as it was.
#[derive(Debug)]
pub(super) struct Clamped<'a> {
    pub text: Cow<'a, str>,
    /// Where each clamped expression ends, in the new text and in the text as it was.
    ends: Vec<(usize, usize)>,
}

impl Clamped<'_> {
    /// The place in the text as it was. For a place within what was put in that is the expression's end.
    pub fn original(&self, place: usize) -> usize {
        let passed = self.ends.partition_point(|(end, _)| *end <= place);
        let (end, original) = passed.checked_sub(1).map_or((0, 0), |index| self.ends[index]);
        let next = self.ends.get(passed).map_or(usize::MAX, |(_, original)| *original);
        (place - end + original).min(next)
    }
}

/// Clamps the ranges of a text. One that has no outline stays as it is: nothing of it will be used.
pub(super) fn clamp(text: &str) -> Clamped<'_> {
    let starts = if text.contains("..") { starts_of_ranges(text) } else { Vec::new() };
    if starts.is_empty() {
        return Clamped { text: Cow::Borrowed(text), ends: Vec::new() };
    }
    let (mut clamped, mut ends, mut done) = (String::with_capacity(text.len() + 64), Vec::new(), 0);
    for start in starts {
        let expression = &text[start.clone()];
        clamped.push_str(&text[done..start.start]);
        clamped.push_str(&format!("(({expression}) & ~(({expression}) >> 63))"));
        done = start.end;
        ends.push((clamped.len(), done));
    }
    clamped.push_str(&text[done..]);
    Clamped { text: Cow::Owned(clamped), ends }
}

/// The expressions that ranges of strings start with, where they could be negative.
fn starts_of_ranges(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (_, item) in outline(text).unwrap_or_default() {
        if let Item::Rule(rule) = item {
            let at = rule.condition.start;
            found.extend(starts_in(&text[rule.condition]).map(|start| start.start + at..start.end + at));
        }
    }
    found
}

fn starts_in(condition: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = condition.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            let here = at;
            match bytes[at] {
                b'"' | b'/' => at = after_literal(bytes, at)?,
                byte if is_word(byte) => {
                    at += bytes[at..].iter().take_while(|byte| is_word(**byte)).count();
                    let asks = &bytes[here..at] == b"in" && names_strings(condition[..here].trim_end());
                    if let Some(start) = asks.then(|| start_of_range(condition, at)).flatten() {
                        at = start.end;
                        return Some(start);
                    }
                }
                _ => at += 1,
            }
        }
        None
    })
}

/// Whether what stands before `in` is a string or a set of strings, and no variable of a loop.
fn names_strings(before: &str) -> bool {
    let word = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
    before.ends_with(')') || word.ends_with('$') || before[word.len()..] == *"them"
}

/// The first expression of `(a..b)`, unless it is a plain number.
fn start_of_range(condition: &str, at: usize) -> Option<Range<usize>> {
    let bytes = condition.as_bytes();
    let open = at + bytes[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    if bytes.get(open) != Some(&b'(') {
        return None;
    }
    let mut depth = 0usize;
    for end in open + 1..bytes.len() {
        match bytes[end] {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.checked_sub(1)?,
            b'.' if depth == 0 && bytes.get(end + 1) == Some(&b'.') => {
                let expression = condition[open + 1..end].trim();
                // A comment that ends with its line would swallow what is put behind it.
                let plain =
                    expression.bytes().all(|byte| byte.is_ascii_alphanumeric()) || expression.contains("//");
                let start = end - condition[open + 1..end].trim_start().len();
                return (!plain).then_some(start..start + expression.len());
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_starts_that_could_be_negative_are_clamped() {
        let rule =
            |condition: &str| format!("rule r {{ strings: $a = \"x\" $b = \"y\" condition: {condition} }}");
        for (condition, clamped) in [
            ("$a in (filesize-9..filesize)", "$a in (((filesize-9) & ~((filesize-9) >> 63))..filesize)"),
            (
                "any of them in ( @a[1] - 5 .. 9)",
                "any of them in ( ((@a[1] - 5) & ~((@a[1] - 5) >> 63)) .. 9)",
            ),
            ("any of ($a, $b) in ((1-2)..3)", "any of ($a, $b) in ((((1-2)) & ~(((1-2)) >> 63))..3)"),
            (
                "for all of them : ( $ in (filesize-9..9))",
                "for all of them : ( $ in (((filesize-9) & ~((filesize-9) >> 63))..9))",
            ),
            (
                "$a in (0..filesize-1) and $b in (filesize..1KB)",
                "$a in (0..filesize-1) and $b in (filesize..1KB)",
            ),
            (
                "for any i in (1-2..3) : (i == 1) and $a and $b",
                "for any i in (1-2..3) : (i == 1) and $a and $b",
            ),
            ("#a in (filesize-9..filesize) == 1 and $b", "#a in (filesize-9..filesize) == 1 and $b"),
            ("$a and $b /* $a in (1-2..3) */", "$a and $b /* $a in (1-2..3) */"),
            (
                "$a and \"$a in (1-2..3)\" contains \"x\" and $b",
                "$a and \"$a in (1-2..3)\" contains \"x\" and $b",
            ),
        ] {
            let source = rule(condition);
            let found = clamp(&source);
            assert_eq!(found.text, rule(clamped));
            assert!(boreal_parser::parse(&found.text).is_ok(), "{clamped}");
        }
    }

    #[test]
    fn places_lead_back_to_the_text_as_it_was() {
        let source = "rule r { strings: $a = \"x\" condition: $a in (filesize-9..1) and $a in (filesize-8..2) and tail }";
        let clamped = clamp(source);
        for word in ["rule", "strings", "1) and", "2) and", "tail"] {
            let (there, here) = (clamped.text.find(word).unwrap(), source.find(word).unwrap());
            assert_eq!(clamped.original(there), here, "{word}");
        }
        let within = clamped.text.find(">> 63").unwrap();
        assert_eq!(clamped.original(within), within.min(source.find("..1").unwrap()));
    }
}
