//! YARA rules, through boreal.
//!
//! Every file is a namespace of its own. Includes are refused: a rule says all it says in its file.

use super::{Compiler, Engine, FileFacts, InterruptReason, Interrupted, RuleInput, RuleMatch, RuleSet};
use crate::RejectedRule;
use booster_definitions::Component;
use boreal::{
    MetadataValue,
    compiler::{AddRuleError, CompilerParams},
    scanner::{EvaluatedRule, ScanError, ScanParams},
};
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

/// Metadata that name a threat, the most telling first.
const THREAT_KEYS: [&str; 5] = ["threat", "threat_name", "malware", "malware_name", "malware_family"];
/// The external variables that rules may use; see [`FileFacts`].
const EXTERNALS: [&str; 5] = ["filename", "filepath", "extension", "filetype", "owner"];

/// YARA as boreal understands it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Yara;

impl Engine for Yara {
    fn key(&self) -> String {
        "boreal 1.4".to_owned()
    }

    fn compiler(&self) -> Box<dyn Compiler> {
        let mut compiler = boreal::Compiler::new();
        // Warnings are for whoever writes rules; the default limits on depth and strings stand.
        compiler.set_params(
            CompilerParams::default().disable_includes(true).disable_unknown_escape_warning(true),
        );
        for name in EXTERNALS {
            compiler.define_symbol(name, "");
        }
        Box::new(YaraCompiler { compiler })
    }
}

struct YaraCompiler {
    compiler: boreal::Compiler,
}

impl Compiler for YaraCompiler {
    fn add(&mut self, input: RuleInput<'_>, rejected: &mut Vec<RejectedRule>) {
        let namespace = format!("{}/{}", input.component, input.file);
        if let Err(error) = self.compiler.add_rules_str_in_namespace(input.source, &namespace) {
            rejected.push(rejection(&input, &error));
        }
    }

    fn finish(self: Box<Self>) -> Box<dyn RuleSet> {
        Box::new(YaraRules { scanner: self.compiler.finalize() })
    }
}

/// Where and what the fault is.
fn rejection(input: &RuleInput<'_>, error: &AddRuleError) -> RejectedRule {
    let diagnostic = error.to_diagnostic();
    let offset = diagnostic.labels.first().map(|label| label.range.start);
    let (line, column) = offset.map_or((0, 0), |offset| position(input.source, offset));
    RejectedRule {
        component: input.component,
        file: input.file.to_owned(),
        line,
        column,
        rule: None,
        reason: diagnostic.message,
    }
}

/// Line and column, from 1, of a byte of a text.
fn position(text: &str, offset: usize) -> (u32, u32) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    (line as u32, before[line_start..].chars().count() as u32 + 1)
}

#[derive(Debug)]
struct YaraRules {
    scanner: boreal::Scanner,
}

impl RuleSet for YaraRules {
    fn counts(&self) -> BTreeMap<Component, u64> {
        let mut counts = BTreeMap::new();
        for component in self.scanner.rules().filter_map(|rule| component_of(rule.namespace)) {
            *counts.entry(component).or_default() += 1;
        }
        counts
    }

    fn scan(
        &self,
        content: &[u8],
        facts: &FileFacts<'_>,
        limit: Duration,
    ) -> Result<Vec<RuleMatch>, Interrupted> {
        let mut scanner = self.scanner.clone();
        scanner.set_scan_params(ScanParams::default().timeout_duration(Some(limit)));
        let values = [facts.filename, facts.filepath, facts.extension, facts.filetype, facts.owner];
        for (name, value) in EXTERNALS.into_iter().zip(values) {
            // Defined above, all as text: this cannot fail.
            _ = scanner.define_symbol(name, value);
        }
        let found = |rules: &[EvaluatedRule<'_>]| {
            rules.iter().filter_map(|rule| rule_match(&scanner, rule)).collect()
        };
        match scanner.scan_mem(content) {
            Ok(result) => Ok(found(&result.rules)),
            Err((error, result)) => Err(Interrupted {
                matches: found(&result.rules),
                reason: match error {
                    ScanError::Timeout => InterruptReason::TimedOut,
                    _ => InterruptReason::Failed,
                },
            }),
        }
    }
}

/// The component in a namespace's name.
fn component_of(namespace: &str) -> Option<Component> {
    namespace.split_once('/')?.0.parse().ok()
}

fn rule_match(scanner: &boreal::Scanner, rule: &EvaluatedRule<'_>) -> Option<RuleMatch> {
    let (component, file) = rule.namespace.split_once('/')?;
    let named = rule.metadatas.iter().filter_map(|meta| match meta.value {
        MetadataValue::Bytes(text) => {
            let text = String::from_utf8_lossy(scanner.get_bytes_symbol(text)).into_owned();
            Some((scanner.get_string_symbol(meta.name), text))
        }
        _ => None,
    });
    let named: HashMap<&str, String> = named.filter(|(_, text)| !text.is_empty()).collect();
    Some(RuleMatch {
        component: component.parse::<Component>().ok()?,
        file: file.to_owned(),
        rule: rule.name.to_owned(),
        threat: THREAT_KEYS
            .iter()
            .find_map(|key| named.get(key))
            .cloned()
            .unwrap_or_else(|| rule.name.to_owned()),
    })
}
