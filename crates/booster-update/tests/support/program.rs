//! What the tests start as real processes.
//!
//! `worker` is an engine worker as the product has it; `worker crash`, `worker garbage`
//! and `worker hang FILE`, which leaves its process id in a file, are broken ones.
//! `load DATA END` loads the definitions in use and ends as it is told: `well`, `abort`, `panic`, or with a
//! `hang` until it is killed, after it has said so.
//! `update DATA REPOSITORY` updates a data folder from a folder, prints the outcome, the failure
//! and its peak memory, and is there to be killed, starved of disk and refused permission; with `FOLDER RELOAD`
//! after these it has another engine with that folder, and a shell's line to reload it.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::expect_used)]

use booster_definitions::Component;
use booster_engine::{
    CommandLine, Worker,
    adapter::{Adapter, Commands, Engine},
};
use booster_sources::DirectorySource;
use booster_store::{Store, StoreOptions};
use booster_update::{SystemClock, UpdateOptions, UpdateRequest, run};
use std::{env, process::ExitCode, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments {
        ["worker"] => booster_engine::worker_main(),
        ["worker", "crash"] => std::process::abort(),
        ["worker", "garbage"] => {
            println!("<html>");
            ExitCode::SUCCESS
        }
        ["worker", "hang", file] => {
            // Renamed into place, so that who sees the file sees all of it.
            let new = format!("{file}.new");
            std::fs::write(&new, std::process::id().to_string()).expect("a file for the process id");
            std::fs::rename(new, file).expect("a name for the file");
            // Until the parent closes the pipe, or kills.
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            ExitCode::FAILURE
        }
        ["load", data, end] => load(data, end),
        ["update", data, repository] => update(data, repository, Vec::new()),
        ["update", data, repository, folder, reload] => {
            update(data, repository, vec![engine(folder, reload)])
        }
        _ => ExitCode::from(64),
    }
}

fn load(data: &str, end: &str) -> ExitCode {
    let store = Store::new(data, StoreOptions::default());
    let (installed, loading) = store.load_current("loader").expect("a store").expect("definitions");
    println!("{}", installed.record().number);
    match end {
        "abort" => std::process::abort(),
        "panic" => panic!("while loading generation {}", installed.record().number),
        "hang" => {
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        }
        _ => loading.succeeded(),
    }
    ExitCode::SUCCESS
}

/// An engine of the administrator's, with a folder and a shell's line that makes it use what is there.
fn engine(folder: &str, reload: &str) -> Adapter {
    let reload = CommandLine {
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), reload.into()],
        timeout: Duration::from_secs(600),
    };
    Adapter {
        name: "test".to_owned(),
        engine: Engine::Command(Commands { folder: Some(folder.into()), test: None, reload: Some(reload) }),
        components: Component::ALL.to_vec(),
        endings: Vec::new(),
        required: false,
        timeout: Duration::from_secs(600),
    }
}

fn update(data: &str, repository: &str, engines: Vec<Adapter>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let options = UpdateOptions { engines, ..UpdateOptions::default() };
    let request = UpdateRequest {
        sources: vec![Arc::new(DirectorySource::new(repository))],
        options,
        ..Default::default()
    };
    let store = Store::new(data, StoreOptions::default());
    let worker = Worker::new(env::current_exe().expect("its own path"), ["worker"]);
    let clock = SystemClock::default();
    let cancel = CancellationToken::new();
    let report = runtime.block_on(run(&store, &worker, request, &|_| {}, &cancel, &clock));
    let kind = report.error.as_ref().map_or("-", |error| error.kind().as_str());
    let story = report.error.as_ref().map(ToString::to_string).unwrap_or_default();
    println!("{} {kind} {story} {}", report.outcome, peak_memory());
    ExitCode::SUCCESS
}

/// The most memory that this process has held, in KiB; 0 where the system does not say.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}
