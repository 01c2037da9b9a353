//! Builds an image of a generation's definitions, and proves it with the releases' self-tests.
//!
//! Rules are compiled in one thread while hash lists are indexed in another. Nothing outside the
//! image's folder is written; the caller makes the folder durable and visible.

mod files;
mod hashes;
mod rules;
mod self_test;

use crate::{
    BuildError, BuildReport,
    image::{HASHES, Image},
    rules::{Engine, RuleSet as _, Yara, on_compiling_stack},
    scan::{ScanLimits, Scanner},
};
use booster_definitions::{Component, Counts, Version};
use files::{SourceFile, list_files};
use hashes::{IndexedHashes, index_hashes};
use rules::{CompiledRules, compile_rules};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fs, path::PathBuf};

/// Rejected rules that the report names; all are counted.
const KEPT_REJECTIONS: usize = 1000;

/// What to build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildRequest {
    /// The folder that holds a folder of unpacked definitions for each component.
    pub generation: PathBuf,
    /// The components to use, and the versions that are there.
    pub components: BTreeMap<Component, Version>,
    /// The folder that the image is written to. It is made where it is missing.
    pub image: PathBuf,
}

/// How to build.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildOptions {
    /// What becomes of rules that the engine cannot take.
    pub on_invalid: OnInvalid,
    /// How much one file may hold.
    pub limits: BuildLimits,
}

/// What becomes of a release with rules that the engine cannot take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnInvalid {
    /// The build fails and names them all.
    #[default]
    Refuse,
    /// They are left out and named in the report.
    LeaveOut,
}

/// How much one file may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildLimits {
    /// Bytes of a file of rules: it is read whole.
    pub rule_file_bytes: u64,
    /// Bytes of a self-test file: it is read whole.
    pub self_test_bytes: u64,
}

impl Default for BuildLimits {
    /// 64 MiB and 16 MiB.
    fn default() -> Self {
        Self { rule_file_bytes: 64 << 20, self_test_bytes: 16 << 20 }
    }
}

/// Compiles rules and hash lists into an image and runs the self-tests, in this process.
///
/// The image is complete when this returns `Ok`, and must be thrown away otherwise.
pub fn build(request: &BuildRequest, options: &BuildOptions) -> Result<BuildReport, BuildError> {
    build_with(&Yara, request, options)
}

fn build_with(
    engine: &dyn Engine,
    request: &BuildRequest,
    options: &BuildOptions,
) -> Result<BuildReport, BuildError> {
    fs::create_dir_all(&request.image).map_err(BuildError::io("make the folder", &request.image))?;
    let mut files = Vec::new();
    for component in request.components.keys() {
        list_files(&request.generation, *component, &mut files)?;
    }
    let (rules, hashes) = std::thread::scope(|scope| {
        let hashes = || index_hashes(&files, &request.generation, &request.image.join(HASHES));
        // A process that may not have a second thread does one after the other.
        let thread = std::thread::Builder::new().spawn_scoped(scope, hashes);
        let rules = on_compiling_stack(&|| compile_rules(engine, &files, &options.limits, &request.image));
        let hashes = match thread {
            Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(_) => hashes(),
        };
        (rules, hashes)
    });
    let (rules, hashes) = (rules?, hashes?);
    let report = report(&files, &rules, &hashes);
    if options.on_invalid == OnInvalid::Refuse && report.rejected_total > 0 {
        return Err(BuildError::Rejected { rejected: report.rejected, total: report.rejected_total });
    }
    let mut image = Image::new(engine.key().to_owned(), request.components.clone());
    image.rules = rules.sources;
    image.compiled = rules.saved;
    image.hashes = hashes.size;
    let scanner = Scanner::new(rules.set, hashes.index, request.components.clone(), ScanLimits::default());
    let self_tests = self_test::run(&scanner, &files, options.limits.self_test_bytes)?;
    image.write(&request.image).map_err(BuildError::io("write the manifest in", &request.image))?;
    Ok(BuildReport { self_tests, ..report })
}

fn report(files: &[SourceFile], rules: &CompiledRules, hashes: &IndexedHashes) -> BuildReport {
    let mut per_component: BTreeMap<Component, Counts> = BTreeMap::new();
    for file in files {
        per_component.entry(file.component).or_default().files += 1;
    }
    for (component, count) in rules.set.counts() {
        per_component.entry(component).or_default().rules += count;
    }
    for (component, count) in &hashes.per_component {
        per_component.entry(*component).or_default().hashes += count;
    }
    BuildReport {
        per_component,
        rejected: rules.rejected.iter().take(KEPT_REJECTIONS).cloned().collect(),
        rejected_total: rules.rejected.len() as u64,
        duplicate_hashes: hashes.statistics.duplicates,
        self_tests: 0,
    }
}
