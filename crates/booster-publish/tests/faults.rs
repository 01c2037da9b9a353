//! What crashes, other publishers and readers in between do to a repository: nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests fail by panicking")]

mod common;

use booster_definitions::Component::{Antispyware, Antivirus};
use booster_publish::{KeyRing, Outcome, PublishError, PublishRequest, Repository, RepositoryOptions};
use common::{Machine, Site, block, rule, versions};
use jiff::Timestamp;
use std::{
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// A release with enough in it that publishing takes a while.
fn files(n: u32) -> Vec<(String, String)> {
    (0..40)
        .map(|i| (format!("rules/{i}.yar"), rule(&format!("r{i}"), &format!("word {i} of {n}"))))
        .chain([("data/list.hsb".to_owned(), hashes(n))])
        .collect()
}

fn hashes(n: u32) -> String {
    (0..2000u32)
        .map(|i| format!("{:08x}{:056x}:*:Test.Hash:73\n", i.wrapping_mul(2_654_435_761), n))
        .collect()
}

fn release(site: &Site, n: u32) -> std::path::PathBuf {
    let files = files(n);
    let files: Vec<_> = files.iter().map(|(path, content)| (path.as_str(), content.as_str())).collect();
    site.release(&format!("n{n}"), &files)
}

/// Everything that lies there and is referred to by nothing that is published or kept.
fn strays(site: &Site) -> Vec<String> {
    use booster_trust::signing::{SnapshotRole, TargetsRole, TimestampRole, read_unverified};
    let read = |name: &str| std::fs::read(site.folder().join("metadata").join(name)).unwrap();
    let timestamp: TimestampRole = read_unverified(&read("timestamp.json")).unwrap();
    let snapshot_version = timestamp.snapshot().unwrap().version;
    let snapshot: SnapshotRole =
        read_unverified(&read(&format!("{snapshot_version}.snapshot.json"))).unwrap();
    let targets_version = snapshot.meta["targets.json"].version;
    let mut known = vec![".publish.lock".to_owned(), "metadata/timestamp.json".to_owned()];
    for name in site.files().keys() {
        let Some(file) = name.strip_prefix("metadata/") else { continue };
        let (version, role) = file.split_once('.').unwrap();
        let version: u64 = version.parse().unwrap_or(0);
        let published = match role {
            "root.json" => true,
            "snapshot.json" => version <= snapshot_version,
            "targets.json" => version <= targets_version,
            _ => false,
        };
        if !published {
            continue;
        }
        known.push(name.clone());
        if role == "targets.json" {
            let targets: TargetsRole = read_unverified(&read(file)).unwrap();
            known.extend(targets.targets.iter().map(|(target, entry)| {
                let (folder, file) = target.rsplit_once('/').unwrap();
                format!("targets/{folder}/{}.{file}", entry.sha256().unwrap())
            }));
        }
    }
    site.files().into_keys().filter(|name| !known.contains(name)).collect()
}

/// Not a test: the publisher that the next test kills. Does nothing unless it is told to.
#[test]
fn child_that_publishes() {
    let Ok(order) = std::env::var("BOOSTER_TEST_PUBLISH") else { return };
    let parts: Vec<&str> = order.split('|').collect();
    let [repository, keys, folder, version, scratch] = parts[..] else { panic!("{order}") };
    let repository = Repository::open(repository, RepositoryOptions::default()).unwrap();
    let keys = KeyRing::from_folder(Path::new(keys)).unwrap();
    let mut request = PublishRequest::new(Antivirus, version.parse().unwrap(), folder);
    request.level = 3;
    request.scratch = Some(scratch.into());
    block(repository.publish(&request, &keys, Timestamp::now())).unwrap();
}

fn child(site: &Site, n: u32) -> std::process::Child {
    let scratch = site.dir.path().join("scratch");
    std::fs::create_dir_all(&scratch).unwrap();
    let show = |path: &Path| path.to_str().unwrap().to_owned();
    let order = [
        show(&site.folder()),
        show(&site.key_folder()),
        show(&release(site, n)),
        format!("1.0.0.{n}"),
        show(&scratch),
    ]
    .join("|");
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_publishes", "--quiet"])
        .env("BOOSTER_TEST_PUBLISH", order)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The release whose publication is measured: those before it are the bases of its patches.
const MEASURED: u32 = 9;

/// How long a publication takes that nobody disturbs.
fn undisturbed(site: &Site) -> Duration {
    let mut last = Duration::ZERO;
    for n in 1..=MEASURED {
        let started = Instant::now();
        assert!(child(site, n).wait().unwrap().success());
        last = started.elapsed();
    }
    last
}

#[test]
fn a_publisher_killed_at_any_moment_leaves_the_old_state_or_the_new_one() {
    const KILLS: u32 = 200;
    let site = Site::new();
    let machine = Machine::new(&site);
    let whole = undisturbed(&site);
    let mut current = MEASURED;
    let (mut old, mut new) = (0, 0);
    for n in MEASURED + 1..=MEASURED + KILLS {
        let mut child = child(&site, n);
        // Spread evenly over twice the time, in an order that looks random: with more bases a publication
        // takes longer.
        let moment = whole.mul_f64(f64::from(n.wrapping_mul(2_654_435_761) % 2000) / 1000.0);
        std::thread::sleep(moment);
        child.kill().unwrap();
        child.wait().unwrap();
        let seen = machine.see().unwrap_or_else(|error| panic!("killed after {moment:?}: {error}"));
        let (manifest, files) = &seen[&Antivirus];
        let version = manifest.version.0[3] as u32;
        assert!(version == current || version == n, "killed after {moment:?}: {version} is seen");
        assert_eq!(files.len(), 41);
        if version == n {
            new += 1
        } else {
            old += 1
        }
        current = version;
    }
    eprintln!("{KILLS} kills within {whole:?}: {old} left the old state, {new} the new one");
    assert!(old > 0 && new > 0, "the kills did not reach both sides of the commit: {old} {new}");
    let last = MEASURED + KILLS + 1;
    assert!(child(&site, last).wait().unwrap().success());
    assert_eq!(strays(&site), Vec::<String>::new());
    let scratch = common::files_below(&site.dir.path().join("scratch"));
    assert!(scratch.is_empty(), "work files of killed publishers are left: {scratch:?}");
    assert_eq!(versions(&machine.see().unwrap()), [format!("antivirus 1.0.0.{last}")]);
}

/// A small file system of its own, unmounted when it goes.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    /// `None` where this user may not mount.
    fn mount(path: &Path, bytes: u64) -> Option<Self> {
        std::fs::create_dir_all(path).unwrap();
        let size = format!("size={bytes}");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "none"]).arg(path).output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Self(path.to_owned()));
        }
        eprintln!("skipped: a small file system cannot be mounted by this user");
        None
    }

    /// Leaves about so much room.
    fn leave(&self, free: usize) {
        let ballast = self.0.join("ballast");
        let mut file = std::fs::File::create(&ballast).unwrap();
        let mut written = 0;
        while std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {
            written += 4096u64;
        }
        file.set_len(written.saturating_sub(free as u64)).unwrap();
    }

    fn relieve(&self) {
        std::fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_disk_that_is_full_at_any_stage_leaves_the_old_state_and_no_debris() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(&dir.path().join("repository"), 2 << 20) else { return };
    let mut site = Site { dir, root: Vec::new(), options: RepositoryOptions::default() };
    site.root = site.init().unwrap().root;
    let machine = Machine::new(&site);
    site.publish_request(&site.request(Antivirus, "1.0.0.1", &release(&site, 1))).unwrap();
    let (mut current, mut failed) = (1, 0);
    for (n, free) in (2..).zip((0..30).map(|pages| pages * 4096).chain([200_000])) {
        disk.leave(free);
        let result =
            site.publish_request(&site.request(Antivirus, &format!("1.0.0.{n}"), &release(&site, n)));
        match result {
            Ok(_) => current = n,
            Err(error @ (PublishError::Storage { .. } | PublishError::Io { .. })) => {
                let mut text = String::new();
                let mut cause: Option<&dyn std::error::Error> = Some(&error);
                while let Some(error) = cause {
                    text += &error.to_string();
                    cause = error.source();
                }
                assert!(text.contains("No space left"), "{text}");
                failed += 1;
            }
            Err(error) => panic!("with {free} bytes left: {error}"),
        }
        disk.relieve();
        assert_eq!(strays(&site), Vec::<String>::new(), "with {free} bytes left");
        assert_eq!(versions(&machine.see().unwrap()), [format!("antivirus 1.0.0.{current}")]);
    }
    assert!(failed > 5 && current > 1, "{failed} publications failed, {current} is out");
}

