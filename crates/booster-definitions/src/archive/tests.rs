//! Archives that are right, and archives that must not be taken.

use super::*;
use crate::{ArchiveInfo, Digest};
use std::{fs, io::Write as _, path::Path};

fn set(files: &[(&str, &[u8])]) -> FileSet {
    let mut set = FileSet::new(Limits::default());
    for (path, bytes) in files {
        set.insert(path.parse().unwrap(), Source::Bytes(bytes.to_vec())).unwrap();
    }
    set
}

fn write(set: &FileSet) -> Vec<u8> {
    let mut bytes = Vec::new();
    set.write(&mut bytes).unwrap();
    bytes
}

fn unpack_to(dir: &Path, archive: &[u8]) -> Result<Unpacked, ArchiveError> {
    unpack(archive, dir, Limits::default(), &mut |_| Ok(()))
}

/// A tar with one entry of any kind and name, as an attacker would write it.
fn forged(kind: tar::EntryType, name: &[u8], link: Option<&str>) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(0);
    header.set_mode(0o644);
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    if let Some(link) = link {
        header.set_link_name(link).unwrap();
    }
    header.set_cksum();
    let mut builder = tar::Builder::new(Vec::new());
    builder.append(&header, std::io::empty()).unwrap();
    builder.into_inner().unwrap()
}

#[test]
fn the_same_files_give_the_same_bytes_wherever_they_come_from() {
    let long = format!("{}/rule.yar", "folder".repeat(25));
    let files: &[(&str, &[u8])] = &[("b.yar", b"two"), ("a/x.hsb", b"one"), (&long, b"long")];
    let dir = tempfile::tempdir().unwrap();
    for (path, bytes) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let from_memory = write(&set(files));
    let from_disk = write(&FileSet::from_dir(dir.path(), Limits::default()).unwrap());
    assert_eq!(from_memory, from_disk);
    // The digest is part of the format: a change here makes every published archive another one.
    assert_eq!(
        Digest::of(&from_memory).to_string(),
        "6bfaca3eb130b17b871b891f473e2eb810f23db793984c09e1d9a9dceac77c28"
    );
}

#[test]
fn what_was_written_is_unpacked_and_named() {
    let set = set(&[("a/x.hsb", b"one"), ("b.yar", b""), ("c.rules", &[7; 100_000])]);
    let archive = write(&set);
    let dir = tempfile::tempdir().unwrap();
    let mut seen = 0;
    let unpacked = unpack(archive.as_slice(), dir.path(), Limits::default(), &mut |done| {
        assert!(done >= seen);
        seen = done;
        Ok(())
    })
    .unwrap();
    assert_eq!(
        unpacked.archive,
        ArchiveInfo { sha256: Digest::of(&archive), size: archive.len() as u64, files: 3 }
    );
    assert_eq!(unpacked.files[2].crc32, crate::Checksum::of(&[7; 100_000]));
    assert_eq!(fs::read(dir.path().join("a/x.hsb")).unwrap(), b"one");
    assert_eq!(write(&FileSet::from_dir(dir.path(), Limits::default()).unwrap()), archive);
}

#[test]
fn entries_that_are_not_plain_files_are_refused() {
    use tar::EntryType as T;
    for (kind, link) in [
        (T::Symlink, Some("/etc/passwd")),
        (T::Link, Some("other")),
        (T::Char, None),
        (T::Block, None),
        (T::Fifo, None),
        (T::Directory, None),
        (T::Continuous, None),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let error = unpack_to(dir.path(), &forged(kind, b"entry", link)).unwrap_err();
        assert!(matches!(error, ArchiveError::NotAFile { .. }), "{kind:?}: {error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{kind:?}");
    }
}

#[test]
fn names_that_leave_the_folder_are_refused() {
    for name in [&b"/etc/passwd"[..], b"../up", b"a/../../up", b"c:\\x", b"nul"] {
        let dir = tempfile::tempdir().unwrap();
        let error =
            unpack_to(&dir.path().join("in"), &forged(tar::EntryType::Regular, name, None)).unwrap_err();
        assert!(matches!(error, ArchiveError::UnsafePath(_)), "{error}");
        assert_eq!(fs::read_dir(dir.path().join("in")).unwrap().count(), 0);
    }
}

