//! The header: it says the same as the library, in both languages.

use crate::support::{Language, Library, Link, Machine, Program, Said, tool};
use mpclient::{hresult, numbers};
use std::{fmt::Write as _, process::Command};

/// Compiles and runs a program of nothing but assertions.
fn holds(name: &str, assertions: &str) {
    let text = format!(
        "#include \"mpmemfree.h\"\n#ifndef __cplusplus\n#define static_assert _Static_assert\n#endif\n\
         {assertions}\nint main(void) {{ return 0; }}\n"
    );
    for language in [Language::C11, Language::Cpp17] {
        if let Some(program) = Program::build_text(name, &text, language, Link::Loaded) {
            program.run(&Machine::new(), &[]);
        }
    }
}

#[test]
fn every_number_of_the_header_is_that_of_the_library() {
    let mut assertions = String::new();
    for number in numbers::all() {
        let (name, value) = (number.name, number.value);
        writeln!(assertions, "static_assert((DWORD){name} == 0x{value:X}u, \"{name}\");").unwrap();
    }
    holds("numbers", &assertions);
}

#[test]
fn every_code_of_the_header_is_that_of_the_library() {
    let mut assertions = String::new();
    for code in hresult::all() {
        let (name, bits) = (code.name, code.hresult.bits());
        let of_header = match (bits >> 16, name.starts_with("E_")) {
            (0x8050, _) => format!("HRESULT_FROM_MP_STATUS({name})"),
            (0x8007, false) => format!("HRESULT_FROM_WIN32({name})"),
            _ => name.to_owned(),
        };
        writeln!(assertions, "static_assert((DWORD){of_header} == 0x{bits:08X}u, \"{name}\");").unwrap();
    }
    assertions.push_str(
        "static_assert(HRESULT_FROM_MP_STATUS(0x8050A004u) == HRESULT_FROM_MP_STATUS(0xA004), \"\");",
    );
    assertions.push_str("static_assert(SUCCEEDED(S_FALSE) && FAILED(E_FAIL) && !FAILED(S_OK), \"\");");
    holds("codes", &assertions);
}

#[test]
fn the_shared_library_exports_the_functions_of_the_header_and_nothing_else() {
    if !tool("nm") {
        return;
    }
    let library = Library::new();
    let said = Said::of(Command::new("nm").args(["-D", "--defined-only"]).arg(library.shared()));
    let mut exported: Vec<_> = said.out.lines().filter_map(|line| line.split_whitespace().last()).collect();
    exported.sort_unstable();
    let header = std::fs::read_to_string(format!("{}/MpClient.h", Library::include())).unwrap();
    let mut declared: Vec<_> = header
        .lines()
        .filter_map(|line| line.strip_prefix("HRESULT WINAPI ").or_else(|| line.strip_prefix("void WINAPI ")))
        .filter_map(|line| line.split('(').next())
        .collect();
    declared.sort_unstable();
    assert_eq!(declared.len(), 14);
    assert_eq!(exported, declared);
}

#[test]
fn the_shared_library_has_the_name_that_programs_will_look_for() {
    if !tool("readelf") {
        return;
    }
    let library = Library::new();
    let said = Said::of(Command::new("readelf").arg("-d").arg(library.shared()));
    assert!(said.out.contains("[libmpclient.so.1]"), "{}", said.out);
}
