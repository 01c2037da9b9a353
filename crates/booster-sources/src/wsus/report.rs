//! What a server is told: how an update ended, and what is installed.

use super::{
    conversation::{Conversation, Interrupted},
    state::random_id,
};
use crate::{Ended, SourceError};
use booster_wsus::{
    UpdateIdentity, Uuid,
    message::{ReportEventBatch, ReportingEvent},
};
use jiff::SignedDuration;
use std::{io, time::Duration};

/// How long nothing new may go untold.
const SILENCE: SignedDuration = SignedDuration::from_hours(20);
/// The longest that telling may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// `WU_E_UNEXPECTED`. The kind of failure goes with it as a fact.
const FAILED: i32 = 0x8024_0FFF_u32 as i32;
/// Characters of a failure's words.
const WORDS: usize = 500;

impl Conversation<'_> {
    /// Whether the server would learn something from this.
    pub(super) fn wants_to_hear(&self, ended: &Ended) -> bool {
        match &self.state().told {
            Some((said, when)) => {
                *said != facts(ended).join(" ") || ended.time.duration_since(*when) > SILENCE
            }
            None => true,
        }
    }

    /// Tells the server.
    pub(super) async fn report(&mut self, ended: &Ended) -> Result<(), SourceError> {
        let location = self.exchange().root().to_string();
        let no_id = |source: io::Error| SourceError::Io {
            location: location.clone(),
            step: "draw an event's id",
            source,
        };
        let instance = random_id().map_err(no_id)?;
        let facts = facts(ended);
        let event = ReportingEvent {
            client_id: self.client_id().to_string(),
            time: ended.time,
            instance,
            event: event(ended),
            update: UpdateIdentity { update: Uuid::nil(), revision: 0 },
            result: if ended.failure.is_some() { FAILED } else { 0 },
            replacements: ended.failure.iter().map(|failure| words(&failure.message)).collect(),
            facts: facts.clone(),
        };
        let report =
            |cookie| ReportEventBatch { cookie, client_time: ended.time, events: vec![event.clone()] };
        let told = tokio::time::timeout(PATIENCE, self.call(report)).await;
        match told {
            Ok(Ok(_)) => {
                self.state_mut().told = Some((facts.join(" "), ended.time));
                Ok(())
            }
            Ok(Err(Interrupted::Failed(error))) => Err(error),
            Ok(Err(Interrupted::Restart)) => {
                Err(self.exchange().refused("ReportEventBatch", "the server has changed"))
            }
            Err(_) => Err(SourceError::NoAnswer { location, limit: PATIENCE }),
        }
    }
}

/// The event's number.
fn event(ended: &Ended) -> i16 {
    match (&ended.failure, ended.outcome) {
        (Some(failure), _) if failure.step == "download" => ReportingEvent::DOWNLOAD_FAILED,
        (Some(failure), _) if failure.step == "install" => ReportingEvent::INSTALL_FAILED,
        (Some(_), _) => ReportingEvent::DETECTION_FAILED,
        (None, "updated" | "restart_required") => ReportingEvent::INSTALL_SUCCEEDED,
        (None, _) => ReportingEvent::DETECTION_FINISHED,
    }
}

/// The facts that go with it, each as `name=value`.
fn facts(ended: &Ended) -> Vec<String> {
    let mut facts = vec![format!("outcome={}", ended.outcome)];
    facts.push(concat!("booster=", env!("CARGO_PKG_VERSION")).to_owned());
    facts.extend(ended.versions.iter().map(|(component, version)| format!("version.{component}={version}")));
    if let Some(failure) = &ended.failure {
        facts.push(format!("failed={} {}", failure.step, failure.kind));
    }
    facts
}

fn words(message: &str) -> String {
    message.chars().filter(|c| !c.is_control()).take(WORDS).collect()
}
