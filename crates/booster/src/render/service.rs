//! What a service says of itself, in lines.

use crate::{output::Style, text};
use booster_service::status::ServiceStatus;

/// The lines of the status, where a service answered.
pub fn lines(service: &ServiceStatus, style: Style) -> Vec<String> {
    let at = format!("Service      {}, since {}", service.socket.display(), text::time(service.since));
    let mut lines = vec![at];
    match (&service.engine_problem, service.engine_generation) {
        (Some(problem), _) => lines.push(format!("Engine       {}", style.bad(problem))),
        (None, Some(generation)) => lines.push(format!("Engine       uses generation {generation}")),
        (None, None) => lines.push("Engine       has no definitions".to_owned()),
    }
    match (service.running, service.queued) {
        (Some(_), 0) => lines.push("Update       one is running".to_owned()),
        (Some(_), 1) => lines.push("Update       one is running, 1 waits".to_owned()),
        (Some(_), waiting) => lines.push(format!("Update       one is running, {waiting} wait")),
        (None, _) => {}
    }
    lines.push(format!("Next update  {}", service.schedule.next));
    if let Some(attempts) = &service.schedule.attempts {
        let success = attempts.last_success.map_or("never".to_owned(), text::time);
        lines.push(format!("Last success {success}"));
        if let Some(error) = &attempts.error {
            let failures = text::counted(attempts.failures.into(), "failure");
            lines.push(format!(
                "Last failure {}, {failures} in a row: {}",
                text::time(attempts.last),
                style.bad(error)
            ));
        }
    }
    if let Some(metrics) = service.metrics {
        lines.push(format!("Metrics      http://{metrics}/metrics"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use booster_service::schedule::{Because, Due, Snapshot};
    use jiff::Timestamp;

    #[test]
    fn one_screen_says_what_goes_on_what_comes_next_and_what_went_wrong() {
        let at = |minute: i64| Timestamp::from_second(minute * 60).unwrap();
        let attempts = serde_json::json!({
            "last": at(3), "outcome": "failed", "error": "no answer", "last_success": at(1), "failures": 2
        });
        let service = ServiceStatus {
            socket: "/run/booster/booster.sock".into(),
            since: at(0),
            running: Some(4),
            queued: 2,
            engine_generation: Some(7),
            engine_problem: None,
            metrics: Some(([127, 0, 0, 1], 9750).into()),
            schedule: Snapshot {
                next: Due::At { time: at(8), because: Because::Retry },
                running: None,
                attempts: Some(serde_json::from_value(attempts).unwrap()),
            },
        };
        assert_eq!(
            lines(&service, Style::default()),
            [
                "Service      /run/booster/booster.sock, since 1970-01-01 00:00:00 UTC",
                "Engine       uses generation 7",
                "Update       one is running, 2 wait",
                "Next update  at 1970-01-01T00:08:00Z (the last update failed)",
                "Last success 1970-01-01 00:01:00 UTC",
                "Last failure 1970-01-01 00:03:00 UTC, 2 failures in a row: no answer",
                "Metrics      http://127.0.0.1:9750/metrics",
            ]
        );
        let idle = ServiceStatus { running: None, engine_problem: Some("damaged".into()), ..service };
        assert!(lines(&idle, Style::default()).contains(&"Engine       damaged".to_owned()));
    }
}
