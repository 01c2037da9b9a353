//! Keys and signing.

use crate::support::{Publisher, days, start};
use booster_trust::signing::{
    self, MetaEntry, RootRole, SigningError, SigningKey, SnapshotRole, TargetEntry, TargetsRole, TopRole,
};
use std::{fs, process::Command};

#[test]
fn a_key_survives_the_way_through_a_file_that_only_its_owner_reads() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("root.pem");
    let key = SigningKey::generate().unwrap();
    key.write_file(&path).unwrap();
    let back = SigningKey::from_file(&path).unwrap();
    assert_eq!(back.public(), key.public());
    let taken = key.write_file(&path);
    assert!(matches!(taken, Err(SigningError::KeyFile { .. })), "a key file is never overwritten: {taken:?}");

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        for (mode, good) in [(0o400, true), (0o600, true), (0o640, false), (0o604, false), (0o700, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let read = SigningKey::from_file(&path);
            assert_eq!(read.is_ok(), good, "{mode:o}");
            assert!(
                good || matches!(read, Err(SigningError::KeyFileIsOpen { mode: found, .. }) if found == mode)
            );
        }
    }
}

#[test]
fn keys_made_by_openssl_are_read_and_ours_are_read_by_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("openssl.pem");
    let openssl = |arguments: &[&str]| Command::new("openssl").args(arguments).output();
    let made = openssl(&["genpkey", "-algorithm", "ed25519", "-out", path.to_str().unwrap()]);
    if !made.is_ok_and(|output| output.status.success()) {
        println!("skipped: openssl is not installed");
        return;
    }
    let public = |path: &std::path::Path| {
        let shown = openssl(&["pkey", "-in", path.to_str().unwrap(), "-pubout", "-outform", "DER"]).unwrap();
        assert!(shown.status.success(), "{shown:?}");
        hex::encode(&shown.stdout[shown.stdout.len() - 32..])
    };
    let theirs = SigningKey::from_pem(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(theirs.public().keyval.public, public(&path));
    let ours = SigningKey::generate().unwrap();
    let path = dir.path().join("ours.pem");
    ours.write_file(&path).unwrap();
    assert_eq!(ours.public().keyval.public, public(&path));
}

#[test]
fn what_is_no_key_is_refused_without_being_shown() {
    let pem = SigningKey::generate().unwrap().to_pkcs8_pem().unwrap();
    let body = pem.lines().nth(1).unwrap().to_owned();
    let damaged = pem.replace(&body, &body[..body.len() - 8]);
    let wrong_kind = pem.replace("PRIVATE KEY", "EC PRIVATE KEY");
    for text in [damaged.as_str(), &wrong_kind, &body, ""] {
        let error = SigningKey::from_pem(text).unwrap_err();
        assert!(matches!(error, SigningError::NotAKey { .. }));
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(&body[..body.len() - 8]), "{shown}");
    }
    assert!(SigningKey::from_der(b"\x30\x03\x02\x01\x00").is_err());
}

#[test]
fn a_key_is_never_printed() {
    let key = SigningKey::generate().unwrap();
    let pem = key.to_pkcs8_pem().unwrap();
    let secret = pem.lines().nth(1).unwrap();
    let shown = format!("{key:?}");
    assert!(shown.contains(&key.key_id()));
    assert!(!shown.contains(secret));
    assert!(!shown.contains(&key.public().keyval.public));
}

#[test]
fn the_same_role_and_keys_give_the_same_bytes() {
    let key = SigningKey::generate().unwrap();
    let mut role = TargetsRole::new(3, start() + days(1));
    role.targets.insert("a".to_owned(), TargetEntry::of(b"x"));
    assert_eq!(signing::sign(&role, &[&key]).unwrap(), signing::sign(&role.clone(), &[&key]).unwrap());
    assert!(matches!(signing::sign(&role, &[]), Err(SigningError::NoKeys { role: "targets" })));
}

#[test]
fn times_are_written_in_whole_seconds() {
    let odd: jiff::Timestamp = "2026-11-01T12:00:00.75Z".parse().unwrap();
    let key = SigningKey::generate().unwrap();
    let mut role = SnapshotRole::new(1, odd, MetaEntry::of(1, b"x"));
    for _ in 0..2 {
        let text = String::from_utf8(signing::sign(&role, &[&key]).unwrap()).unwrap();
        assert!(text.contains(r#""expires":"2026-11-01T12:00:00Z""#), "{text}");
        role.expires = odd;
    }
}

#[test]
fn fields_of_other_tools_survive_being_read_and_signed_again() {
    let publisher = Publisher::new();
    let text = String::from_utf8(publisher.read("1.root.json")).unwrap();
    let text = text.replace(r#""threshold":1"#, r#""threshold":1,"x-owner":"somebody""#);
    let mut root: RootRole = signing::read_unverified(text.as_bytes()).unwrap();
    root.version += 1;
    let signed = signing::sign(&root, &[publisher.key(TopRole::Root)]).unwrap();
    assert_eq!(String::from_utf8(signed).unwrap().matches(r#""x-owner":"somebody""#).count(), 4);
}

#[test]
fn a_role_is_not_read_as_another_one() {
    let publisher = Publisher::new();
    let refused = signing::read_unverified::<TargetsRole>(&publisher.read("1.snapshot.json"));
    assert!(matches!(refused, Err(SigningError::NotMetadata { expected: "targets", .. })), "{refused:?}");
}

#[test]
fn a_revoked_key_leaves_the_root_with_its_last_role() {
    let key = SigningKey::generate().unwrap();
    let mut root = RootRole::new(1, start());
    root.authorise(TopRole::Snapshot, &key.public());
    root.authorise(TopRole::Timestamp, &key.public());
    root.authorise(TopRole::Timestamp, &key.public());
    assert_eq!(root.role(TopRole::Timestamp).unwrap().keyids, [key.key_id()]);
    root.revoke(TopRole::Snapshot, &key.key_id());
    assert!(root.keys.contains_key(&key.key_id()));
    root.revoke(TopRole::Timestamp, &key.key_id());
    assert!(root.keys.is_empty());
}

#[test]
fn a_publisher_reads_its_own_expired_files_but_no_forged_ones() {
    let publisher = Publisher::new();
    let names = ["1.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"];
    let [root, timestamp, snapshot, targets] = names.map(|name| publisher.read(name));
    let read = signing::verify_current(&root, &timestamp, &snapshot, &targets).unwrap();
    assert_eq!(read, publisher.root);
    let other = Publisher::new();
    assert!(signing::verify_current(&root, &other.read("timestamp.json"), &snapshot, &targets).is_err());
    assert!(signing::verify_current(&root, &timestamp, &other.read("1.snapshot.json"), &targets).is_err());
    assert!(signing::verify_current(&root, &timestamp, &snapshot, &other.read("1.targets.json")).is_err());
}

#[test]
fn a_second_holder_adds_a_signature_and_replaces_only_its_own() {
    let (first, second) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let file = signing::sign(&TargetsRole::new(1, start()), &[&first]).unwrap();
    let both = signing::add_signatures(&file, &[&second]).unwrap();
    assert_eq!(signing::signed_by(&both).unwrap(), [first.key_id(), second.key_id()]);
    assert_eq!(signing::add_signatures(&both, &[&first, &second]).unwrap(), both);
}
