//! Another client, python-tuf, takes what we sign. `scripts/python-env` installs it.

use crate::support::{Publisher, days};
use booster_trust::signing::{self, MetaEntry, SigningKey, TopRole};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn python() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = workspace.join("target/python-env/bin/python");
    if python.is_file() {
        return Some(python);
    }
    println!("skipped: run scripts/python-env to install python-tuf");
    None
}

fn read_with_python(python: &Path, publisher: &Publisher, targets: &[&str]) -> Result<Value, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/read_repository.py");
    let output = Command::new(python)
        .arg(script)
        .arg(publisher.dir.path())
        .arg(publisher.metadata().join("1.root.json"))
        .args(targets)
        .output()
        .unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(serde_json::from_slice(&output.stdout).unwrap())
}

/// A repository as it is used: rotated keys, a threshold of two, nested paths and added data. Its
/// metadata is signed now, because python-tuf reads the clock.
fn repository(second_root_key: &SigningKey) -> Publisher {
    let mut publisher = Publisher::new();
    publisher.now = jiff::Timestamp::now();
    publisher.root.authorise(TopRole::Root, &second_root_key.public());
    publisher.root.set_threshold(TopRole::Root, 2);
    publisher.root.version += 1;
    publisher.root.expires = publisher.now + days(30);
    let signers = [publisher.key(TopRole::Root), second_root_key];
    let root = signing::sign(&publisher.root, &signers).unwrap();
    publisher.write("2.root.json", &root);

    let content = "the second release, \"quoted\" and ünïcode";
    publisher.put("antivirus/release.json", content.as_bytes());
    let entry = publisher.targets.targets.get_mut("antivirus/release.json").unwrap();
    entry.custom =
        Some(json!({"note": "tab\tand \\ \"quote\"", "list": [1, -2, {"deep": null}], "größe": true}));
    let digest = entry.sha256().unwrap();
    publisher.publish();
    let folder = publisher.dir.path().join("targets/antivirus");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{digest}.release.json")), content).unwrap();
    publisher
}

#[test]
fn python_tuf_trusts_and_downloads_what_we_sign() {
    let Some(python) = python() else { return };
    let second = SigningKey::generate().unwrap();
    let publisher = repository(&second);
    let read = read_with_python(&python, &publisher, &["antivirus/release.json"]).unwrap();
    assert_eq!(read["versions"], json!({"root": 2, "timestamp": 2, "snapshot": 2, "targets": 2}));
    assert_eq!(read["contents"]["antivirus/release.json"], "the second release, \"quoted\" and ünïcode");
}

#[test]
fn python_tuf_follows_our_rotated_keys() {
    let Some(python) = python() else { return };
    let mut publisher = Publisher::new();
    publisher.now = jiff::Timestamp::now();
    for role in TopRole::ALL {
        publisher.rotate(role);
    }
    publisher.publish();
    let read = read_with_python(&python, &publisher, &[]).unwrap();
    assert_eq!(read["versions"], json!({"root": 5, "timestamp": 2, "snapshot": 2, "targets": 2}));
}

#[test]
fn python_tuf_refuses_what_we_refuse() {
    let Some(python) = python() else { return };
    let second = SigningKey::generate().unwrap();
    let mut publisher = repository(&second);
    let stranger = SigningKey::generate().unwrap();
    let targets = signing::sign(&publisher.targets, &[&stranger]).unwrap();
    publisher.write("2.targets.json", &targets);
    let snapshot = publisher.write_snapshot(MetaEntry::of(2, &targets));
    publisher.write_timestamp(snapshot);
    let refused = read_with_python(&python, &publisher, &[]).unwrap_err();
    assert!(refused.contains("UnsignedMetadataError"), "{refused}");
}
