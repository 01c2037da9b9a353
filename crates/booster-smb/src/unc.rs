//! UNC paths: `\\host\share\folder\...`, and what must not be taken for one.
//!
//! MS-DTYP, section 2.2.57, gives the form; what names may hold is in MS-FSCC, sections 2.1.5 and 2.1.6.

use std::{fmt, net::Ipv6Addr, str::FromStr};

/// The longest share name, in characters.
const MAX_SHARE: usize = 80;
/// The longest name of a file or folder, in UTF-16 code units.
const MAX_COMPONENT: usize = 255;
/// The longest host name.
const MAX_HOST: usize = 255;
/// What stands for an IPv6 address in a UNC path, where a colon cannot stand: `fe80--1s3.ipv6-literal.net`.
const IPV6_LITERAL: &str = ".ipv6-literal.net";

/// The network name of a share, or of a folder in it.
///
/// Host and share are compared without regard to case, as servers do.
#[derive(Debug, Clone)]
pub struct UncPath {
    host: String,
    share: String,
    folder: Vec<String>,
}

/// A text that is no UNC path, or one that leads elsewhere than to a file share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not the network name of a share, as in \\\\server\\share\\folder: {reason}")]
pub struct InvalidUnc {
    text: String,
    reason: &'static str,
}

impl UncPath {
    /// Whether a text has the beginning of a network name and of nothing else: two backslashes. Two slashes
    /// begin a path of this machine as well, so they are a network name only where one is expected.
    pub fn is_meant_by(text: &str) -> bool {
        text.starts_with(r"\\")
    }

    /// The server: a name in small letters, or an address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The share's name.
    pub fn share(&self) -> &str {
        &self.share
    }

    /// The folder below the share, with `/` between its parts; empty for the share itself.
    pub fn folder(&self) -> String {
        self.folder.join("/")
    }

    /// The same folder at another place of the network, as a referral names it.
    pub(crate) fn at(text: &str, rest: &[String]) -> Result<Self, InvalidUnc> {
        // Referrals begin with one backslash.
        let mut unc: Self = format!(r"\\{}", text.trim_start_matches('\\')).parse()?;
        unc.folder.extend_from_slice(rest);
        Ok(unc)
    }

    /// The parts of the folder below the share.
    pub(crate) fn parts(&self) -> &[String] {
        &self.folder
    }

    /// The name of something in the folder, for messages; `path` has `/` between its parts.
    pub fn locate(&self, path: &str) -> String {
        format!(r"{self}\{}", path.replace('/', r"\"))
    }
}

impl FromStr for UncPath {
    type Err = InvalidUnc;

    fn from_str(text: &str) -> Result<Self, InvalidUnc> {
        // What stands before an @ may be a password, by the habit of URLs.
        let told = text.rsplit_once('@').map_or_else(|| text.to_owned(), |(_, rest)| format!("...@{rest}"));
        let refuse = |reason| InvalidUnc { text: told.clone(), reason };
        let (rest, separators) = after_the_beginning(text).map_err(refuse)?;
        let rest = rest.strip_suffix(separators).unwrap_or(rest);
        let mut parts = rest.split(separators);
        let host = host(parts.next().unwrap_or_default()).map_err(refuse)?;
        let share = share(parts.next().unwrap_or_default()).map_err(refuse)?;
        let folder: Vec<String> = parts.map(str::to_owned).collect();
        folder.iter().try_for_each(|part| check_component(part)).map_err(refuse)?;
        Ok(Self { host, share, folder })
    }
}

/// What follows the two separators, and what separates there.
fn after_the_beginning(text: &str) -> Result<(&str, &'static [char]), &'static str> {
    let rest = text.strip_prefix(['\\', '/']).and_then(|rest| rest.strip_prefix(['\\', '/']));
    let rest = rest.ok_or("it does not begin with two backslashes")?;
    if let Some(verbatim) = rest.strip_prefix(r"?\") {
        let unc = verbatim.get(..4).filter(|kind| kind.eq_ignore_ascii_case(r"UNC\"));
        unc.ok_or("after \\\\?\\ only UNC\\ names a share")?;
        return Ok((&verbatim[4..], &['\\']));
    }
    if rest.starts_with(['.', '?']) {
        return Err("it names a device");
    }
    Ok((rest, &['\\', '/']))
}

fn host(text: &str) -> Result<String, &'static str> {
    if text.contains('@') {
        return Err("a host with @ is a web folder or a port; the port is a setting of its own");
    }
    if let Some(address) = ipv6(text) {
        return Ok(address);
    }
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    match text {
        "" => Err("the host is missing"),
        _ if text.len() > MAX_HOST => Err("the host's name is too long"),
        _ if !text.chars().all(allowed) => Err("the host's name has a character that cannot stand there"),
        _ if text.starts_with(['.', '-']) => Err("the host's name begins with a dot or a hyphen"),
        _ => Ok(text.to_lowercase()),
    }
}

/// An IPv6 address in any of its three spellings, with its zone.
fn ipv6(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let literal = lower.strip_suffix(IPV6_LITERAL).map(|address| address.replace('-', ":").replace('s', "%"));
    let bare = lower.strip_prefix('[').and_then(|text| text.strip_suffix(']')).map(str::to_owned);
    let text = literal.or(bare).unwrap_or(lower);
    let (address, zone) = text.split_once('%').unwrap_or((&text, ""));
    let address: Ipv6Addr = address.parse().ok()?;
    match zone {
        "" if !text.contains('%') => Some(address.to_string()),
        zone if !zone.is_empty() && zone.bytes().all(|b| b.is_ascii_digit()) => {
            Some(format!("{address}%{zone}"))
        }
        _ => None,
    }
}

fn share(text: &str) -> Result<String, &'static str> {
    let forbidden = |c: char| c.is_control() || "\"\\/[]:|<>+=;,*?".contains(c);
    match text {
        "" => Err("the share is missing"),
        _ if text.eq_ignore_ascii_case("IPC$") => Err("IPC$ holds no files"),
        _ if text.chars().count() > MAX_SHARE => Err("the share's name is longer than 80 characters"),
        _ if text.chars().any(forbidden) => Err("the share's name has a character that cannot stand there"),
        "." | ".." => Err("a relative part"),
        _ => Ok(text.to_owned()),
    }
}

/// Refuses what is no plain name of a file or folder.
pub(crate) fn check_component(text: &str) -> Result<(), &'static str> {
    match text {
        "" => Err("an empty part"),
        "." | ".." => Err("a relative part"),
        _ if text.contains(':') => Err("a colon, which names a stream of a file"),
        _ if text.chars().any(|c| c.is_control() || "\"/\\|<>*?".contains(c)) => {
            Err("a character that no name on a share has")
        }
        _ if text.ends_with(['.', ' ']) => Err("a part that ends with a dot or a space"),
        _ if text.encode_utf16().count() > MAX_COMPONENT => Err("a part longer than 255 characters"),
        _ => Ok(()),
    }
}

impl fmt::Display for UncPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r"\\{}\{}", self.host, self.share)?;
        self.folder.iter().try_for_each(|part| write!(f, r"\{part}"))
    }
}

