//! Every code has a message, over the C ABI as in Rust.

use crate::support::{Language, Link, Machine, Program};
use mpclient::{Hresult, hresult, message};

#[test]
fn every_code_has_its_message_and_unknown_ones_say_so() {
    let Some(program) = Program::build("messages", Language::C11, Link::Shared) else { return };
    let mut codes: Vec<Hresult> = hresult::all().map(|code| code.hresult).collect();
    // Of the system, of nobody, and the ends of the range.
    codes
        .extend([0x8007_0091, 0x8007_FFFF, 0xDEAD_BEEF, 0x7FFF_FFFF, 0xFFFF_FFFF, 2].map(Hresult::from_bits));
    let arguments: Vec<String> = codes.iter().map(|code| format!("{:08X}", code.bits())).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = program.run(&Machine::new(), &arguments);
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines.len(), codes.len());
    for (line, code) in lines.iter().zip(&codes) {
        assert_eq!(*line, format!("{:08X} {}", code.bits(), message::of(*code)));
    }
    assert!(said.out.contains("DEADBEEF 0xDEADBEEF is not a known code"), "{}", said.out);
}

#[test]
fn messages_need_neither_settings_nor_a_data_folder() {
    let mut machine = Machine::new();
    machine.set("BOOSTER_CONFIG", "/nowhere/booster.toml");
    machine.set("BOOSTER_STORE__KEEP", "many");
    if let Some(program) = Program::build("messages", Language::Cpp17, Link::Shared) {
        program.run(&machine, &["80070652"]);
    }
}
