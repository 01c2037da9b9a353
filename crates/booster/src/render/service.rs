//! What a service says of itself, in lines.

use crate::{output::Style, text};
use booster_service::status::ServiceStatus;

/// The lines of the status, where a service answered.
pub fn lines(service: &ServiceStatus, style: Style) -> Vec<String> {
    let at = format!("Service      {}, since {}", service.socket.display(), text::time(service.since));
    let mut lines = vec![at];
    match (service.running, service.queued) {
        (Some(_), 0) => lines.push("Update       one is running".to_owned()),
        (Some(_), waiting) => {
            lines.push(format!("Update       one is running, {}", text::counted(waiting.into(), "waits")));
        }
        (None, _) => {}
    }
    lines.push(format!("Next update  {}", service.schedule.next));
    if let Some(problem) = &service.engine_problem {
        lines.push(format!("Engine       {}", style.bad(problem)));
    }
    lines
}
