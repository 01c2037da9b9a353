//! Reads every file of a folder and scans it with the bare rule engine: no hash lists, no limits, no report.
//! It is what `booster scan` is measured beside, to tell what the scanner itself costs.
//!
//! `cargo run --release -p booster-engine --example scan_bare RULES.yar FOLDER`
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use booster_definitions::Component;
use booster_engine::rules::{RuleInput, Yara};
use std::{
    error::Error,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(rules), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("usage: scan_bare RULES.yar FOLDER".into());
    };
    let source = std::fs::read_to_string(rules)?;
    let input = RuleInput { component: Component::Antivirus, file: "rules.yar", source: &source };
    let (scanner, _) = Yara::scanner(&[input]);
    let files: Vec<_> = walkdir::WalkDir::new(folder)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .collect();
    let (next, matched) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        while let Some(file) = files.get(next.fetch_add(1, Relaxed)) {
            let Ok(content) = std::fs::read(file) else { continue };
            let result = scanner.scan_mem(&content).unwrap_or_else(|(_, result)| result);
            matched.fetch_add(usize::from(!result.rules.is_empty()), Relaxed);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
        work();
    });
    println!("{} files, {} matched", files.len(), matched.into_inner());
    Ok(())
}
