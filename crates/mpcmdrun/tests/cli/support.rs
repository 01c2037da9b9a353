//! A machine with the program, and a folder for temporary files of its own.

#[path = "../../../mpclient/tests/support/machine.rs"]
#[allow(dead_code, reason = "the library's tests use more of it")]
mod machine;
#[path = "../../../mpclient/tests/support/service.rs"]
#[allow(dead_code, reason = "the library's tests use more of it")]
mod service;
#[path = "../../../mpclient/tests/support/site.rs"]
mod site;

pub use machine::{Machine, Mode};
pub use service::Service;
pub use site::{Site, rule};

use booster_definitions::Component;
use std::{fs, path::PathBuf, process::Command};

/// The engine's worker that is built with these tests.
pub const WORKER: &str = env!("CARGO_BIN_EXE_mpcmdrun-test-worker");

/// The antimalware service that is built with these tests.
pub const SERVICE: &str = env!("CARGO_BIN_EXE_mpcmdrun-test-service");

/// What a run of the program came to.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
}

impl Said {
    /// The lines that were printed.
    pub fn lines(&self) -> Vec<&str> {
        self.out.lines().collect()
    }
}

/// A machine, and somebody at its keyboard.
pub struct Desk {
    pub machine: Machine,
    program: PathBuf,
}

impl Desk {
    /// A machine that nothing was configured on.
    pub fn new() -> Self {
        Self::at(Machine::new())
    }

    /// A machine that is configured for a publisher.
    pub fn of(site: &Site) -> Self {
        Self::at(Machine::of(site))
    }

    fn at(mut machine: Machine) -> Self {
        let temporary = machine.path().join("tmp");
        fs::create_dir(&temporary).unwrap();
        machine.set("TMPDIR", temporary);
        Self { machine, program: env!("CARGO_BIN_EXE_mpcmdrun").into() }
    }

    /// Puts the program and the worker where an installation has them, and runs that program from now on.
    pub fn install(&mut self) {
        let prefix = self.machine.path().join("prefix");
        let worker = prefix.join("libexec/booster/booster-engine-worker");
        let program = prefix.join("bin/mpcmdrun");
        for (from, to) in [(WORKER, &worker), (env!("CARGO_BIN_EXE_mpcmdrun"), &program)] {
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(from, to).unwrap();
        }
        self.program = program;
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        self.machine.environment(command.args(arguments));
        command
    }

    /// Runs the program; it must say nothing on standard error.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Said {
        let output = self.command(arguments).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
        Said { code: output.status.code().unwrap(), out: String::from_utf8(output.stdout).unwrap() }
    }

    /// Runs the program; it must succeed.
    #[track_caller]
    pub fn succeed(&self, arguments: &[&str]) -> Said {
        let said = self.run(arguments);
        assert_eq!(said.code, 0, "{}\n{}", said.out, self.log());
        said
    }

    pub fn log_file(&self) -> PathBuf {
        self.machine.path().join("tmp/MpCmdRun.log")
    }

    /// What the log holds.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// The installed version of the antivirus definitions.
    pub fn version(&self) -> Option<String> {
        self.machine.version(Component::Antivirus).map(|version| version.to_string())
    }
}

/// A publisher with this release.
pub fn site_with(version: &str) -> Site {
    let site = Site::new();
    publish(&site, version);
    site
}

pub fn publish(site: &Site, version: &str) {
    let content = rule("a", &format!("text of {version}"));
    site.publish(Component::Antivirus, version, &[("a.yar", &content)]);
}
