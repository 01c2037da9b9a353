//! `-SignatureUpdate`

use crate::{
    arguments::From,
    session::{Outcome, Session, say},
};
use mpclient::{
    Error, Handler, Hresult, numbers,
    update::{Notification, SourceOption, Update, UpdateOptions},
};
use std::sync::Arc;

/// Updates.
pub fn run(session: &Session, from: &From) -> Outcome {
    say("Signature update started . . .");
    session.log.line("Start: MpSignatureUpdate()");
    let updated = start(session, from)
        .inspect_err(|error| session.log.line(format!("Update failed with hr: {}", error.code)))
        .and_then(|update| update.wait());
    let outcome = match updated {
        Ok(Hresult::S_FALSE) => {
            say("Signature update finished. No updates needed");
            Ok(())
        }
        Ok(_) => {
            say("Signature update finished.");
            Ok(())
        }
        Err(error) => Err(session.failed("Signature Update", &error)),
    };
    session.log.line("End: MpSignatureUpdate()");
    outcome
}

fn start(session: &Session, from: &From) -> Result<Update, Error> {
    let log = Arc::clone(&session.log);
    let tell: Handler<Notification> = Box::new(move |notification| {
        if let Some(line) = line(notification) {
            log.line(line);
        }
    });
    let only = |source| UpdateOptions { source: Some(source), ..UpdateOptions::default() };
    let manager = &session.manager;
    match from {
        From::Configured => manager.start_update(UpdateOptions::default(), Some(tell)),
        From::Shares => manager.start_update(only(SourceOption::Unc), Some(tell)),
        From::Http => manager.start_update(only(SourceOption::Http), Some(tell)),
        From::Folder(folder) => manager.start_update_from(folder, UpdateOptions::default(), Some(tell)),
    }
}

/// A step in the words of the log. The spelling is MpCmdRun's own: scripts look for it.
fn line(told: &Notification) -> Option<String> {
    let step = |what: &str| match told.result {
        code if code.is_failure() => format!("{what} failed with hr: {code}"),
        _ => format!("{what} Completed"),
    };
    let of = || format!("{} of {}", told.index + 1, told.total);
    Some(match told.notify {
        numbers::MPNOTIFY_SIGUPDATE_START => "Update started".to_owned(),
        numbers::MPNOTIFY_SIGUPDATE_SEARCH_START => {
            format!("Search Started ({} update) (Path: {})...", kind(told.source), told.path)
        }
        numbers::MPNOTIFY_SIGUPDATE_SEARCH_COMPLETE => step("Search"),
        numbers::MPNOTIFY_SIGUPDATE_DOWNLOAD_START => format!("Download Started ({})...", of()),
        numbers::MPNOTIFY_SIGUPDATE_DOWNLOAD_COMPLETE => step("Download"),
        numbers::MPNOTIFY_SIGUPDATE_INSTALL_START => format!("Install Started ({})...", of()),
        numbers::MPNOTIFY_SIGUPDATE_INSTALL_COMPLETE => step("Install"),
        numbers::MPNOTIFY_SIGUPDATE_REBOOT_REQUIRED => "Reboot required".to_owned(),
        numbers::MPNOTIFY_SIGUPDATE_COMPLETE => match told.result {
            Hresult::S_FALSE => "Update completed succesfully. no updates needed".to_owned(),
            code if code.is_failure() => format!("Update failed with hr: {code}"),
            _ => "Update completed succesfully.".to_owned(),
        },
        _ => return None,
    })
}

/// What the log calls a kind of source.
const fn kind(source: u32) -> &'static str {
    match source {
        numbers::MPSIGUPDATE_TYPE_MANAGED => "WSUS",
        numbers::MPSIGUPDATE_TYPE_UNMANAGED => "MU/WU",
        numbers::MPSIGUPDATE_TYPE_HTTP => "MMPC",
        numbers::MPSIGUPDATE_TYPE_UNC => "UNC",
        _ => "unknown",
    }
}
