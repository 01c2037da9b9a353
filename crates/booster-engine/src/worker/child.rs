//! The child's side: limit yourself, build or try, report, end.

use super::protocol::{MAX_REQUEST, Request, Response, Work};
use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    process::ExitCode,
};

/// The whole life of a worker process: a program or subcommand that is one calls this and nothing else.
///
/// It reads a request from standard input and writes the report to standard output; nobody types at it.
pub fn worker_main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            // The parent shows it; if even that fails there is nobody to tell.
            _ = writeln!(io::stderr(), "{reason}");
            ExitCode::from(2)
        }
    }
}

fn serve() -> Result<(), String> {
    let mut input = BufReader::new(io::stdin());
    let mut line = Vec::new();
    let read = (&mut input).take(MAX_REQUEST).read_until(b'\n', &mut line);
    read.map_err(|error| format!("cannot read the request: {error}"))?;
    let request = Request::decode(&line)?;
    end_with_parent(input, request.parent)?;
    #[cfg(unix)]
    super::limits::apply(&request.limits).map_err(|error| format!("cannot limit this process: {error}"))?;
    let report = match &request.work {
        Work::Build { options, request } => Response::new(crate::build(request, options)).encode(),
        Work::Trial { request } => Response::new(crate::trial(request)).encode(),
    };
    let report = report.map_err(|error| format!("cannot write the report: {error}"))?;
    let mut output = io::stdout().lock();
    output
        .write_all(&report)
        .and_then(|()| output.flush())
        .map_err(|error| format!("cannot send the report: {error}"))
}

/// Ends this process when its parent does: at once where the system can do that, and in any case when
/// standard input closes.
fn end_with_parent(mut input: BufReader<io::Stdin>, parent: u32) -> Result<(), String> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
        set_parent_process_death_signal(Some(Signal::KILL))
            .map_err(|error| format!("cannot watch the parent: {error}"))?;
        // The parent may have ended before the line above.
        if getppid().map(Pid::as_raw_nonzero).map(|pid| pid.get().cast_unsigned()) != Some(parent) {
            return Err("the parent is gone".to_owned());
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = parent;
    let watch = move || {
        _ = io::copy(&mut input, &mut io::sink());
        std::process::exit(3);
    };
    std::thread::Builder::new()
        .spawn(watch)
        .map(drop)
        .map_err(|error| format!("cannot start a thread: {error}"))
}
