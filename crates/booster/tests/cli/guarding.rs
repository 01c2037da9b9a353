//! New definitions that do harm: they are left, by themselves or by hand, and not taken again.
#![cfg(unix)]

use crate::support::{Machine, Said, Site, release, run};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

struct World {
    dir: tempfile::TempDir,
    site: Site,
    machine: Machine,
}

impl World {
    /// A publisher, and a machine that has followed it through so many releases, 1.0.0.1 and on.
    fn new(releases: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let site = Site::new(dir.path());
        let machine = Machine::new(dir.path().join("data"), &site);
        let world = Self { dir, site, machine };
        for version in 1..=releases {
            world.publish(version);
            world.update().expect(0);
        }
        world
    }

    fn publish(&self, version: u32) {
        self.site.publish(&format!("1.0.0.{version}"), &release(self.dir.path(), version)).expect(0);
    }

    /// Publishes a release that flags every text file.
    fn publish_bad(&self, version: u32) {
        let folder = release(self.dir.path(), version);
        let rule = "rule Everything { strings: $a = \"harmless\" condition: $a }\n";
        fs::write(folder.join("marker.yar"), rule).unwrap();
        self.site.publish(&format!("1.0.0.{version}"), &folder).expect(0);
    }

    fn update(&self) -> Said {
        self.machine.update(self.site.repository.to_str().unwrap())
    }

    fn command(&self, words: &[&str]) -> Said {
        run(self.machine.command(words[0]).args(&words[1..]))
    }

    fn version(&self) -> String {
        self.machine.version().unwrap()
    }

    fn status(&self) -> Value {
        self.command(&["status", "--json"]).expect(0).json()
    }

    /// The versions that are rejected.
    fn rejected(&self) -> Vec<String> {
        let status = self.status();
        let rejected = status["rejected"].as_array().unwrap().iter();
        rejected.map(|release| release["version"].as_str().unwrap().to_owned()).collect()
    }

    /// Writes the machine's configuration.
    fn configure(&mut self, text: &str) {
        let file = self.dir.path().join("booster.toml");
        fs::write(&file, text).unwrap();
        self.machine.config = Some(file);
    }

    /// Files of the machine's own.
    fn files(&self) -> PathBuf {
        let folder = self.dir.path().join("files");
        fs::create_dir_all(&folder).unwrap();
        for n in 0..20 {
            fs::write(folder.join(n.to_string()), "a harmless text").unwrap();
        }
        folder
    }
}

#[test]
fn a_rollback_goes_to_the_set_before_says_why_and_what_is_not_taken_again() {
    let world = World::new(2);
    let said = world.command(&["rollback", "--reason", "false alarms"]).expect(0);
    assert!(
        said.out.contains("antivirus 1.0.0.2 -> 1.0.0.1") && said.out.contains("false alarms"),
        "{}",
        said.out
    );
    assert!(said.out.contains("booster allow 1.0.0.2"), "{}", said.out);
    assert_eq!((world.version(), world.rejected()), ("1.0.0.1".into(), vec!["1.0.0.2".into()]));
    world.machine.verify().expect(0);

    let status = world.command(&["status"]).expect(0).out;
    assert!(status.contains("Went back") && status.contains("Rejected     antivirus 1.0.0.2"), "{status}");
    let history = world.command(&["history"]).expect(0).out;
    assert!(history.lines().last().unwrap().contains("rolled_back"), "{history}");

    let report = world.update().expect(0).json();
    assert_eq!(report["outcome"], "current");
    assert_eq!(report["components"][0]["held"]["reason"], "rejected");
    assert_eq!(report["components"][0]["held"]["why"], "rolled_back");
    world.publish(3);
    world.update().expect(0);
    assert_eq!((world.version().as_str(), &world.status()["rolled_back"]), ("1.0.0.3", &Value::Null));
}

#[test]
fn a_rejected_release_is_taken_again_once_it_is_allowed() {
    let world = World::new(2);
    world.command(&["rollback", "--json"]).expect(0);
    let said = world.command(&["allow", "1.0.0.9"]).expect(2);
    assert!(
        said.err.contains("1.0.0.9 is not rejected") && said.err.contains("antivirus 1.0.0.2"),
        "{}",
        said.err
    );
    world.command(&["allow"]).expect(64);
    world.command(&["allow", "1.0.0.2"]).expect(0);
    world.command(&["allow", "--all"]).expect(0);
    world.update().expect(0);
    assert_eq!((world.version(), world.rejected()), ("1.0.0.2".into(), vec![]));
}

