//! A clock that jumps: metadata that has expired stays expired, and nothing breaks for good.

use crate::support::{Machine, Said, Site, release};
use std::{path::Path, process::Command};

/// Runs an update with the machine's clock moved, or nothing where `faketime` is not installed.
fn update_at(machine: &Machine, from: &str, moved: &str) -> Option<Said> {
    let update = machine.update_command(from);
    let mut command = Command::new("faketime");
    command.arg("-f").arg(moved).arg(update.get_program()).args(update.get_args());
    match command.output() {
        Ok(output) => Some(Said::from(output)),
        Err(error) => {
            eprintln!("skipped: faketime cannot be run ({error}); apt-get install faketime");
            None
        }
    }
}

/// A machine that has the first release, and where the second one waits for it.
fn machine_with_something_new(dir: &Path) -> (Machine, String) {
    let site = Site::new(dir);
    let from = site.repository.to_str().unwrap().to_owned();
    let machine = Machine::new(dir.join("machine"), &site);
    site.publish("1.0.0.1", &release(dir, 1)).expect(0);
    machine.update(&from).expect(0);
    site.publish("1.0.0.2", &release(dir, 2)).expect(0);
    (machine, from)
}

#[test]
fn a_clock_that_jumps_forward_is_told_as_expiry_and_heals() {
    let dir = tempfile::tempdir().unwrap();
    let (machine, from) = machine_with_something_new(dir.path());

    let Some(said) = update_at(&machine, &from, "+20y") else { return };
    let report = said.expect(2).json();
    assert_eq!(report["error"]["kind"], "expired", "{report}");
    assert_eq!(machine.version().as_deref(), Some("1.0.0.1"));
    // The clock is right again: nothing of the jump was remembered.
    machine.update(&from).expect(0);
    assert_eq!(machine.version().as_deref(), Some("1.0.0.2"));
}

#[test]
fn a_clock_that_jumps_back_does_not_stop_updates() {
    let dir = tempfile::tempdir().unwrap();
    let (machine, from) = machine_with_something_new(dir.path());

    let Some(said) = update_at(&machine, &from, "-20y") else { return };
    said.expect(0);
    assert_eq!(machine.version().as_deref(), Some("1.0.0.2"));
    machine.update(&from).expect(0);
}
