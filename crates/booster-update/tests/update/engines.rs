//! Other engines: real ones, and commands. They use what is current, or nobody does.
#![cfg(unix)]

mod clamd;
mod commands;
mod suricata;

use crate::{
    machine::{Machine, Told},
    publisher::Publisher,
};
use booster_definitions::{Component, Digest};
use booster_engine::{CommandLine, adapter::Adapter};
use booster_store::{RejectedRelease, Why};
use booster_update::EngineStatus;
use std::{fs, path::Path, time::Duration};

const AV: Component = Component::Antivirus;

/// A hash list that finds just this text.
fn finds(text: &str) -> Vec<u8> {
    format!("{}:{}:Finds.{text}\n", Digest::of(text.as_bytes()), text.len()).into_bytes()
}

/// A publisher with a release 1 that finds "the first" in `one.hsb`.
fn publisher() -> Publisher {
    let mut publisher = Publisher::new(crate::machine::now());
    publisher.publish(AV, 1, &[("one.hsb", &finds("the first"))]);
    publisher
}

fn shell(script: &str) -> CommandLine {
    let arguments = vec!["-c".into(), script.into()];
    CommandLine { program: "/bin/sh".into(), arguments, timeout: Duration::from_secs(60) }
}

/// A machine with an engine, which has taken release 1.
async fn with_engine(publisher: &Publisher, adapter: Adapter) -> Machine {
    let mut machine = Machine::new(publisher);
    machine.options.engines = vec![adapter];
    let told = machine.update(publisher.path()).await;
    assert_eq!(confirmed(&told), Some(1), "{:?}", told.report.engines);
    machine
}

fn engine(told: &Told) -> &EngineStatus {
    &told.report.engines[0]
}

/// The second number of the version of antivirus that the first engine has confirmed, unless it has a problem.
fn confirmed(told: &Told) -> Option<u16> {
    let EngineStatus { placed, confirmed, problem, .. } = engine(told);
    if problem.is_some() {
        return None;
    }
    assert_eq!(placed.as_ref().unwrap().releases, confirmed.as_ref().unwrap().releases);
    confirmed.as_ref().unwrap().releases.get(&AV).map(|version| version.0[1])
}

#[track_caller]
fn has_problem(told: &Told, words: &str) {
    let problem = engine(told).problem.as_deref().unwrap_or_default();
    assert!(problem.contains(words), "{problem:?} does not say {words:?}");
}

fn rejected(machine: &Machine) -> Vec<(Component, u16)> {
    let rejected = machine.store().rejected().unwrap();
    let named = |release: &RejectedRelease| {
        assert_eq!(release.why, Why::EngineRejected);
        (release.component, release.version.0[1])
    };
    rejected.iter().map(named).collect()
}

/// The files that were placed in an engine's folder, sorted, without confirmations.
fn placed(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| name.starts_with("booster-") && !name.starts_with("booster-confirmation-"));
    names.sort();
    names
}