#[test]
fn a_rollback_can_name_a_version_that_is_kept_and_others_are_listed() {
    let world = World::new(3);
    let said = world.command(&["rollback", "--to", "1.0.0.7"]).expect(2);
    assert!(said.err.contains("kept are: antivirus 1.0.0.2") && said.err.contains("1.0.0.1"), "{}", said.err);
    let answer = world.command(&["rollback", "--to", "1.0.0.1", "--json"]).expect(0).json();
    assert_eq!((&answer["outcome"], &answer["why"]), (&"rolled_back".into(), &"rolled_back".into()));
    assert_eq!(answer["changes"][0]["to"], "1.0.0.1");
    assert_eq!(
        (world.version(), world.rejected()),
        ("1.0.0.1".into(), vec!["1.0.0.2".into(), "1.0.0.3".into()])
    );
    let said = world.command(&["rollback"]).expect(2);
    assert!(said.err.contains("nothing earlier is kept"), "{}", said.err);
}

#[test]
fn a_damaged_set_is_not_gone_back_to() {
    let world = World::new(2);
    let file = world.machine.data.join("generations/00000001/antivirus/marker.yar");
    fs::remove_file(&file).unwrap();
    fs::write(file, "rule Changed { condition: true }").unwrap();
    let said = world.command(&["rollback"]).expect(2);
    assert!(said.err.contains("antivirus 1.0.0.1") && said.err.contains("damaged"), "{}", said.err);
    assert_eq!((world.version(), world.rejected()), ("1.0.0.2".into(), vec![]));
    World::new(0).command(&["rollback"]).expect(2);
}

#[test]
fn a_release_that_flags_the_machines_own_files_is_held_back() {
    let mut world = World::new(1);
    let folder = world.files();
    world.configure(&format!("[trial]\nrandom = 100\nfolders = [{folder:?}]\n"));
    world.publish_bad(2);
    let said = world.update().expect(2);
    let report = said.json();
    assert_eq!(report["error"]["kind"], "detection_spike");
    assert_eq!((&report["trial"]["newly_flagged"], &report["trial"]["files"]), (&20.into(), &20.into()));
    assert!(said.err.contains("Everything") && said.err.contains("booster allow"), "{}", said.err);
    assert_eq!((world.version(), world.rejected()), ("1.0.0.1".into(), vec!["1.0.0.2".into()]));
    assert_eq!(world.update().expect(0).json()["outcome"], "current");
}

#[test]
fn a_trial_of_what_is_in_use_goes_back_after_a_spike() {
    let mut world = World::new(1);
    world.publish_bad(2);
    world.update().expect(0);
    let folder = world.files();
    let file = folder.join("3").to_str().unwrap().to_owned();
    let said = world.command(&["trial"]).expect(0);
    assert!(said.err.contains("see [trial]") && said.out.contains("Nothing speaks against"), "{said:?}");

    world.configure(&format!("[trial]\nrandom = 100\nfolders = [{folder:?}]\nmax_share = \"100%\"\n"));
    let said = world.command(&["trial", "--json"]).expect(0).json();
    assert_eq!((&said["outcome"], &said["report"]["newly_flagged"]), (&"passed".into(), &20.into()));
    world.configure("");
    let said = world.command(&["trial", &file]).expect(1);
    assert!(
        said.out.contains(&format!("{file}: Everything")) && said.out.contains("Went back"),
        "{}",
        said.out
    );
    assert_eq!((world.version(), world.rejected()), ("1.0.0.1".into(), vec!["1.0.0.2".into()]));
    world.command(&["trial", &file]).expect(0);
}

