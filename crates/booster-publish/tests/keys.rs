//! Keys and roots: where keys come from, and changing them while machines follow.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests fail by panicking")]

mod common;

use booster_definitions::Component::Antivirus;
use booster_publish::{KeyRing, KeySet, PublishError, Repository, RootChange, sign_draft};
use booster_trust::{
    Check,
    signing::{RootRole, SigningError, SigningKey, TopRole},
};
use common::{Machine, Site, block, rule, versions};
use jiff::Timestamp;

fn published(site: &Site) -> Machine {
    site.publish(Antivirus, "1.0.0.0", &[("a.yar", &rule("a", "evil"))]).unwrap();
    let machine = Machine::new(site);
    machine.see().unwrap();
    machine
}

fn root(repository: &Repository) -> RootRole {
    block(repository.root()).unwrap()
}

/// A machine notices the change with its one request, follows it, and so does a new machine.
fn assert_followed(site: &Site, machine: &Machine) {
    assert_eq!(machine.check(Timestamp::now()).unwrap(), Check::Changed);
    assert_eq!(versions(&machine.see().unwrap()), ["antivirus 1.0.0.0"]);
    assert_eq!(versions(&Machine::new(site).see().unwrap()), ["antivirus 1.0.0.0"]);
    assert_eq!(machine.check(Timestamp::now()).unwrap(), Check::Unchanged);
}

#[cfg(unix)]
#[test]
fn key_files_are_private_and_open_ones_are_refused_with_the_command_that_helps() {
    use std::os::unix::fs::PermissionsExt as _;
    let site = Site::new();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&site.key_folder()), 0o700);
    for name in ["offline/root-1.pem", "offline/root-3.pem", "online/targets.pem", "online/timestamp.pem"] {
        let path = site.key_folder().join(name);
        assert_eq!(mode(&path), 0o600, "{name}");
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("-----BEGIN PRIVATE KEY-----"));
    }
    let open = site.key_folder().join("online/targets.pem");
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o640)).unwrap();
    let error = KeyRing::from_folder(&site.key_folder()).unwrap_err();
    assert!(matches!(error, PublishError::Signing(SigningError::KeyFileIsOpen { .. })), "{error}");
    assert!(error.to_string().contains("chmod 600") && error.to_string().contains("targets.pem"), "{error}");
}

#[test]
fn nothing_that_is_printed_holds_a_key() {
    let site = Site::new();
    let pem = std::fs::read_to_string(site.key_folder().join("online/targets.pem")).unwrap();
    let secret = pem.lines().nth(1).unwrap();
    let printed = format!("{:?} {:?}", site.keys(), KeySet::in_folder(&site.key_folder(), 3, 2).unwrap());
    assert!(!printed.contains(secret), "{printed}");
}

#[test]
fn a_missing_key_is_named_before_anything_is_done() {
    let site = Site::new();
    std::fs::remove_file(site.key_folder().join("online/snapshot.pem")).unwrap();
    let error = site.publish(Antivirus, "1.0.0.0", &[("a.yar", "this is not even a rule")]).unwrap_err();
    assert!(
        matches!(error, PublishError::MissingKeys { role: TopRole::Snapshot, needed: 1, found: 0, .. }),
        "{error}"
    );
}

#[test]
fn online_keys_alone_publish_and_cannot_change_the_root() {
    let site = Site::new();
    std::fs::remove_dir_all(site.key_folder().join("offline")).unwrap();
    let _ = published(&site);
    let error = block(site.repository().rotate_root(&RootChange::default(), &site.keys(), Timestamp::now()));
    assert!(matches!(error, Err(PublishError::MissingKeys { role: TopRole::Root, needed: 2, found: 0, .. })));
}

#[test]
fn the_root_is_renewed_and_machines_notice() {
    let site = Site::new();
    let machine = published(&site);
    let report =
        block(site.repository().rotate_root(&RootChange::default(), &site.keys(), Timestamp::now())).unwrap();
    assert_eq!(report.version, 2);
    assert_followed(&site, &machine);
}

#[test]
fn root_keys_are_replaced_with_signatures_of_old_and_new() {
    let site = Site::new();
    let machine = published(&site);
    let repository = site.repository();
    let new: Vec<_> = (0..3).map(|_| SigningKey::generate().unwrap()).collect();
    let public: Vec<_> = new.iter().map(SigningKey::public).collect();
    let change = RootChange::replace(&root(&repository), TopRole::Root, &public);
    let error = block(repository.rotate_root(&change, &site.keys(), Timestamp::now())).unwrap_err();
    assert!(
        matches!(error, PublishError::MissingKeys { role: TopRole::Root, .. }),
        "the new keys were not asked for"
    );
    let mut keys = site.keys();
    new.into_iter().for_each(|key| keys.add(key));
    block(repository.rotate_root(&change, &keys, Timestamp::now())).unwrap();
    assert_followed(&site, &machine);
    let error =
        block(repository.rotate_root(&RootChange::default(), &site.keys(), Timestamp::now())).unwrap_err();
    assert!(matches!(error, PublishError::MissingKeys { .. }), "the old keys still count");
}

