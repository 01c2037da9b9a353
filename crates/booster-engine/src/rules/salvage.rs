//! Takes what it can of a file with faults: finds the faulty rules, leaves them out, names them.
//!
//! A rule is cut out by turning its text into blanks, so that every place in the file stays where it
//! was. What depends on a rule that was cut out is at fault as well, and named too.

use super::{RuleInput, ranges::clamp};
use crate::RejectedRule;
use boreal_parser::file::YaraFileComponent;

/// Faults looked for in one file; what follows the last of them is left out as a whole.
const MOST_FAULTS: usize = 100;
/// Stands in for a global rule that was left out: no rule of its file matches without it.
const NEVER: &str = "global private rule booster_left_out_a_global_rule { condition: false }";

/// Adds a file to a compiler, rule by rule where it has faults.
pub(super) fn add_file(
    compiler: &mut boreal::Compiler,
    namespace: &str,
    input: &RuleInput<'_>,
    rejected: &mut Vec<RejectedRule>,
) {
    let Err(mut fault) = add_text(compiler, namespace, input.source) else { return };
    let mut text = input.source.to_owned();
    for _ in 0..MOST_FAULTS {
        let place = fault.place.unwrap_or_default();
        let cut = match boreal_parser::parse(&text) {
            // The fault is in the syntax: nothing of the file was added.
            Err(_) => cut_syntax(&mut text, place),
            // The fault is in a rule's meaning: what stands before it was added.
            Ok(file) => cut_component(&mut text, &file.components, place),
        };
        rejected.push(fault.rejection(input, cut.rule.clone()));
        if cut.global {
            // The file's other rules would match what the global rule kept them from.
            _ = compiler.add_rules_str_in_namespace(NEVER, namespace);
        }
        if cut.global || cut.rest {
            return;
        }
        match add_text(compiler, namespace, &text) {
            Ok(()) => return,
            Err(next) => fault = next,
        }
    }
    rejected.push(fault.rejection(input, None));
}

/// What a compiler says against a text.
struct Fault {
    /// Where, if it says that.
    place: Option<usize>,
    reason: String,
}

/// Adds a text with its ranges as YARA means them.
fn add_text(compiler: &mut boreal::Compiler, namespace: &str, text: &str) -> Result<(), Fault> {
    let clamped = clamp(text);
    let Err(error) = compiler.add_rules_str_in_namespace(&clamped.text, namespace) else { return Ok(()) };
    let diagnostic = error.to_diagnostic();
    // All labels of a diagnostic lie in the rule at fault.
    let place = diagnostic.labels.first().map(|label| clamped.original(label.range.start));
    Err(Fault { place, reason: diagnostic.message })
}

/// What was cut out of a file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Cut {
    /// The rule's name, if it is one rule.
    rule: Option<String>,
    /// Whether it is a global rule.
    global: bool,
    /// Whether all the rest of the file is lost with it.
    rest: bool,
}

/// Cuts out everything up to the end of the component with the fault.
fn cut_component(text: &mut String, components: &[YaraFileComponent], fault: usize) -> Cut {
    let place = |component: &YaraFileComponent| match component {
        YaraFileComponent::Rule(rule) => rule.name_span.start,
        YaraFileComponent::Import(import) => import.span.start,
        YaraFileComponent::Include(include) => include.span.start,
    };
    let next = components.partition_point(|component| place(component) <= fault);
    let cut = match next.checked_sub(1).map(|index| &components[index]) {
        Some(YaraFileComponent::Rule(rule)) => {
            Cut { rule: Some(rule.name.clone()), global: rule.is_global, rest: false }
        }
        _ => Cut::default(),
    };
    let end = match components.get(next) {
        None => None,
        Some(YaraFileComponent::Rule(rule)) => declaration_start(text, rule.name_span.start),
        Some(other) => Some(place(other)),
    };
    match end {
        Some(end) => blank(text, 0, end),
        None => return Cut { rest: true, ..cut },
    }
    cut
}

/// Where the declaration starts that has its name here. `None` when a comment hides it.
pub(super) fn declaration_start(text: &str, name: usize) -> Option<usize> {
    let word = |before: &str, word: &str| {
        let rest = before.trim_end().strip_suffix(word)?;
        let whole = !rest.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        whole.then_some(rest.len())
    };
    let mut start = word(text.get(..name)?, "rule")?;
    while let Some(earlier) = word(&text[..start], "private").or_else(|| word(&text[..start], "global")) {
        start = earlier;
    }
    Some(start)
}

