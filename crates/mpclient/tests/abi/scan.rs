//! Scans and threats: what is found, told and listed, and how scans are controlled.

use crate::{
    MODE,
    support::{Language, Link, Machine, Mode, Program, Said, Site, everywhere, rule},
};
use booster_definitions::Component;
use std::{
    fs,
    path::{Path, PathBuf},
};

const ASYNC: &str = "1";
const PROGRESS: &str = "2";
const ASYNC_AND_PROGRESS: &str = "3";
const SYNC: &str = "0";

/// A machine with definitions that find "first" as `a` and "second" as `b`.
fn machine() -> Machine {
    let site = Site::new();
    let rules = rule("a", "first") + &rule("b", "second");
    site.publish(Component::Antivirus, "1.0.0.0", &[("a.yar", &rules)]);
    let machine = Machine::new();
    machine.install(&site);
    machine
}

/// Files in a folder of the machine.
fn files(machine: &Machine, files: &[(&str, &str)]) -> PathBuf {
    let folder = machine.path().join("scanned");
    for (path, content) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder.canonicalize().unwrap()
}

/// A folder of infected files.
fn many(machine: &Machine, count: usize) -> PathBuf {
    let names: Vec<_> = (0..count).map(|number| format!("{}/{number}.txt", number % 10)).collect();
    let named: Vec<_> = names.iter().map(|name| (name.as_str(), "the first one")).collect();
    files(machine, &named)
}

/// What a scan of these paths says, in both languages.
fn scan(machine: &Machine, options: &str, paths: &[&Path]) -> Vec<Said> {
    let arguments: Vec<_> =
        [options].into_iter().chain(paths.iter().map(|path| path.to_str().unwrap())).collect();
    [Language::C11, Language::Cpp17]
        .into_iter()
        .filter_map(|language| Some(Program::build("scan", language, Link::Shared)?.run(machine, &arguments)))
        .collect()
}

/// The lines that begin with a word, without it, sorted: several threads scan.
fn lines<'a>(said: &'a Said, word: &str) -> Vec<&'a str> {
    let mut lines: Vec<_> =
        said.out.lines().filter_map(|line| line.strip_prefix(word)?.strip_prefix(' ')).collect();
    lines.sort_unstable();
    lines
}

/// The notifications with this name, each with the path that it is about, sorted.
fn paths(said: &Said, notification: &str) -> Vec<String> {
    let told = lines(said, "told").into_iter().filter(|line| line.split(' ').next() == Some(notification));
    let mut paths: Vec<_> =
        told.filter_map(|line| Some(line.split_once("[file:")?.1.trim_end_matches(']').to_owned())).collect();
    paths.sort_unstable();
    paths
}

#[test]
fn a_clean_folder_is_scanned_and_nothing_is_found() {
    let machine = machine();
    let folder = files(&machine, &[("one", "1234"), ("deep/er/two", "123456"), ("empty", "")]);
    for (options, progress) in [(SYNC, "?"), (ASYNC, "?"), (PROGRESS, "0")] {
        for said in scan(&machine, options, &[&folder]) {
            assert_eq!(said.value("returned"), "0x00000000");
            let told: Vec<_> = said.out.lines().filter(|line| !line.contains("PROGRESS")).collect();
            assert_eq!(told[0], "told START 0x00000000 0 files 0 bytes 0 threats ? [:]");
            assert_eq!(told[1], "told COMPLETE 0x00000000 3 files 10 bytes 0 threats 1000000 [:]");
            assert_eq!(said.out.contains("PROGRESS"), progress == "0", "{}", said.out);
            assert!(lines(&said, "threat").is_empty());
        }
    }
}