#[test]
fn online_keys_are_replaced_and_publishing_goes_on_with_the_new_ones() {
    let site = Site::new();
    let machine = published(&site);
    let repository = site.repository();
    let mut keys = site.keys();
    for role in [TopRole::Targets, TopRole::Snapshot, TopRole::Timestamp] {
        let key = SigningKey::generate().unwrap();
        let change = RootChange::replace(&root(&repository), role, &[key.public()]);
        keys.add(key);
        block(repository.rotate_root(&change, &keys, Timestamp::now())).unwrap();
        assert_followed(&site, &machine);
    }
    let error = site.publish(Antivirus, "1.0.0.1", &[("a.yar", &rule("b", "evil"))]).unwrap_err();
    assert!(matches!(error, PublishError::MissingKeys { .. }), "{error}");
    let request = site.request(Antivirus, "1.0.0.1", &site.dir.path().join("releases/antivirus-1.0.0.1"));
    block(repository.publish(&request, &keys, Timestamp::now())).unwrap();
    assert_eq!(versions(&machine.see().unwrap()), ["antivirus 1.0.0.1"]);
}

#[test]
fn a_lost_online_key_is_replaced_without_it() {
    let site = Site::new();
    let machine = published(&site);
    std::fs::remove_file(site.key_folder().join("online/timestamp.pem")).unwrap();
    let (repository, mut keys) = (site.repository(), site.keys());
    let key = SigningKey::generate().unwrap();
    let change = RootChange::replace(&root(&repository), TopRole::Timestamp, &[key.public()]);
    keys.add(key);
    block(repository.rotate_root(&change, &keys, Timestamp::now())).unwrap();
    assert_followed(&site, &machine);
}

#[test]
fn a_change_of_keys_that_was_cut_off_behind_its_root_is_finished_by_a_refresh() {
    let site = Site::new();
    let machine = published(&site);
    let (repository, mut keys) = (site.repository(), site.keys());
    let key = SigningKey::generate().unwrap();
    let change = RootChange::replace(&root(&repository), TopRole::Timestamp, &[key.public()]);
    keys.add(key);
    let draft = block(repository.draft_root(&change, &keys, Timestamp::now())).unwrap();
    std::fs::write(site.folder().join("metadata/2.root.json"), draft).unwrap();
    assert!(machine.see().is_err(), "the old key's timestamp was believed under the new root");
    block(repository.refresh(&keys, Timestamp::now())).unwrap();
    assert_followed(&site, &machine);
}

#[test]
fn keys_in_different_places_sign_a_draft_one_after_another() {
    let site = Site::new();
    let machine = published(&site);
    let repository = site.repository();
    let holder = |name: &str| {
        let mut ring = KeyRing::new();
        ring.add(SigningKey::from_file(&site.key_folder().join("offline").join(name)).unwrap());
        ring
    };
    let key = SigningKey::generate().unwrap();
    let change = RootChange { add: vec![(TopRole::Root, key.public())], ..RootChange::default() };
    let draft = block(repository.draft_root(&change, &holder("root-1.pem"), Timestamp::now())).unwrap();
    std::fs::rename(site.key_folder().join("offline"), site.dir.path().join("safe")).unwrap();
    let error = block(repository.install_root(&draft, &site.keys(), Timestamp::now())).unwrap_err();
    assert!(matches!(error, PublishError::RootChange { .. }), "{error}");
    std::fs::rename(site.dir.path().join("safe"), site.key_folder().join("offline")).unwrap();
    let second = holder("root-2.pem");
    std::fs::rename(site.key_folder().join("offline"), site.dir.path().join("safe")).unwrap();
    let draft = sign_draft(&draft, &root(&repository), &second).unwrap();
    block(repository.install_root(&draft, &site.keys(), Timestamp::now())).unwrap();
    assert_eq!(root(&repository).role(TopRole::Root).unwrap().keyids.len(), 4);
    assert_followed(&site, &machine);
}

