//! SIGKILL at random moments: what is there afterwards is the old state or the new one, whole, and
//! the next run leaves nothing of the killed one.

use crate::support::{Machine, Random, Said, Site, copy_tree, eicar, files, release, run};
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Kills that must hit a running process, and how often that is tried.
const KILLS: u64 = 200;
const TRIES: u64 = 2000;

/// How long a command takes when nobody disturbs it: the shortest of three, on copies, so that most
/// moments drawn from it lie within a run.
pub fn undisturbed(mut run: impl FnMut() -> Duration) -> Duration {
    (0..3).map(|_| run()).min().unwrap()
}

pub fn timed(command: &mut Command) -> Duration {
    let start = Instant::now();
    Said::from(command.output().unwrap()).expect(0);
    start.elapsed()
}

/// Starts a command and kills it after a while; true if it was still running.
pub fn killed_after(command: &mut Command, delay: Duration) -> bool {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(delay);
    let running = child.try_wait().unwrap().is_none();
    // It may end by itself in this very moment.
    let _ = child.kill();
    child.wait().unwrap();
    running
}

#[test]
fn an_update_killed_at_any_moment_leaves_the_old_set_or_the_new_one() {
    updates_killed(0x5eed_0001, &["--no-patches"], "full");
}

#[test]
fn an_update_by_a_patch_killed_at_any_moment_leaves_the_old_set_or_the_new_one() {
    updates_killed(0x5eed_0004, &[], "patch");
}

/// Kills updates whose release is published with these options and travels like this.
fn updates_killed(seed: u64, options: &[&str], how: &str) {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let site = Site::new(dir);
    let from = site.repository.to_str().unwrap();
    let machine = Machine::new(dir.join("machine"), &site);
    site.publish("1.0.0.1", &release(dir, 1)).expect(0);
    machine.update(from).expect(0);
    run(site.publish_command("1.0.0.2", &release(dir, 2)).args(options)).expect(0);
    fs::write(dir.join("sample"), eicar()).unwrap();

    let mut copies = 0..;
    let mut copy = || machine.duplicate(dir.join(format!("copy-{}", copies.next().unwrap())));
    let whole = undisturbed(|| timed(&mut copy().update_command(from)));
    let reference = copy();
    let report = reference.update(from).expect(0).json();
    assert_eq!(report["components"][0]["how"], how, "{report}");
    reference.scan(&dir.join("sample")).expect(1);

    at_random_moments(seed, whole, |n, delay| {
        let victim = copy();
        let hit = killed_after(&mut victim.update_command(from), delay);
        check_machine(&victim, &dir.join("sample"), n);
        victim.update(from).expect(0);
        assert_eq!(victim.version().as_deref(), Some("1.0.0.2"), "kill {n} after {delay:?}");
        assert_eq!(victim.files(), reference.files(), "kill {n} after {delay:?}");
        fs::remove_dir_all(&victim.data).unwrap();
        hit
    });
}

/// Draws moments of a run until [`KILLS`] have hit one.
fn at_random_moments(seed: u64, whole: Duration, attempt: impl FnMut(u64, Duration) -> bool) {
    so_often(KILLS, seed, whole, attempt);
}

/// Draws moments of a run until so many kills have hit one.
pub fn so_often(kills: u64, seed: u64, whole: Duration, mut attempt: impl FnMut(u64, Duration) -> bool) {
    let mut random = Random(seed);
    let mut hits = 0;
    for n in 0..TRIES {
        if hits == kills {
            break;
        }
        hits += u64::from(attempt(n, Duration::from_micros(random.below(whole.as_micros() as u64))));
    }
    assert_eq!(hits, kills, "kills that hit a run in {TRIES} tries");
}

#[test]
fn a_rollback_killed_at_any_moment_leaves_the_set_in_use_or_the_one_before_with_its_rejection() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let site = Site::new(dir);
    let machine = Machine::new(dir.join("machine"), &site);
    for version in [1, 2] {
        site.publish(&format!("1.0.0.{version}"), &release(dir, version)).expect(0);
        machine.update(site.repository.to_str().unwrap()).expect(0);
    }
    fs::write(dir.join("sample"), eicar()).unwrap();
    machine.scan(&dir.join("sample")).expect(1);

    let mut copies = 0..;
    let mut copy = || machine.duplicate(dir.join(format!("copy-{}", copies.next().unwrap())));
    let whole = undisturbed(|| timed(&mut copy().command("rollback")));
    let reference = copy();
    run(&mut reference.command("rollback")).expect(0);

    at_random_moments(0x5eed_0003, whole, |n, delay| {
        let victim = copy();
        let hit = killed_after(&mut victim.command("rollback"), delay);
        check_machine(&victim, &dir.join("sample"), n);
        let rejected = victim.rejected();
        if victim.version().as_deref() == Some("1.0.0.2") {
            assert!(rejected.is_empty(), "kill {n} after {delay:?}: {rejected:?}");
            run(&mut victim.command("rollback")).expect(0);
        } else {
            assert_eq!(rejected, ["1.0.0.2"], "kill {n} after {delay:?}");
            // The next start removes what was left.
            run(victim.command("allow").args(["--all", "--component", "nis"])).expect(0);
        }
        assert_eq!(
            (victim.version().as_deref(), victim.rejected()),
            (Some("1.0.0.1"), vec!["1.0.0.2".into()])
        );
        assert_eq!(victim.files(), reference.files(), "kill {n} after {delay:?}");
        fs::remove_dir_all(&victim.data).unwrap();
        hit
    });
}

