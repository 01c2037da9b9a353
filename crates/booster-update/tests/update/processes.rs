//! An update as a real process that is killed, runs out of disk, may not write, and is measured.

use crate::{
    machine::check_folder,
    publisher::{Publisher, rule},
};
use booster_definitions::Component;
use booster_store::{Store, StoreOptions, verify::verify};
use booster_trust::TrustedState;
use jiff::Timestamp;
use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_booster-update-test-program");
const AV: Component = Component::Antivirus;

/// Bytes that do not compress.
fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    (0..bytes).map(|_| random.next() as u8).collect()
}

/// A small generator: the tests need variety, not secrecy, and want to be run again as they were.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
}

fn publish(publisher: &mut Publisher, version: u16, bytes: usize) {
    let files: &[(&str, &[u8])] = &[
        ("rules.yar", &rule("pattern", &format!("pattern number {version}"))),
        ("noise.bin", &noise(bytes, version.into())),
    ];
    publisher.publish(AV, version, files);
}

/// A data folder that trusts the publisher.
fn data_folder(publisher: &Publisher) -> TempDir {
    let data = tempfile::tempdir().unwrap();
    let trust = data.path().join("trust");
    fs::create_dir(&trust).unwrap();
    TrustedState::open(&trust).unwrap().pin(publisher.root()).unwrap();
    data
}

fn update(data: &Path, repository: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg("update").args([data, repository]).stdin(Stdio::null());
    command
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The second number of the installed version; the set is whole, whatever has happened.
fn version(data: &Path) -> Option<u16> {
    let current = Store::new(data, StoreOptions::default()).current().unwrap()?;
    assert_eq!(verify(&current, &mut |_| {}).unwrap().problems, []);
    Some(current.component(AV).unwrap().manifest.version.0[1])
}

#[test]
fn killed_at_200_moments_an_update_leaves_the_old_set_or_the_new_one_and_no_debris() {
    const KILLS: u16 = 200;
    let mut publisher = Publisher::new(Timestamp::now());
    publish(&mut publisher, 1, 300_000);
    let data = data_folder(&publisher);
    let data = data.path();
    let begun = Instant::now();
    assert!(said(&update(data, publisher.path()).output().unwrap()).starts_with("updated"));
    // Moments are spread over a whole update, as long as it takes on this machine.
    let whole = begun.elapsed();
    let mut random = Random(7);
    let (mut old, mut new, mut unfinished) = (0, 0, 0);
    for release in 2..KILLS + 2 {
        publish(&mut publisher, release, 300_000);
        let mut child = update(data, publisher.path()).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole.mul_f64(random.next() as f64 % 1000.0 / 1000.0));
        child.kill().unwrap();
        unfinished += usize::from(!child.wait().unwrap().success());
        match version(data) {
            Some(found) if found == release => new += 1,
            Some(found) if found == release - 1 => old += 1,
            found => panic!("kill {release}: version {found:?}"),
        }
        let said = next_update(data, publisher.path());
        assert!(said.starts_with("updated") || said.starts_with("current"), "{said}");
        assert_eq!(version(data), Some(release));
        check_folder(data);
        assert!(!data.join("downloads").exists(), "a download was left that nobody wants");
    }
    println!("killed {unfinished} of {KILLS}: {old} times the old set, {new} times the new one");
    assert!(unfinished > 0 && old > 0, "the kills came too late to show anything");
}

