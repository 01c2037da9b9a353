//! The state file: what it survives, and what it must not be mistaken for.

use crate::support::{Machine, Publisher, start};
use booster_trust::{
    Client, ClientOptions, STATE_FILE, TrustError, TrustedState,
    signing::{self, RootRole, TopRole},
    verify_saved,
};
use std::fs;

async fn machine_and_publisher() -> (Machine, Publisher) {
    let publisher = Publisher::new();
    let machine = Machine::new(&publisher);
    machine.refresh(&publisher, start()).await.unwrap();
    (machine, publisher)
}

#[tokio::test]
async fn a_folder_without_a_state_trusts_nobody_and_asks_for_a_root() {
    let (dir, publisher) = (tempfile::tempdir().unwrap(), Publisher::new());
    let state = TrustedState::open(dir.path()).unwrap();
    assert!(!state.is_initialised());
    assert!(matches!(verify_saved(&state, "x", b""), Err(TrustError::NotInitialised)));
    let refused = Client::new(publisher.folder(), state, ClientOptions::default());
    assert!(matches!(refused, Err(TrustError::NotInitialised)));
}

#[tokio::test]
async fn a_state_cut_off_anywhere_is_damaged_and_never_a_fresh_start() {
    let (machine, _publisher) = machine_and_publisher().await;
    let (path, whole) = (machine.path().join(STATE_FILE), machine.state_bytes());
    // Every length at both ends, and enough of them between.
    let (head, tail) = (200, whole.len() - 200);
    let lengths = (0..head).chain((head..tail).step_by(37)).chain(tail..whole.len());
    for length in lengths {
        fs::write(&path, &whole[..length]).unwrap();
        let opened = TrustedState::open(machine.path());
        assert!(matches!(opened, Err(TrustError::Damaged { .. })), "{length} bytes: {opened:?}");
    }
    fs::write(&path, [&whole[..], b" "].concat()).unwrap();
    assert!(matches!(TrustedState::open(machine.path()), Err(TrustError::Damaged { .. })));
    fs::write(&path, vec![0; whole.len()]).unwrap();
    assert!(matches!(TrustedState::open(machine.path()), Err(TrustError::Damaged { .. })));
    fs::write(&path, &whole).unwrap();
    assert!(TrustedState::open(machine.path()).unwrap().is_initialised());
}

#[tokio::test]
async fn a_state_with_any_byte_changed_is_damaged() {
    let (machine, _publisher) = machine_and_publisher().await;
    let (path, whole) = (machine.path().join(STATE_FILE), machine.state_bytes());
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1 << (at % 8);
        fs::write(&path, &changed).unwrap();
        let opened = TrustedState::open(machine.path());
        assert!(matches!(opened, Err(TrustError::Damaged { .. })), "byte {at}: {opened:?}");
    }
}