#[test]
fn names_that_collide_when_case_is_ignored_are_refused_on_both_sides() {
    for (first, second) in
        [("A.yar", "a.yar"), ("Dir/x", "dir/y"), ("a", "a/b"), ("A", "a/b"), ("ÄRA/x", "ära/x")]
    {
        let mut set = set(&[(first, b"")]);
        let error = set.insert(second.parse().unwrap(), Source::Bytes(Vec::new())).unwrap_err();
        assert!(matches!(error, ArchiveError::Collision { .. }), "{first} {second}: {error}");

        let mut builder = tar::Builder::new(Vec::new());
        for name in [first, second] {
            let mut header = tar::Header::new_gnu();
            header.set_size(0);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, std::io::empty()).unwrap();
        }
        let dir = tempfile::tempdir().unwrap();
        let error = unpack_to(dir.path(), &builder.into_inner().unwrap()).unwrap_err();
        assert!(matches!(error, ArchiveError::Collision { .. }), "{first} {second}: {error}");
    }
}

#[test]
fn an_archive_out_of_order_is_refused() {
    let mut builder = tar::Builder::new(Vec::new());
    for name in ["b", "a"] {
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        builder.append_data(&mut header, name, std::io::empty()).unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let error = unpack_to(dir.path(), &builder.into_inner().unwrap()).unwrap_err();
    assert!(matches!(error, ArchiveError::OutOfOrder { .. }), "{error}");
}

#[test]
fn every_limit_is_kept_on_both_sides() {
    let archive = write(&set(&[("a", &[1; 100]), ("b", &[2; 100])]));
    let dir = tempfile::tempdir().unwrap();
    for (n, limits) in [
        Limits { files: 1, ..Limits::default() },
        Limits { total_bytes: 199, ..Limits::default() },
        Limits { file_bytes: 99, ..Limits::default() },
    ]
    .into_iter()
    .enumerate()
    {
        let folder = dir.path().join(n.to_string());
        let error = unpack(archive.as_slice(), &folder, limits, &mut |_| Ok(())).unwrap_err();
        assert!(matches!(error, ArchiveError::TooMuch { .. }), "{error}");
        let mut set = FileSet::new(limits);
        let inserted: Result<Vec<()>, _> = ["a", "b"]
            .map(|p| set.insert(p.parse().unwrap(), Source::Bytes(vec![1; 100])))
            .into_iter()
            .collect();
        assert!(matches!(inserted, Err(ArchiveError::TooMuch { .. })));
    }
}

#[test]
fn no_truncation_is_taken_for_the_whole() {
    let archive = write(&set(&[("a", b"some bytes"), ("b", &[9; 3000])]));
    let whole = Digest::of(&archive);
    for length in (0..archive.len()).step_by(97) {
        let dir = tempfile::tempdir().unwrap();
        if let Ok(unpacked) = unpack_to(dir.path(), &archive[..length]) {
            assert_ne!(unpacked.archive.sha256, whole, "{length} bytes");
        }
    }
}

#[test]
fn bytes_after_the_end_are_refused() {
    let mut archive = write(&set(&[("a", b"x")]));
    archive.write_all(&[0; 4096]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(unpack_to(dir.path(), &archive), Err(ArchiveError::Damaged(_))));
}

#[test]
fn a_file_that_changes_while_it_is_archived_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    for (listed, actual) in [(5, "four"), (4, "five!")] {
        fs::write(&path, actual).unwrap();
        let mut set = FileSet::new(Limits::default());
        set.insert("a".parse().unwrap(), Source::File { path: path.clone(), size: listed }).unwrap();
        let error = set.write(std::io::sink()).unwrap_err();
        assert!(matches!(error, ArchiveError::Changed { .. }), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_among_the_files_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/etc/passwd", dir.path().join("a.yar")).unwrap();
    let error = FileSet::from_dir(dir.path(), Limits::default()).unwrap_err();
    assert!(matches!(error, ArchiveError::NotAFile { what: "symbolic link", .. }), "{error}");
}

#[test]
fn progress_can_stop_the_work() {
    let archive = write(&set(&[("a", b"x"), ("b", b"y")]));
    let dir = tempfile::tempdir().unwrap();
    let stop = &mut |_| Err(std::io::Error::from(std::io::ErrorKind::Interrupted));
    assert!(unpack(archive.as_slice(), dir.path(), Limits::default(), stop).is_err());
    assert!(!dir.path().join("b").exists());
}
