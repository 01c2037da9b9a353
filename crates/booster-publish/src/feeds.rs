//! Hash feeds of others, made into hash lists.
//!
//! A feed has a line `HASH;COMMENT` for each file, with MD5, SHA-1 or SHA-256, as many public
//! collections of indicators have it. MD5 goes to an `.hdb` list, the others to an `.hsb` list, in
//! ClamAV's text formats with `*` for the unknown size (which those formats have since functional
//! level 73). The comment becomes the threat's name.
//!
//! ```
//! let feed = "# comment\n44d88612fea8a8f36de82e1278abb02f;EICAR test file - https://www.eicar.org\n";
//! let converted = booster_publish::feeds::convert(feed.as_bytes())?;
//! assert_eq!(converted.md5, "44d88612fea8a8f36de82e1278abb02f:*:EICAR_test_file:73\n");
//! # Ok::<(), std::io::Error>(())
//! ```

use booster_definitions::{DefinitionPath, UnsafePath, archive::Source};
use std::{
    collections::HashSet,
    fmt,
    io::{self, BufRead, BufReader, Read},
};

/// Longest line that is read; longer ones are not of the format.
const MAX_LINE: u64 = 64 << 10;
/// Longest threat name in bytes.
const MAX_NAME: usize = 120;
/// The name where the comment gives none.
const UNNAMED: &str = "Unnamed";

/// A feed as hash lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Converted {
    /// The `.hdb` list: MD5.
    pub md5: String,
    /// The `.hsb` list: SHA-1 and SHA-256.
    pub sha: String,
    /// Hashes in both lists.
    pub hashes: u64,
    /// Lines that repeat a hash: the first one counts.
    pub repeated: u64,
    /// Lines that were not taken.
    pub skipped: Vec<SkippedLine>,
}

/// A line that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SkippedLine {
    /// Its number, from 1.
    pub line: u64,
    /// Why.
    pub reason: SkipReason,
}

impl fmt::Display for SkippedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

/// Why a line was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// What stands first is no hash.
    #[error("it does not start with an MD5, SHA-1 or SHA-256 in hexadecimal")]
    NoHash,
    /// The hash of no bytes: every empty file would be flagged.
    #[error("it is the hash of the empty file")]
    EmptyFile,
    /// Too long, or not text.
    #[error("it is longer than 64 KiB or not UTF-8")]
    NotText,
}

/// The hashes of no bytes.
const EMPTY_FILE: [&str; 3] = [
    "d41d8cd98f00b204e9800998ecf8427e",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
];

/// Converts a feed. Lines keep their order, so that a feed that grows gives lists that grow.
pub fn convert(feed: impl Read) -> io::Result<Converted> {
    let mut feed = BufReader::new(feed);
    let (mut converted, mut seen) = (Converted::default(), HashSet::new());
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if (&mut feed).take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.len() as u64 == MAX_LINE && !line.ends_with(b"\n") {
            skip_line(&mut feed)?;
            converted.skip(number, SkipReason::NotText);
            continue;
        }
        match std::str::from_utf8(&line) {
            Ok(text) => converted.take(number, text.trim(), &mut seen),
            Err(_) => converted.skip(number, SkipReason::NotText),
        }
    }
    Ok(converted)
}

