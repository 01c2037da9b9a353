//! A publisher's site and a machine, each driven through the real program.

use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// The EICAR test file, put together at run time so that no scanner stops at this source.
pub fn eicar() -> Vec<u8> {
    ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$", "EICAR-STANDARD-ANTIVIRUS-TEST-", "FILE!$H+H*"].concat().into_bytes()
}

pub fn booster() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_booster"));
    command.stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("BOOSTER_")) {
        command.env_remove(name);
    }
    command
}

/// What a finished run of the program said.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Said {
    pub fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// The last line of standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        let last = self.out.lines().last().unwrap_or_default();
        serde_json::from_str(last)
            .or_else(|_| serde_json::from_str(&self.out))
            .unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

pub fn run(command: &mut Command) -> Said {
    Said::from(command.output().unwrap())
}

/// A publisher: a repository folder and its keys.
pub struct Site {
    pub repository: PathBuf,
    pub keys: PathBuf,
}

impl Site {
    pub fn new(dir: &Path) -> Self {
        let site = Self { repository: dir.join("site"), keys: dir.join("keys") };
        run(site.command(&["repository", "init"])).expect(0);
        site
    }

    pub fn command(&self, verb: &[&str]) -> &mut Command {
        // A leaked command is a few hundred bytes and makes the calls read as sentences.
        let command = Box::leak(Box::new(booster()));
        command.args(verb).arg("--repository").arg(&self.repository).arg("--keys").arg(&self.keys)
    }

    pub fn publish_command(&self, version: &str, folder: &Path) -> &mut Command {
        self.command(&["publish", "antivirus", version]).arg(folder)
    }

    pub fn publish(&self, version: &str, folder: &Path) -> Said {
        run(self.publish_command(version, folder))
    }

    pub fn root(&self) -> PathBuf {
        self.repository.join("metadata/1.root.json")
    }
}

/// A machine: a data folder and the publisher's root.
#[derive(Clone)]
pub struct Machine {
    pub data: PathBuf,
    pub root: PathBuf,
    /// A configuration file, where there is one.
    pub config: Option<PathBuf>,
}

impl Machine {
    pub fn new(data: PathBuf, site: &Site) -> Self {
        Self { data, root: site.root(), config: None }
    }

    pub fn command(&self, verb: &str) -> Command {
        let mut command = booster();
        command.arg("--data-dir").arg(&self.data).arg(verb);
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        command
    }

    pub fn update_command(&self, from: &str) -> Command {
        let mut command = self.command("update");
        command.arg("--from").arg(from).arg("--root").arg(&self.root).arg("--json");
        command
    }

    pub fn update(&self, from: &str) -> Said {
        run(&mut self.update_command(from))
    }

    pub fn scan(&self, path: &Path) -> Said {
        run(self.command("scan").arg(path).arg("--json"))
    }

    pub fn verify(&self) -> Said {
        run(&mut self.command("verify"))
    }

    /// The installed antivirus version, as `status` tells it.
    pub fn version(&self) -> Option<String> {
        let status = run(self.command("status").arg("--json")).expect(0).json();
        let components = status["components"].as_array().unwrap();
        let antivirus = components.iter().find(|c| c["name"] == "antivirus")?;
        antivirus["version"].as_str().map(str::to_owned)
    }

    /// The versions that are not taken again, as `status` tells them.
    pub fn rejected(&self) -> Vec<String> {
        let status = run(self.command("status").arg("--json")).expect(0).json();
        let rejected = status["rejected"].as_array().unwrap().iter();
        rejected.map(|release| release["version"].as_str().unwrap().to_owned()).collect()
    }

    /// Makes a second machine in the same state.
    pub fn duplicate(&self, data: PathBuf) -> Self {
        copy_tree(&self.data, &data);
        Self { data, ..self.clone() }
    }

    /// Every file of the data folder by name, with generation numbers left out: two machines that
    /// went different ways to the same state have the same.
    pub fn files(&self) -> BTreeSet<String> {
        let names = files(&self.data);
        names
            .iter()
            .map(|name| {
                name.split('/').filter(|part| part.parse::<u64>().is_err()).collect::<Vec<_>>().join("/")
            })
            .collect()
    }
}

/// Writes a small release that detects EICAR, and a text that the version adds.
pub fn release(dir: &Path, version: u32) -> PathBuf {
    let dir = dir.join(format!("release-{version}"));
    fs::create_dir_all(dir.join("selftest/must-detect")).unwrap();
    fs::create_dir_all(dir.join("selftest/must-not-detect")).unwrap();
    let rule = |name: &str, text: &str| format!("rule {name} {{ strings: $a = {text:?} condition: $a }}\n");
    let standard = "EICAR-STANDARD-".to_owned() + "ANTIVIRUS-TEST-FILE";
    fs::write(dir.join("eicar.yar"), rule("Eicar", &standard)).unwrap();
    fs::write(dir.join("marker.yar"), rule("Marker", &format!("marker of version {version}."))).unwrap();
    let hashes: String =
        (0..200).map(|n| format!("{:064x}:{n}:Test.Hash-{n}\n", u64::from(version) * 1000 + n)).collect();
    fs::write(dir.join("hashes.hsb"), hashes).unwrap();
    fs::write(dir.join("selftest/must-detect/eicar.txt"), eicar()).unwrap();
    fs::write(dir.join("selftest/must-not-detect/clean.txt"), "nothing to see here").unwrap();
    dir
}

/// Every file below a folder, by its relative name.
pub fn files(dir: &Path) -> BTreeSet<String> {
    fn walk(dir: &Path, root: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                found.insert(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(dir, dir, &mut found);
    found
}

pub fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for name in files(from) {
        let target = to.join(&name);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(from.join(&name), target).unwrap();
    }
}

/// Numbers that look random and are the same in every run (Marsaglia, "Xorshift RNGs", 2003).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }
}
