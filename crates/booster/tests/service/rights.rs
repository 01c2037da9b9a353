//! Who may do what, by what the system says of a caller.

use crate::{
    support::{Said, eicar, run},
    world::{World, block_on, program_for_everybody},
};
use booster_service::{Asked, client::Client};
use std::{os::unix::process::CommandExt as _, path::PathBuf, process::Command};

/// A user whom every system has, and who is nobody's member.
const NOBODY: u32 = 65534;

/// A machine with a service, and commands of a user who is no administrator.
struct Site {
    // Before the world that it writes its log into.
    _service: crate::world::Service,
    world: World,
    program: PathBuf,
}

impl Site {
    /// `None`, with a message, where this user cannot become another.
    fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: only root can call as another user");
            return None;
        }
        let world = World::new();
        world.configure("[service]\nadministrators = \"bin\"\n");
        let program = program_for_everybody(world.dir.path());
        let service = world.start();
        world.update();
        Some(Self { _service: service, world, program })
    }

    fn as_user(&self, uid: u32, gid: u32, arguments: &[&str]) -> Said {
        let mut command = Command::new(&self.program);
        command.uid(uid).gid(gid).current_dir("/").env_clear();
        command.env("BOOSTER_SERVICE__SOCKET", self.world.socket());
        run(command.args(arguments))
    }
}

#[test]
fn everybody_reads_scans_and_updates_and_only_administrators_change_more() {
    let Some(site) = Site::new() else { return };
    let nobody = |arguments: &[&str]| site.as_user(NOBODY, 60_000, arguments);
    let file = site.world.write("eicar.txt", &eicar());
    nobody(&["status", "--service"]).expect(0);
    nobody(&["history", "--service"]).expect(0);
    nobody(&["update", "--service"]).expect(0);
    nobody(&["scan", "--service", file.to_str().unwrap()]).expect(1);
    nobody(&["service", "health"]).expect(0);
    for refused in [
        &["update", "--service", "--from", "http://127.0.0.1:1/"][..],
        &["update", "--service", "--now"],
        &["update", "--service", "--ignore-budget"],
        &["update", "--service", "--max-rate", "1MiB"],
        &["rollback", "--service"],
    ] {
        let said = nobody(refused).expect(2);
        let words = ["administrators: root and the members of the group bin", "not for user 65534"];
        assert!(words.iter().all(|words| said.err.contains(words)), "{refused:?}: {}", said.err);
    }
    let json = nobody(&["update", "--service", "--now", "--json"]).expect(2).json();
    assert_eq!(json["error"]["kind"], "permission");

    // A member of the group may: there is no way back, and that is said.
    let group = group_id("bin");
    let said = site.as_user(NOBODY, group, &["rollback", "--service"]).expect(2);
    assert!(said.err.contains("no earlier set"), "{}", said.err);
}

#[test]
fn another_user_does_not_cancel_and_does_not_see_what_it_cannot_read() {
    let Some(site) = Site::new() else { return };
    site.world.publish(2);
    site.world.slow_down();
    block_on(async {
        let mut client = Client::connect(&site.world.socket()).await.unwrap();
        let _update = client.update(&Asked::default(), false).await.unwrap();
        while !site.world.downloads_began() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let said = site.as_user(NOBODY, 60_000, &["service", "cancel"]).expect(2);
        assert!(said.err.contains("cancelling this update is for administrators"), "{}", said.err);
        client.cancel(0).await.unwrap();
    });
    // The service would find the threat, if it read the file for the caller.
    let secret = site.world.write("secret", &eicar());
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let said =
        site.as_user(NOBODY, 60_000, &["scan", "--service", "--json", secret.to_str().unwrap()]).expect(2);
    assert!(said.out.contains("ermission denied") && !said.out.contains("Eicar"), "{}", said.out);
}

fn group_id(name: &str) -> u32 {
    let groups = std::fs::read_to_string("/etc/group").unwrap();
    let line = groups.lines().find(|line| line.split(':').next() == Some(name)).unwrap();
    line.split(':').nth(2).unwrap().parse().unwrap()
}

#[test]
fn root_leaves_nothing_in_a_folder_of_the_services_user() {
    use std::os::unix::fs::{MetadataExt as _, chown};
    if !crate::world::can_be_others() {
        return;
    }
    let world = World::new();
    std::fs::create_dir_all(&world.machine.data).unwrap();
    chown(&world.machine.data, Some(60_001), Some(60_001)).unwrap();
    for arguments in [&["--embedded"][..], &[], &["--root", world.machine.root.to_str().unwrap()]] {
        let said = run(world.machine.command("update").args(arguments)).expect(2);
        let words = ["belongs to user 60001", "sudo -u '#60001'", "--service"];
        assert!(words.iter().all(|words| said.err.contains(words)), "{arguments:?}: {}", said.err);
    }
    for entry in std::fs::read_dir(&world.machine.data).unwrap() {
        let entry = entry.unwrap();
        assert!(!entry.file_type().unwrap().is_dir(), "{entry:?} is root's");
    }
    // The user's own update works beside what was refused.
    let program = program_for_everybody(world.dir.path());
    let mut command = Command::new(program);
    command.uid(60_001).gid(60_001).current_dir("/").env_clear();
    command.args(world.machine.command("update").get_args()).args(["--embedded", "--quiet"]);
    run(&mut command).expect(0);
    let made = std::fs::metadata(world.machine.data.join("generations")).unwrap();
    assert_eq!(made.uid(), 60_001);
}
