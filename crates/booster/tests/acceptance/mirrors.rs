//! Mirrors that are killed at random moments, in a folder and on a share, publishers that are on a share, and sources
//! that fail one after the other: machines find the old state or the new one, and the next run leaves nothing of the
//! one before.

use crate::{
    kills::{content, killed_after, so_often, timed, undisturbed},
    support::{Machine, Said, Site, booster, copy_tree, files, release, run},
};
use booster_test_support::{Samba, SambaShare};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// How many kills must hit a running mirror.
const KILLS: u64 = 25;

/// Who keeps a mirror: a data folder, and how places are reached.
struct Branch {
    data: PathBuf,
    config: PathBuf,
}

impl Branch {
    fn new(dir: &Path, name: &str, site: &Site, more: &str) -> Self {
        let config = dir.join(format!("{name}.toml"));
        fs::write(&config, format!("root = {:?}\n{more}", site.root())).unwrap();
        Self { data: dir.join(name), config }
    }

    fn command(&self, to: &str) -> Command {
        let mut command = booster();
        command.arg("--data-dir").arg(&self.data).arg("--config").arg(&self.config);
        command.args(["mirror", "--json", "--to", to]);
        command
    }

    fn mirror_from(&self, source: &Path, to: &str) -> Command {
        let mut command = self.command(to);
        command.arg("--from").arg(source);
        command
    }

    /// What the mirror keeps beside what it trusts.
    fn left(&self) -> Vec<String> {
        let kept = |name: &String| name.ends_with("/trust/trusted.json") || name.ends_with(".publish.lock");
        files(&self.data.join("mirrors")).into_iter().filter(|name| !kept(name)).collect()
    }
}