#[test]
fn each_infected_file_is_told_and_each_threat_is_listed_with_its_files() {
    let machine = machine();
    let folder = files(
        &machine,
        &[("x", "the first one"), ("y/z", "first and second"), ("clean", "nothing"), ("y/grün", "second")],
    );
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    for options in [SYNC, ASYNC, ASYNC_AND_PROGRESS] {
        for said in scan(&machine, options, &[&folder]) {
            assert_eq!(said.value("returned"), "0x00000000");
            assert_eq!(paths(&said, "INFECTED"), [path("x"), path("y/grün"), path("y/z")]);
            assert!(said.out.contains("told COMPLETE 0x00000000 4 files 42 bytes 2 threats 1000000 [:]"));
            let mut threats: Vec<Vec<_>> = Vec::new();
            for line in lines(&said, "threat") {
                let (_, named) = line.split_once(' ').unwrap();
                let mut words: Vec<_> = named.split(' ').map(str::to_owned).collect();
                words[1..].sort_unstable();
                threats.push(words);
            }
            threats.sort_unstable();
            let file = |name: &str| format!("file:{}", path(name));
            let expected =
                [vec!["a".into(), file("x"), file("y/z")], vec!["b".into(), file("y/grün"), file("y/z")]];
            assert_eq!(threats, expected);
        }
    }
}

#[test]
fn the_number_of_a_threat_is_that_of_its_name_on_every_machine() {
    let machine = machine();
    let folder = files(&machine, &[("x", "first")]);
    for said in scan(&machine, SYNC, &[&folder]) {
        // The SHA-256 of "a" begins with CA978112.
        let expected =
            format!("{:08X} a file:{}", 0xCA97_8112_u32 >> 1 | 1 << 31, folder.join("x").display());
        assert_eq!(lines(&said, "threat"), [expected]);
    }
}

#[test]
fn several_resources_are_one_scan_and_progress_comes_to_its_end() {
    let machine = machine();
    let folder = files(&machine, &[("a/1", "first"), ("a/2", "x"), ("b/3", "x"), ("b/4", "x"), ("c", "x")]);
    let (a, b, c) = (folder.join("a"), folder.join("b"), folder.join("c"));
    for said in scan(&machine, ASYNC_AND_PROGRESS, &[&a, &b, &c]) {
        assert_eq!(said.value("completed"), "0x00000000");
        let parts: Vec<u32> = lines(&said, "told")
            .iter()
            .filter(|line| line.starts_with("PROGRESS"))
            .filter_map(|line| line.split_once(" threats ")?.1.split(' ').next()?.parse().ok())
            .collect();
        assert!(!parts.is_empty() && parts.iter().all(|parts| parts % 200_000 == 0 || *parts == 999_999));
        assert!(said.out.contains("told COMPLETE 0x00000000 5 files 9 bytes 1 threats 1000000 [:]"));
    }
}

#[test]
fn a_file_that_cannot_be_scanned_is_told_and_the_others_are_scanned() {
    let mut machine = machine();
    let folder = files(&machine, &[("large", "a long text with first in it"), ("x", "first")]);
    machine.set("BOOSTER_SCAN__MAX_FILE_SIZE", "10 B");
    let large = folder.join("large");
    std::os::unix::fs::symlink("nowhere", folder.join("link")).unwrap();
    for said in scan(&machine, SYNC, &[&folder]) {
        assert_eq!(said.value("returned"), "0x00000000");
        assert_eq!(paths(&said, "ERROR"), [large.to_str().unwrap()]);
        assert!(said.out.contains("told ERROR 0x800700DF "), "{}", said.out);
        assert_eq!(paths(&said, "INFECTED"), [folder.join("x").to_str().unwrap()]);
        assert!(said.out.contains("told COMPLETE 0x00000000 1 files 5 bytes 1 threats "));
    }
}

#[test]
fn where_nothing_is_installed_no_scan_starts() {
    let machine = Machine::new();
    let folder = files(&machine, &[("x", "first")]);
    for options in [SYNC, ASYNC] {
        for said in scan(&machine, options, &[&folder]) {
            assert_eq!(said.value("returned"), "0x80501002");
            assert!(lines(&said, "told").is_empty());
        }
    }
}

