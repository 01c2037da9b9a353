//! One run: what it says, what it logs, and how it ends.

use crate::{arguments::Mistake, log::Log};
use jiff::Timestamp;
use mpclient::{Error, Hresult, Manager, message};
use std::{ffi::OsString, io::Write as _, process::ExitCode, sync::Arc};

/// What every command works with.
pub struct Session {
    /// The way to everything that is done.
    pub manager: Manager,
    /// Shared with handlers, which log from threads of their own.
    pub log: Arc<Log>,
}

/// A command's end.
pub type Outcome = Result<(), Trouble>;

/// Why a command returns 2, when it has said so.
#[derive(Debug)]
pub enum Trouble {
    /// It has failed.
    Failure(Hresult),
    /// A scan has found something.
    Threats,
}

/// Prints a line. A reader that has left changes nothing of what is done.
pub fn say(line: impl AsRef<str>) {
    _ = writeln!(std::io::stdout(), "{}", line.as_ref());
}

/// Text from elsewhere, such as a file's name, without what a terminal would obey.
pub fn plain(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

impl Session {
    /// Begins a run with these arguments.
    pub fn begin(arguments: &[OsString]) -> Self {
        let log = Arc::new(Log::open(&std::env::temp_dir()));
        let arguments: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
        log.line("-".repeat(85));
        log.line(format!("MpCmdRun: Command Line: mpcmdrun {}", arguments.join(" ")));
        log.line(format!("Start Time: {}", Timestamp::now()));
        // An installation has the engine's worker where it is found beside this program, as it would be
        // beside the library.
        Self { manager: Manager::of_library(|| std::env::current_exe().ok()), log }
    }

    /// Says that something has failed, in the line that is known of it and in a sentence for people.
    pub fn failed(&self, line: &str, error: &Error) -> Trouble {
        let code = error.code;
        say(format!("ERROR: {line} failed with hr={:08X}", code.bits()));
        self.log.line(format!("ERROR: {line} failed with hr={:08X}", code.bits()));
        // The whole story, with names of files and servers.
        self.log.line(&error.message);
        say(message::of(code));
        Trouble::Failure(code)
    }

    /// Says that the command line cannot be followed.
    pub fn refuse(&self, mistake: &Mistake) -> Outcome {
        say(format!("ERROR: {}", mistake.message));
        say("mpcmdrun -h shows what can be asked for.");
        self.log.line(format!("ERROR: {}", mistake.message));
        Err(Trouble::Failure(mistake.code))
    }

    /// Ends the run.
    pub fn end(&self, outcome: Outcome) -> ExitCode {
        let exit = match outcome {
            Ok(()) => ExitCode::SUCCESS,
            Err(Trouble::Threats) => ExitCode::from(2),
            Err(Trouble::Failure(code)) => {
                let log =
                    self.log.path().map(|path| format!(" Check {} for more information", path.display()));
                say(format!("CmdTool: Failed with hr = {code}.{}", log.unwrap_or_default()));
                ExitCode::from(2)
            }
        };
        self.log.line(format!("MpCmdRun: End Time: {}", Timestamp::now()));
        exit
    }
}
