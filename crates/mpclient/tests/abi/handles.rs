//! Handles: opened and closed in any number, on any thread, in any process; wrong ones refused.

use crate::support::{Language, Link, Machine, Program, Said, Site, everywhere, rule};
use booster_definitions::Component;

#[test]
fn ten_thousand_managers_are_opened_and_closed_and_nothing_is_leaked() {
    everywhere("open_close", &Machine::new(), &["10000"]);
}

#[test]
fn a_thousand_handles_are_open_at_a_time_in_each_of_eight_threads() {
    everywhere("many_handles", &Machine::new(), &[]);
}

#[test]
fn whatever_is_no_handle_is_refused_by_every_function() {
    everywhere("wrong_handles", &Machine::new(), &[]);
}

#[test]
fn a_handle_of_one_kind_is_no_handle_of_another() {
    let site = Site::new();
    site.publish(Component::Antivirus, "1.0.0.0", &[("a.yar", &rule("a", "first"))]);
    everywhere("kinds", &Machine::of(&site), &[]);
}

#[test]
fn null_pointers_and_impossible_arguments_are_refused() {
    everywhere("null_pointers", &Machine::new(), &[]);
}

#[test]
fn a_forked_child_finds_no_lock_held_and_uses_what_it_inherited() {
    everywhere("fork", &Machine::new(), &[]);
}

#[test]
fn programs_can_be_linked_with_the_static_library() {
    let machine = Machine::new();
    // The fork needs what is registered when the library is loaded: a linker must not drop it.
    for name in ["wrong_handles", "fork"] {
        for language in [Language::C11, Language::Cpp17] {
            if let Some(program) = Program::build(name, language, Link::Static) {
                program.run(&machine, &[]);
            }
        }
    }
}

#[test]
fn the_library_is_loaded_and_unloaded_a_hundred_times_and_nothing_of_it_is_left() {
    for said in unload(&Machine::new(), &["100"]) {
        assert_eq!(said.value("loaded_after_unloading"), "0");
    }
}

#[test]
fn no_thread_of_an_update_is_left_when_the_library_is_unloaded() {
    let site = Site::new();
    site.publish(Component::Antivirus, "1.0.0.0", &[("a.yar", &rule("a", "first"))]);
    // The loader itself stays away from a library whose thread-local data a living thread has.
    unload(&Machine::of(&site), &["5", "update"]);
}

fn unload(machine: &Machine, arguments: &[&str]) -> Vec<Said> {
    [Language::C11, Language::Cpp17]
        .into_iter()
        .filter_map(|language| Program::build("unload", language, Link::Loaded))
        .map(|program| program.run(machine, arguments))
        .collect()
}
