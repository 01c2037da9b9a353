//! Real content with its real history: every version is published, and a machine follows through all
//! of them, from a folder, over nginx and over `booster serve`.

use crate::support::{Machine, Said, Site, booster, run};
use booster_test_support::Nginx;
use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// The unpacked history, or nothing where the data is not there.
fn history(dir: &Path) -> Option<Vec<PathBuf>> {
    let data = std::env::var_os("BOOSTER_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let archive = data.join("signature-base-history.tar.zst");
    if !archive.exists() {
        eprintln!("skipped: {} is not there (set BOOSTER_TEST_DATA)", archive.display());
        return None;
    }
    let folder = dir.join("history");
    fs::create_dir(&folder).unwrap();
    let unpacked = Command::new("tar")
        .args(["--use-compress-program", "zstd -d --long=27", "-xf"])
        .arg(archive)
        .arg("-C")
        .arg(&folder)
        .status();
    assert!(unpacked.unwrap().success());
    let mut versions: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    versions.sort();
    Some(versions)
}

/// `booster serve` on a free port, stopped when it goes.
struct Served {
    child: Child,
    url: String,
}

impl Served {
    fn start(folder: &Path) -> Self {
        let mut child = booster()
            .arg("serve")
            .arg(folder)
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let line = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
        let url = line
            .split_whitespace()
            .find(|word| word.starts_with("http://"))
            .unwrap_or_else(|| panic!("{line}"));
        Self { url: url.to_owned(), child }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_machine_follows_a_public_rule_set_through_its_whole_history() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let Some(versions) = history(dir) else { return };
    assert_eq!(versions.len(), 21);
    let site = Site::new(dir);
    let served = Served::start(&site.repository);
    let nginx = Nginx::serve(&site.repository);
    let mut ways = vec![
        (Machine::new(dir.join("by-folder"), &site), site.repository.to_str().unwrap().to_owned()),
        (Machine::new(dir.join("by-serve"), &site), served.url.clone()),
    ];
    ways.extend(nginx.as_ref().map(|nginx| (Machine::new(dir.join("by-nginx"), &site), nginx.url())));

    for (n, folder) in versions.iter().enumerate() {
        let version = format!("1.0.{}.0", n + 1);
        let feed = folder.join("iocs/hash-iocs.txt");
        let rules = folder.join("yara");
        publish(&site, &version, &rules, &feed);
        std::thread::scope(|scope| {
            for (machine, from) in &ways {
                scope.spawn(|| follow(machine, from, &version, &rules));
            }
        });
    }
}

/// Publishes a version. One that holds rules that the engine cannot take is refused with their names,
/// and published without them when the publisher says so.
fn publish(site: &Site, version: &str, rules: &Path, feed: &Path) {
    let command = || site.publish_command(version, rules).arg("--hash-feed").arg(feed);
    let said = run(command());
    if said.code == Some(0) {
        return;
    }
    let said = said.expect(2);
    let named: Vec<_> = said.err.lines().filter(|line| line.contains(".yar:")).collect();
    assert!(!named.is_empty(), "{said:?}");
    let left_out = run(command().args(["--invalid-rules", "leave-out"])).expect(0);
    let file = named[0].split(':').next().unwrap();
    assert!(left_out.err.contains(file) || left_out.out.contains(file), "{file} is not named: {left_out:?}");
}

/// Updates a machine and checks that `status` and `scan` agree on what it has.
fn follow(machine: &Machine, from: &str, version: &str, rules: &Path) {
    let report = machine.update(from).expect(0).json();
    assert_eq!(report["outcome"], "updated", "{report}");
    assert_eq!(report["components"][0]["to"], version, "{report}");
    assert_eq!(machine.version().as_deref(), Some(version));

    // The rules' own sources hold the strings that they look for: many of them are found.
    let found = detections(machine.scan(&rules.join("gen_webshells.yar")).expect(1));
    assert!(found.iter().all(|detection| detection["version"] == version), "{found:?}");
    assert!(!found.is_empty());

    let again = machine.update(from).expect(0).json();
    assert_eq!(again["outcome"], "current", "{again}");
    assert_eq!(again["requests"], 1, "{again}");
}

fn detections(said: Said) -> Vec<serde_json::Value> {
    let lines = said.out.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    lines.flat_map(|line| line["detections"].as_array().cloned().unwrap_or_default()).collect()
}