#[test]
fn a_key_is_added_for_a_second_publisher() {
    let site = Site::new();
    let machine = published(&site);
    let second = SigningKey::generate().unwrap();
    block(site.repository().add_key(TopRole::Timestamp, &second.public(), &site.keys(), Timestamp::now()))
        .unwrap();
    assert_followed(&site, &machine);
    std::fs::remove_file(site.key_folder().join("online/timestamp.pem")).unwrap();
    let mut keys = site.keys();
    keys.add(second);
    block(site.repository().refresh(&keys, Timestamp::now())).unwrap();
    assert_followed(&site, &machine);
}

#[test]
fn metadata_that_somebody_without_the_keys_changed_is_not_built_upon() {
    let site = Site::new();
    let _ = published(&site);
    let path = site.folder().join("metadata/2.targets.json");
    let original = std::fs::read(&path).unwrap();
    std::fs::write(&path, String::from_utf8(original.clone()).unwrap().replace("1.0.0.0", "6.6.6.6"))
        .unwrap();
    let error = site.publish(Antivirus, "1.0.0.1", &[("a.yar", &rule("b", "evil"))]).unwrap_err();
    assert!(matches!(error, PublishError::Untrusted { .. }), "{error}");
    std::fs::write(&path, original).unwrap();

    let stranger = Site::new();
    for name in ["1.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"] {
        let path = site.folder().join("metadata").join(name);
        std::fs::copy(stranger.folder().join("metadata").join(name), path).unwrap();
    }
    let error = site.publish(Antivirus, "1.0.0.1", &[("a.yar", &rule("b", "evil"))]).unwrap_err();
    assert!(matches!(error, PublishError::MissingKeys { .. }), "a stranger's repository was signed: {error}");
}

/// Not a test: a publisher on a build server, with keys in its environment only.
#[test]
fn child_with_keys_in_its_environment() {
    let Ok(folder) = std::env::var("BOOSTER_TEST_REPOSITORY") else { return };
    let repository = Repository::open(&folder, booster_publish::RepositoryOptions::default()).unwrap();
    block(repository.init(KeySet::from_environment(1).unwrap(), Timestamp::now())).unwrap();
    let keys = KeyRing::from_environment().unwrap();
    block(repository.refresh(&keys, Timestamp::now())).unwrap();
    block(repository.rotate_root(&RootChange::default(), &keys, Timestamp::now())).unwrap();
}

#[test]
fn keys_come_from_the_environment_in_each_of_their_forms() {
    let dir = tempfile::tempdir().unwrap();
    let pem = |key: SigningKey| key.to_pkcs8_pem().unwrap().to_string();
    let key = || pem(SigningKey::generate().unwrap());
    let bare = |pem: String| pem.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let folder = dir.path().join("repository");
    let child = |timestamp: &str| {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_with_keys_in_its_environment", "--nocapture"])
            .env("BOOSTER_TEST_REPOSITORY", &folder)
            .env("BOOSTER_KEY_ROOT_1", key())
            .env("BOOSTER_KEY_ROOT_2", key().replace('\n', "\\n"))
            .env("BOOSTER_KEY_TARGETS", bare(key()))
            .env("BOOSTER_KEY_SNAPSHOT", key())
            .env("BOOSTER_KEY_TIMESTAMP", timestamp)
            .output()
            .unwrap()
    };
    let broken = child("c2VjcmV0LWJ1dC1ub3QtYS1rZXk=");
    let said = String::from_utf8_lossy(&broken.stderr).into_owned();
    assert!(!broken.status.success() && said.contains("BOOSTER_KEY_TIMESTAMP"), "{said}");
    assert!(!said.contains("c2VjcmV0") && !said.contains("secret-but"), "{said}");
    let whole = child(&key());
    assert!(whole.status.success(), "{}", String::from_utf8_lossy(&whole.stderr));
    assert!(folder.join("metadata/2.root.json").exists());
}

#[test]
fn a_key_that_openssl_made_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("keys");
    std::fs::create_dir_all(folder.join("online")).unwrap();
    let path = folder.join("online/targets.pem");
    let made = std::process::Command::new("openssl")
        .args(["genpkey", "-algorithm", "ed25519", "-out"])
        .arg(&path)
        .output();
    if !made.is_ok_and(|made| made.status.success()) {
        eprintln!("skipped: openssl is not installed");
        return;
    }
    let before = std::fs::read(&path).unwrap();
    let own = SigningKey::from_file(&path).unwrap().key_id();
    let site = Site { dir, root: Vec::new(), options: booster_publish::RepositoryOptions::default() };
    let report = site.init().unwrap();
    assert_eq!(report.key_ids["targets"], [own]);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}