#[test]
fn readers_see_a_whole_state_while_releases_are_published() {
    let mut site = Site::new();
    site.options.keep = 4;
    site.publish(Antivirus, "1.0.0.1", &[("a.yar", &rule("a", "evil"))]).unwrap();
    let done = AtomicBool::new(false);
    let reads = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let machine = Machine::new(&site);
            let mut reads = 0;
            let mut last = 0;
            while !done.load(Ordering::Relaxed) {
                let seen = machine.see().unwrap();
                let version = seen[&Antivirus].0.version.0[3];
                assert!(version >= last);
                last = version;
                reads += 1;
            }
            reads
        });
        for n in 2..40 {
            site.publish(Antivirus, &format!("1.0.0.{n}"), &[("a.yar", &rule("a", &format!("evil {n}")))])
                .unwrap();
        }
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    assert!(reads > 0);
    assert_eq!(strays(&site), Vec::<String>::new());
}

#[test]
fn debris_of_a_crash_is_deleted_by_the_next_publication_and_other_files_are_not() {
    let site = Site::new();
    site.publish(Antivirus, "1.0.0.1", &[("a.yar", &rule("a", "evil"))]).unwrap();
    let hash = "e".repeat(64);
    let debris = [
        "metadata/9.targets.json".to_owned(),
        "metadata/9.snapshot.json".to_owned(),
        "metadata/timestamp.json#1".to_owned(),
        format!("targets/antivirus/{hash}.9.0.0.0.tar.zst"),
        format!("targets/antivirus/{hash}.9.0.0.0.tar.zst#12"),
    ];
    for name in debris.iter().map(String::as_str).chain(["targets/README"]) {
        std::fs::write(site.folder().join(name), "left behind").unwrap();
    }
    site.publish(Antivirus, "1.0.0.2", &[("a.yar", &rule("b", "evil"))]).unwrap();
    assert_eq!(strays(&site), ["targets/README"]);
    assert!(site.files().contains_key("metadata/10.targets.json"), "a name was used again");
    assert_eq!(versions(&Machine::new(&site).see().unwrap()), ["antivirus 1.0.0.2"]);
}

