//! Who a machine is at a file server: an account from a file that nobody else can read.
//!
//! The file is the one that `mount.cifs` takes: `username=`, `password=` and `domain=`, one a line. What
//! follows the first `=` counts to the last character, blanks included.

#[cfg(unix)]
use rustix::fs::OFlags;
#[cfg(unix)]
use std::os::unix::fs::OpenOptionsExt as _;
use std::{
    env, fmt,
    fs::{File, OpenOptions},
    io::{self, Read as _},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// The most that a credentials file may hold.
const MAX_FILE: u64 = 16 * 1024;

/// A user of a file server. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    pub(crate) user: String,
    pub(crate) password: Zeroizing<String>,
    pub(crate) domain: String,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Account(..)")
    }
}

/// A credentials file that is not used. Nothing of its content is told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// It cannot be read.
    #[error("the credentials file {} cannot be read: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// Others could read or change it.
    #[error("the credentials file {} {reason}: run `chmod 600` on it, as the user that runs booster", file.display())]
    Exposed {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: &'static str,
    },
    /// It does not say what it must.
    #[error(
        "the credentials file {} {reason}: it has the lines username=, password= and, where there is one, domain=",
        file.display()
    )]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl Account {
    /// A user with a password. `DOMAIN\user` and `user@domain` are taken apart, unless a domain is given.
    pub fn new(user: &str, password: &str, domain: &str) -> Self {
        let (user, domain) = match (user.split_once('\\'), user.split_once('@'), domain) {
            (Some((domain, user)), _, "") | (None, Some((user, domain)), "") => (user, domain),
            (_, _, domain) => (user, domain),
        };
        let password = Zeroizing::new(password.to_owned());
        Self { user: user.to_owned(), password, domain: domain.to_owned() }
    }

    /// Reads a credentials file that belongs to this user, or to root, and that nobody else may read.
    ///
    /// # Errors
    /// [`CredentialsError`].
    pub fn from_file(file: &Path) -> Result<Self, CredentialsError> {
        let mut text = Zeroizing::new(String::new());
        let failed = |source| CredentialsError::Io { file: file.to_owned(), source };
        open_protected(file)?.take(MAX_FILE + 1).read_to_string(&mut text).map_err(failed)?;
        let malformed = |reason| CredentialsError::Malformed { file: file.to_owned(), reason };
        if text.len() as u64 > MAX_FILE {
            return Err(malformed("is longer than 16 KiB".to_owned()));
        }
        parse(&text).map_err(malformed)
    }
}

/// Opens a file that belongs to this user, or to root, and that nobody else may read.
pub(crate) fn open_protected(file: &Path) -> Result<File, CredentialsError> {
    let failed = |source| CredentialsError::Io { file: file.to_owned(), source };
    let mut options = OpenOptions::new();
    options.read(true);
    // Opening a pipe would wait for somebody who writes.
    #[cfg(unix)]
    options.custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    let opened = options.open(file).map_err(failed)?;
    let by_systemd = env::var_os("CREDENTIALS_DIRECTORY").is_some_and(|folder| file.starts_with(folder));
    // Judged by what was opened, which nobody can exchange any more.
    match exposure(&opened.metadata().map_err(failed)?, by_systemd) {
        None => Ok(opened),
        Some(reason) => Err(CredentialsError::Exposed { file: file.to_owned(), reason }),
    }
}

/// Why the file is not for this user's eyes alone.
///
/// systemd gives a service its credentials as root's files, with an access control list for the service's user,
/// whose mask stands where the group's rights are shown (systemd.exec(5), `LoadCredential=`).
#[cfg(unix)]
fn exposure(found: &std::fs::Metadata, by_systemd: bool) -> Option<&'static str> {
    use std::os::unix::fs::MetadataExt as _;
    let owner = found.uid();
    let others = if by_systemd && owner == 0 { 0o037 } else { 0o077 };
    if !found.is_file() {
        Some("is no regular file")
    } else if owner != rustix::process::geteuid().as_raw() && owner != 0 {
        Some("belongs to another user")
    } else if found.mode() & others != 0 {
        Some("can be read or changed by others")
    } else {
        None
    }
}

