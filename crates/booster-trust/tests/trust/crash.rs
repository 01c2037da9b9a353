//! Crashes: the state is the old one or the new one, whole, and the next run leaves nothing behind.

use crate::support::{Machine, Publisher, Scripted, start};
use booster_trust::{ClientOptions, STATE_FILE, TrustedState};
use std::{
    fs,
    io::Read as _,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

#[tokio::test]
async fn a_crash_before_the_rename_leaves_the_old_state_and_the_next_client_tidies_up() {
    let mut publisher = Publisher::new();
    let machine = Machine::new(&publisher);
    machine.refresh(&publisher, start()).await.unwrap();
    let old = machine.state_bytes();
    publisher.publish();
    machine.refresh(&publisher, start()).await.unwrap();
    let new = machine.state_bytes();

    let (path, leftover) = (machine.path().join(STATE_FILE), machine.path().join("trusted.json.new"));
    for written in [0, 1, new.len() / 2, new.len()] {
        fs::write(&path, &old).unwrap();
        fs::write(&leftover, &new[..written]).unwrap();
        assert_eq!(machine.state().versions().timestamp, Some(1));
        let mut client = machine.client(publisher.folder());
        assert!(!leftover.exists());
        client.refresh(start()).await.unwrap();
        assert_eq!(machine.state_bytes(), new);
        assert_eq!(fs::read_dir(machine.path()).unwrap().count(), 1);
    }
}

/// Timestamps that the victim process is fed, one with each refresh.
const TIMESTAMPS: usize = 400;
/// Where the victim finds its machine and its timestamps.
const VICTIM: &str = "BOOSTER_TRUST_VICTIM";

#[test]
fn a_process_killed_at_any_moment_leaves_a_whole_state_that_only_goes_forward() {
    let mut publisher = Publisher::new();
    let machine = Machine::new(&publisher);
    let feed = tempfile::tempdir().unwrap();
    for number in 0..TIMESTAMPS {
        fs::write(feed.path().join(number.to_string()), publisher.read("timestamp.json")).unwrap();
        publisher.renew_timestamp();
    }
    let mut known = None;
    for round in 0_u64..25 {
        // The same test program, asked for the victim's part alone.
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::victim", "--nocapture", "--include-ignored"])
            .env(VICTIM, std::env::join_paths([machine.path(), feed.path(), &publisher.metadata()]).unwrap())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // It says so when it begins to write; from then on any moment is as good as another.
        let mut output = victim.stdout.take().unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"writing") {
            let mut byte = [0];
            assert_eq!(output.read(&mut byte).unwrap(), 1, "the victim ended early");
            seen.push(byte[0]);
        }
        std::thread::sleep(Duration::from_micros(137 * round * round));
        victim.kill().unwrap();
        victim.wait().unwrap();

        let versions = machine.state().versions();
        assert!(versions.timestamp >= known, "round {round}: {versions:?} after {known:?}");
        known = versions.timestamp;
        let client = machine.client(publisher.folder());
        assert_eq!(fs::read_dir(machine.path()).unwrap().count(), 1, "round {round}");
        drop(client);
    }
    assert!(known > Some(25), "the victims wrote too little to be killed while writing: {known:?}");
}

#[test]
#[ignore = "the part of a process that is killed; run by another test"]
fn victim() {
    let Some(places) = std::env::var_os(VICTIM) else { return };
    let places: Vec<_> = std::env::split_paths(&places).collect();
    let [machine, feed, metadata] = &places[..] else { panic!("three folders are needed") };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(refresh_for_ever(machine, feed, metadata));
}

async fn refresh_for_ever(machine: &Path, feed: &Path, metadata: &Path) {
    let state = TrustedState::open(machine).unwrap();
    let begin = state.versions().timestamp.unwrap_or_default() as usize;
    let next = AtomicUsize::new(begin);
    let (feed, metadata) = (feed.to_owned(), metadata.to_owned());
    let repository = Scripted(move |name: &str| {
        let path = match name {
            "timestamp.json" => {
                feed.join(next.fetch_add(1, Ordering::Relaxed).min(TIMESTAMPS - 1).to_string())
            }
            name => metadata.join(name),
        };
        Ok(fs::read(path).ok())
    });
    let mut client = booster_trust::Client::new(repository, state, ClientOptions::default()).unwrap();
    println!("writing");
    loop {
        client.refresh(start()).await.unwrap();
    }
}
