//! C programs against the real library: compiled, linked, run and judged.
//!
//! A test names a program of `tests/c`; it is compiled as C11 and as C++17 with every warning an error,
//! linked as installed programs are, and run on a [`Machine`]. To add one, write `tests/c/NAME.c` with
//! `check.h`, in the language that C and C++ share, and call [`everywhere`].
//!
//! What needs a tool that is not installed says `skipped: ...` and passes.
#![allow(dead_code, reason = "each test binary uses a part")]

mod library;
mod machine;
mod program;
pub mod service;
mod site;
mod update_server;

pub use library::Library;
pub use machine::{Machine, Mode};
pub use program::{Language, Link, Program, Said, tool};
pub use service::Service;
pub use site::{Site, rule};
pub use update_server::UpdateServer;

/// The engine's worker that is built with these tests.
pub const WORKER: &str = env!("CARGO_BIN_EXE_mpclient-test-worker");

/// The antimalware service that is built with these tests.
pub const SERVICE: &str = env!("CARGO_BIN_EXE_mpclient-test-service");

/// Runs a program of `tests/c` in both languages; it must return 0 with every check passed.
pub fn everywhere(program: &str, machine: &Machine, arguments: &[&str]) {
    for language in [Language::C11, Language::Cpp17] {
        if let Some(program) = Program::build(program, language, Link::Shared) {
            program.run(machine, arguments);
        }
    }
}
