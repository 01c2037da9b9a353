//! The same programs under valgrind and under AddressSanitizer.

use crate::support::{Language, Link, Machine, Program, Site, rule};
use booster_definitions::Component;

#[test]
fn valgrind_finds_no_leak_and_no_wrong_access() {
    let site = Site::new();
    site.publish(Component::Antivirus, "1.0.0.0", &[("a.yar", &rule("a", "first"))]);
    let machine = Machine::of(&site);
    machine.install(&site);
    site.publish(Component::Antivirus, "1.1.0.0", &[("a.yar", &rule("a", "second"))]);
    for (name, arguments) in [
        ("open_close", &["200"][..]),
        ("null_pointers", &[]),
        ("messages", &["80070652", "1"]),
        ("query", &[]),
        ("update", &["3"]),
        ("update", &["0"]),
        ("update", &["1", "close", "8002"]),
    ] {
        let Some(program) = Program::build(name, Language::C11, Link::Shared) else { return };
        if program.run_under_valgrind(&machine, arguments).is_none() {
            return;
        }
    }
}

#[test]
fn address_sanitizer_finds_no_leak_and_no_wrong_access() {
    let site = Site::new();
    site.publish(Component::Antivirus, "1.0.0.0", &[("a.yar", &rule("a", "first"))]);
    let machine = Machine::of(&site);
    for (name, arguments) in [
        ("wrong_handles", &[][..]),
        ("many_handles", &[]),
        ("messages", &["80070652", "1"]),
        // Installs.
        ("kinds", &[]),
        ("query", &[]),
        ("update_threads", &[]),
        ("update", &["3"]),
        ("update", &["1", "close", "8002"]),
    ] {
        let Some(program) = Program::build(name, Language::C11, Link::Watched) else { return };
        program.run(&machine, arguments);
    }
}