/// Runs as soon as nobody else works on the place: a server needs a moment to notice that one was killed.
fn run_when_free(command: &mut Command) -> Said {
    for _ in 0..500 {
        let said = run(command);
        if said.code != Some(3) {
            return said;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the lock is held for ever");
}

/// A publisher with a mirror of the first of two releases, in a folder below `place`.
struct World {
    dir: tempfile::TempDir,
    site: Site,
    place: PathBuf,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let site = Site::new(dir.path());
        let place = dir.path().join("place");
        site.publish("1.0.0.1", &release(dir.path(), 1)).expect(0);
        let branch = Branch::new(dir.path(), "first", &site, "");
        run(&mut branch.mirror_from(&site.repository, place.join("first").to_str().unwrap())).expect(0);
        site.publish("1.0.0.2", &release(dir.path(), 2)).expect(0);
        Self { dir, site, place }
    }

    /// A machine that has found the old state or the new one.
    fn machine_after(&self, n: u64, name: &str, more: &str) -> Machine {
        let config = self.dir.path().join(format!("machine-{n}.toml"));
        fs::write(&config, more).unwrap();
        let data = self.dir.path().join(format!("machine-{n}"));
        let machine = Machine { config: Some(config), ..Machine::new(data, &self.site) };
        machine.update(name).expect(0);
        let version = machine.version();
        assert!(matches!(version.as_deref(), Some("1.0.0.1" | "1.0.0.2")), "kill {n}: {version:?}");
        machine
    }

    /// Kills mirrors to places below this name, and has machines with this configuration look at them.
    fn kill_mirrors(&self, seed: u64, name_of: impl Fn(&str) -> String, more: &str) {
        let source = &self.site.repository;
        let mut copies = 0..;
        let mut copy = || {
            let name = format!("copy-{}", copies.next().unwrap());
            copy_tree(&self.place.join("first"), &self.place.join(&name));
            let branch = Branch::new(self.dir.path(), &format!("branch-{name}"), &self.site, more);
            (name_of(&name), self.place.join(name), branch)
        };
        let whole = undisturbed(|| {
            let (name, _, branch) = copy();
            timed(&mut branch.mirror_from(source, &name))
        });
        let (name, reference, branch) = copy();
        run(&mut branch.mirror_from(source, &name)).expect(0);

        so_often(KILLS, seed, whole, |n, delay| {
            let (name, folder, branch) = copy();
            let hit = killed_after(&mut branch.mirror_from(source, &name), delay);
            let machine = self.machine_after(n, &name, more);
            run_when_free(&mut branch.mirror_from(source, &name)).expect(0);
            machine.update(&name).expect(0);
            assert_eq!(machine.version().as_deref(), Some("1.0.0.2"), "kill {n} after {delay:?}");
            assert_eq!(files(&folder), files(&reference), "kill {n} after {delay:?}");
            assert_eq!(branch.left(), [""; 0], "kill {n} after {delay:?}");
            for used in [&folder, &machine.data, &branch.data] {
                fs::remove_dir_all(used).unwrap();
            }
            hit
        });
    }
}

#[test]
fn a_mirror_in_a_folder_killed_at_any_moment_leaves_the_old_state_or_the_new_one() {
    let world = World::new();
    let place = world.place.clone();
    world.kill_mirrors(0x5eed_0006, |name| place.join(name).to_str().unwrap().to_owned(), "");
}

#[test]
fn a_mirror_on_a_share_killed_at_any_moment_leaves_the_old_state_or_the_new_one() {
    let world = World::new();
    let Some(server) = Samba::start(&[SambaShare::writable("set", &world.place)]) else { return };
    let unc = format!("[unc]\nport = {}\ncredentials_file = {:?}\n", server.port(), server.credentials());
    world.kill_mirrors(0x5eed_0007, |name| format!(r"{}\{name}", server.unc("set")), &unc);
}

#[test]
fn a_publisher_on_a_share_killed_at_any_moment_leaves_the_old_state_or_the_new_one() {
    let world = World::new();
    let Some(server) = Samba::start(&[SambaShare::writable("set", &world.place)]) else { return };
    let unc = format!("[unc]\nport = {}\ncredentials_file = {:?}\n", server.port(), server.credentials());
    let config = world.dir.path().join("publisher.toml");
    fs::write(&config, &unc).unwrap();
    let release = release(world.dir.path(), 2);
    let mut copies = 0..;
    let mut copy = || {
        let name = format!("copy-{}", copies.next().unwrap());
        copy_tree(&world.place.join("first"), &world.place.join(&name));
        let site = Site { repository: world.place.join(&name), keys: world.site.keys.clone() };
        (format!(r"{}\{name}", server.unc("set")), site)
    };
    let publish = |place: &str| {
        let mut command = booster();
        command.args(["publish", "antivirus", "1.0.0.2", "--repository", place]).arg(&release);
        command.arg("--keys").arg(&world.site.keys).arg("--config").arg(&config);
        command
    };
    let whole = undisturbed(|| timed(&mut publish(&copy().0)));
    let (place, reference) = copy();
    run(&mut publish(&place)).expect(0);

    so_often(KILLS, 0x5eed_0008, whole, |n, delay| {
        let (place, victim) = copy();
        let hit = killed_after(&mut publish(&place), delay);
        let machine = world.machine_after(n, &place, &unc);
        run_when_free(&mut publish(&place)).expect(0);
        machine.update(&place).expect(0);
        assert_eq!(machine.version().as_deref(), Some("1.0.0.2"), "kill {n} after {delay:?}");
        assert_eq!(content(&victim), content(&reference), "kill {n} after {delay:?}");
        fs::remove_dir_all(&victim.repository).unwrap();
        fs::remove_dir_all(&machine.data).unwrap();
        hit
    });
}

#[test]
fn where_a_source_has_a_damaged_archive_the_next_is_asked_although_it_is_behind() {
    let world = World::new();
    let (dir, site) = (world.dir.path(), &world.site);
    let behind = dir.join("behind");
    copy_tree(&site.repository, &behind);
    site.publish("1.0.0.3", &release(dir, 3)).expect(0);
    for file in files(&site.repository).iter().filter(|name| name.ends_with(".1.0.0.3.tar.zst")) {
        let path = site.repository.join(file);
        fs::write(&path, vec![0; fs::metadata(&path).unwrap().len() as usize]).unwrap();
    }
    let sources = format!("sources = [{:?}, {behind:?}]\n", site.repository);
    let branch = Branch::new(dir, "branch", site, &sources);
    let place = world.place.join("first");
    let said = run(&mut branch.command(place.to_str().unwrap())).expect(0);
    assert!(said.err.contains("the next source is asked"), "{said:?}");
    let machine = Machine::new(dir.join("machine"), site);
    machine.update(place.to_str().unwrap()).expect(0);
    assert_eq!(machine.version().as_deref(), Some("1.0.0.2"));
    assert_eq!(branch.left(), [""; 0]);
}

#[test]
fn a_place_that_another_program_works_on_is_told_by_its_exit_code() {
    let world = World::new();
    let place = world.place.join("first");
    let lock = fs::File::options().write(true).open(place.join(".publish.lock")).unwrap();
    lock.lock().unwrap();
    let branch = Branch::new(world.dir.path(), "branch", &world.site, "");
    run(&mut branch.mirror_from(&world.site.repository, place.to_str().unwrap())).expect(3);
}
