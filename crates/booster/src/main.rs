//! `booster`: keeps antimalware definitions current, from the command line.
//!
//! What it prints is data on standard output and messages on standard error; what it returns is one of
//! the codes in [`exit`]. The work itself is done by the crates below; this one turns words into their
//! calls, and their answers into words.
#![forbid(unsafe_code)]

mod cli;
mod commands;
mod context;
mod exit;
mod log;
mod output;
mod render;
mod runtime;
mod starter;
mod text;
mod through;

fn main() -> std::process::ExitCode {
    cli::main(std::env::args_os()).into()
}
