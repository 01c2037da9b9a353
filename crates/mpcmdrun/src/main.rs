//! `mpcmdrun`: updates, removes and uses definitions with the options, lines and exit codes of MpCmdRun.
//!
//! For scripts that were written for that program. It does what programs in C do through `libmpclient`,
//! over the same functions; settings, sources and the data folder are those of `booster`. Lines and codes
//! for machines stay as they are known; below a failure stands a sentence for people.
#![forbid(unsafe_code)]

mod arguments;
mod help;
mod log;
mod removal;
mod scan;
mod session;
mod update;

use arguments::{Command, parse};
use session::Session;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let command = match parse(arguments.iter().cloned()) {
        Ok(Command::Help) => {
            session::say(help::TEXT);
            return ExitCode::SUCCESS;
        }
        command => command,
    };
    let session = Session::begin(&arguments);
    let outcome = match command {
        Ok(Command::Help) => Ok(()),
        Ok(Command::SignatureUpdate(from)) => update::run(&session, &from),
        Ok(Command::RemoveDefinitions { all }) => removal::run(&session, all),
        Ok(Command::Scan { file, return_code }) => scan::run(&session, &file, return_code),
        Err(mistake) => session.refuse(&mistake),
    };
    session.end(outcome)
}