/// Windows' access control lists are the administrator's.
#[cfg(not(unix))]
fn exposure(found: &std::fs::Metadata, _by_systemd: bool) -> Option<&'static str> {
    (!found.is_file()).then_some("is no regular file")
}

fn parse(text: &str) -> Result<Account, String> {
    let (mut user, mut password, mut domain) = (None, None, None);
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        // The line itself is never told: it may be a password.
        let (key, value) = line.split_once('=').ok_or_else(|| format!("has no = in line {number}"))?;
        let place = match key.trim() {
            "username" | "user" => &mut user,
            "password" | "pass" => &mut password,
            "domain" | "dom" | "workgroup" => &mut domain,
            _ => return Err(format!("has an unknown key in line {number}")),
        };
        if place.replace(value).is_some() {
            return Err(format!("says the same twice, again in line {number}"));
        }
    }
    match (user, password) {
        (Some(user), Some(password)) if !user.trim().is_empty() => {
            Ok(Account::new(user, password, domain.unwrap_or_default()))
        }
        (Some(_), None) => Err("has no password".to_owned()),
        _ => Err("has no username".to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
mod tests {
    use super::*;

    fn account(user: &str, password: &str, domain: &str) -> Account {
        Account { user: user.to_owned(), password: password.to_owned().into(), domain: domain.to_owned() }
    }

    #[test]
    fn a_file_is_read_as_mount_cifs_reads_it() {
        for (text, expected) in [
            ("username=anna\npassword=p\n", account("anna", "p", "")),
            ("user=anna\r\npass= a=b \r\ndomain=EXAMPLE\r\n", account("anna", " a=b ", "EXAMPLE")),
            ("# machine\n\nusername=EXAMPLE\\anna\npassword=", account("anna", "", "EXAMPLE")),
            ("password=p\nusername=anna@example.org", account("anna", "p", "example.org")),
            ("username=a@b\npassword=p\ndomain=D", account("a@b", "p", "D")),
        ] {
            assert!(parse(text) == Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn a_file_that_says_too_little_is_refused_and_not_quoted() {
        for text in
            ["", "username=u", "password=geheim", "geheim", "username=\npassword=geheim", "geheim=geheim"]
        {
            let reason = parse(text).unwrap_err();
            assert!(!reason.contains("geheim"), "{reason}");
        }
        assert!(parse("username=a\nusername=b\npassword=p").unwrap_err().contains("line 2"));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_not_used() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("share.credentials");
        std::fs::write(&file, "username=anna\npassword=geheim\n").unwrap();
        for (mode, usable) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o620, false)] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            let read = Account::from_file(&file);
            assert_eq!(read.is_ok(), usable, "{mode:o}: {read:?}");
            assert!(!format!("{read:?}").contains("geheim"));
        }
        let missing = Account::from_file(&folder.path().join("missing"));
        assert!(matches!(missing, Err(CredentialsError::Io { .. })), "{missing:?}");
        // A pipe that nobody writes to.
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(matches!(Account::from_file(&pipe), Err(CredentialsError::Exposed { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_this_users_or_roots_or_what_systemd_has_given() {
        use std::os::unix::fs::{PermissionsExt as _, chown};
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: only root can give files away");
            return;
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        for (owner, mode, by_systemd, usable) in [
            (0, 0o400, false, true),
            (65534, 0o400, false, false),
            (65534, 0o400, true, false),
            (0, 0o440, false, false),
            (0, 0o440, true, true),
            (0, 0o460, true, false),
            (0, 0o444, true, false),
        ] {
            chown(file.path(), Some(owner), None).unwrap();
            std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
            let found = std::fs::metadata(file.path()).unwrap();
            assert_eq!(exposure(&found, by_systemd).is_none(), usable, "{owner} {mode:o} {by_systemd}");
        }
    }
}
