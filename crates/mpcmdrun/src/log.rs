//! `MpCmdRun.log`: what each run did, in the folder for temporary files.
//!
//! It is for people who look for a reason afterwards, so nothing fails because it cannot be written.
//! Others may write into the same folder: a file that is not this user's own, or leads elsewhere, is left
//! alone.

use crate::session::plain;
use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

/// The file's name.
pub const NAME: &str = "MpCmdRun.log";
/// From this size on, only the newer half is kept.
const LIMIT: u64 = 1 << 20;

/// The log of one run.
#[derive(Debug)]
pub struct Log {
    file: Option<File>,
    path: PathBuf,
}

impl Log {
    /// Opens the log in a folder. Where that cannot be done, nothing is written.
    pub fn open(folder: &Path) -> Self {
        let path = folder.join(NAME);
        let file = open(&path).and_then(|file| shorten(&file, LIMIT).map(|()| file)).ok();
        Self { file, path }
    }

    /// Where it is; nothing where there is none.
    pub fn path(&self) -> Option<&Path> {
        self.file.as_ref().map(|_| self.path.as_path())
    }

    /// Adds a line.
    pub fn line(&self, text: impl AsRef<str>) {
        let Some(mut file) = self.file.as_ref() else { return };
        let text = plain(text.as_ref());
        // In one piece: other runs may write at the same time.
        _ = file.write_all(format!("{text}\n").as_bytes());
    }
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use rustix::{fs::OFlags, process::geteuid};
    use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
    // Neither through a link, nor waiting for the other end of a pipe.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let flags = i32::try_from(flags).map_err(io::Error::other)?;
    let file =
        OpenOptions::new().read(true).append(true).create(true).mode(0o600).custom_flags(flags).open(path)?;
    let about = file.metadata()?;
    match about.is_file() && about.uid() == geteuid().as_raw() && about.nlink() == 1 {
        true => Ok(file),
        false => Err(io::ErrorKind::PermissionDenied.into()),
    }
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).open(path)
}

/// Keeps the newer half of a file that has become too long, from the beginning of a line.
fn shorten(mut file: &File, limit: u64) -> io::Result<()> {
    if file.metadata()?.len() <= limit {
        return Ok(());
    }
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let newer = text.len() - usize::try_from(limit / 2).unwrap_or(text.len()).min(text.len());
    let line = text[newer..].iter().position(|&byte| byte == b'\n').map_or(text.len(), |end| newer + end + 1);
    file.set_len(0)?;
    file.write_all(&text[line..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn runs_add_their_lines_to_those_before() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["first", "second\nwith a line end"] {
            Log::open(folder.path()).line(text);
        }
        let text = fs::read_to_string(folder.path().join(NAME)).unwrap();
        assert_eq!(text, "first\nsecond with a line end\n");
    }

    #[test]
    fn a_long_log_keeps_whole_lines_of_its_newer_half() {
        let folder = tempfile::tempdir().unwrap();
        let line = format!("{}\n", "x".repeat(99));
        let (lines, path) = (LIMIT as usize / 100 + 1, folder.path().join(NAME));
        fs::write(&path, line.repeat(lines)).unwrap();
        Log::open(folder.path()).line("the newest");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.len() as u64 <= LIMIT / 2 + 100, "{}", text.len());
        assert!(text.lines().rev().skip(1).all(|line| line.len() == 99));
        assert!(text.ends_with("x\nthe newest\n"));
    }

    #[test]
    fn where_no_log_can_be_written_everything_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::open(&folder.path().join("absent"));
        log.line("nobody reads this");
        assert_eq!(log.path(), None);
    }

    #[test]
    #[cfg(unix)]
    fn a_file_that_leads_elsewhere_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join(NAME), folder.path().join("other"));
        fs::write(&other, "mine").unwrap();
        for link in [std::os::unix::fs::symlink, |from: &Path, to: &Path| fs::hard_link(from, to)] {
            link(&other, &path).unwrap();
            let log = Log::open(folder.path());
            log.line("not here");
            assert_eq!((log.path(), fs::read_to_string(&other).unwrap().as_str()), (None, "mine"));
            fs::remove_file(&path).unwrap();
        }
    }
}