#[tokio::test]
async fn a_state_whose_floors_disagree_with_its_files_is_damaged() {
    let (machine, _publisher) = machine_and_publisher().await;
    let whole = String::from_utf8(machine.state_bytes()).unwrap();
    let (_, state) = whole.split_once(r#""state":"#).unwrap();
    let state = state.strip_suffix("}\n").unwrap();
    let lowered = state.replace(r#""timestamp":{"version":1"#, r#""timestamp":{"version":0"#);
    assert_ne!(lowered, state);
    let digest = booster_definitions::Digest::of(lowered.as_bytes());
    let forged =
        format!("{{\"format\":\"booster-trusted-1\",\"sha256\":\"{digest}\",\"state\":{lowered}}}\n");
    fs::write(machine.path().join(STATE_FILE), forged).unwrap();
    let opened = TrustedState::open(machine.path());
    assert!(matches!(opened, Err(TrustError::Damaged { .. })), "{opened:?}");
}

#[tokio::test]
async fn a_state_that_cannot_be_written_is_an_error_and_stays_as_it_was() {
    let (machine, mut publisher) = machine_and_publisher().await;
    let before = machine.state_bytes();
    publisher.publish();
    let mut client = machine.client(publisher.folder());
    // Something is in the way of the new file.
    fs::create_dir(machine.path().join("trusted.json.new")).unwrap();
    let failed = client.refresh(start()).await;
    assert!(matches!(failed, Err(TrustError::Io { .. })), "{failed:?}");
    assert_eq!(client.versions().timestamp, Some(1), "what is not on the disk is not trusted");
    assert!(matches!(client.target("antivirus/release.json", start()).await, Err(TrustError::NotRefreshed)));
    assert_eq!(machine.state_bytes(), before);
}

#[test]
fn the_same_publisher_may_be_pinned_again_by_any_of_its_connected_roots() {
    let mut publisher = Publisher::new();
    publisher.rotate(TopRole::Root);
    publisher.rotate(TopRole::Timestamp);
    let roots: Vec<_> = (1..=3).map(|version| publisher.read(&format!("{version}.root.json"))).collect();
    for (first, first_root) in roots.iter().enumerate() {
        for (second, second_root) in roots.iter().enumerate() {
            let dir = tempfile::tempdir().unwrap();
            TrustedState::open(dir.path()).unwrap().pin(first_root).unwrap();
            let before = fs::read(dir.path().join(STATE_FILE)).unwrap();
            let again = TrustedState::open(dir.path()).unwrap().pin(second_root);
            // Only the neighbours are connected by signatures: version 1 and 3 share no root key.
            let connected = first.abs_diff(second) < 2;
            assert_eq!(again.is_ok(), connected, "version {} after {}", second + 1, first + 1);
            assert!(connected || matches!(again, Err(TrustError::OtherPublisher { .. })));
            assert_eq!(fs::read(dir.path().join(STATE_FILE)).unwrap(), before);
        }
    }
}

#[tokio::test]
async fn every_root_on_the_walked_chain_is_of_the_same_publisher() {
    let mut publisher = Publisher::new();
    for _ in 0..3 {
        publisher.rotate(TopRole::Root);
    }
    publisher.renew_timestamp();
    let machine = Machine::new(&publisher);
    machine.refresh(&publisher, start()).await.unwrap();
    for version in 1..=4 {
        machine.state().pin(&publisher.read(&format!("{version}.root.json"))).unwrap();
    }
}

#[test]
fn another_publishers_root_is_refused_whatever_its_version() {
    let (publisher, mut stranger) = (Publisher::new(), Publisher::new());
    let machine = Machine::new(&publisher);
    stranger.rotate(TopRole::Root);
    for name in ["1.root.json", "2.root.json"] {
        let refused = machine.state().pin(&stranger.read(name));
        assert!(matches!(refused, Err(TrustError::OtherPublisher { .. })), "{name}: {refused:?}");
    }
}

#[test]
fn a_second_root_of_the_same_version_is_refused_though_the_same_key_signed_it() {
    let publisher = Publisher::new();
    let machine = Machine::new(&publisher);
    let mut twin: RootRole = signing::read_unverified(&publisher.read("1.root.json")).unwrap();
    twin.expires = start();
    let twin = signing::sign(&twin, &[publisher.key(TopRole::Root)]).unwrap();
    let refused = machine.state().pin(&twin);
    assert!(matches!(refused, Err(TrustError::OtherPublisher { .. })), "{refused:?}");
}

#[test]
fn a_root_that_does_not_sign_itself_is_never_pinned() {
    let publisher = Publisher::new();
    let root: RootRole = signing::read_unverified(&publisher.read("1.root.json")).unwrap();
    let by_other_key = signing::sign(&root, &[publisher.key(TopRole::Targets)]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut state = TrustedState::open(dir.path()).unwrap();
    assert!(matches!(state.pin(&by_other_key), Err(TrustError::Threshold { .. })));
    assert!(matches!(state.pin(b"<html>"), Err(TrustError::Malformed { .. })));
    assert!(!dir.path().join(STATE_FILE).exists());
}

#[tokio::test]
async fn saved_metadata_says_offline_which_bytes_the_publisher_signed() {
    let (machine, mut publisher) = machine_and_publisher().await;
    let path = "antivirus/release.json";
    let state = machine.state();
    verify_saved(&state, path, b"release 1").unwrap();
    let wrong = verify_saved(&state, path, b"release 2");
    assert!(matches!(wrong, Err(TrustError::Mismatch { .. })), "{wrong:?}");
    let longer = verify_saved(&state, path, b"release 1 and more");
    assert!(matches!(longer, Err(TrustError::Mismatch { .. })), "{longer:?}");
    let unknown = verify_saved(&state, "nis/release.json", b"release 1");
    assert!(matches!(unknown, Err(TrustError::NoSuchTarget { .. })), "{unknown:?}");

    // A copy lies with the installed generation and keeps saying what was true of it.
    let copy = tempfile::tempdir().unwrap();
    state.save_copy(copy.path()).unwrap();
    publisher.put(path, b"release 2");
    publisher.publish();
    machine.refresh(&publisher, start()).await.unwrap();
    verify_saved(&machine.state(), path, b"release 2").unwrap();
    verify_saved(&TrustedState::open(copy.path()).unwrap(), path, b"release 1").unwrap();
}

#[tokio::test]
async fn a_refresh_that_failed_half_way_does_not_make_the_installed_set_untrusted() {
    let (machine, mut publisher) = machine_and_publisher().await;
    publisher.publish();
    fs::remove_file(publisher.metadata().join("2.targets.json")).unwrap();
    machine.refresh(&publisher, start()).await.unwrap_err();
    verify_saved(&machine.state(), "antivirus/release.json", b"release 1").unwrap();
}
