//! Prints what the rules of a folder match in files, as JSON lines: boreal's side of
//! `benches/engine-comparison`, which says how the output is compared.
//!
//! `cargo run --release -p booster-engine --example dump_matches RULES FILES...`
#![allow(clippy::print_stdout, reason = "the output is the point")]

use booster_definitions::Component;
use booster_engine::rules::{RuleInput, Yara};
use boreal::{
    Scanner,
    scanner::{EvaluatedRule, ScanError, ScanParams},
};
use serde_json::json;
use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Matches of one string that are printed: enough to tell two engines apart.
const MOST_MATCHES: usize = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let rules = args.next().ok_or("usage: dump_matches RULES FILES...")?;
    let started = Instant::now();
    let (scanner, rejected) = compile(&rules)?;
    let compiled = started.elapsed();
    let before = processor_seconds();
    let (mut files, mut bytes, mut slowest) = (0u64, 0u64, Duration::ZERO);
    for path in args.flat_map(|root| files_below(&root)) {
        let Ok(content) = fs::read(&path) else { continue };
        let one = Instant::now();
        let (result, ended) = match scanner.scan_mem(&content) {
            Ok(result) => (result, None),
            Err((ScanError::Timeout, result)) => (result, Some("timeout".to_owned())),
            Err((error, result)) => (result, Some(error.to_string())),
        };
        slowest = slowest.max(one.elapsed());
        (files, bytes) = (files + 1, bytes + content.len() as u64);
        if !result.rules.is_empty() || ended.is_some() {
            let mut found: Vec<String> = result.rules.iter().flat_map(told).collect();
            found.sort();
            println!("{}", json!({ "path": path, "found": found, "ended": ended }));
        }
    }
    println!(
        "{}",
        json!({ "engine": "boreal", "rules": scanner.rules().count(), "rejected": rejected, "files": files,
            "bytes": bytes, "compile_seconds": compiled.as_secs_f64(), "scan_cpu_seconds": processor_seconds() - before,
            "slowest_seconds": slowest.as_secs_f64() })
    );
    Ok(())
}

/// Compiles as the product does.
fn compile(rules: &Path) -> Result<(Scanner, Vec<String>), Box<dyn Error>> {
    let mut sources = Vec::new();
    for path in files_below(rules) {
        if path.extension().is_some_and(|extension| extension == "yar" || extension == "yara") {
            let name = path.strip_prefix(rules)?.to_string_lossy().into_owned();
            sources.push((name, String::from_utf8_lossy(&fs::read(&path)?).into_owned()));
        }
    }
    let inputs: Vec<_> = sources
        .iter()
        .map(|(file, source)| RuleInput { component: Component::Antivirus, file, source })
        .collect();
    let (mut scanner, rejected) = Yara::scanner(&inputs);
    let limit = Some(Duration::from_secs(60));
    scanner.set_scan_params(ScanParams::default().compute_full_matches(true).timeout_duration(limit));
    Ok((scanner, rejected.iter().map(ToString::to_string).collect()))
}

/// The rule, and each match of each of its strings.
fn told(rule: &EvaluatedRule<'_>) -> Vec<String> {
    let file = rule.namespace.strip_prefix("antivirus/").unwrap_or(rule.namespace);
    let name = format!("{file}:{}", rule.name);
    let matches = rule.matches.iter().flat_map(|string| {
        let place = |found: &boreal::scanner::StringMatch| {
            format!("{name} ${} {}+{}", string.name, found.offset, found.length)
        };
        string.matches.iter().take(MOST_MATCHES).map(place).collect::<Vec<_>>()
    });
    std::iter::once(name.clone()).chain(matches).collect()
}

/// Plain files below a folder, in order.
fn files_below(root: &Path) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(root).sort_by_file_name().into_iter().flatten();
    entries.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
}

fn processor_seconds() -> f64 {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}