#[test]
fn an_update_that_its_health_command_refuses_ends_at_the_old_set_whenever_it_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let site = Site::new(dir);
    let from = site.repository.to_str().unwrap();
    let mut machine = Machine::new(dir.join("machine"), &site);
    site.publish("1.0.0.1", &release(dir, 1)).expect(0);
    machine.update(from).expect(0);
    site.publish("1.0.0.2", &release(dir, 2)).expect(0);
    fs::write(dir.join("sample"), eicar()).unwrap();
    let config = dir.join("booster.toml");
    fs::write(&config, "[health]\ncommand = [\"false\"]\n").unwrap();
    machine.config = Some(config);

    let mut copies = 0..;
    let mut copy = || machine.duplicate(dir.join(format!("copy-{}", copies.next().unwrap())));
    let whole = undisturbed(|| {
        let start = Instant::now();
        copy().update(from).expect(2);
        start.elapsed()
    });

    at_random_moments(0x5eed_0005, whole, |n, delay| {
        let victim = copy();
        let hit = killed_after(&mut victim.update_command(from), delay);
        check_machine(&victim, &dir.join("sample"), n);
        // It fails now, or finds the new set in use and has it judged, or that has been done already.
        let said = victim.update(from);
        assert!(matches!(said.code, Some(0 | 2)), "kill {n} after {delay:?}: {said:?}");
        assert_eq!(victim.version().as_deref(), Some("1.0.0.1"), "kill {n} after {delay:?}");
        assert_eq!(victim.rejected(), ["1.0.0.2"], "kill {n} after {delay:?}");
        victim.verify().expect(0);
        fs::remove_dir_all(&victim.data).unwrap();
        hit
    });
}

/// The data folder loads, is whole and detects, without any repair.
fn check_machine(victim: &Machine, sample: &Path, n: u64) {
    let version = victim.version();
    assert!(matches!(version.as_deref(), Some("1.0.0.1" | "1.0.0.2")), "kill {n}: {version:?}");
    victim.verify().expect(0);
    let found = victim.scan(sample).expect(1);
    assert!(found.out.contains(version.unwrap().as_str()), "kill {n}: {}", found.out);
}

#[test]
fn a_publisher_killed_at_any_moment_leaves_the_old_repository_or_the_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let site = Site::new(dir);
    let (first, second) = (release(dir, 1), release(dir, 2));
    site.publish("1.0.0.1", &first).expect(0);

    let mut copies = 0..;
    let mut copy = || {
        let repository = dir.join(format!("copy-{}", copies.next().unwrap()));
        copy_tree(&site.repository, &repository);
        Site { repository, keys: site.keys.clone() }
    };
    let whole = undisturbed(|| timed(copy().publish_command("1.0.0.2", &second)));
    let reference = copy();
    reference.publish("1.0.0.2", &second).expect(0);

    at_random_moments(0x5eed_0002, whole, |n, delay| {
        let victim = copy();
        let hit = killed_after(victim.publish_command("1.0.0.2", &second), delay);
        let machine = Machine::new(dir.join(format!("machine-{n}")), &site);
        machine.update(victim.repository.to_str().unwrap()).expect(0);
        let version = machine.version();
        assert!(matches!(version.as_deref(), Some("1.0.0.1" | "1.0.0.2")), "kill {n}: {version:?}");

        victim.publish("1.0.0.2", &second).expect(0);
        machine.update(victim.repository.to_str().unwrap()).expect(0);
        assert_eq!(machine.version().as_deref(), Some("1.0.0.2"), "kill {n} after {delay:?}");
        assert_eq!(content(&victim), content(&reference), "kill {n} after {delay:?}");
        fs::remove_dir_all(&victim.repository).unwrap();
        fs::remove_dir_all(&machine.data).unwrap();
        hit
    });
}

/// The files of a repository, without the numbers of metadata that is signed anew each time, and
/// without the digest in the manifest's name: it holds the time of publication.
pub fn content(site: &Site) -> Vec<String> {
    let name = |name: String| match name.rsplit_once('/') {
        Some(("metadata", file)) => {
            format!("metadata/{}", file.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.'))
        }
        Some((folder, file)) if file.ends_with(".release.json") => {
            format!("{folder}/{}", file.split_once('.').map_or(file, |(_, name)| name))
        }
        _ => name,
    };
    let mut names: Vec<_> = files(&site.repository).into_iter().map(name).collect();
    names.sort();
    names.dedup();
    names
}
