//! A full disk at every stage: the update fails with its own error, and the old set stays.

use crate::{
    support::{Machine, Random, Site, eicar, release, run},
    tmpfs::Tmpfs,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The set that is too big: some hundred kilobytes that do not compress.
fn big_release(dir: &Path, version: u32) -> PathBuf {
    let folder = release(dir, version);
    let mut random = Random(7);
    let line = |n| {
        format!(
            "{:016x}{:016x}{:016x}{:016x}:{n}:Big.{n}\n",
            random.below(u64::MAX),
            random.below(u64::MAX),
            random.below(u64::MAX),
            random.below(u64::MAX)
        )
    };
    fs::write(folder.join("big.hsb"), (0..8_000).map(line).collect::<String>()).unwrap();
    folder
}

#[test]
fn a_disk_that_is_full_at_any_stage_keeps_the_old_set() {
    let dir = tempfile::tempdir().unwrap();
    full_disk(dir.path(), &release(dir.path(), 1), 8, "full");
}

#[test]
fn a_disk_that_is_full_at_any_stage_of_patching_keeps_the_old_set() {
    let dir = tempfile::tempdir().unwrap();
    // A patch needs room for the old archive for a while; where there is too little the whole is tried.
    full_disk(dir.path(), &big_release(dir.path(), 1), 5, "patch");
}

/// Updates from this release to a big one on ever larger disks, of which at least `least` are too small.
fn full_disk(dir: &Path, first: &Path, least: usize, how: &str) {
    let Some(disk) = Tmpfs::mount(dir.join("disk"), 8 << 20) else { return };
    let site = Site::new(dir);
    let from = site.repository.to_str().unwrap();
    let machine = Machine::new(disk.path().join("machine"), &site);
    site.publish("1.0.0.1", first).expect(0);
    machine.update(from).expect(0);
    site.publish("1.0.0.2", &big_release(dir, 2)).expect(0);
    let looked = run(machine.update_command(from).arg("--check")).expect(0).json();
    assert_eq!(looked["components"][0]["how"], how, "{looked}");
    fs::write(dir.join("sample"), eicar()).unwrap();
    machine.scan(&dir.join("sample")).expect(1);
    let before = machine.files();

    // From no room at all, over too little for metadata, download, unpacking and the image, to plenty.
    let mut full = 0;
    for free in [0, 4, 8, 16, 32, 64, 128, 256, 384, 512, 640, 768, 896, 1024, 1280, 1536, 1792, 2048]
        .map(|kib| kib << 10)
    {
        disk.fill_up_to(free);
        let said = machine.update(from);
        match said.code {
            Some(2) => {
                full += 1;
                let report = said.json();
                assert_eq!(report["error"]["kind"], "disk_full", "{free} bytes free: {report}");
                assert_eq!(machine.version().as_deref(), Some("1.0.0.1"), "{free} bytes free");
                machine.verify().expect(0);
                machine.scan(&dir.join("sample")).expect(1);
                disk.empty();
                // Nothing stays behind but what was there; the journals may be new.
                let extra: Vec<_> = machine.files().difference(&before).cloned().collect();
                assert!(
                    extra.iter().all(|name| ["history.json", "checks.json", "attempts.json", "traffic.json"]
                        .contains(&name.as_str())),
                    "{extra:?}"
                );
            }
            Some(0) => {
                disk.empty();
                break;
            }
            _ => panic!("{free} bytes free: {said:?}"),
        }
    }
    assert!(full >= least, "only {full} sizes were too small");
    machine.update(from).expect(0);
    assert_eq!(machine.version().as_deref(), Some("1.0.0.2"));
}

#[test]
fn a_disk_that_is_full_while_going_back_changes_nothing_or_all() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let Some(disk) = Tmpfs::mount(dir.join("disk"), 8 << 20) else { return };
    let site = Site::new(dir);
    let machine = Machine::new(disk.path().join("machine"), &site);
    for version in [1, 2] {
        site.publish(&format!("1.0.0.{version}"), &release(dir, version)).expect(0);
        machine.update(site.repository.to_str().unwrap()).expect(0);
    }
    disk.fill_up_to(0);
    let said = run(&mut machine.command("rollback")).expect(2);
    assert!(said.err.contains("no space left"), "{}", said.err);
    assert_eq!((machine.version().as_deref(), machine.rejected()), (Some("1.0.0.2"), vec![]));
    machine.verify().expect(0);
    disk.empty();
    run(&mut machine.command("rollback")).expect(0);
    assert_eq!((machine.version().as_deref(), machine.rejected()), (Some("1.0.0.1"), vec!["1.0.0.2".into()]));
    machine.verify().expect(0);
}
