//! An update's events as a bar that moves, for a terminal.

use super::event::line;
use booster_update::{Event, EventKind};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{sync::Mutex, time::Duration};

/// What an event does to the bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Motion {
    /// A line that stays, above the bar.
    Line(String),
    /// A new bar, in place of the one before.
    Begin {
        /// What is being done.
        label: String,
        /// All bytes; 0 where nobody knows how long it takes.
        bytes: u64,
    },
    /// The bar is this far.
    Advance {
        /// Bytes done.
        done: u64,
        /// All bytes.
        bytes: u64,
    },
    /// No bar any more, and a line that stays.
    End(Option<String>),
    /// Nothing to see.
    None,
}

/// What an event does to the bar.
pub fn motion(event: &Event) -> Motion {
    let label = |verb: &str| match event.component {
        Some(component) => format!("{verb} {component}"),
        None => verb.to_owned(),
    };
    match (event.kind, event.bytes) {
        (EventKind::SearchStart, _) => Motion::Begin { label: "Looking for updates".into(), bytes: 0 },
        (EventKind::DownloadStart, bytes) => {
            Motion::Begin { label: label("Downloading"), bytes: bytes.map_or(0, |(_, all)| all) }
        }
        (EventKind::InstallStart, bytes) => {
            Motion::Begin { label: label("Installing"), bytes: bytes.map_or(0, |(_, all)| all) }
        }
        // All is unpacked: what follows is the engine's work, whose end nobody knows.
        (EventKind::InstallProgress, Some((done, bytes))) if done >= bytes => {
            Motion::Begin { label: "Compiling and testing".into(), bytes: 0 }
        }
        (EventKind::DownloadProgress | EventKind::InstallProgress, Some((done, bytes))) => {
            Motion::Advance { done, bytes }
        }
        (EventKind::SearchComplete | EventKind::InstallComplete | EventKind::Complete, _) => {
            Motion::End(line(event))
        }
        _ => line(event).map_or(Motion::None, Motion::Line),
    }
}

/// The bar on a terminal, drawn on standard error.
pub struct Bars {
    bar: Mutex<ProgressBar>,
    target: fn() -> ProgressDrawTarget,
}

impl Bars {
    /// No bar yet.
    pub fn new() -> Self {
        Self { bar: Mutex::new(ProgressBar::hidden()), target: ProgressDrawTarget::stderr }
    }

    /// Moves the bar as the event says.
    pub fn show(&self, event: &Event) {
        let mut bar = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match motion(event) {
            Motion::Line(line) => bar.suspend(|| eprint_line(&line)),
            Motion::Begin { label, bytes } => {
                bar.finish_and_clear();
                *bar = begin(label, bytes, (self.target)());
            }
            Motion::Advance { done, bytes } => {
                bar.set_length(bytes);
                bar.set_position(done);
            }
            Motion::End(line) => {
                bar.finish_and_clear();
                if let Some(line) = line {
                    eprint_line(&line);
                }
            }
            Motion::None => {}
        }
    }
}

fn eprint_line(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

fn begin(label: String, bytes: u64, target: ProgressDrawTarget) -> ProgressBar {
    if bytes == 0 {
        return spinner(label, target);
    }
    let bar = ProgressBar::with_draw_target(Some(bytes), target);
    bar.set_style(of_bytes());
    bar.set_message(label);
    bar
}

/// Something that turns while something goes on.
pub fn spinner(label: String, target: ProgressDrawTarget) -> ProgressBar {
    let spinner = ProgressBar::with_draw_target(None, target);
    spinner.set_style(style("{msg:24} {spinner} {elapsed}"));
    spinner.set_message(label);
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// Bytes, rate and time left.
fn of_bytes() -> ProgressStyle {
    style(
        "{msg:24} [{bar:28}] {decimal_bytes:>10} of {decimal_total_bytes:<10} {decimal_bytes_per_sec:>12} {eta:>4} left",
    )
}

fn style(template: &str) -> ProgressStyle {
    // The templates are fixed; were one wrong, the plain bar is better than none.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::{super::event::tests::event, *};
    use booster_update::EventResult;

    #[test]
    fn downloads_and_installations_move_a_bar_and_results_are_lines() {
        for (event, expected) in [
            (
                Event { bytes: Some((0, 9)), ..event(EventKind::DownloadStart) },
                Motion::Begin { label: "Downloading nis".into(), bytes: 9 },
            ),
            (
                Event { bytes: Some((4, 9)), ..event(EventKind::DownloadProgress) },
                Motion::Advance { done: 4, bytes: 9 },
            ),
            (event(EventKind::DownloadComplete), Motion::None),
            (event(EventKind::InstallStart), Motion::Begin { label: "Installing nis".into(), bytes: 0 }),
            (
                Event { bytes: Some((1, 2)), ..event(EventKind::InstallProgress) },
                Motion::Advance { done: 1, bytes: 2 },
            ),
            (
                Event { result: EventResult::NotNeeded, ..event(EventKind::SearchComplete) },
                Motion::End(Some("Nothing new".into())),
            ),
            (event(EventKind::Complete), Motion::End(None)),
            (
                Event { bytes: Some((2, 2)), ..event(EventKind::InstallProgress) },
                Motion::Begin { label: "Compiling and testing".into(), bytes: 0 },
            ),
        ] {
            assert_eq!(motion(&event), expected, "{event:?}");
        }
    }

    #[test]
    fn the_templates_are_sound() {
        for template in ["{decimal_bytes} {decimal_total_bytes} {decimal_bytes_per_sec} {eta}", "{spinner}"] {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
        let bars = Bars { bar: Mutex::new(ProgressBar::hidden()), target: ProgressDrawTarget::hidden };
        for kind in [
            EventKind::SearchStart,
            EventKind::DownloadStart,
            EventKind::DownloadProgress,
            EventKind::Complete,
        ] {
            bars.show(&Event { bytes: Some((1, 2)), ..event(kind) });
        }
        assert!(bars.bar.lock().unwrap().is_finished());
    }
}