/// The update after one that was killed. Killed while it starts its child, a process leaves its lock
/// to the child for the moment until that runs its own program.
fn next_update(data: &Path, repository: &Path) -> String {
    for _ in 0..100 {
        let said = said(&update(data, repository).output().unwrap());
        if !said.starts_with("failed busy") {
            return said;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the lock outlives the process that was killed");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_at_any_stage_is_named_and_changes_nothing() {
    const SCRIPT: &str = r#"
        mount -t tmpfs -o "size=$4" booster-test "$1" || exit 77
        cp -r "$2/." "$1" 2> /dev/null || exit 78
        list() { find "$1" -type f -not -name history.json -not -name checks.json -not -name attempts.json -not -name traffic.json | sort; }
        list "$1" > "$6/before"
        "$5" update "$1" "$3"
        list "$1" > "$6/after"
        find "$1" -name '*.new' -o -name staging -o -name downloads > "$6/debris"
        cp -r "$1" "$6/copy"
    "#;
    let mut publisher = Publisher::new(Timestamp::now());
    publish(&mut publisher, 1, 100_000);
    let data = data_folder(&publisher);
    assert!(said(&update(data.path(), publisher.path()).output().unwrap()).starts_with("updated"));
    // Compresses well, and becomes a large index: every stage has its turn to be the one that needs most.
    let hashes: String = (0..9000).map(|n| format!("{n:064x}:*:Test.{n}:73\n")).collect();
    publisher.publish(AV, 2, &[("hashes.hsb", hashes.as_bytes())]);
    let mount = tempfile::tempdir().unwrap();
    let mut stages = BTreeSet::new();
    // Page by page where there is hardly room for metadata, then in larger steps.
    for kibibytes in (120..240).step_by(4).chain((240..4000).step_by(20)) {
        let result = tempfile::tempdir().unwrap();
        let output = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", SCRIPT, "sh"])
            .args([mount.path(), data.path(), publisher.path()])
            .args([format!("{kibibytes}k").as_str(), PROGRAM])
            .arg(result.path())
            .output();
        let output = match output {
            Ok(output) if output.status.code() != Some(77) && !output.stderr.starts_with(b"unshare") => {
                output
            }
            refused => {
                println!("skipped: no small file system can be mounted here: {refused:?}");
                return;
            }
        };
        if output.status.code() == Some(78) {
            continue; // Too small even for what is installed.
        }
        let said = said(&output);
        let copy = result.path().join("copy");
        assert_eq!(fs::read_to_string(result.path().join("debris")).unwrap(), "", "{kibibytes} KiB: {said}");
        if said.starts_with("updated") {
            assert_eq!(version(&copy), Some(2));
            println!("updated with {kibibytes} KiB; with less the disk was full while: {stages:#?}");
            assert!(stages.len() >= 4, "too few stages were reached: {stages:?}");
            return;
        }
        assert!(said.starts_with("failed disk_full"), "{kibibytes} KiB: {said}");
        assert_eq!(version(&copy), Some(1));
        let list = |name: &str| fs::read_to_string(result.path().join(name)).unwrap();
        assert_eq!(list("before"), list("after"), "{kibibytes} KiB: {said}");
        stages.insert(stage(&said));
    }
    panic!("the update never found room enough");
}

/// The stage and the words of a failure, without paths and numbers.
#[cfg(target_os = "linux")]
fn stage(said: &str) -> String {
    let words =
        said.split_whitespace().filter(|word| !word.contains('/') && !word.contains(char::is_numeric));
    words.skip(2).collect::<Vec<_>>().join(" ")
}

#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_written_or_read_is_named_and_not_changed() {
    use std::os::unix::{fs::PermissionsExt as _, process::CommandExt as _};
    let set_mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let mut publisher = Publisher::new(Timestamp::now());
    publish(&mut publisher, 1, 1000);
    let data = data_folder(&publisher);
    assert!(said(&update(data.path(), publisher.path()).output().unwrap()).starts_with("updated"));
    set_mode(publisher.path(), 0o755);
    let root = rustix::process::geteuid().is_root();
    if root {
        // An administrator may everything, so the process becomes somebody else who owns the folder.
        own(data.path(), 65534);
    }
    let cases = [("", 0o555), ("trust", 0o555), ("trust/trusted.json", 0o000), ("generations", 0o555)];
    for (release, (path, mode)) in (2..).zip(cases) {
        // New metadata each time, so that there is something to be written everywhere.
        publish(&mut publisher, release, 1000);
        let path = data.path().join(path);
        let usual = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        set_mode(&path, mode);
        let mut command = update(data.path(), publisher.path());
        if root {
            command.uid(65534);
        }
        let output = command.output();
        set_mode(&path, usual);
        let Ok(output) = output else {
            println!("skipped: another user cannot start {PROGRAM}");
            return;
        };
        let said = said(&output);
        assert!(said.starts_with("failed permission"), "{}: {said}", path.display());
        assert_eq!(version(data.path()), Some(1));
        check_folder(data.path());
    }
}

#[cfg(unix)]
fn own(path: &Path, user: u32) {
    std::os::unix::fs::chown(path, Some(user), None).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            own(&entry.unwrap().path(), user);
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn memory_stays_small_however_large_a_release_is() {
    let mut publisher = Publisher::new(Timestamp::now());
    publish(&mut publisher, 1, 96 << 20);
    let data = data_folder(&publisher);
    let said = said(&update(data.path(), publisher.path()).output().unwrap());
    assert!(said.starts_with("updated"), "{said}");
    let peak: u64 = said.split_whitespace().last().unwrap().parse().unwrap();
    println!("peak memory {peak} KiB");
    assert!(peak < 40 << 10, "{peak} KiB");
}

#[test]
fn of_two_updates_at_once_one_is_told_of_the_other() {
    let mut publisher = Publisher::new(Timestamp::now());
    publish(&mut publisher, 1, 1000);
    let data = data_folder(&publisher);
    // The first of the two is this process: it holds the folder for as long as the second one asks.
    let running = Store::new(data.path(), StoreOptions::default()).begin("update").unwrap();
    let second = said(&update(data.path(), publisher.path()).output().unwrap());
    assert!(second.starts_with("failed busy"), "{second}");
    assert!(second.contains(&format!("process {}", std::process::id())), "{second}");
    assert_eq!(version(data.path()), None);

    drop(running);
    let third = said(&update(data.path(), publisher.path()).output().unwrap());
    assert!(third.starts_with("updated"), "{third}");
    check_folder(data.path());
}
