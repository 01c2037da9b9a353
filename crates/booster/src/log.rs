//! Where the log goes: to standard error, as text or JSON, or to the system's journal with its fields.

use crate::output::Terminal;
use clap::ValueEnum;
use tracing_subscriber::{
    Registry, filter::LevelFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines for people, on standard error
    Text,
    /// One JSON object a line, on standard error
    Json,
    /// Entries of the system's journal, each field under a name of its own
    Journal,
}

/// How much is logged: what `-v` and `BOOSTER_LOG` say, and without them what the command does by default.
/// Nothing is where logging costs nothing.
fn level(verbose: u8, default: Option<LevelFilter>) -> Option<LevelFilter> {
    let asked = || std::env::var("BOOSTER_LOG").ok()?.parse().ok();
    match verbose {
        0 => asked().or(default),
        1 => Some(LevelFilter::INFO),
        _ => Some(LevelFilter::DEBUG),
    }
}

/// Begins to log.
pub fn start(verbose: u8, default: Option<LevelFilter>, format: Option<Format>) {
    let Some(level) = level(verbose, default) else { return };
    let log = || fmt().with_max_level(level).with_writer(std::io::stderr).with_target(false);
    let colour = Terminal::of_process();
    let text = || log().with_ansi(colour.stderr && colour.colour).compact().init();
    match format.unwrap_or_else(|| if is_journal() { Format::Journal } else { Format::Text }) {
        Format::Text => text(),
        Format::Json => {
            log().json().flatten_event(true).with_current_span(false).with_span_list(false).init()
        }
        Format::Journal => match tracing_journald::layer() {
            Ok(journal) => {
                let journal = journal.with_syslog_identifier("booster".to_owned());
                Registry::default()
                    .with(journal.with_field_prefix(Some("BOOSTER".to_owned())))
                    .with(level)
                    .init();
            }
            Err(error) => {
                text();
                tracing::warn!(%error, "the journal cannot be written to: the log goes to standard error");
            }
        },
    }
}

/// Whether standard error goes to the journal anyway, which then can have fields too.
#[cfg(unix)]
fn is_journal() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(named) = std::env::var("JOURNAL_STREAM") else { return false };
    // A program that was started with another standard error has the variable of the one that started it.
    std::fs::metadata("/proc/self/fd/2")
        .is_ok_and(|stderr| named == format!("{}:{}", stderr.dev(), stderr.ino()))
}

#[cfg(not(unix))]
fn is_journal() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_asks_for_goes_before_the_default() {
        for (verbose, default, expected) in [
            (0, None, None),
            (0, Some(LevelFilter::INFO), Some(LevelFilter::INFO)),
            (1, None, Some(LevelFilter::INFO)),
            (2, Some(LevelFilter::INFO), Some(LevelFilter::DEBUG)),
        ] {
            assert_eq!(level(verbose, default), expected, "{verbose} {default:?}");
        }
    }
}