#[test]
fn definitions_that_cannot_be_opened_fail_the_scan_and_say_why() {
    let machine = machine();
    let folder = files(&machine, &[("x", "first")]);
    let installed = machine.store().current().unwrap().unwrap();
    let component = installed.component_dir(Component::Antivirus);
    fs::write(component.join("a.yar"), "rule other { condition: true }").unwrap();
    for entry in fs::read_dir(installed.image_dir()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "bin") {
            fs::remove_file(path).unwrap();
        }
    }
    if MODE == Mode::Served {
        // The service has tried already: it has no definitions in use, and no scan starts.
        for said in scan(&machine, SYNC, &[&folder]).into_iter().chain(scan(&machine, ASYNC, &[&folder])) {
            assert_eq!(said.value("returned"), "0x80501002");
            assert!(lines(&said, "told").is_empty());
        }
        return;
    }
    for said in scan(&machine, SYNC, &[&folder]) {
        assert_eq!(said.value("returned"), "0x8050800D");
        let names: Vec<_> = said.out.lines().filter_map(|line| line.split(' ').nth(1)).collect();
        assert_eq!(names, ["START", "INTERNAL_FAILURE", "COMPLETE"]);
    }
    for said in scan(&machine, ASYNC, &[&folder]) {
        assert_eq!((said.value("returned"), said.value("completed")), ("0x00000000", "0x8050800D"));
    }
}

#[test]
fn arguments_that_cannot_be_are_refused_and_start_nothing() {
    let machine = machine();
    let file = files(&machine, &[("x", "clean")]).join("x");
    everywhere("scan_arguments", &machine, &[file.to_str().unwrap()]);
}

#[test]
fn scans_are_paused_resumed_and_aborted() {
    let machine = machine();
    let folder = many(&machine, 600);
    everywhere("scan_control", &machine, &[folder.to_str().unwrap(), "600"]);
}

#[test]
fn callbacks_abort_close_and_start_scans_and_handles_are_closed_in_any_order() {
    let machine = machine();
    let folder = many(&machine, 100);
    everywhere("scan_callbacks", &machine, &[folder.to_str().unwrap()]);
}

/// A folder with the threat `a` in each file and `b` in one of them, and a clean file elsewhere.
fn infected_and_clean(machine: &Machine, count: usize) -> (PathBuf, PathBuf) {
    let folder = many(machine, count);
    fs::write(folder.join("0/0.txt"), "first and second").unwrap();
    let clean = machine.path().join("clean");
    fs::write(&clean, "nothing").unwrap();
    (folder, clean)
}

#[test]
fn threats_are_listed_and_asked_for_in_every_way() {
    let machine = machine();
    let (folder, clean) = infected_and_clean(&machine, 50);
    everywhere("threats", &machine, &[folder.to_str().unwrap(), "50", clean.to_str().unwrap()]);
}

#[test]
fn a_forked_child_has_no_part_in_a_scan_and_keeps_lists() {
    let machine = machine();
    everywhere("scan_fork", &machine, &[many(&machine, 50).to_str().unwrap()]);
}

#[test]
fn programs_with_the_static_library_scan() {
    let machine = machine();
    let (folder, clean) = infected_and_clean(&machine, 5);
    let arguments = [folder.to_str().unwrap(), "5", clean.to_str().unwrap()];
    if let Some(program) = Program::build("threats", Language::C11, Link::Static) {
        program.run(&machine, &arguments);
    }
}

#[test]
fn valgrind_and_address_sanitizer_find_nothing_in_scans_and_threats() {
    let machine = machine();
    let (folder, clean) = infected_and_clean(&machine, 20);
    let (folder, clean) = (folder.to_str().unwrap(), clean.to_str().unwrap());
    for (name, arguments) in [
        ("scan", &["3", folder][..]),
        ("scan_arguments", &[clean]),
        ("scan_callbacks", &[folder]),
        ("threats", &[folder, "20", clean]),
    ] {
        if let Some(program) = Program::build(name, Language::C11, Link::Shared) {
            program.run_under_valgrind(&machine, arguments);
        }
        if let Some(program) = Program::build(name, Language::C11, Link::Watched) {
            program.run(&machine, arguments);
        }
    }
}
