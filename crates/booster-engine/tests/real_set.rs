//! Real rule sets: every published version becomes an image, whole, and what was saved of it is what is used.

#![allow(clippy::unwrap_used, reason = "test code outside test functions")]

mod common;

use booster_definitions::Component;
use booster_engine::{BuildReport, Image};
use common::{Generation, test_data};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Unpacks every version and returns their folders in order.
fn versions(into: &Path) -> Option<Vec<PathBuf>> {
    let archive = fs::File::open(test_data()?.join("signature-base-history.tar.zst")).unwrap();
    tar::Archive::new(zstd::Decoder::new(archive).unwrap()).unpack(into).unwrap();
    let mut folders: Vec<_> = fs::read_dir(into).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    Some(folders)
}

/// The feed's `hash;comment` lines as hash lists: MD5, and SHA-1 with SHA-256.
fn convert(feed: &str) -> (String, String) {
    let (mut md5, mut sha) = (String::new(), String::new());
    for line in feed.lines() {
        let Some((hash, comment)) = line.split_once(';') else { continue };
        let hash = hash.trim();
        if !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            continue;
        }
        let name: String =
            comment.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).take(60).collect();
        match hash.len() {
            32 => md5.push_str(&format!("{hash}:*:IOC.{name}\n")),
            40 | 64 => sha.push_str(&format!("{hash}:*:IOC.{name}\n")),
            _ => {}
        }
    }
    (md5, sha)
}

fn build_version(folder: &Path) -> (Generation, BuildReport) {
    let generation = Generation::new(&[]);
    fs::create_dir(generation.path("antivirus")).unwrap();
    fs::rename(folder.join("yara"), generation.path("antivirus/yara")).unwrap();
    let (md5, sha) = convert(&String::from_utf8_lossy(&fs::read(folder.join("iocs/hash-iocs.txt")).unwrap()));
    generation.put("antivirus/iocs.hdb", md5.as_bytes());
    generation.put("antivirus/iocs.hsb", sha.as_bytes());
    generation.put("antivirus/selftest/must-detect/eicar.com", &common::eicar());
    generation.put("antivirus/selftest/must-not-detect/empty", b"");
    let report = generation.build_leaving_out().unwrap();
    (generation, report)
}

/// Rules of the real set that use a module which their file does not import: no engine takes them alone.
const FAULTY: [&str; 2] = [
    "antivirus/yara/apt_apt36_operation_sindoor.yar:53:35: rule MAL_Sindoor_Decryptor_Aug25: unknown identifier \"pe\"",
    "antivirus/yara/apt_apt36_operation_sindoor.yar:79:35: rule MAL_Sindoor_Downloader_Aug25: unknown identifier \"pe\"",
];

#[test]
fn every_version_becomes_an_image_and_only_rules_with_faults_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let Some(versions) = versions(folder.path()) else { return };
    assert_eq!(versions.len(), 21);
    for version in versions {
        let name = version.file_name().unwrap().to_string_lossy().into_owned();
        let (generation, report) = build_version(&version);
        let counts = report.per_component[&Component::Antivirus];
        let rejected: Vec<_> = report.rejected.iter().map(ToString::to_string).collect();
        println!("{name}: {} rules, {} hashes, left out: {rejected:?}", counts.rules, counts.hashes);
        assert!(rejected.is_empty() || rejected == FAULTY, "{name}: {rejected:?}");
        assert!(counts.rules > 5000 && counts.hashes > 1000, "{name}: {counts:?}");
        assert_eq!(report.self_tests, 2);
        Image::read(&generation.path("image")).unwrap();
        let files = fs::read_dir(generation.path("image")).unwrap();
        let saved =
            files.filter(|f| f.as_ref().unwrap().file_name().to_string_lossy().starts_with("rules-")).count();
        assert!((6..=12).contains(&saved), "{name}: {saved} parts of rules were saved");
    }
}
