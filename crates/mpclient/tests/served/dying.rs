//! A service that is not there, or goes away.

use crate::{
    support::{Language, Link, Machine, Program, Said, Site, rule},
    update::{Told, names, site_and_machine, told},
};
use booster_definitions::{Component, Version};
use booster_test_support::{Fault, FaultyServer};
use mpclient::numbers as n;
use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    process::Stdio,
    time::Duration,
};

const ABSENT: &str = "800106ba";

fn program(name: &str) -> Option<Program> {
    Program::build(name, Language::C11, Link::Shared)
}

#[test]
fn where_a_service_has_to_be_used_and_none_answers_nothing_starts_and_the_status_says_why() {
    let (site, mut machine) = site_and_machine();
    machine.install(&site);
    machine.without_service();
    let (Some(update), Some(query), Some(scan)) = (program("update"), program("query"), program("scan"))
    else {
        return;
    };
    for options in ["0", "1"] {
        let said = update.run(&machine, &[options]);
        assert_eq!((said.value("result"), said.value("calls")), (ABSENT, "0"));
    }
    let said = query.run(&machine, &[]);
    assert_eq!((said.value("version_query"), said.value("status_query")), ("0x800106BA", "0x00000000"));
    assert_eq!(said.value("flags"), "0x3", "service and engine are unavailable");
    assert_eq!(said.value("antivirus_status"), "1 0x00000000", "the folder can be read");
    let file = machine.path().join("x");
    fs::write(&file, "first").unwrap();
    let said = scan.run(&machine, &["0", file.to_str().unwrap()]);
    assert_eq!(said.value("returned"), "0x800106BA");
}

#[test]
fn where_a_service_may_be_used_and_none_answers_each_program_does_its_work() {
    let (_site, mut machine) = site_and_machine();
    machine.without_service();
    machine.set("BOOSTER_SERVICE__USE", "auto");
    let (Some(update), Some(query)) = (program("update"), program("query")) else { return };
    assert_eq!(update.run(&machine, &["0"]).value("result"), "00000000");
    assert_eq!(query.run(&machine, &[]).value("flags"), "0x80000");
}

#[test]
fn where_a_service_may_be_used_and_one_answers_it_does_the_work() {
    let (_site, mut machine) = site_and_machine();
    machine.set("BOOSTER_SERVICE__USE", "auto");
    let Some(update) = program("update") else { return };
    assert_eq!(update.run(&machine, &["0"]).value("result"), "00000000");
    let service = machine.take_service();
    let status = service.status().unwrap();
    assert_eq!(status.service.unwrap().engine_generation, status.generation, "it has gone over itself");
    assert!(status.generation.is_some());
}

/// An update that the service runs and whose source says nothing more, killed while it waits for that.
fn killed(options: &str) -> Option<(Vec<Told>, Said)> {
    let program = program("update")?;
    let (site, mut machine) = site_and_machine();
    let server = FaultyServer::serve(site.repository());
    machine.set("BOOSTER_SOURCES", server.url());
    server.misbehave("/metadata/timestamp.json", Fault::NeverAnswer);
    let mut child = program.command(&machine).arg(options).stdout(Stdio::piped()).spawn().unwrap();
    // The program's output comes when it ends; that the source has been asked says how far it is.
    let end = std::time::Instant::now() + Duration::from_secs(60);
    while server.log().is_empty() {
        assert!(std::time::Instant::now() < end, "the source is not asked");
        std::thread::sleep(Duration::from_millis(5));
    }
    machine.take_service_as_it_is().kill();
    let (mut out, mut rest) = (BufReader::new(child.stdout.take().unwrap()), String::new());
    _ = out.fill_buf().unwrap();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{rest}");
    let said = Said { code: Some(0), out: rest, err: String::new() };

    // The next one recovers.
    server.heal();
    assert_eq!(program.run(&machine, &["0"]).value("result"), "00000000");
    assert_eq!(machine.version(Component::Nis), Some(Version([1, 3, 0, 0])));
    Some((told(&said), said))
}

#[test]
fn a_service_that_is_killed_ends_updates_with_its_code_and_nobody_hangs() {
    for options in ["0", "1"] {
        let Some((events, said)) = killed(options) else { return };
        let expected = if options == "0" { ABSENT } else { "00000000" };
        assert_eq!(said.value("result"), expected);
        assert_eq!(names(&events), "start search_start internal_failure complete");
        for told in &events[2..] {
            assert_eq!((told.result, told.source), (0x8001_06BA, n::MPSIGUPDATE_TYPE_HTTP), "{told:?}");
        }
    }
}

#[test]
fn a_scan_whose_service_is_killed_fails_with_its_code() {
    let Some(program) = program("scan") else { return };
    let site = Site::new();
    site.publish(Component::Antivirus, "1.0.0.0", &[("a.yar", &rule("a", "first"))]);
    let machine = Machine::new();
    machine.install(&site);
    let folder = machine.path().join("many");
    fs::create_dir(&folder).unwrap();
    for number in 0..20_000 {
        fs::write(folder.join(number.to_string()), "first").unwrap();
    }
    let arguments = ["1", folder.to_str().unwrap()];
    let mut command = program.command(&machine);
    let service = machine.take_service_as_it_is();
    let mut child = command.args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let (mut out, mut said) = (BufReader::new(child.stdout.take().unwrap()), String::new());
    while !said.contains("told INFECTED") {
        assert_ne!(out.read_line(&mut said).unwrap(), 0, "it ended before it found anything: {said}");
    }
    service.kill();
    out.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{}", said.lines().last().unwrap_or_default());
    assert!(said.contains("completed=0x800106BA"), "{}", said.lines().last().unwrap_or_default());
    let code = "told INTERNAL_FAILURE 0x800106BA ";
    assert_eq!(said.lines().filter(|line| line.starts_with(code)).count(), 1);
}
