//! Publish, update, status, scan, verify, history: from a folder and from `booster serve`.

use crate::support::{Machine, Said, Site, booster, eicar, release, run};
use booster_store::{Store, StoreOptions};
use serde_json::Value;
use std::{fs, path::Path};

/// Every object that an update printed, in order.
fn objects(said: &Said) -> Vec<Value> {
    said.out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect()
}

fn names(objects: &[Value]) -> Vec<&str> {
    objects.iter().filter_map(|object| object["event"].as_str()).collect()
}

struct World {
    dir: tempfile::TempDir,
    site: Site,
    machine: Machine,
}

impl World {
    /// A publisher with one release, and a machine that has nothing.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let site = Site::new(dir.path());
        site.publish("1.0.0.0", &release(dir.path(), 1)).expect(0);
        let machine = Machine::new(dir.path().join("data"), &site);
        Self { dir, site, machine }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn folder(&self) -> &str {
        self.site.repository.to_str().unwrap()
    }

    fn write(&self, name: &str, content: &[u8]) -> std::path::PathBuf {
        let path = self.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

#[test]
fn an_update_prints_one_event_a_line_and_ends_with_one_object_that_tells_all() {
    let world = World::new();
    let said = world.machine.update(world.folder()).expect(0);
    let objects = objects(&said);
    let names = names(&objects);
    assert_eq!(names.first(), Some(&"start"));
    assert_eq!(names.last(), Some(&"complete"));
    for name in ["search_start", "search_complete", "download_start", "install_complete", "request_processed"]
    {
        assert!(names.contains(&name), "{name} is missing: {names:?}");
    }
    let report = objects.last().unwrap();
    assert_eq!(report["event"], Value::Null);
    assert_eq!(report["outcome"], "updated");
    assert_eq!(report["source"], "directory");
    assert_eq!(report["error"], Value::Null);
    for number in ["bytes_downloaded", "requests", "duration_ms"] {
        assert!(report[number].is_u64(), "{number}: {report}");
    }
    let component = &report["components"][0];
    assert_eq!(component["name"], "antivirus");
    assert_eq!((&component["from"], component["to"].as_str()), (&Value::Null, Some("1.0.0.0")));
    assert_eq!(component["how"], "full");
}

#[test]
fn an_update_with_nothing_new_is_current_after_one_request() {
    let world = World::new();
    world.machine.update(world.folder()).expect(0);
    let report = world.machine.update(world.folder()).expect(0).json();
    assert_eq!((report["outcome"].as_str(), report["requests"].as_u64()), (Some("current"), Some(1)));
    assert_eq!(report["components"][0]["how"], "none");
}

#[test]
fn a_check_tells_what_there_is_and_installs_nothing() {
    let world = World::new();
    let report = run(world.machine.update_command(world.folder()).arg("--check")).expect(0).json();
    assert_eq!(report["outcome"], "available");
    assert_eq!(report["components"][0]["to"], "1.0.0.0");
    assert_eq!(world.machine.version(), None);
}

#[test]
fn status_tells_all_that_is_known_of_each_component() {
    let world = World::new();
    let before = run(world.machine.command("status").arg("--json")).expect(0).json();
    assert_eq!(
        (&before["out_of_date"], before["components"].as_array().unwrap().len()),
        (&Value::Bool(true), 0)
    );
    run(world.machine.command("status").arg("--check")).expect(1);

    world.machine.update(world.folder()).expect(0);
    let status = run(world.machine.command("status").arg("--json")).expect(0).json();
    assert_eq!(status["out_of_date"], false);
    let component = &status["components"][0];
    assert_eq!(
        (component["name"].as_str(), component["version"].as_str()),
        (Some("antivirus"), Some("1.0.0.0"))
    );
    assert_eq!((component["rules"].as_u64(), component["hashes"].as_u64()), (Some(2), Some(200)));
    assert_eq!((component["age_days"].as_u64(), component["source"].as_str()), (Some(0), Some("directory")));
    assert_eq!(component["last_error"], Value::Null);
    for time in ["published", "installed", "last_check"] {
        assert!(component[time].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{time}");
    }
    assert!(component["files"].as_u64().unwrap() >= 5);
    run(world.machine.command("status").arg("--check")).expect(0);
}

#[test]
fn old_definitions_are_out_of_date_by_their_date_of_publication() {
    let world = World::new();
    world.machine.update(world.folder()).expect(0);
    let config = world.write("strict.toml", b"[freshness]\nout_of_date_after = \"0s\"\n");
    let status =
        run(world.machine.command("status").arg("--json").arg("--config").arg(config)).expect(0).json();
    assert_eq!(
        (&status["out_of_date"], &status["components"][0]["out_of_date"]),
        (&Value::Bool(true), &Value::Bool(true))
    );
}

#[test]
fn a_scan_says_clean_detected_or_error_and_names_what_found_it() {
    let world = World::new();
    world.machine.update(world.folder()).expect(0);
    let clean = world.write("clean.txt", b"nothing to see");
    let infected = world.write("eicar.com", &eicar());

    let said = world.machine.scan(&clean).expect(0);
    assert_eq!((said.json()["outcome"].as_str(), said.json()["files"].as_u64()), (Some("clean"), Some(1)));

    let said = world.machine.scan(&infected).expect(1);
    let found = &objects(&said)[0];
    assert_eq!(found["result"], "detected");
    let detection = &found["detections"][0];
    assert_eq!((detection["threat"].as_str(), detection["rule"].as_str()), (Some("Eicar"), Some("Eicar")));
    assert_eq!(
        (detection["file"].as_str(), detection["version"].as_str()),
        (Some("eicar.yar"), Some("1.0.0.0"))
    );
    assert_eq!(said.json()["definitions"]["antivirus"], "1.0.0.0");

    let said = world.machine.scan(&world.path().join("missing")).expect(2);
    assert_eq!(said.json()["outcome"], "error");

    // A threat outweighs an error: whoever looks for 1 must see it.
    run(world.machine.command("scan").arg(&infected).arg(world.path().join("missing"))).expect(1);
    let lines = run(world.machine.command("scan").arg(&infected)).expect(1);
    assert!(lines.out.contains("DETECTED Eicar (antivirus/eicar.yar, rule Eicar, 1.0.0.0)"), "{}", lines.out);
}

#[test]
fn without_definitions_a_scan_and_a_verification_say_what_to_do() {
    let world = World::new();
    for verb in ["scan", "verify"] {
        let mut command = world.machine.command(verb);
        if verb == "scan" {
            command.arg(world.path());
        }
        let said = run(&mut command).expect(2);
        assert!(
            said.err.contains("no definitions are installed") && said.err.contains("booster update"),
            "{}",
            said.err
        );
    }
}

#[test]
fn after_all_definitions_were_removed_every_command_says_so_until_the_next_update() {
    let world = World::new();
    world.machine.update(world.folder()).expect(0);
    let store = Store::new(&world.machine.data, StoreOptions::default());
    assert!(store.begin("removal").unwrap().remove_all(jiff::Timestamp::now()).unwrap());

    let status = run(world.machine.command("status").arg("--check")).expect(1);
    assert!(status.out.contains("No definitions are installed."), "{}", status.out);
    for verb in [&["scan", "."][..], &["verify"]] {
        let said = run(world.machine.command(verb[0]).args(&verb[1..])).expect(2);
        assert!(said.err.contains("no definitions are installed"), "{}", said.err);
    }
    let history = run(&mut world.machine.command("history")).expect(0);
    let last = history.out.lines().last().unwrap();
    assert!(last.contains("removed") && last.contains("antivirus 1.0.0.0 -> none"), "{last}");

    let report = world.machine.update(world.folder()).expect(0);
    assert_eq!(objects(&report).last().unwrap()["outcome"], "updated");
    world.machine.verify().expect(0);
}

#[test]
fn a_changed_byte_is_found_by_verify_and_mended_by_the_next_update() {
    let world = World::new();
    world.machine.update(world.folder()).expect(0);
    world.machine.verify().expect(0);
    let file = world.machine.data.join("generations/00000001/antivirus/hashes.hsb");
    let mut content = fs::read(&file).unwrap();
    content[10] ^= 1;
    // Installed files are read-only for good reason: a fault comes from below.
    fs::remove_file(&file).unwrap();
    fs::write(&file, content).unwrap();

    let said = world.machine.verify().expect(1);
    assert!(said.out.contains("antivirus/hashes.hsb: changed"), "{}", said.out);
    let status = run(world.machine.command("status").arg("--json")).expect(0).json();
    assert_eq!(status["components"][0]["damaged"], true);

    world.machine.update(world.folder()).expect(0);
    world.machine.verify().expect(0);
}

#[test]
fn history_tells_what_changed_and_what_failed() {
    let world = World::new();
    world.machine.update(world.folder()).expect(0);
    world.site.publish("1.0.1.0", &release(world.path(), 2)).expect(0);
    world.machine.update(world.folder()).expect(0);
    let history = run(world.machine.command("history").arg("--json")).expect(0).json();
    let steps: Vec<_> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["outcome"].as_str().unwrap(), entry["changes"][0]["to"].as_str().unwrap()))
        .collect();
    assert_eq!(steps, [("updated", "1.0.0.0"), ("updated", "1.0.1.0")]);
    let lines = run(world.machine.command("history").args(["--last", "1"])).expect(0).out;
    assert!(lines.contains("antivirus 1.0.0.0 -> 1.0.1.0") && lines.lines().count() == 1, "{lines}");
}

#[test]
fn a_failure_names_source_cause_and_remedy_and_has_its_kind_in_json() {
    let world = World::new();
    // A port of the discard service on loopback, where nobody listens.
    let nowhere = "http://127.0.0.1:9/";
    let said = world.machine.update(nowhere).expect(2);
    let report = said.json();
    assert_eq!(
        (report["outcome"].as_str(), report["error"]["kind"].as_str()),
        (Some("failed"), Some("network"))
    );
    assert_eq!(report["error"]["source"]["path"], nowhere);
    assert!(said.err.contains(nowhere), "{}", said.err);

    let mut without_root = booster();
    without_root.arg("--data-dir").arg(world.path().join("other")).arg("update");
    let said = run(without_root.args(["--from", world.folder()])).expect(2);
    assert!(said.err.contains("--root"), "{}", said.err);
}

#[test]
fn another_publishers_root_is_refused_with_its_own_kind() {
    let world = World::new();
    world.machine.update(world.folder()).expect(0);
    let other = tempfile::tempdir().unwrap();
    let other = Site::new(other.path());
    let mut machine = world.machine.clone();
    machine.root = other.root();
    let report = machine.update(world.folder()).expect(2).json();
    assert_eq!(report["error"]["kind"], "other_publisher");
    assert_eq!(world.machine.version().as_deref(), Some("1.0.0.0"));
}

#[test]
fn without_a_source_an_update_says_how_to_name_one_in_words_and_in_json() {
    let world = World::new();
    let said = run(world.machine.command("update").arg("--json")).expect(2);
    assert_eq!(said.json()["error"]["kind"], "no_source");
    assert!(said.err.contains("--from"), "{}", said.err);
    let said = run(world.machine.command("update").args(["--source", "managed", "--from", "/x"])).expect(2);
    assert!(said.err.contains("managed"), "{}", said.err);
}

#[test]
fn a_quiet_update_says_nothing_and_plain_lines_have_no_progress() {
    let world = World::new();
    let update = |arguments: &[&str]| {
        let mut command = world.machine.command("update");
        command.args(["--from", world.folder(), "--root"]).arg(&world.machine.root).args(arguments);
        run(&mut command).expect(0)
    };
    let plain = update(&[]);
    assert!(plain.err.lines().count() <= 8 && plain.err.contains("Installed antivirus"), "{}", plain.err);
    assert!(plain.out.starts_with("Updated (") && plain.out.contains("none -> 1.0.0.0"), "{}", plain.out);
    assert!(!plain.err.contains('\u{1b}') && !plain.out.contains('\u{1b}'));
    let quiet = update(&["--quiet"]);
    assert_eq!((quiet.out.as_str(), quiet.err.as_str()), ("", ""));
    let object = update(&["--quiet", "--json"]);
    assert_eq!(object.out.lines().count(), 1);
}
