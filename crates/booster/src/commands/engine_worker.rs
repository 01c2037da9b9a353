//! `booster engine-worker`: the child process that compiles and tests definitions.

use crate::exit::Exit;

/// Serves one request from standard input.
pub fn run() -> Exit {
    // The engine's own code for "crashed" would be 2 as well; its parent looks at the report alone.
    if booster_engine::worker_main() == std::process::ExitCode::SUCCESS {
        Exit::Success
    } else {
        Exit::Failed
    }
}
