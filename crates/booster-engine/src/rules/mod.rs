//! The seam for rule engines: what any engine must do, whichever library does it.
//!
//! An [`Engine`] compiles sources to a [`RuleSet`], which scans. [`Yara`] is the engine in use; why it
//! stands on boreal is in `docs/decisions`.

mod yara;

pub use yara::Yara;

use crate::RejectedRule;
use booster_definitions::Component;
use std::{collections::BTreeMap, fmt, time::Duration};

/// One file of rules.
#[derive(Debug, Clone, Copy)]
pub struct RuleInput<'a> {
    /// The component that holds the file.
    pub component: Component,
    /// The file's path inside the release.
    pub file: &'a str,
    /// Its text.
    pub source: &'a str,
}

/// Makes rule sets.
pub trait Engine: Send + Sync {
    /// The engine's name and version. What one version saved no other loads.
    fn key(&self) -> String;

    /// Starts a set; files are added one by one.
    fn compiler(&self) -> Box<dyn Compiler>;
}

/// A rule set under construction.
pub trait Compiler {
    /// Adds the rules of a file.
    ///
    /// Rules that the engine cannot take are left out and appended to `rejected`. A file's names are its own:
    /// no other file's rules can clash with them.
    fn add(&mut self, input: RuleInput<'_>, rejected: &mut Vec<RejectedRule>);

    /// Ends the set.
    fn finish(self: Box<Self>) -> Box<dyn RuleSet>;
}

/// What rules may ask about the file that is scanned, beside its content.
#[derive(Debug, Clone, Copy, Default)]
pub struct FileFacts<'a> {
    /// The file's name without folders: the external variable `filename`.
    pub filename: &'a str,
    /// The file's whole path: `filepath`.
    pub filepath: &'a str,
    /// The name's extension in lower case, with its dot: `extension`.
    pub extension: &'a str,
    /// The kind of content, told by its first bytes: `filetype`.
    pub filetype: &'a str,
    /// The name of the user that owns the file: `owner`.
    pub owner: &'a str,
}

/// A rule that matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleMatch {
    /// The component that holds the rule.
    pub component: Component,
    /// The file that holds the rule.
    pub file: String,
    /// The rule's name.
    pub rule: String,
    /// The threat that the rule's metadata name, or else the rule's name.
    pub threat: String,
}

/// A scan that did not come to its end, with what had matched by then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interrupted {
    /// Matches found before.
    pub matches: Vec<RuleMatch>,
    /// Why it ended.
    pub reason: InterruptReason,
}

/// Why a scan of one file ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InterruptReason {
    /// It took longer than allowed.
    TimedOut,
    /// The engine failed.
    Failed,
}

impl fmt::Display for InterruptReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimedOut => "the scan took longer than the time for one file",
            Self::Failed => "the rule engine failed",
        })
    }
}

/// Compiled rules.
pub trait RuleSet: Send + Sync + fmt::Debug {
    /// How many rules of each component the set holds.
    fn counts(&self) -> BTreeMap<Component, u64>;

    /// Every rule that matches the content, in the order of the rules.
    fn scan(
        &self,
        content: &[u8],
        facts: &FileFacts<'_>,
        limit: Duration,
    ) -> Result<Vec<RuleMatch>, Interrupted>;
}