#[test]
fn an_init_that_was_interrupted_may_be_run_again() {
    let site = Site::new();
    std::fs::remove_file(site.folder().join("metadata/timestamp.json")).unwrap();
    std::fs::write(site.folder().join("metadata/1.targets.json"), "half").unwrap();
    let root = site.init().unwrap().root;
    let site = Site { root, ..site };
    site.publish(Antivirus, "1.0.0.0", &[("a.yar", &rule("a", "evil"))]).unwrap();
    assert_eq!(versions(&Machine::new(&site).see().unwrap()), ["antivirus 1.0.0.0"]);
}

#[test]
fn a_second_publisher_in_a_folder_is_told_who_is_working() {
    let site = Site::new();
    let mut child = child(&site, 7);
    let lock = site.folder().join(".publish.lock");
    let own = format!("pid {}", child.id());
    let deadline = Instant::now() + Duration::from_secs(60);
    // The child may be done before we look; then it was not busy.
    let mut busy = None;
    while Instant::now() < deadline && busy.is_none() && child.try_wait().unwrap().is_none() {
        if std::fs::read_to_string(&lock).unwrap_or_default().contains(&own) {
            busy = block(site.repository().refresh(&site.keys(), Timestamp::now())).err();
        }
    }
    child.wait().unwrap();
    match busy {
        Some(PublishError::Busy { holder, .. }) => assert!(holder.contains(&own), "{holder}"),
        Some(error) => panic!("{error}"),
        None => eprintln!("the other publisher was too quick to be met"),
    }
    site.publish(Antispyware, "1.0.0.0", &[("a.yar", &rule("a", "evil"))]).unwrap();
}

#[test]
fn a_damaged_release_of_another_component_is_noticed() {
    let site = Site::new();
    site.publish(Antivirus, "1.0.0.0", &[("a.yar", &rule("a", "evil"))]).unwrap();
    let archive = site.files().into_keys().find(|name| name.ends_with(".tar.zst")).unwrap();
    let path = site.folder().join(&archive);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let error = site.publish(Antispyware, "1.0.0.0", &[("a.yar", &rule("a", "spy"))]).unwrap_err();
    assert!(matches!(error, PublishError::Damaged { .. }), "{error}");
}

#[test]
fn an_empty_folder_and_a_link_are_refused() {
    let site = Site::new();
    let folder = site.release("empty", &[]);
    std::fs::create_dir_all(&folder).unwrap();
    let error = site.publish_request(&site.request(Antivirus, "1.0.0.0", &folder)).unwrap_err();
    assert!(matches!(error, PublishError::Empty { .. }), "{error}");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("/etc/passwd", folder.join("a.yar")).unwrap();
        let error = site.publish_request(&site.request(Antivirus, "1.0.0.0", &folder)).unwrap_err();
        assert!(error.to_string().contains("a.yar"), "{error}");
    }
    let unchanged = site.publish(Antivirus, "1.0.0.0", &[("a.yar", &rule("a", "evil"))]).unwrap();
    assert_eq!(unchanged.outcome, Outcome::Published);
}