/// Cuts out the smallest stretch that takes a fault of syntax away: what stands between two declarations, the
/// declaration that the fault is in, or, as a missing end shows only in the next head, the one before.
fn cut_syntax(text: &mut String, fault: usize) -> Cut {
    let declarations = declarations(text);
    let length = text.len();
    let start_of = |index: usize| declarations.get(index).map_or(length, |declaration| declaration.start);
    // The first declaration whose head does not stand wholly before the fault.
    let next = declarations.partition_point(|declaration| declaration.head_end < fault);
    let before = next.checked_sub(1);
    let stretch = |index: usize| (start_of(index), start_of(index + 1), declarations.get(index));
    let mut stretches = vec![(fault, start_of(next), None)];
    stretches.extend(before.map(stretch));
    stretches.retain(|(start, end, _)| start < end);
    let (mut chosen, head) =
        ((0, start_of(next), None), declarations.get(next).map_or(length, |d| d.head_end));
    if let Some(found) =
        stretches.iter().find(|(start, end, _)| leaves_no_fault_before(text, *start, *end, head))
    {
        chosen = *found;
    } else if fault >= start_of(next) {
        chosen = stretch(next);
    } else if let Some(before) = before {
        chosen = stretch(before);
    }
    let (start, end, declaration) = chosen;
    let name = declaration.map(|declaration| declaration.name.to_owned());
    let cut =
        Cut { rule: name, global: declaration.is_some_and(|declaration| declaration.global), rest: false };
    blank(text, start, end);
    cut
}

/// Whether a text that lacks a stretch has no fault of syntax up to a place.
fn leaves_no_fault_before(text: &str, from: usize, to: usize, place: usize) -> bool {
    let mut trial = text.to_owned();
    blank(&mut trial, from, to);
    syntax_fault(&trial).is_none_or(|fault| fault > place)
}

/// The head of a rule at the start of a line.
struct Declaration<'a> {
    start: usize,
    /// Where its name ends.
    head_end: usize,
    name: &'a str,
    global: bool,
}

/// The heads of rules that start a line. A file that does not parse allows no more than a guess; a wrong
/// one leads to another fault and a larger cut, since a file is taken only when all of it parses.
fn declarations(text: &str) -> Vec<Declaration<'_>> {
    let (mut start, mut in_comment) = (0, false);
    let mut found = Vec::new();
    for line in text.split_inclusive('\n') {
        if !in_comment && let Some((name, global)) = declared_in(line) {
            let indent = line.len() - line.trim_start().len();
            let head_end = start + line.find(name).map_or(line.len(), |at| at + name.len());
            found.push(Declaration { start: start + indent, head_end, name, global });
        }
        in_comment = ends_in_comment(line, in_comment);
        start += line.len();
    }
    found
}

/// The rule that a line declares, and whether it is global.
fn declared_in(line: &str) -> Option<(&str, bool)> {
    let mut words = line.split_ascii_whitespace();
    let mut global = false;
    let keyword = words.by_ref().find(|word| {
        global |= *word == "global";
        !matches!(*word, "global" | "private")
    });
    let name = words.next().filter(|_| keyword == Some("rule"))?;
    let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
    Some((&name[..end], global))
}

/// Whether a line leaves a comment open.
fn ends_in_comment(line: &str, mut in_comment: bool) -> bool {
    let mut rest = line;
    loop {
        if in_comment {
            let Some(end) = rest.find("*/") else { return true };
            rest = &rest[end + 2..];
        }
        let Some(mark) = rest.find(['"', '/']) else { return false };
        rest = &rest[mark..];
        in_comment = rest.starts_with("/*");
        rest = match rest.as_bytes() {
            [b'/', b'/', ..] => return false,
            [b'/', b'*', ..] => &rest[2..],
            [b'"', ..] => after_text(&rest[1..]),
            _ => &rest[1..],
        };
    }
}

/// What follows the quote that ends a text; texts end with their line at the latest.
fn after_text(text: &str) -> &str {
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or("", |end| &text[end + 1..])
}

/// Turns a stretch of the text into blanks and keeps its lines.
pub(super) fn blank(text: &mut String, from: usize, to: usize) {
    let Some(stretch) = text.get(from..to) else {
        // Within a character: the fault's place is not to be trusted, so nothing of the file is.
        text.clear();
        return;
    };
    let blanks: String = stretch.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
    text.replace_range(from..to, &blanks);
}

/// Where the first fault of a text's syntax is, if there is one.
fn syntax_fault(text: &str) -> Option<usize> {
    let fault = boreal_parser::parse(text).err()?;
    Some(fault.to_diagnostic().labels.first().map_or(0, |label| label.range.start))
}

impl Fault {
    fn rejection(&self, input: &RuleInput<'_>, rule: Option<String>) -> RejectedRule {
        let (line, column) = self.place.map_or((0, 0), |place| position(input.source, place));
        RejectedRule {
            component: input.component,
            file: input.file.to_owned(),
            line,
            column,
            rule,
            reason: self.reason.clone(),
        }
    }
}

/// Line and column, from 1, of a byte of a text.
fn position(text: &str, offset: usize) -> (u32, u32) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let line = memchr::memchr_iter(b'\n', before.as_bytes()).count() + 1;
    (line as u32, before[line_start..].chars().count() as u32 + 1)
}