impl PartialEq for UncPath {
    fn eq(&self, other: &Self) -> bool {
        self.host == other.host
            && self.share.to_lowercase() == other.share.to_lowercase()
            && self.folder == other.folder
    }
}

impl Eq for UncPath {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_share_is_the_same_share() {
        for (text, shown) in [
            (r"\\files\set", r"\\files\set"),
            (r"\\FILES.Example\Set\", r"\\files.example\Set"),
            ("//files/set/a/b", r"\\files\set\a\b"),
            (r"\/files\set/a\b/", r"\\files\set\a\b"),
            (r"\\?\UNC\files\set\a", r"\\files\set\a"),
            (r"\\?\unc\files\set", r"\\files\set"),
            (r"\\192.0.2.7\set", r"\\192.0.2.7\set"),
            (r"\\fe80::1\set", r"\\fe80::1\set"),
            (r"\\[2001:DB8::1]\set", r"\\2001:db8::1\set"),
            (r"\\fe80--1s3.ipv6-literal.net\set", r"\\fe80::1%3\set"),
            (r"\\files\hidden$\Größe 2", r"\\files\hidden$\Größe 2"),
            (r"\\files\set\...a", r"\\files\set\...a"),
        ] {
            assert_eq!(text.parse::<UncPath>().map(|unc| unc.to_string()).as_deref(), Ok(shown), "{text}");
        }
        let (one, other) = (r"\\FILES\SET\a".parse::<UncPath>(), "//files/set/a".parse::<UncPath>());
        assert_eq!(one, other);
        assert_ne!(one, r"\\files\set\A".parse::<UncPath>(), "folders may tell small letters from capitals");
    }

    #[test]
    fn what_leads_elsewhere_or_nowhere_is_refused_with_the_reason() {
        let long = format!(r"\\h\{}", "s".repeat(81));
        let deep = format!(r"\\h\s\{}", "p".repeat(256));
        for (text, reason) in [
            ("", "two backslashes"),
            (r"\h\s", "two backslashes"),
            ("/media/usb", "two backslashes"),
            (r"\\.\pipe\x", "a device"),
            (r"\\?\C:\x", "only UNC"),
            ("//?/UNC/h/s", "a device"),
            (r"\\?\UNC\h/s", "the host's name has"),
            (r"\\", "host is missing"),
            (r"\\h", "share is missing"),
            (r"\\h\", "share is missing"),
            (r"\\\s", "host is missing"),
            (r"\\h\\p", "share is missing"),
            (r"\\h@8080\s", "web folder"),
            (r"\\h@SSL\s", "web folder"),
            (r"\\h:445\s", "the host's name has"),
            (r"\\fe80::1%eth0\s", "the host's name has"),
            (r"\\h\IPC$", "IPC$"),
            (r"\\h\ipc$\p", "IPC$"),
            (r"\\h\s\..\x", "relative"),
            (r"\\h\s\.", "relative"),
            (r"\\h\..", "relative"),
            (r"\\h\s\a\\b", "empty"),
            (r"\\h\s\a\\", "empty"),
            (r"\\h\s\a:stream", "stream"),
            (r"\\h\s\a*", "a character"),
            ("\\\\h\\s\\a\nb", "a character"),
            (r"\\h\s\a.", "ends with"),
            (r"\\h\s\a ", "ends with"),
            (r"\\h\s:x", "the share's name has"),
            (&long, "80 characters"),
            (&deep, "255 characters"),
        ] {
            let error = text.parse::<UncPath>().map(|unc| unc.to_string()).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
        let told = "//anna:geheim@h/s".parse::<UncPath>().unwrap_err().to_string();
        assert!(told.contains("@h/s") && !told.contains("geheim"), "{told}");
    }

    #[test]
    fn only_backslashes_mean_a_share_where_a_path_could_stand_as_well() {
        assert!(UncPath::is_meant_by(r"\\h\s"));
        assert!(!UncPath::is_meant_by("//h/s"));
        assert!(!UncPath::is_meant_by("/h/s"));
    }
}
