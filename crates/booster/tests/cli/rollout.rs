//! Roll-outs, pins and pauses, as a publisher and an administrator type them.

use crate::support::{Machine, Site, release, run};
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

struct World {
    dir: TempDir,
    site: Site,
    machine: Machine,
}

impl World {
    /// A site with release 1.0.1.0, and a machine that has it.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let site = Site::new(dir.path());
        site.publish("1.0.1.0", &release(dir.path(), 1)).expect(0);
        let machine = Machine::new(dir.path().join("data"), &site);
        let world = Self { dir, site, machine };
        world.update(&[]).expect(0);
        world
    }

    fn publish(&self, version: &str, content: u32, arguments: &[&str]) {
        let folder = release(self.dir.path(), content);
        let folder = folder.to_str().unwrap();
        run(self.site.command(&[&["publish", "antivirus", version, folder], arguments].concat())).expect(0);
    }

    fn update(&self, arguments: &[&str]) -> crate::support::Said {
        run(self.machine.update_command(self.site.repository.to_str().unwrap()).args(arguments))
    }

    fn held(&self, arguments: &[&str]) -> Value {
        self.update(arguments).expect(0).json()["components"][0]["held"].clone()
    }

    fn version(&self) -> String {
        self.machine.version().unwrap()
    }

    fn status(&self) -> Value {
        run(self.machine.command("status").arg("--json")).expect(0).json()
    }

    /// Runs a command that changes what the administrator decided.
    fn decide(&self, command: &str, arguments: &[&str], exit: i32) -> crate::support::Said {
        run(self.machine.command(command).args(arguments)).expect(exit)
    }
}

#[test]
fn a_release_is_rolled_out_halted_resumed_and_hastened() {
    let world = World::new();
    world.publish("1.0.2.0", 2, &["--rollout", "100%@1d"]);
    assert_eq!(world.held(&[])["reason"], "not_yet");
    assert_eq!(world.version(), "1.0.1.0");

    let said = run(world.site.command(&["publish", "antivirus", "--halt"])).expect(64);
    assert!(said.err.contains("--reason"), "{}", said.err);
    let halt = ["publish", "antivirus", "--halt", "--reason", "finds a system file"];
    let said = run(world.site.command(&halt)).expect(0);
    assert!(said.out.starts_with("Halted: antivirus 1.0.2.0"), "{}", said.out);
    let held = world.held(&["--now"]);
    assert_eq!(
        (held["reason"].as_str(), held["why"].as_str()),
        (Some("halted"), Some("finds a system file"))
    );

    run(world.site.command(&["publish", "antivirus", "--resume"])).expect(0);
    assert_eq!(world.held(&[])["reason"], "not_yet");
    let report = run(world.site.command(&["publish", "antivirus", "--emergency", "--json"])).expect(0).json();
    assert_eq!(report["availability"]["emergency"], true);
    assert_eq!(world.held(&[]), Value::Null);
    assert_eq!(world.version(), "1.0.2.0");
}

#[test]
fn now_takes_what_others_wait_for() {
    let world = World::new();
    world.publish("1.0.2.0", 2, &["--rollout", "100%@1d"]);
    world.update(&["--now"]).expect(0);
    assert_eq!(world.version(), "1.0.2.0");
}

#[test]
fn machines_leave_a_withdrawn_release_for_the_content_before() {
    let world = World::new();
    let first = world.status()["components"][0].clone();
    world.publish("1.0.2.0", 2, &[]);
    world.update(&[]).expect(0);
    run(world.site.command(&["publish", "antivirus", "--withdraw", "--reason", "finds a system file"]))
        .expect(0);
    world.update(&[]).expect(0);
    let now = world.status()["components"][0].clone();
    assert_eq!((now["version"].as_str(), &now["published"]), (Some("1.0.2.1"), &first["published"]));
    assert_eq!(now["rules"], first["rules"]);
}

#[test]
fn a_schedule_that_cannot_be_meant_is_refused_with_an_example() {
    let world = World::new();
    let said = run(world.site.command(&["publish", "antivirus", "--rollout", "half"])).expect(64);
    assert!(said.err.contains("1%@0h,10%@4h,100%@1d"), "{}", said.err);
    run(world.site.command(&["publish", "antivirus"])).expect(64);
    run(world.site.command(&["publish", "antivirus", "1.0.2.0"])).expect(64);
}

#[test]
fn a_pin_and_a_pause_are_shown_with_their_reasons_until_they_are_lifted() {
    let world = World::new();
    world.decide("pin", &["1.0.1.0", "--reason", "certified"], 0);
    world.publish("1.0.2.0", 2, &[]);
    assert_eq!(world.held(&[])["reason"], "pinned");
    assert_eq!(world.version(), "1.0.1.0");
    world.decide("pause", &["--for", "7d", "--reason", "a freeze"], 0);
    let status = world.status();
    assert_eq!(status["components"][0]["pin"]["reason"], "certified");
    assert_eq!(status["pause"]["reason"], "a freeze");
    let shown = run(&mut world.machine.command("status")).expect(0).out;
    assert!(shown.contains("certified") && shown.contains("a freeze"), "{shown}");

    world.decide("unpin", &[], 0);
    assert_eq!(world.update(&[]).expect(0).json()["outcome"], "paused");
    assert_eq!(world.version(), "1.0.1.0");
    world.decide("resume", &[], 0);
    world.update(&[]).expect(0);
    assert_eq!(world.version(), "1.0.2.0");
    assert_eq!(world.status()["pause"], Value::Null);

    world.decide("pin", &["1.0.1.0"], 0);
    world.update(&[]).expect(0);
    assert_eq!(world.version(), "1.0.1.0", "a pin leads back");
    assert!(world.decide("pin", &["yesterday"], 64).err.contains("2026-11-01"));
}

#[test]
fn settings_say_with_whom_a_machine_goes() {
    let world = World::new();
    world.publish("1.0.2.0", 2, &["--rollout", "staged=100%@0h; broad=100%@1d"]);
    let config = world.dir.path().join("staged.toml");
    std::fs::write(&config, "[rollout]\nchannel = \"staged\"\nplace = 17\n").unwrap();
    let with = |path: &Path| path.to_str().unwrap().to_owned();
    let status =
        run(world.machine.command("status").args(["--json", "--config", &with(&config)])).expect(0).json();
    assert_eq!((status["channel"].as_str(), status["place"].as_u64()), (Some("staged"), Some(17)));
    world.update(&["--config", &with(&config)]).expect(0);
    assert_eq!(world.version(), "1.0.2.0");
}
