//! The publisher's commands.

use crate::support::{Machine, Site, booster, eicar, release, run};
use std::fs;

#[test]
fn a_release_that_breaks_a_rule_is_refused_with_file_line_and_reason() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::new(dir.path());
    let folder = release(dir.path(), 1);
    fs::write(folder.join("broken.yar"), "rule Fine { condition: false }\n\nrule Broken { condition: $a }\n")
        .unwrap();
    let said = site.publish("1.0.0.0", &folder).expect(2);
    assert!(said.err.contains("broken.yar:3"), "{}", said.err);
    assert!(said.err.contains("Broken"), "{}", said.err);

    let mut command = crate::support::booster();
    command.args(["publish", "antivirus", "1.0.0.0", "--invalid-rules", "leave-out", "--repository"]);
    command.arg(&site.repository).arg("--keys").arg(&site.keys).arg(&folder);
    let said = run(&mut command).expect(0);
    assert!(said.err.contains("broken.yar:3") && said.err.contains("Left out"), "{}", said.err);
}

#[test]
fn a_release_that_fails_its_own_test_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::new(dir.path());
    let folder = release(dir.path(), 1);
    fs::write(folder.join("selftest/must-not-detect/eicar.txt"), eicar()).unwrap();
    let said = site.publish("1.0.0.0", &folder).expect(2);
    assert!(said.err.contains("must-not-detect/eicar.txt"), "{}", said.err);
}

#[test]
fn publishing_the_same_again_changes_only_the_freshness() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::new(dir.path());
    let folder = release(dir.path(), 1);
    site.publish("1.0.0.0", &folder).expect(0);
    let said = site.publish("1.0.1.0", &folder).expect(0);
    assert!(said.out.starts_with("Unchanged"), "{}", said.out);
    let status = run(site.command(&["repository", "status", "--json"])).expect(0).json();
    assert_eq!(status["releases"][0]["version"], "1.0.0.0");
}

#[test]
fn a_feed_of_hashes_becomes_part_of_the_release() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::new(dir.path());
    let folder = release(dir.path(), 1);
    let (feed, sample) = (dir.path().join("iocs.txt"), dir.path().join("sample"));
    fs::write(&sample, "abc").unwrap();
    fs::write(
        &feed,
        "# feed\nba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad;Known sample\nnonsense\n",
    )
    .unwrap();
    let mut command = booster();
    command.args(["publish", "antivirus", "1.0.0.0"]).arg(&folder).arg("--hash-feed").arg(&feed);
    let said = run(command.arg("--repository").arg(&site.repository).arg("--keys").arg(&site.keys)).expect(0);
    assert!(said.err.contains("line 3"), "{}", said.err);
    let machine = Machine::new(dir.path().join("data"), &site);
    machine.update(site.repository.to_str().unwrap()).expect(0);
    let found = machine.scan(&sample).expect(1).out;
    assert!(found.contains("Known_sample") && found.contains("feeds/iocs.hsb"), "{found}");
}

#[test]
fn machines_follow_new_roots_and_new_keys() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::new(dir.path());
    site.publish("1.0.0.0", &release(dir.path(), 1)).expect(0);
    let machine = Machine::new(dir.path().join("data"), &site);
    let folder = site.repository.to_str().unwrap();
    machine.update(folder).expect(0);

    run(site.command(&["repository", "refresh"])).expect(0);
    run(site.command(&["repository", "add-key", "root"])).expect(0);
    run(site.command(&["repository", "rotate-root", "--replace", "timestamp", "--threshold", "root=3"]))
        .expect(0);
    let status = run(site.command(&["repository", "status", "--json"])).expect(0).json();
    let root = &status["roles"][0];
    assert_eq!((root["version"].as_u64(), root["threshold"].as_u64()), (Some(3), Some(3)));
    assert_eq!(root["key_ids"].as_array().unwrap().len(), 4);

    site.publish("1.0.1.0", &release(dir.path(), 2)).expect(0);
    machine.update(folder).expect(0);
    assert_eq!(machine.version().as_deref(), Some("1.0.1.0"));
}

#[test]
fn root_keys_in_two_places_sign_one_root_after_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::new(dir.path());
    let safes = ["first", "second"].map(|name| dir.path().join(name));
    for (n, safe) in safes.iter().enumerate() {
        fs::create_dir(safe).unwrap();
        let key = format!("root-{}.pem", n + 1);
        fs::rename(site.keys.join("offline").join(&key), safe.join(&key)).unwrap();
    }
    fs::remove_file(site.keys.join("offline/root-3.pem")).unwrap();
    let draft = dir.path().join("draft.json");
    let rotate = |keys: &std::path::Path, flag: &str| {
        let mut command = booster();
        command
            .args(["repository", "rotate-root", flag])
            .arg(&draft)
            .arg("--repository")
            .arg(&site.repository);
        run(command.arg("--keys").arg(keys))
    };
    run(site.command(&["repository", "rotate-root"])).expect(2);
    rotate(&safes[0], "--draft").expect(0);
    rotate(&site.keys, "--install").expect(2);
    rotate(&safes[1], "--sign").expect(0);
    rotate(&site.keys, "--install").expect(0);
    let status = run(site.command(&["repository", "status", "--json"])).expect(0).json();
    assert_eq!(status["roles"][0]["version"], 2);
}

#[test]
fn a_key_that_others_can_read_is_not_used_and_a_key_is_never_printed() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let site = Site::new(dir.path());
    let key = site.keys.join("online/timestamp.pem");
    let secret = fs::read_to_string(&key).unwrap().lines().nth(1).unwrap().to_owned();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let said = site.publish("1.0.0.0", &release(dir.path(), 1)).expect(2);
    assert!(said.err.contains("timestamp.pem"), "{}", said.err);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let said = run(site.publish_command("1.0.0.0", &release(dir.path(), 1)).arg("-vv")).expect(0);
    assert!(!said.err.contains(&secret) && !said.out.contains(&secret));
}
