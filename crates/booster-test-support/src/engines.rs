//! Real engines: clamd and Suricata, each with a configuration, a socket and a folder of its own.

use crate::program::{Started, start};
use std::{
    fs,
    io::{Read as _, Write as _},
    net::Shutdown,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// A real clamd, as Debian packages it, with a small database folder of its own.
pub struct Clamd {
    folder: TempDir,
    running: Option<Started>,
}

impl Clamd {
    /// Starts clamd with one harmless signature of its own, as it does not start without any. `None`, with a
    /// message, when it is not installed.
    pub fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("database");
        fs::create_dir(&database).unwrap();
        // Another's file in the folder: the SHA-256 of nothing that anybody scans.
        fs::write(database.join("own.hsb"), format!("{}:7:Own.Signature\n", "0".repeat(64))).unwrap();
        let mut clamd = Self { folder, running: None };
        clamd.run().then_some(clamd)
    }

    /// Starts it, or starts it again; whether it is installed.
    pub fn run(&mut self) -> bool {
        let Some(found) = installed("clamd") else { return false };
        let (place, socket) = (self.folder.path(), self.socket());
        let configuration = format!(
            "DatabaseDirectory {}\nLocalSocket {}\nForeground yes\nMaxThreads 2\nSelfCheck 0\n",
            self.database().display(),
            socket.display()
        );
        let file = place.join("clamd.conf");
        fs::write(&file, configuration).unwrap();
        _ = fs::remove_file(&socket);
        let mut command = Command::new(found);
        command.arg("--config-file").arg(file);
        self.running = start(command, place, || UnixStream::connect(&socket).is_ok());
        self.running.is_some()
    }

    /// Kills it as the system would that has no memory left.
    pub fn kill(&mut self) {
        self.running = None;
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.running.as_ref().unwrap().id()
    }

    /// Its database folder.
    pub fn database(&self) -> PathBuf {
        self.folder.path().join("database")
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// Has it scan bytes: the name of the threat that it finds.
    pub fn scan(&self, bytes: &[u8]) -> Option<String> {
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        stream.write_all(b"zINSTREAM\0").unwrap();
        stream.write_all(&u32::try_from(bytes.len()).unwrap().to_be_bytes()).unwrap();
        stream.write_all(bytes).unwrap();
        stream.write_all(&[0; 4]).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let threat = answer.strip_prefix("stream: ")?.trim_end_matches('\0').strip_suffix(" FOUND")?;
        Some(threat.trim_end_matches(".UNOFFICIAL").to_owned())
    }

    /// Tells it to reload, and waits for nothing.
    pub fn reload(&self) {
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        stream.write_all(b"zRELOAD\0").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "RELOADING\0");
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("output.log")).unwrap_or_default()
    }
}

/// A real Suricata, as Debian's backports package it, that listens to nothing but its commands.
pub struct Suricata {
    folder: TempDir,
    running: Option<Started>,
}

impl Suricata {
    /// Starts it with a folder of rules that is empty but for one of its own. `None`, with a message, when it is
    /// not installed.
    pub fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        for name in ["rules", "log"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let own = "alert ip 192.0.2.1 any -> 192.0.2.2 any (msg:\"own\"; sid:1; rev:1;)\n";
        fs::write(folder.path().join("rules/own.rules"), own).unwrap();
        let mut suricata = Self { folder, running: None };
        suricata.write_configuration("*.rules");
        suricata.run().then_some(suricata)
    }

    /// Starts it, or starts it again; whether it is installed.
    pub fn run(&mut self) -> bool {
        let Some(found) = installed("suricata") else { return false };
        let (place, socket) = (self.folder.path(), self.socket());
        let mut command = Command::new(found);
        command.arg("-c").arg(self.config()).arg("-l").arg(place.join("log"));
        command.arg(format!("--unix-socket={}", socket.display()));
        _ = fs::remove_file(&socket);
        self.running = start(command, place, || UnixStream::connect(&socket).is_ok());
        self.running.is_some()
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.running = None;
    }

    /// Its rules.
    pub fn rules(&self) -> PathBuf {
        self.folder.path().join("rules")
    }

    /// The socket for its commands.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// Its configuration.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("suricata.yaml")
    }

    /// Has its configuration name these rule files.
    pub fn write_configuration(&self, rule_files: &str) {
        let place = self.folder.path().display();
        let configuration = format!(
            "%YAML 1.1\n---\ndefault-log-dir: {place}/log\ndefault-rule-path: {place}/rules\n\
             rule-files: [\"{rule_files}\"]\noutputs: []\nstats: {{ enabled: no }}\n\
             classification-file: {place}/none\nreference-config-file: {place}/none\n\
             unix-command: {{ enabled: yes, filename: {place}/socket }}\n\
             vars: {{ address-groups: {{ HOME_NET: any, EXTERNAL_NET: any }} }}\ndetect: {{ profile: low }}\n"
        );
        fs::write(self.folder.path().join("none"), "").unwrap();
        fs::write(self.config(), configuration).unwrap();
    }

    /// How many rules it has loaded.
    pub fn rules_loaded(&self) -> u64 {
        let stats = self.ask("ruleset-stats");
        let after = stats.split("\"rules_loaded\":").nth(1).unwrap();
        after.split([',', '}']).next().unwrap().trim().parse().unwrap()
    }

    fn ask(&self, command: &str) -> String {
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut answer = String::new();
        for words in ["{\"version\": \"0.2\"}".to_owned(), format!("{{\"command\": \"{command}\"}}")] {
            // In one piece: it takes a part of a line for all of it.
            stream.write_all(format!("{words}\n").as_bytes()).unwrap();
            answer = read_line(&mut stream);
        }
        _ = stream.shutdown(Shutdown::Both);
        answer
    }
}

fn read_line(stream: &mut UnixStream) -> String {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while let Ok(1) = stream.read(&mut byte) {
        if byte == [b'\n'] {
            break;
        }
        line.extend(byte);
    }
    String::from_utf8(line).unwrap()
}

/// Where a program of Debian's is, for whoever runs it himself; nothing, with a message, where it is not installed.
pub fn installed(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join(name))
        .find(|path| Path::exists(path));
    if found.is_none() {
        eprintln!("skipped: {name} is not installed");
    }
    found
}

/// Waits until something holds; `false` if it does not come to that.
pub fn eventually(holds: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if holds() {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
