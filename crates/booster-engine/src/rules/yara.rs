//! YARA rules, through boreal.
//!
//! Every file is a namespace of its own. Includes are refused: a rule says all it says in its file.

use super::{
    Compiled, Engine, FileFacts, InterruptReason, Interrupted, LoadError, RuleInput, RuleMatch, RuleSet,
    salvage,
};
use crate::RejectedRule;
use booster_definitions::Component;
use boreal::{
    MetadataValue, Scanner,
    compiler::CompilerParams,
    scanner::{DeserializeParams, EvaluatedRule, ScanError, ScanParams},
};
use std::{collections::BTreeMap, time::Duration};

/// The exact version in use: what one saves the next need not load. A test compares it with `Cargo.lock`.
const KEY: &str = "boreal 1.4.0";
/// boreal 1.4.0 reads at most 1,024 rules of a saved set and takes what follows for something else.
const MOST_RULES_SAVED: usize = 1024;
/// Metadata that name a threat, the most telling first.
const THREAT_KEYS: [&str; 5] = ["threat", "threat_name", "malware", "malware_name", "malware_family"];
/// The external variables that rules may use; see [`FileFacts`].
const EXTERNALS: [&str; 5] = ["filename", "filepath", "extension", "filetype", "owner"];

/// YARA as boreal understands it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Yara;

impl Engine for Yara {
    fn key(&self) -> &'static str {
        KEY
    }

    fn most_rules_saved(&self) -> usize {
        MOST_RULES_SAVED
    }

    fn compile(&self, inputs: &[RuleInput<'_>]) -> Compiled {
        let (scanner, rejected) = Self::scanner(inputs);
        Compiled { set: Box::new(YaraRules { scanner }), rejected }
    }

    fn load(&self, saved: &[u8]) -> Result<Box<dyn RuleSet>, LoadError> {
        let scanner = Scanner::from_bytes_unchecked(saved, DeserializeParams::default())
            .map_err(|error| LoadError(error.to_string()))?;
        Ok(Box::new(YaraRules { scanner }))
    }
}

impl Yara {
    /// boreal's own scanner of these files: for the comparison of engines, which looks deeper than the seam.
    #[doc(hidden)]
    pub fn scanner(inputs: &[RuleInput<'_>]) -> (Scanner, Vec<RejectedRule>) {
        let mut compiler = boreal::Compiler::new();
        // Warnings are for whoever writes rules; the default limits on depth and strings stand.
        compiler.set_params(
            CompilerParams::default().disable_includes(true).disable_unknown_escape_warning(true),
        );
        for name in EXTERNALS {
            compiler.define_symbol(name, "");
        }
        let mut rejected = Vec::new();
        for input in inputs {
            let namespace = format!("{}/{}", input.component, input.file);
            salvage::add_file(&mut compiler, &namespace, input, &mut rejected);
        }
        (compiler.finalize(), rejected)
    }
}

#[derive(Debug)]
struct YaraRules {
    scanner: Scanner,
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
            // Defined when the rules were compiled, all as text: this cannot fail.
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

    fn save(&self) -> Option<Vec<u8>> {
        if self.scanner.rules().count() > MOST_RULES_SAVED {
            return None;
        }
        let mut bytes = Vec::new();
        self.scanner.to_bytes(&mut bytes).ok()?;
        Some(bytes)
    }
}

/// The component in a namespace's name.
fn component_of(namespace: &str) -> Option<Component> {
    namespace.split_once('/')?.0.parse().ok()
}

fn rule_match(scanner: &Scanner, rule: &EvaluatedRule<'_>) -> Option<RuleMatch> {
    let (component, file) = rule.namespace.split_once('/')?;
    let threat = THREAT_KEYS.iter().find_map(|key| metadata_text(scanner, rule, key));
    Some(RuleMatch {
        component: component.parse().ok()?,
        file: file.to_owned(),
        rule: rule.name.to_owned(),
        threat: threat.unwrap_or_else(|| rule.name.to_owned()),
    })
}

/// The text that a rule's metadata have under a key.
fn metadata_text(scanner: &Scanner, rule: &EvaluatedRule<'_>, key: &str) -> Option<String> {
    rule.metadatas.iter().find_map(|metadata| match metadata.value {
        MetadataValue::Bytes(text) if scanner.get_string_symbol(metadata.name) == key => {
            let text = String::from_utf8_lossy(scanner.get_bytes_symbol(text)).into_owned();
            (!text.is_empty()).then_some(text)
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests;
