//! What is asked for, and what makes no sense.

use crate::{
    MODE,
    support::{Desk, Mode},
};

#[test]
fn the_page_of_help_is_shown_for_every_way_of_asking() {
    let desk = Desk::new();
    for arguments in [&[][..], &["-h"], &["-?"], &["-H"]] {
        let said = desk.run(arguments);
        assert_eq!(said.code, 0, "{arguments:?}");
        assert!(said.out.contains("Examples:\n  mpcmdrun -SignatureUpdate\n"), "{}", said.out);
    }
    assert_eq!(desk.log(), "", "help is no run");
}

#[test]
fn a_command_line_that_makes_no_sense_starts_nothing_and_says_what_to_do() {
    let desk = Desk::new();
    let said = desk.run(&["SignatureUpdate"]);
    let expected = format!(
        "ERROR: \"SignatureUpdate\" is no command of this program; commands begin with a dash\n\
         mpcmdrun -h shows what can be asked for.\n\
         CmdTool: Failed with hr = 0x80070057. Check {} for more information\n",
        desk.log_file().display()
    );
    assert_eq!((said.code, said.out), (2, expected));
    assert_eq!(desk.machine.data().exists(), MODE == Mode::Served, "a service has its folder before");
    assert!(desk.log().contains("MpCmdRun: Command Line: mpcmdrun SignatureUpdate\n"), "{}", desk.log());
}
