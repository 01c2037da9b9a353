//! The seam for rule engines: what any engine must do, whichever library does it.
//!
//! An [`Engine`] compiles sources to a [`RuleSet`], which scans, and may save a set and load it again.
//! [`Yara`] is the engine in use; why it stands on boreal is in `docs/decisions`.

mod outline;
mod parts;
mod ranges;
mod salvage;
mod split;
mod yara;

pub(crate) use parts::{PartedRules, in_pieces, partition};
pub use yara::Yara;

use crate::RejectedRule;
use booster_definitions::Component;
use std::{collections::BTreeMap, fmt, time::Duration};

/// Stack of threads that compile. Conditions nest, and engines follow them by recursion: with this much the
/// engine's own limits speak first, and name the rule.
pub(crate) const COMPILING_STACK: usize = 32 << 20;

/// Does work that compiles in a thread with enough stack, or in this one where no other can be had.
pub(crate) fn on_compiling_stack<T: Send>(work: &(dyn Fn() -> T + Sync)) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(COMPILING_STACK).spawn_scoped(scope, work);
        match thread {
            Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(_) => work(),
        }
    })
}

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
    fn key(&self) -> &'static str;

    /// The most rules that a set may hold to be saved and loaded again.
    fn most_rules_saved(&self) -> usize;

    /// Compiles files to one set.
    ///
    /// Rules that the engine cannot take are left out and named. A file's names are its own: no other file's
    /// rules can clash with them.
    fn compile(&self, inputs: &[RuleInput<'_>]) -> Compiled;

    /// Loads what [`RuleSet::save`] of the same version gave. The bytes must be known to be those bytes.
    fn load(&self, saved: &[u8]) -> Result<Box<dyn RuleSet>, LoadError>;
}

/// What became of sources.
#[derive(Debug)]
pub struct Compiled {
    /// The rules that the engine took.
    pub set: Box<dyn RuleSet>,
    /// The rules that it did not take.
    pub rejected: Vec<RejectedRule>,
}

/// A saved set that cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the saved rules cannot be loaded: {0}")]
pub struct LoadError(pub String);

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

    /// The set as bytes that can be loaded again, if that is possible.
    fn save(&self) -> Option<Vec<u8>>;
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InterruptReason {
    /// It took longer than allowed.
    #[error("the rules took longer than the time for one file")]
    TimedOut,
    /// The engine failed.
    #[error("the rule engine failed")]
    Failed,
}
