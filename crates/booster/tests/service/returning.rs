//! Going back to an earlier set, with everybody who uses definitions, whoever asked for it and however that ends.

use crate::{
    support::run,
    world::{Service, World, lines, wait},
};
use serde_json::Value;
use std::{fs, path::Path, process::Stdio};

/// An engine of the administrator's whose reload takes until a file is there, and that keeps a list of what it does.
struct Gateway<'a> {
    world: &'a World,
}

impl<'a> Gateway<'a> {
    fn new(world: &'a World) -> Self {
        let (told, go) = (world.path("told"), world.path("go"));
        let reload = format!(
            "echo begin $BOOSTER_GENERATION >>{told:?}; while [ ! -e {go:?} ]; do sleep 0.02; done; \
             echo end $BOOSTER_GENERATION >>{told:?}"
        );
        Self::configure(world, &format!("reload = [\"/bin/sh\", \"-c\", '{reload}']"));
        let gateway = Self { world };
        gateway.let_go();
        gateway
    }

    fn configure(world: &World, commands: &str) {
        let folder = world.path("gateway");
        fs::create_dir_all(&folder).unwrap();
        world.configure(&format!(
            "[[engines]]\nkind = \"command\"\nname = \"gateway\"\ncomponents = [\"antivirus\"]\n\
             files = [\"yar\"]\nfolder = {folder:?}\n{commands}\n"
        ));
    }

    fn let_go(&self) {
        self.world.write("go", b"");
    }

    fn hold(&self) {
        fs::remove_file(self.world.path("go")).unwrap();
    }

    fn told(&self) -> Vec<String> {
        let told = fs::read_to_string(self.world.path("told")).unwrap_or_default();
        told.lines().map(str::to_owned).collect()
    }

    /// Waits until it was told this last.
    fn wait_for(&self, words: &str) {
        wait(words, || self.told().last().is_some_and(|last| last == words));
    }

    /// Whether its files are those of a version.
    fn has(&self, version: u32) -> bool {
        has_marker(&self.world.path("gateway"), version)
    }
}

fn has_marker(folder: &Path, version: u32) -> bool {
    let marker = format!("marker of version {version}.");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.is_file()).any(|path| fs::read_to_string(path).unwrap().contains(&marker))
}

/// A service that logs for programs.
fn start(world: &World) -> Service {
    world.start_with(|command| _ = command.env("BOOSTER_LOG_FORMAT", "json"))
}

fn status(world: &World) -> Value {
    run(world.command("status").arg("--json")).expect(0).json()
}

/// Two versions, one after the other.
fn install_two(world: &World) {
    world.update();
    world.publish(2);
    world.update();
}

#[test]
fn a_return_whose_caller_is_killed_is_finished_with_everybody_who_uses_definitions() {
    let world = World::new();
    let gateway = Gateway::new(&world);
    let service = start(&world);
    install_two(&world);
    assert!(gateway.has(2));
    gateway.hold();
    let mut caller = world.command("rollback").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    gateway.wait_for("begin 1");
    caller.kill().unwrap();
    caller.wait().unwrap();
    // The service has noticed: another call is answered behind it.
    status(&world);
    gateway.let_go();
    gateway.wait_for("end 1");
    assert!(gateway.has(1) && !gateway.has(2));
    wait("the engine to be confirmed", || status(&world)["engines"][0].get("problem") == Some(&Value::Null));
    assert_eq!(status(&world)["components"][0]["in_use"], "1.0.0.1");
    let log = service.log();
    assert_eq!(lines(&log, 2004).len(), 1, "{log}");
    assert_eq!(lines(&log, 2002).last().unwrap()["version"], "antivirus 1.0.0.1");
}

#[test]
fn a_service_that_is_told_to_end_finishes_a_return_first() {
    let world = World::new();
    let gateway = Gateway::new(&world);
    let mut service = start(&world);
    install_two(&world);
    gateway.hold();
    let mut caller = world.command("rollback").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    gateway.wait_for("begin 1");
    service.signal(rustix::process::Signal::TERM);
    // It does not wait for the caller any more, and for the work that was begun it does.
    service.wait_for_log("left in the middle of a call");
    gateway.let_go();
    assert_eq!(service.ended(), Some(0));
    assert_eq!(gateway.told().last().unwrap(), "end 1");
    assert_eq!(lines(&service.log(), 2004).len(), 1);
    caller.wait().unwrap();
}

#[test]
fn when_a_return_is_answered_the_engine_has_followed() {
    let world = World::new();
    let _service = start(&world);
    install_two(&world);
    let back = run(world.command("rollback").arg("--json")).expect(0).json();
    let status = status(&world);
    assert_eq!(status["service"]["engine_generation"], back["generation"]);
    assert_eq!(status["components"][0]["in_use"], "1.0.0.1");
}

