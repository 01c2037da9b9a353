//! What the system's service manager is told: that the service is ready, lives, reads its settings again, or ends.
//!
//! It is systemd's protocol (`sd_notify`); where no manager asks for it nothing is told. The sign of life is
//! given only where the runtime gets to it, the desk's loop answers, and the running update tells something now and
//! then: a service that hangs is started again.

use crate::{
    desk::{Desk, Notice},
    feed::Next,
    overview::Overview,
    status::Status,
};
use sd_notify::NotifyState;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often the words about the service are renewed, where nothing happens.
const LOOK: Duration = Duration::from_secs(60);

/// Callers can connect.
pub(crate) fn ready() {
    notify(&[NotifyState::Ready]);
}

/// The settings are being read again; [`ready`] follows.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "the service manager is not told of the reload"),
    }
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager cannot be told how the service is");
    }
}

/// Tells how the service is, each time that something has happened, until it has been told that the service ends.
pub(crate) async fn describe(overview: &Overview, end: &CancellationToken) {
    let mut notices = overview.desk.watch();
    let mut schedule = overview.scheduler.watch();
    let mut last = String::new();
    loop {
        let words = words(overview.status().await.as_ref().ok());
        if words != last {
            notify(&[NotifyState::Status(&words)]);
            last = words;
        }
        tokio::select! {
            biased;
            () = end.cancelled() => break,
            () = about_the_whole(&mut notices) => {}
            _ = schedule.changed() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    notify(&[NotifyState::Stopping, NotifyState::Status("ending")]);
}

/// Waits for something that changes how the service is.
async fn about_the_whole(notices: &mut crate::feed::Reader<Notice>) {
    while let Some(next) = notices.next().await {
        if !matches!(next, Next::Message(Notice::Event { .. })) {
            return;
        }
    }
    // The desk has closed: the end is told by its own sign.
    std::future::pending().await
}

/// Gives signs of life as often as the manager wants them, as long as the desk answers and no update is stuck.
pub(crate) async fn give_signs_of_life(overview: &Overview) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    let pause = limit / 3;
    loop {
        let stuck_after = overview.settings.load().service.stuck_after.0;
        if lives(&overview.desk, pause, stuck_after).await {
            notify(&[NotifyState::Watchdog]);
        }
        tokio::time::sleep(pause).await;
    }
}

/// Whether updates are looked after, and the one that runs gets on; what is wrong is told.
pub(crate) async fn lives(desk: &Desk, patience: Duration, stuck_after: Duration) -> bool {
    if tokio::time::timeout(patience, desk.answers()).await.is_err() {
        tracing::error!("updates are not looked after any more: the service manager is to see it");
        return false;
    }
    let stuck = desk.stuck(stuck_after).filter(|_| !stuck_after.is_zero());
    if let Some(update) = stuck {
        let seconds = stuck_after.as_secs();
        tracing::error!(
            update,
            seconds,
            "the update has told nothing for too long: the service manager is to see it"
        );
    }
    stuck.is_none()
}

/// One line about the service, for `systemctl status`.
fn words(status: Option<&Status>) -> String {
    let Some(status) = status else { return "the data folder cannot be read".to_owned() };
    let versions = status.components.iter().map(|component| {
        let version = component.in_use.unwrap_or(component.version);
        format!("{} {version}", component.name)
    });
    let mut words = versions.collect::<Vec<_>>().join(", ");
    if words.is_empty() {
        words.push_str("no definitions");
    }
    if status.out_of_date && !status.components.is_empty() {
        words.push_str(", out of date");
    }
    if let Some(service) = &status.service {
        match service.running {
            Some(_) => words.push_str("; updating"),
            None => words.push_str(&format!("; next update {}", service.schedule.next)),
        }
        if let Some(problem) = &service.engine_problem {
            words.push_str(&format!("; {problem}"));
        }
    }
    // One line is one message.
    words.replace(char::is_control, " ")
}