fn skip_line(feed: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = feed.fill_buf()?;
        let (used, done) = match buffer.iter().position(|b| *b == b'\n') {
            Some(end) => (end + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        feed.consume(used);
        if done {
            return Ok(());
        }
    }
}

impl Converted {
    /// The lists as files of a release, `<stem>.hdb` and `<stem>.hsb`; empty ones are left out.
    pub fn files(&self, stem: &str) -> Result<Vec<(DefinitionPath, Source)>, UnsafePath> {
        let lists = [("hdb", &self.md5), ("hsb", &self.sha)];
        let some = lists.into_iter().filter(|(_, list)| !list.is_empty());
        some.map(|(ending, list)| {
            Ok((format!("{stem}.{ending}").parse()?, Source::Bytes(list.clone().into_bytes())))
        })
        .collect()
    }

    fn take(&mut self, number: u64, line: &str, seen: &mut HashSet<String>) {
        if line.is_empty() || line.starts_with('#') {
            return;
        }
        let (hash, comment) = line.split_once(';').unwrap_or((line, ""));
        let hash = hash.trim().to_ascii_lowercase();
        let list = match hash.len() {
            32 => &mut self.md5,
            40 | 64 => &mut self.sha,
            _ => return self.skip(number, SkipReason::NoHash),
        };
        if !hash.bytes().all(|b| b.is_ascii_hexdigit()) {
            return self.skip(number, SkipReason::NoHash);
        }
        if EMPTY_FILE.contains(&hash.as_str()) {
            return self.skip(number, SkipReason::EmptyFile);
        }
        if seen.contains(&hash) {
            self.repeated += 1;
            return;
        }
        list.push_str(&format!("{hash}:*:{}:73\n", threat_name(comment)));
        self.hashes += 1;
        seen.insert(hash);
    }

    fn skip(&mut self, line: u64, reason: SkipReason) {
        self.skipped.push(SkippedLine { line, reason });
    }
}

/// A comment as a threat's name: links go, and what ClamAV's names do not have becomes `_`.
fn threat_name(comment: &str) -> String {
    let mut name = String::new();
    for word in comment.split_whitespace().filter(|word| !word.contains("://")) {
        let plain: String = word
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || ".-".contains(c) { c } else { '_' })
            .collect();
        let plain = plain.trim_matches(['_', '-', '.']);
        if plain.is_empty() {
            continue;
        }
        if !name.is_empty() {
            name.push('_');
        }
        name.push_str(plain);
    }
    name.truncate(MAX_NAME);
    if name.is_empty() { UNNAMED.to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_hash_goes_to_its_list_with_a_plain_name() {
        let (md5, sha1, sha256) = ("a".repeat(32), "B".repeat(40), "c".repeat(64));
        let feed = format!(
            "# head\r\n\n{md5};Some APT, see: x https://example.org/a;b\r\n{sha1};\n{sha256}\n{sha1};again\n\
             zz;nothing\n{};x\n{};empty file\n",
            "g".repeat(32),
            EMPTY_FILE[2]
        );
        let converted = convert(feed.as_bytes()).unwrap();
        assert_eq!(converted.md5, format!("{md5}:*:Some_APT_see_x:73\n"));
        let sha1 = sha1.to_lowercase();
        assert_eq!(converted.sha, format!("{sha1}:*:Unnamed:73\n{sha256}:*:Unnamed:73\n"));
        assert_eq!((converted.hashes, converted.repeated), (3, 1));
        let skipped: Vec<_> =
            converted.skipped.iter().map(|skipped| (skipped.line, skipped.reason)).collect();
        assert_eq!(skipped, [(7, SkipReason::NoHash), (8, SkipReason::NoHash), (9, SkipReason::EmptyFile)]);
        let files = converted.files("feeds/iocs").unwrap();
        let names: Vec<_> = files.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(names, ["feeds/iocs.hdb", "feeds/iocs.hsb"]);
    }

    #[test]
    fn a_line_without_end_and_one_that_is_no_text_are_skipped() {
        let mut feed = vec![b'x'; 200_000];
        feed.extend_from_slice(b"\n\xff\xfe\n");
        feed.extend_from_slice("d".repeat(32).as_bytes());
        let converted = convert(feed.as_slice()).unwrap();
        assert_eq!(converted.hashes, 1);
        assert_eq!(converted.skipped.len(), 2);
    }

    #[test]
    fn names_are_bounded() {
        assert_eq!(threat_name(&"long ".repeat(100)).len(), MAX_NAME);
        assert_eq!(threat_name("  - https://x/ -- "), UNNAMED);
        assert_eq!(threat_name("Trojan.Win32/Ägypten:x"), "Trojan.Win32__gypten_x");
    }
}