#[test]
fn a_health_command_that_fails_brings_the_old_set_back() {
    let mut world = World::new(1);
    world.publish(2);
    world.configure(
        "[health]\ncommand = [\"/bin/sh\", \"-c\", \"echo the gateway is down; env | grep ^BOOSTER_; test $BOOSTER_GENERATION = 1\"]\n",
    );
    let mut update = world.machine.update_command(world.site.repository.to_str().unwrap());
    let said = run(update.env("BOOSTER_HTTP__PASSWORD", "secret")).expect(2);
    let report = said.json();
    assert_eq!(report["error"]["kind"], "health_failed");
    assert!(said.err.contains("BOOSTER_GENERATION=2") && !said.err.contains("secret"), "{}", said.err);
    let events: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let closed = events.iter().find(|event| event["event"] == "install_complete").unwrap();
    assert_eq!(closed["result"]["kind"], "health_failed");
    assert_eq!((world.version(), world.rejected()), ("1.0.0.1".into(), vec!["1.0.0.2".into()]));
}

/// A scan that hangs while it loads the definitions: their index is a pipe to which nobody writes.
fn hanging_scan(world: &World, generation: u32) -> Child {
    let data = &world.machine.data;
    let image = data.join(format!("generations/{generation:08}/image/image.json"));
    let kept = image.with_extension("kept");
    if !kept.exists() {
        fs::rename(&image, &kept).unwrap();
        assert!(Command::new("mkfifo").arg(&image).status().unwrap().success());
    }
    let mut command = world.machine.command("scan");
    let child = command.arg(world.dir.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let marked = || markers(data).iter().any(|name| name.contains(&format!(".{}-", child.id())));
    let end = Instant::now() + Duration::from_secs(30);
    while !marked() {
        assert!(Instant::now() < end, "the scan never began to load");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

/// Makes the definitions what they were before scans hung in them.
fn heal(world: &World, generation: u32) {
    let image = world.machine.data.join(format!("generations/{generation:08}/image/image.json"));
    fs::rename(image.with_extension("kept"), &image).unwrap();
}

fn markers(data: &Path) -> Vec<String> {
    let entries = fs::read_dir(data.join("loading")).into_iter().flatten();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".marker")).collect()
}

fn end(mut child: Child, signal: Signal) -> Option<i32> {
    kill_process(Pid::from_raw(child.id().cast_signed()).unwrap(), signal).unwrap();
    child.wait().unwrap().code()
}

#[test]
fn scans_that_crash_while_loading_bring_the_last_known_good_set_back() {
    let world = World::new(1);
    let clean = world.files().join("1");
    world.machine.scan(&clean).expect(0);
    world.publish(2);
    world.update().expect(0);
    for signal in [Signal::ABORT, Signal::ILL] {
        end(hanging_scan(&world, 2), signal);
    }
    let report = world.update().expect(0).json();
    assert_eq!((&report["outcome"], &report["rolled_back"]["why"]), (&"current".into(), &"crashed".into()));
    world.machine.scan(&clean).expect(0);
    assert_eq!((world.version(), world.rejected()), ("1.0.0.1".into(), vec!["1.0.0.2".into()]));
    let status = world.status();
    assert_eq!(status["rejected"][0]["why"], "crashed");
    assert!(status["rolled_back"]["reason"].as_str().unwrap().contains("\"scan\" died 2 times"), "{status}");
    assert!(markers(&world.machine.data).is_empty());
}

#[test]
fn scans_that_are_interrupted_while_loading_blame_nobody() {
    let world = World::new(1);
    let clean = world.files().join("1");
    world.machine.scan(&clean).expect(0);
    world.publish(2);
    world.update().expect(0);
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        assert_eq!(end(hanging_scan(&world, 2), signal), Some(4), "cancelled");
    }
    assert!(markers(&world.machine.data).is_empty());
    // Killed once, which no process can tell of: that is not enough.
    end(hanging_scan(&world, 2), Signal::KILL);
    heal(&world, 2);
    world.machine.scan(&clean).expect(0);
    assert_eq!((world.version(), world.rejected()), ("1.0.0.2".into(), vec![]));
    assert!(markers(&world.machine.data).is_empty());
}

#[test]
fn a_set_is_on_probation_for_a_while_and_the_status_says_so() {
    let mut world = World::new(1);
    assert!(world.status()["probation_until"].is_string());
    world.configure("[probation]\ntime = \"0s\"\n");
    assert_eq!(world.status()["probation_until"], Value::Null);
    world.configure("[probation]\ncrashes = 0\n");
    assert_eq!(world.status()["probation_until"], Value::Null);
}
