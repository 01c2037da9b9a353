//! Prints what the rules of a folder match in the files of another, as JSON lines: one side of
//! `benches/engine-comparison`. A last line holds the rejected rules and the times.
//!
//! `cargo run -p booster-engine --example dump_matches RULES FILES...`
#![allow(clippy::print_stdout, reason = "the output is the point")]

use booster_definitions::Component;
use booster_engine::rules::{Engine, FileFacts, RuleInput, Yara};
use serde_json::json;
use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let rules = args.next().ok_or("usage: dump_matches RULES FILES...")?;
    let mut sources = Vec::new();
    for path in files_below(&rules) {
        if path.extension().is_some_and(|extension| extension == "yar" || extension == "yara") {
            let name = path.strip_prefix(&rules)?.to_string_lossy().into_owned();
            sources.push((name, String::from_utf8_lossy(&fs::read(&path)?).into_owned()));
        }
    }
    let inputs: Vec<_> = sources
        .iter()
        .map(|(file, source)| RuleInput { component: Component::Antivirus, file, source })
        .collect();
    let started = Instant::now();
    let compiled = Yara.compile(&inputs);
    let compile_time = started.elapsed();
    let started = Instant::now();
    let (mut files, mut bytes, mut slowest) = (0u64, 0u64, Duration::ZERO);
    for path in args.flat_map(|root| files_below(&root)) {
        let Ok(content) = fs::read(&path) else { continue };
        let one = Instant::now();
        let (found, interrupted) =
            match compiled.set.scan(&content, &FileFacts::default(), Duration::from_secs(60)) {
                Ok(found) => (found, None),
                Err(ended) => (ended.matches, Some(ended.reason.to_string())),
            };
        slowest = slowest.max(one.elapsed());
        files += 1;
        bytes += content.len() as u64;
        if !found.is_empty() || interrupted.is_some() {
            let mut names: Vec<_> =
                found.iter().map(|found| format!("{}:{}", found.file, found.rule)).collect();
            names.sort();
            println!("{}", json!({ "path": path, "rules": names, "interrupted": interrupted }));
        }
    }
    let rejected: Vec<_> = compiled.rejected.iter().map(ToString::to_string).collect();
    let rules: u64 = compiled.set.counts().values().sum();
    println!(
        "{}",
        json!({ "engine": Yara.key(), "rules": rules, "rejected": rejected, "files": files, "bytes": bytes,
            "compile_seconds": compile_time.as_secs_f64(), "scan_seconds": started.elapsed().as_secs_f64(),
            "slowest_seconds": slowest.as_secs_f64() })
    );
    Ok(())
}

/// Plain files below a folder, in order.
fn files_below(root: &Path) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(root).sort_by_file_name().into_iter().flatten();
    entries.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
}
