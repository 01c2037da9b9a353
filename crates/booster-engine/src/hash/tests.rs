//! Index files made from lists, and looked up.

use super::{
    Algorithm, FileDigests, HashFile, HashIndex, HashListFault, IndexError, IndexStatistics, IndexWriter,
    ListFormat, WriteError,
    parse::{ANY_SIZE, Line, parse_line},
};
use booster_definitions::Component;
use std::path::Path;

const INDEX: &str = "hashes.idx";
const MD5: &str = "44d88612fea8a8f36de82e1278abb02f";
const SHA1: &str = "3395856ce81f2b7382dee72602f798b642f14140";
const SHA256: &str = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";

/// A list for an index under test.
struct List<'a> {
    file: &'a str,
    text: String,
}

fn list(file: &str, text: impl Into<String>) -> List<'_> {
    List { file, text: text.into() }
}

/// Writes lists into a folder, and their index beside them.
fn write(folder: &Path, lists: &[List<'_>]) -> Result<IndexStatistics, WriteError> {
    let mut writer = IndexWriter::create(&folder.join(INDEX))?;
    for list in lists {
        let on_disk = folder.join("antivirus").join(list.file);
        std::fs::create_dir_all(on_disk.parent().unwrap()).unwrap();
        std::fs::write(&on_disk, &list.text).unwrap();
        let known_good = list.file.ends_with("fp");
        let file = HashFile { component: Component::Antivirus, path: list.file.to_owned(), known_good };
        writer.add(file, &on_disk)?;
    }
    writer.finish()
}

fn open(folder: &Path) -> Result<HashIndex, IndexError> {
    HashIndex::open(&folder.join(INDEX), folder)
}

/// Builds an index and hands it over.
fn index(lists: &[List<'_>]) -> (tempfile::TempDir, HashIndex, IndexStatistics) {
    let folder = tempfile::tempdir().unwrap();
    let statistics = write(folder.path(), lists).unwrap();
    let index = open(folder.path()).unwrap();
    (folder, index, statistics)
}

fn names(index: &HashIndex, algorithm: Algorithm, digest: &str, size: u64) -> Vec<String> {
    let digest = hex::decode(digest).unwrap();
    index.lookup(algorithm, &digest, size).map(|found| found.name.to_owned()).collect()
}

#[test]
fn lines_are_read_as_the_manual_says() {
    let line = |text: &'static str, format| parse_line(text.as_bytes(), format).unwrap();
    let digest = |text| {
        let mut digest = [0; 32];
        let bytes = hex::decode(text).unwrap();
        digest[..bytes.len()].copy_from_slice(&bytes);
        digest
    };
    assert_eq!(
        line("44D88612fea8a8f36de82e1278abb02f:68:Eicar\r", ListFormat::Md5),
        Some(Line { algorithm: Algorithm::Md5, digest: digest(MD5), size: 68, name: "Eicar" })
    );
    assert_eq!(
        line(
            "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f:*:Win.Test-1:73",
            ListFormat::Sha
        ),
        Some(Line {
            algorithm: Algorithm::Sha256,
            digest: digest(SHA256),
            size: ANY_SIZE,
            name: "Win.Test-1"
        })
    );
    assert_eq!(
        line("3395856ce81f2b7382dee72602f798b642f14140:0:ünï:73:255", ListFormat::Sha).unwrap().algorithm,
        Algorithm::Sha1
    );
    assert_eq!(line("", ListFormat::Sha), None);
    assert_eq!(line("\r", ListFormat::Sha), None);
    assert_eq!(line("# a comment: with colons", ListFormat::Sha), None);
}

#[test]
fn lines_of_any_other_form_are_refused_with_the_reason() {
    use HashListFault::{DigestLength, Fields, Level, Name, NotHexadecimal, Size};
    let long = "n".repeat(256);
    for (rest, fault) in [
        ("", Fields),
        (":68", Fields),
        ("::x", Size),
        (":-1:x", Size),
        (":6 8:x", Size),
        (":18446744073709551615:x", Size),
        (":99999999999999999999:x", Size),
        (":**:x", Size),
        (":68:", Name),
        (":68:a\tb", Name),
        (":68:\u{85}", Name),
        (&format!(":68:{long}"), Name),
        (":68:x:", Level),
        (":68:x:a", Level),
        (":68:x:1:2:3", Level),
        (":68:x:123456", Level),
    ] {
        let line = format!("{SHA256}{rest}");
        assert_eq!(parse_line(line.as_bytes(), ListFormat::Sha), Err(fault), "{line:?}");
    }
    for (line, format, fault) in [
        ("<html>", ListFormat::Md5, Fields),
        ("<a href=\"http://portal/\">:1:x", ListFormat::Md5, Size),
        (&format!("{SHA256}:1:x"), ListFormat::Md5, DigestLength),
        (&format!("{MD5}:1:x"), ListFormat::Sha, DigestLength),
        (&format!("{}g:1:x", &MD5[1..]), ListFormat::Md5, NotHexadecimal),
        (":1:x", ListFormat::Md5, DigestLength),
    ] {
        let found = parse_line(line.as_bytes(), format);
        assert!(found == Err(fault) || matches!(fault, Size) && found.is_err(), "{line:?}: {found:?}");
    }
    assert_eq!(
        parse_line(format!("{MD5}:1:\u{fffd}").as_bytes(), ListFormat::Md5).map(|l| l.is_some()),
        Ok(true)
    );
    assert_eq!(parse_line(&[MD5.as_bytes(), b":1:\xff"].concat(), ListFormat::Md5), Err(Name));
}

#[test]
fn every_listed_hash_is_found_and_no_other() {
    let text: String = (0..20_000u32).map(|n| format!("{}:{}:Threat.{n}\n", digest_of(n), n % 500)).collect();
    let (_folder, index, statistics) = index(&[list("many.hsb", text)]);
    assert_eq!(statistics, IndexStatistics { entries: 20_000, duplicates: 0 });
    for n in 0..20_000u32 {
        assert_eq!(
            names(&index, Algorithm::Sha256, &digest_of(n), u64::from(n % 500)),
            [format!("Threat.{n}")]
        );
        assert!(names(&index, Algorithm::Sha256, &digest_of(n), 500).is_empty());
        assert!(names(&index, Algorithm::Sha256, &digest_of(n + 20_000), u64::from(n % 500)).is_empty());
    }
}

fn digest_of(n: u32) -> String {
    booster_definitions::Digest::of(&n.to_le_bytes()).to_string()
}

#[test]
fn hashes_with_equal_starts_are_told_apart() {
    // All in one part and behind one prefix, in reverse order.
    let digest = |n: u32| format!("{}{n:08x}", "ab".repeat(28));
    let text: String = (0..500).rev().map(|n| format!("{}:1:T{n}\n", digest(n))).collect();
    let (_folder, index, _) = index(&[list("close.hsb", text)]);
    for n in 0..500 {
        assert_eq!(names(&index, Algorithm::Sha256, &digest(n), 1), [format!("T{n}")]);
    }
    assert!(names(&index, Algorithm::Sha256, &digest(500), 1).is_empty());
}

#[test]
fn repeated_lines_count_once_and_the_first_name_stays() {
    let text =
        format!("{SHA256}:68:First\n{SHA256}:68:Second\n{SHA256}:69:Other.Size\n{SHA256}:*:Any.Size\n");
    let (_folder, index, statistics) =
        index(&[list("a.hsb", text), list("b.hsb", format!("{SHA256}:68:Third"))]);
    assert_eq!(statistics, IndexStatistics { entries: 3, duplicates: 2 });
    assert_eq!(names(&index, Algorithm::Sha256, SHA256, 68), ["First", "Any.Size"]);
    assert_eq!(names(&index, Algorithm::Sha256, SHA256, 69), ["Other.Size", "Any.Size"]);
    assert_eq!(names(&index, Algorithm::Sha256, SHA256, 70), ["Any.Size"]);
}

#[test]
fn a_known_good_entry_stands_beside_a_bad_one() {
    let good = list("g.sfp", format!("{SHA256}:68:Good"));
    let (_folder, index, _) = index(&[list("b.hsb", format!("{SHA256}:68:Bad")), good]);
    let digest = hex::decode(SHA256).unwrap();
    let found: Vec<_> = index.lookup(Algorithm::Sha256, &digest, 68).collect();
    assert_eq!(
        found.iter().map(|m| (m.name, m.file.known_good)).collect::<Vec<_>>(),
        [("Bad", false), ("Good", true)]
    );
    assert_eq!((found[1].file.path.as_str(), found[1].file.component), ("g.sfp", Component::Antivirus));
}

#[test]
fn only_digests_that_could_be_listed_are_computed() {
    let (_folder, sized, _) = index(&[list("a.hdb", format!("{MD5}:68:Eicar"))]);
    assert!(sized.wants(Algorithm::Md5, 68));
    assert!(!sized.wants(Algorithm::Sha1, 68) && !sized.wants(Algorithm::Sha256, 68));
    assert!((0..1000).filter(|size| sized.wants(Algorithm::Md5, *size)).count() < 100);
    assert_eq!(FileDigests::wanted(&sized, &[0; 68]).sha256, None);

    let (_folder, any, _) = index(&[list("a.hsb", format!("{SHA1}:*:Eicar\n"))]);
    assert!((0..1000).all(|size| any.wants(Algorithm::Sha1, size)));
    let digests = FileDigests::wanted(&any, b"abc");
    // FIPS 180-4, example "abc".
    assert_eq!(hex::encode(digests.sha1.unwrap()), "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_eq!((digests.md5, digests.sha256), (None, None));
}

#[test]
fn wrong_lines_are_all_reported_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let long = "x".repeat(300_000);
    let text = format!("{SHA256}:1:Good\n<html>\n\n{long}\n{SHA256}:x:T\n{}", &SHA256[..20]);
    match write(folder.path(), &[list("a/b.hsb", text)]) {
        Err(WriteError::Lines { errors, total }) => {
            let places: Vec<_> = errors.iter().map(|e| (e.file.as_str(), e.line, e.fault)).collect();
            let file = "a/b.hsb";
            assert_eq!(
                places,
                [
                    (file, 2, HashListFault::Fields),
                    (file, 4, HashListFault::TooLong),
                    (file, 5, HashListFault::Size),
                    (file, 6, HashListFault::Fields)
                ]
            );
            assert_eq!(total, 4);
            assert_eq!(errors[0].to_string(), "antivirus/a/b.hsb:2: not of the form HASH:SIZE:NAME");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn lines_across_pieces_of_the_list_are_whole() {
    let text: String = (0..30_000u32)
        .map(|n| format!("{}:7:{}\n", digest_of(n), "n".repeat(n as usize % 200 + 1)))
        .collect();
    let (_folder, index, statistics) = index(&[list("long.hsb", text)]);
    assert_eq!(statistics.entries, 30_000);
    assert_eq!(names(&index, Algorithm::Sha256, &digest_of(29_999), 7)[0].len(), 29_999 % 200 + 1);
}

#[test]
fn the_same_lists_give_the_same_bytes() {
    let text: String = (0..3000u32).map(|n| format!("{}:{n}:T{}\n", digest_of(n), n % 7)).collect();
    let written = || {
        let (folder, _, _) = index(&[list("x.hsb", text.clone())]);
        std::fs::read(folder.path().join(INDEX)).unwrap()
    };
    assert!(written() == written());
}

#[test]
fn lists_without_a_hash_are_lists_too() {
    let (_folder, index, statistics) = index(&[list("none.hsb", ""), list("only.hdb", "# nothing yet\n")]);
    assert_eq!(statistics, IndexStatistics::default());
    assert!(index.is_empty() && names(&index, Algorithm::Md5, MD5, 1).is_empty());
}

#[test]
fn an_index_whose_lists_are_missing_or_changed_is_refused() {
    let (folder, _, _) = index(&[list("a.hsb", format!("{SHA256}:1:T"))]);
    let on_disk = folder.path().join("antivirus/a.hsb");
    std::fs::write(&on_disk, "other").unwrap();
    assert!(matches!(open(folder.path()), Err(IndexError::ListChanged(list)) if list == "antivirus/a.hsb"));
    std::fs::remove_file(&on_disk).unwrap();
    assert!(matches!(open(folder.path()), Err(IndexError::List { list, .. }) if list == "antivirus/a.hsb"));
}

#[test]
fn an_index_that_is_cut_or_changed_in_its_header_is_refused() {
    let (folder, _, _) = index(&[list("a.hsb", format!("{SHA256}:1:T"))]);
    let path = folder.path().join(INDEX);
    let good = std::fs::read(&path).unwrap();
    for length in [0, 1, 7, 8, 255, 256, good.len() - 1] {
        std::fs::write(&path, &good[..length]).unwrap();
        let refused = open(folder.path()).unwrap_err();
        let expected = match length {
            ..8 => matches!(refused, IndexError::NotAnIndex),
            _ => matches!(refused, IndexError::Damaged),
        };
        assert!(expected, "cut at {length}: {refused}");
    }
    for at in 0..224 {
        let mut bad = good.clone();
        bad[at] ^= 0x40;
        std::fs::write(&path, &bad).unwrap();
        assert!(open(folder.path()).is_err(), "byte {at} changed");
    }
}

#[test]
fn a_damaged_body_gives_wrong_answers_and_no_panic() {
    let text: String = (0..50u32).map(|n| format!("{}:{n}:T{n}\n", digest_of(n))).collect();
    let (folder, _, _) = index(&[list("a.hsb", text)]);
    let path = folder.path().join(INDEX);
    let good = std::fs::read(&path).unwrap();
    for at in (256..good.len()).step_by(7) {
        let mut bad = good.clone();
        bad[at] ^= 0xff;
        std::fs::write(&path, &bad).unwrap();
        let Ok(index) = open(folder.path()) else { continue };
        for n in 0..50 {
            _ = index.wants(Algorithm::Sha256, n);
            _ = names(&index, Algorithm::Sha256, &digest_of(n as u32), n);
        }
    }
}
