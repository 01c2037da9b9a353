//! `-Scan`

use crate::session::{Outcome, Session, Trouble, plain, say};
use mpclient::{
    Error, Handler, Hresult, message, numbers,
    scan::{Notification, ScanOptions},
    threats::{Threat, ThreatType},
};
use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

/// Scans a file, or a folder with all that is in it.
pub fn run(session: &Session, file: &Path, return_code: bool) -> Outcome {
    say("Scan starting...");
    session.log.line("Start: MpScan()");
    let outcome = match scan(session, file) {
        Ok(found) => judge(session, file, &found),
        Err(error) => Err(session.failed("Scan", &error)),
    };
    if return_code {
        // An exit code has no room for it on most systems.
        say(format!("hr = {}", code_of(&outcome)));
    }
    session.log.line("End: MpScan()");
    outcome
}

/// What a scan came to.
struct Found {
    threats: Vec<Arc<Threat>>,
    /// Files that could not be scanned, and why.
    failed: Vec<(String, Hresult)>,
    files: u64,
}

fn scan(session: &Session, file: &Path) -> Result<Found, Error> {
    let heard = Arc::new(Mutex::new((Vec::new(), 0)));
    let its = Arc::clone(&heard);
    let tell: Handler<Notification> = Box::new(move |told| {
        let (failed, files) = &mut *its.lock().unwrap_or_else(PoisonError::into_inner);
        *files = told.statistics.files;
        if told.notify == numbers::MPNOTIFY_SCAN_ERROR {
            failed.push((told.file.clone().unwrap_or_default(), told.result));
        }
    });
    let scan = session.manager.start_scan(&[file.to_owned()], ScanOptions::default(), Some(tell))?;
    _ = scan.wait()?;
    let list = scan.threats(ThreatType::KNOWN_BAD);
    let threats = std::iter::from_fn(|| list.next()).collect();
    let (failed, files) = std::mem::take(&mut *heard.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Found { threats, failed, files })
}

/// Tells what was found, and what it means for whoever asked.
fn judge(session: &Session, file: &Path, found: &Found) -> Outcome {
    say("Scan finished.");
    let tell = |line: String| {
        say(&line);
        session.log.line(line);
    };
    let threats = match found.threats.len() {
        0 => "no threats".to_owned(),
        1 => "1 threat".to_owned(),
        count => format!("{count} threats"),
    };
    tell(format!("Scanning {} found {threats}.", plain(&file.to_string_lossy())));
    session.log.line(format!("Files scanned: {}", found.files));
    for threat in &found.threats {
        tell(format!("Threat: {}", plain(threat.name())));
        for file in &threat.files {
            tell(format!("    file: {}", plain(file)));
        }
    }
    for (file, code) in &found.failed {
        tell(format!("Not scanned: {}: {}", plain(file), message::of(*code)));
    }
    match (found.threats.is_empty(), found.failed.first()) {
        (false, _) => Err(Trouble::Threats),
        (true, Some(&(_, code))) => Err(session.failed("Scan", &code.into())),
        (true, None) => Ok(()),
    }
}

/// The code that stands for an outcome.
const fn code_of(outcome: &Outcome) -> Hresult {
    match outcome {
        Ok(()) => Hresult::S_OK,
        Err(Trouble::Threats) => Hresult::ERROR_MP_ACTIVE_THREATS,
        Err(Trouble::Failure(code)) => *code,
    }
}