#[test]
fn a_switch_that_another_engine_does_not_approve_is_told_as_a_return() {
    let world = World::new();
    let reload = "reload = [\"/bin/sh\", \"-c\", 'test $BOOSTER_GENERATION != 2']";
    Gateway::configure(&world, reload);
    let service = start(&world);
    world.update();
    world.publish(2);
    let failed = run(world.command("update").arg("--json")).expect(2);
    let report = failed.json();
    assert_eq!((&report["outcome"], &report["error"]["kind"]), (&"failed".into(), &"engine_rejected".into()));
    let undone = &report["undone"][0];
    assert_eq!((&undone["why"], &undone["changes"][0]["to"]), (&"engine_rejected".into(), &"1.0.0.1".into()));
    let processed = failed.out.lines().find(|line| line.contains("\"request_processed\"")).unwrap();
    assert!(processed.contains("\"rolled_back\""), "{processed}");
    wait("the return to be told", || !lines(&service.log(), 2004).is_empty());
    let log = service.log();
    let back = &lines(&log, 2004)[0];
    assert_eq!((&back["version_before"], &back["version"]), (&"1.0.0.2".into(), &"1.0.0.1".into()));
    assert_eq!((&back["error_kind"], &back["update"]), (&"engine_rejected".into(), &2.into()));
    assert!(has_marker(&world.path("gateway"), 1));
    wait("the return to be counted", || {
        let figures = run(world.machine.command("service").arg("metrics")).expect(0).out;
        figures.lines().any(|line| line == "booster_reversions_total 1")
    });
}

#[test]
fn a_set_that_the_engine_itself_cannot_go_over_to_is_told_and_undone() {
    let world = World::new();
    // Damages the built image behind the tests and before the switch, where there was one before.
    let current = world.machine.data.join("generations/00000001");
    let test = format!("test ! -e {current:?} || echo {{}} >$BOOSTER_DEFINITIONS/image/image.json");
    let commands = format!("test = [\"/bin/sh\", \"-c\", '{test}']\nreload = [\"/bin/true\"]");
    Gateway::configure(&world, &commands);
    let service = start(&world);
    world.update();
    world.publish(2);
    let report = run(world.command("update").arg("--json")).expect(2).json();
    assert_eq!(report["undone"].as_array().map(Vec::len), Some(1), "{report}");
    wait("the return to be told", || !lines(&service.log(), 2004).is_empty());
    let log = service.log();
    let stays = lines(&log, 2003);
    assert_eq!((stays.len(), &stays[0]["version"]), (1, &"antivirus 1.0.0.1".into()), "{log}");
    assert_eq!(status(&world)["components"][0]["in_use"], "1.0.0.1");
}

/// Leaves what two services leave that died while they loaded a generation.
fn leave_deaths(world: &World, generation: u64) {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let since = run(world.machine.command("status").args(["--json", "--embedded"])).expect(0).json();
    let since = since["components"][0]["published"].as_str().unwrap().to_owned();
    let folder = world.machine.data.join("loading");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("service.loaded"), "1").unwrap();
    for death in [1, 2] {
        let marker = serde_json::json!({
            "generation": generation, "since": since, "boot": boot.trim(), "crashed": false,
        });
        fs::write(folder.join(format!("service.{death}-0.marker")), marker.to_string()).unwrap();
    }
}

#[test]
fn a_set_that_killed_two_services_is_left_by_the_next_which_tells_that_and_brings_other_engines() {
    let world = World::new();
    let gateway = Gateway::new(&world);
    let service = start(&world);
    install_two(&world);
    service.kill();
    leave_deaths(&world, 2);
    let service = start(&world);
    gateway.wait_for("end 1");
    assert!(gateway.has(1) && !gateway.has(2));
    wait("the return to be told", || !lines(&service.log(), 2004).is_empty());
    let back = &lines(&service.log(), 2004)[0];
    assert_eq!((&back["by"], &back["error_kind"]), (&"service".into(), &"crashed".into()));
    assert_eq!(status(&world)["components"][0]["in_use"], "1.0.0.1");
}

#[test]
fn a_set_that_kills_who_loads_it_is_left_by_a_running_service_which_tells_that_and_brings_other_engines() {
    let world = World::new();
    let gateway = Gateway::new(&world);
    let service = start(&world);
    world.update();
    world.publish(2);
    // It does not look before two others have died.
    service.signal(rustix::process::Signal::STOP);
    run(world.machine.command("update").args(["--embedded", "--quiet"])).expect(0);
    assert!(gateway.has(2));
    leave_deaths(&world, 2);
    service.signal(rustix::process::Signal::CONT);
    gateway.wait_for("end 1");
    wait("the return to be told", || !lines(&service.log(), 2004).is_empty());
    let back = &lines(&service.log(), 2004)[0];
    assert_eq!((&back["by"], &back["version"]), (&"service".into(), &"1.0.0.1".into()));
    assert!(gateway.has(1) && !gateway.has(2));
    assert_eq!(world.machine.version().as_deref(), Some("1.0.0.1"));
}
