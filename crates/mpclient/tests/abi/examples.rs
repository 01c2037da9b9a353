//! The examples: built as their page says, and run against a publisher that is well, away or silent.

use crate::support::{Language, Library, Machine, Program, Said, Site, rule, tool};
use booster_definitions::Component;
use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const CANCELLED: &str = "failed: 0x8024000B ";

/// An example that is ready to be run.
enum Example {
    Built(Program),
    Script(Library),
}

impl Example {
    /// The example in each language whose tools are there.
    fn all() -> Vec<(&'static str, Self)> {
        let built = |name, language| Some((name, Self::Built(Program::build_example(name, language)?)));
        let script = || Some(("update.py", Self::Script(Library::new())));
        [
            built("update.c", Language::C11),
            built("update.cpp", Language::Cpp17),
            tool("python3").then(script).flatten(),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn command(&self, machine: &Machine) -> Command {
        match self {
            Self::Built(program) => program.command(machine),
            Self::Script(library) => {
                let mut command = Command::new("python3");
                machine.environment(command.arg(script()));
                command.env("MPCLIENT_LIBRARY", library.shared());
                command
            }
        }
    }

    fn run(&self, machine: &Machine, arguments: &[&str]) -> Said {
        Said::of(self.command(machine).args(arguments))
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/update.py")
}

fn site() -> Site {
    let site = Site::new();
    site.publish(Component::Antivirus, "1.0.0.0", &[("a.yar", &rule("a", "first"))]);
    site
}

/// A server that takes connections and never answers. The system takes them, nobody has to.
fn silent_server(machine: &mut Machine) -> TcpListener {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    machine.set("BOOSTER_SOURCES", format!("http://{}/", server.local_addr().unwrap()));
    server
}

/// The numbers before `%` in the lines that begin with a word.
fn progress(said: &Said, word: &str) -> Vec<u32> {
    let lines = said.out.lines().filter_map(|line| line.strip_prefix(word));
    lines.map(|line| line.split_whitespace().next().unwrap().parse().unwrap()).collect()
}

#[test]
fn each_example_updates_and_then_finds_that_nothing_is_needed() {
    let site = site();
    for (name, example) in Example::all() {
        let machine = Machine::of(&site);
        for expected in ["updated", "nothing was needed"] {
            let said = example.run(&machine, &[]);
            assert_eq!((said.code, said.out.lines().last()), (Some(0), Some(expected)), "{name}: {said:?}");
            assert_eq!(said.err, "", "{name}");
        }
        assert_eq!(machine.version(Component::Antivirus).unwrap().to_string(), "1.0.0.0", "{name}");
    }
}

#[test]
fn progress_of_each_example_grows_and_the_source_is_named() {
    let site = site();
    for (name, example) in Example::all() {
        let machine = Machine::of(&site);
        let arguments: &[&str] = if name == "update.c" { &["--async", "--progress"] } else { &[] };
        let said = example.run(&machine, arguments);
        assert_eq!(said.code, Some(0), "{name}: {said:?}");
        let searching = said.out.lines().next().unwrap();
        assert!(searching.starts_with("searching "), "{name}: {said:?}");
        assert!(searching.contains(site.repository().to_str().unwrap()), "{name}: {said:?}");
        let percents = [progress(&said, "downloading "), progress(&said, "installing ")].concat();
        assert!(percents.is_sorted() && percents.last() > Some(&50), "{name}: {said:?}");
    }
}

#[test]
fn the_c_example_is_told_of_steps_in_every_mode_and_of_progress_only_where_it_asks() {
    let Some(program) = Program::build_example("update.c", Language::C11) else { return };
    let site = site();
    for (arguments, told) in
        [(&[][..], false), (&["--async"], false), (&["--progress"], true), (&["--async", "--progress"], true)]
    {
        let said = Said::of(program.command(&Machine::of(&site)).args(arguments));
        assert_eq!(said.code, Some(0), "{arguments:?}: {said:?}");
        assert!(said.out.starts_with("searching "), "{arguments:?}: {said:?}");
        assert_eq!(!progress(&said, "installing ").is_empty(), told, "{arguments:?}: {said:?}");
    }
}

#[test]
fn each_example_cancels_an_update_that_takes_too_long_and_nothing_has_changed() {
    let site = site();
    for (name, example) in Example::all() {
        let mut machine = Machine::of(&site);
        let _server = silent_server(&mut machine);
        let said = example.run(&machine, &["--cancel-after", "0"]);
        let last = said.out.lines().last().unwrap_or_default();
        assert!(last.starts_with(CANCELLED), "{name}: {said:?}");
        assert_eq!((said.code, machine.version(Component::Antivirus)), (Some(1), None), "{name}");
    }
}

#[test]
fn ctrl_c_cancels_the_python_example() {
    // A test that runs in the background may have the signal ignored, and a child would inherit that.
    let default = ["env", "--default-signal=INT", "python3"];
    if !tool("python3") || Said::of(Command::new("env").args([default[1], "true"])).code != Some(0) {
        return;
    }
    let (site, library) = (site(), Library::new());
    let mut machine = Machine::of(&site);
    let _server = silent_server(&mut machine);
    let mut command = Command::new(default[0]);
    command.args(&default[1..]).arg(script()).env("MPCLIENT_LIBRARY", library.shared());
    machine.environment(&mut command);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let (mut out, mut said) = (BufReader::new(child.stdout.take().unwrap()), String::new());
    out.read_line(&mut said).unwrap();
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    out.read_to_string(&mut said).unwrap();
    assert!(said.lines().last().unwrap().starts_with(CANCELLED), "{said}");
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn each_example_says_the_code_and_the_sentence_of_a_source_that_is_away() {
    let site = site();
    for (name, example) in Example::all() {
        let mut machine = Machine::of(&site);
        // Bound and closed again: nobody listens there.
        drop(silent_server(&mut machine));
        let said = example.run(&machine, &[]);
        let last = said.out.lines().last().unwrap_or_default();
        let sentence = mpclient::message::of(mpclient::Hresult::ERROR_WINHTTP_CANNOT_CONNECT);
        assert_eq!(last, format!("failed: 0x80072EFD {sentence}"), "{name}: {said:?}");
        assert_eq!(said.code, Some(1), "{name}");
    }
}

#[test]
fn each_example_says_why_an_update_cannot_start() {
    for (name, example) in Example::all() {
        let said = example.run(&Machine::new(), &[]);
        assert!(said.out.starts_with("failed: 0x8024001A "), "{name}: {said:?}");
        assert_eq!((said.code, said.out.lines().count()), (Some(1), 1), "{name}: {said:?}");
    }
}

#[test]
fn the_c_example_gives_back_all_its_memory() {
    let Some(program) = Program::build_example("update.c", Language::C11) else { return };
    let site = site();
    let machine = Machine::of(&site);
    for arguments in [&["--progress"][..], &["--async"]] {
        program.run_under_valgrind(&machine, arguments);
    }
}
