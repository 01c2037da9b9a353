//! `-RemoveDefinitions`

use crate::session::{Outcome, Session, say};
use mpclient::Hresult;

/// Goes back to the definitions before, or to none.
pub fn run(session: &Session, all: bool) -> Outcome {
    say(if all { "Removing all definitions . . ." } else { "Restoring the last set of definitions . . ." });
    session.log.line("Start: MpRollbackSignature()");
    let outcome = match session.manager.remove_definitions(all) {
        Ok(Hresult::S_FALSE) => Ok("No definitions were installed."),
        Ok(_) if all => Ok("All definitions removed."),
        Ok(_) => Ok("Definitions restored."),
        Err(error) => Err(session.failed("MpRollbackSignature", &error)),
    };
    let outcome = outcome.map(|done| {
        say(done);
        session.log.line(done);
    });
    session.log.line("End: MpRollbackSignature()");
    outcome
}
