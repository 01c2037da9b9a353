//! A program in C or C++: built, run, and what it said.

use super::{Library, Machine};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// The language that a source is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    C11,
    Cpp17,
}

/// How a program gets the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// As most programs do.
    Shared,
    /// The library becomes part of the program.
    Static,
    /// Not at all: the program loads it itself, from the path in `MPCLIENT_LIBRARY`.
    Loaded,
    /// As shared, in a program that AddressSanitizer watches, leaks included.
    Watched,
    /// It is only compiled.
    Never,
}

/// A program, with the library that it uses.
pub struct Program {
    library: Library,
    folder: TempDir,
    link: Link,
    name: String,
}

/// What a finished program said.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Whether a tool can be run; says so where not.
pub fn tool(name: &str) -> bool {
    let found = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let found = found.is_ok_and(|status| status.success());
    if !found {
        eprintln!("skipped: {name} is not installed");
    }
    found
}

impl Program {
    /// Builds `tests/c/NAME.c`.
    pub fn build(name: &str, language: Language, link: Link) -> Option<Self> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c").join(format!("{name}.c"));
        Self::build_file(name, &source, language, link)
    }

    /// Builds a file of `examples`.
    pub fn build_example(file: &str, language: Language) -> Option<Self> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(file);
        Self::build_file("example", &source, language, Link::Shared)
    }

    /// Builds a source that a test has written.
    pub fn build_text(name: &str, text: &str, language: Language, link: Link) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join(format!("{name}.c"));
        fs::write(&source, text).unwrap();
        Self::build_file(name, &source, language, link)
    }

    fn build_file(name: &str, source: &Path, language: Language, link: Link) -> Option<Self> {
        let (compiler, standard, kind) = match language {
            Language::C11 => ("gcc", "-std=c11", "c"),
            Language::Cpp17 => ("g++", "-std=c++17", "c++"),
        };
        if !tool(compiler) {
            return None;
        }
        let program = Self {
            library: Library::new(),
            folder: tempfile::tempdir().unwrap(),
            link,
            name: name.to_owned(),
        };
        let mut command = Command::new(compiler);
        command.args(["-x", kind, standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g", "-O1"]);
        // Everything that POSIX has, which -std=c11 hides.
        command.args(["-D_GNU_SOURCE", "-I", Library::include()]);
        command.arg("-I").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/c"));
        command.arg(source).arg("-o").arg(program.file()).args(["-x", "none"]);
        program.link(&mut command);
        let said = Said::of(&mut command);
        if link == Link::Watched && said.code != Some(0) && said.err.contains("cannot find") {
            eprintln!("skipped: AddressSanitizer's library is not installed");
            return None;
        }
        assert_eq!(said.code, Some(0), "{name} as {language:?}:\n{}", said.err);
        Some(program)
    }

    fn link(&self, command: &mut Command) {
        let folder = self.library.folder().display();
        match self.link {
            Link::Shared | Link::Watched => {
                command.arg(format!("-L{folder}")).arg(format!("-Wl,-rpath,{folder}")).arg("-lmpclient");
            }
            // What `rustc --print native-static-libs` names for it.
            Link::Static => {
                command.arg(self.library.archive()).args(["-lgcc_s", "-lutil", "-lrt", "-lm", "-ldl"]);
            }
            Link::Loaded => {
                command.arg("-ldl");
            }
            Link::Never => {
                command.arg("-c");
            }
        }
        if self.link == Link::Watched {
            command.arg("-fsanitize=address");
        }
        command.arg("-lpthread");
    }

    /// Compiles a text without linking it: what it calls need not be there.
    pub fn compiles(name: &str, text: &str, language: Language) {
        Self::build_text(name, text, language, Link::Never);
    }

    /// The program's file.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join(&self.name)
    }

    /// The program on a machine, with nothing of this test's own environment that would change it.
    pub fn command(&self, machine: &Machine) -> Command {
        self.command_under(&[], machine)
    }

    /// The same below another program, such as valgrind.
    pub fn command_under(&self, watcher: &[&str], machine: &Machine) -> Command {
        let mut command = match watcher.split_first() {
            Some((watcher, options)) => {
                let mut command = Command::new(watcher);
                command.args(options).arg(self.file());
                command
            }
            None => Command::new(self.file()),
        };
        machine.environment(&mut command);
        command.env("MPCLIENT_LIBRARY", self.library.shared()).stdin(Stdio::null());
        command
    }

    /// Runs it; it must return 0.
    #[track_caller]
    pub fn run(&self, machine: &Machine, arguments: &[&str]) -> Said {
        Said::of(self.command(machine).args(arguments)).passed(&self.name)
    }

    /// Runs it under valgrind; it must return 0, leak nothing and touch nothing that is not its own.
    /// `None` where there is no valgrind.
    #[track_caller]
    pub fn run_under_valgrind(&self, machine: &Machine, arguments: &[&str]) -> Option<Said> {
        if !tool("valgrind") {
            return None;
        }
        let watcher = [
            "valgrind",
            "--quiet",
            "--error-exitcode=99",
            "--leak-check=full",
            "--errors-for-leak-kinds=definite,indirect,possible",
            "--track-fds=no",
        ];
        Some(Said::of(self.command_under(&watcher, machine).args(arguments)).passed(&self.name))
    }
}

impl Said {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    fn passed(self, name: &str) -> Self {
        assert_eq!(self.code, Some(0), "{name}:\n{}\n{}", self.out, self.err);
        self
    }

    /// The value of a line `name=value`.
    #[track_caller]
    pub fn value(&self, name: &str) -> &str {
        let line = self.out.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("no {name} in:\n{}", self.out))
    }
}
