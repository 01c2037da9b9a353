//! A small file system of a test's own.
#![allow(dead_code)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A small file system of its own, unmounted when it goes.
pub struct Tmpfs(PathBuf);

impl Tmpfs {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Mounts one, or nothing where this user may not mount.
    pub fn mount(path: PathBuf, bytes: u64) -> Option<Self> {
        fs::create_dir_all(&path).unwrap();
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "booster-test"])
            .arg(&path)
            .stderr(std::process::Stdio::null())
            .status();
        if status.is_ok_and(|status| status.success()) {
            return Some(Self(path));
        }
        eprintln!("skipped: a tmpfs cannot be mounted by this user");
        None
    }

    /// Leaves room for so many bytes and no more.
    pub fn fill_up_to(&self, free: u64) {
        let status = Command::new("df").args(["--output=avail", "-B1"]).arg(&self.0).output().unwrap();
        let text = String::from_utf8(status.stdout).unwrap();
        let available: u64 = text.lines().last().unwrap().trim().parse().unwrap();
        fs::write(self.0.join("ballast"), vec![0; available.saturating_sub(free) as usize]).unwrap();
    }

    /// Makes room again.
    pub fn empty(&self) {
        fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Tmpfs {
    /// Lets nobody write any more, or everybody again. What is open stays so: a second mount covers the first.
    pub fn set_read_only(&self, read_only: bool) {
        let run = |arguments: &[&str], program: &str| {
            assert!(Command::new(program).args(arguments).status().unwrap().success(), "{arguments:?}");
        };
        let path = self.0.to_str().unwrap();
        if read_only {
            run(&["--bind", path, path], "mount");
            run(&["-o", "remount,ro,bind", path], "mount");
        } else {
            run(&[path], "umount");
        }
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}
