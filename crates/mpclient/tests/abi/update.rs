//! Updates: started, told of, cancelled, refused, let go of.

use crate::{
    MODE,
    support::{Language, Link, Machine, Mode, Program, Said, Site, UpdateServer, everywhere, rule},
};
use booster_definitions::{Component, Version};
use booster_test_support::{Fault, FaultyServer, Samba, SambaShare, TestAuthority};
use mpclient::numbers as n;
use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

/// A call of the callback, as the C program wrote it down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub notify: u32,
    pub result: u32,
    percent: u32,
    total: u32,
    index: u32,
    pub source: u32,
    stage: u32,
    path: String,
}

pub(crate) fn told(said: &Said) -> Vec<Told> {
    let line = |line: &str| {
        let mut fields = line.splitn(8, ' ');
        let mut field = || fields.next().unwrap().to_owned();
        let (notify, result) = (field(), field());
        let hex = |text: &str| u32::from_str_radix(text, 16).unwrap();
        let mut number = || field().parse().unwrap();
        let (percent, total, index, source, stage) = (number(), number(), number(), number(), number());
        Told {
            notify: hex(&notify),
            result: hex(&result),
            percent,
            total,
            index,
            source,
            stage,
            path: field(),
        }
    };
    said.out.lines().filter_map(|text| text.strip_prefix("event=")).map(line).collect()
}

/// The names of what was told, short.
pub(crate) fn names(told: &[Told]) -> String {
    let name = |told: &Told| {
        let number =
            n::all().find(|number| number.value == told.notify && number.name.starts_with("MPNOTIFY_"));
        number.unwrap().name.trim_start_matches("MPNOTIFY_").trim_start_matches("SIGUPDATE_").to_lowercase()
    };
    told.iter().map(name).collect::<Vec<_>>().join(" ")
}

/// A publisher with two components, and a machine that is configured for it.
pub(crate) fn site_and_machine() -> (Site, Machine) {
    let site = Site::new();
    site.publish(Component::Antivirus, "1.2.0.0", &[("a.yar", &rule("a", "first"))]);
    site.publish(Component::Nis, "1.3.0.0", &[("n.yar", &rule("n", "second"))]);
    let machine = Machine::of(&site);
    (site, machine)
}

fn update(machine: &Machine, arguments: &[&str]) -> Option<Said> {
    Some(Program::build("update", Language::C11, Link::Shared)?.run(machine, arguments))
}

/// The request path of the one target of antivirus whose name ends so.
fn target(site: &Site, end: &str) -> String {
    let folder = fs::read_dir(site.repository().join("targets/antivirus")).unwrap();
    let mut names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    format!("/targets/antivirus/{}", names.find(|name| name.ends_with(end)).unwrap())
}

/// A program in place of the engine's worker.
fn worker(machine: &Machine, script: &str) -> PathBuf {
    let file = machine.path().join("worker");
    fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    file
}

const WHOLE: &str = "start search_start search_complete download_start download_complete download_start \
                     download_complete install_start install_start install_complete install_complete \
                     request_processed complete";

#[test]
fn a_synchronous_update_returns_its_result_and_tells_every_step_in_order() {
    let (site, machine) = site_and_machine();
    let Some(said) = update(&machine, &["0"]) else { return };
    assert_eq!(said.value("result"), "00000000");
    let events = told(&said);
    assert_eq!(names(&events), WHOLE);
    assert!(events.iter().all(|told| told.result == 0), "{events:?}");
    assert!(events.is_sorted_by_key(|told| told.percent));
    assert_eq!(events.last().map(|told| told.percent), Some(100));
    let folder = site.repository().display().to_string();
    assert_eq!(events[0].stage, n::MP_STAGE_UNKNOWN);
    for told in &events {
        assert_eq!((told.path.as_str(), told.source), (folder.as_str(), n::MPSIGUPDATE_TYPE_UNC), "{told:?}");
    }
    assert!(events[2..].iter().all(|told| told.total == 2), "{events:?}");
    let of = |index: usize| (events[index].index, events[index].stage);
    assert_eq!((of(1), of(3), of(5)), ((0, 1), (0, 2), (1, 2)));
    assert_eq!((of(7), of(8), of(9), of(10)), ((0, 3), (1, 3), (0, 3), (1, 3)));
    assert_eq!(machine.version(Component::Nis), Some(Version([1, 3, 0, 0])));

    let said = update(&machine, &["0"]).unwrap();
    assert_eq!(said.value("result"), "00000001");
    let events = told(&said);
    assert_eq!(names(&events), "start search_start search_complete request_processed complete");
    assert!(events[2..].iter().all(|told| told.result == 1), "S_FALSE says that nothing was needed");
}

#[test]
fn an_update_from_a_share_has_its_type_and_its_network_name_in_every_notification() {
    for language in [Language::C11, Language::Cpp17] {
        let Some(program) = Program::build("update", language, Link::Shared) else { return };
        let (site, mut machine) = site_and_machine();
        let Some(mut server) = Samba::start(&[SambaShare::account("definitions", &site.repository())]) else {
            return;
        };
        let share = server.unc("definitions");
        // Web servers are configured as well, and are not asked.
        machine.set("BOOSTER_SOURCES", format!("http://127.0.0.1:9/,{share}"));
        machine.set("BOOSTER_UNC__PORT", server.port().to_string());
        machine.set("BOOSTER_UNC__CREDENTIALS_FILE", server.credentials());
        // Each notification, of an update that goes well and of one that fails.
        let run = |machine: &Machine, options: u32, share: &str| {
            let said = program.run(machine, &[&format!("{options:x}")]);
            let events = told(&said);
            for told in &events {
                let (path, source) = (told.path.as_str(), told.source);
                assert_eq!((path, source), (share, n::MPSIGUPDATE_TYPE_UNC), "{told:?}");
            }
            (events.last().unwrap().result, names(&events))
        };
        assert_eq!(run(&machine, n::MPUPDATE_OPTION_UNC, &share), (0, WHOLE.to_owned()));
        assert_eq!(machine.version(Component::Nis), Some(Version([1, 3, 0, 0])));
        let asynchronous = n::MPUPDATE_OPTION_UNC | n::MPUPDATE_OPTION_ASYNC | n::MPUPDATE_OPTION_PROGRESS;
        assert_eq!(run(&machine, asynchronous, &share).0, 1, "nothing is new");

        machine.set("BOOSTER_UNC__CREDENTIALS_FILE", server.credentials_of(Samba::USER, "wrong"));
        let (result, _) = run(&machine, n::MPUPDATE_OPTION_UNC, &share);
        assert_eq!(result, 0x8007_052e, "the password is wrong");
        let missing = server.unc("missing");
        machine.set("BOOSTER_SOURCES", &missing);
        machine.set("BOOSTER_UNC__CREDENTIALS_FILE", server.credentials());
        assert_eq!(run(&machine, asynchronous, &missing).0, 0x8007_0043, "there is no such share");
        server.kill();
        assert_eq!(run(&machine, asynchronous, &missing).0, 0x8007_0035, "there is no server");
    }
}

#[test]
fn an_asynchronous_update_tells_progress_only_where_it_is_asked_for() {
    for language in [Language::C11, Language::Cpp17] {
        let Some(program) = Program::build("update", language, Link::Shared) else { return };
        for (options, expected) in [("1", false), ("3", true), ("b", true)] {
            let (_site, machine) = site_and_machine();
            let said = program.run(&machine, &[options]);
            assert_eq!(said.value("result"), "00000000");
            let events = told(&said);
            let progress = |told: &&Told| {
                told.notify == n::MPNOTIFY_SIGUPDATE_DOWNLOAD_PROGRESS
                    || told.notify == n::MPNOTIFY_SIGUPDATE_INSTALL_PROGRESS
            };
            assert_eq!(events.iter().any(|told| progress(&told)), expected, "{}", names(&events));
            assert!(events.is_sorted_by_key(|told| told.percent));
            assert_eq!(events.last().map(|told| (told.percent, told.result)), Some((100, 0)));
            let steps: Vec<_> = events.iter().filter(|told| !progress(told)).cloned().collect();
            assert_eq!(names(&steps), WHOLE);
        }
    }
}

#[test]
fn what_cannot_be_asked_is_refused_and_nothing_starts() {
    for language in [Language::C11, Language::Cpp17] {
        let (_site, machine) = site_and_machine();
        let Some(program) = Program::build("update_arguments", language, Link::Shared) else { return };
        program.run(&machine, &[]);
    }
}

#[test]
fn settings_that_cannot_work_are_told_apart() {
    let (_site, mut machine) = site_and_machine();
    let Some(program) = Program::build("update", Language::C11, Link::Shared) else { return };
    let mut result = |name: &str, value: &str| {
        machine.set(name, value);
        let said = program.run(&machine, &["1"]);
        assert!(said.value("calls") == "0" || said.value("result") == "00000000");
        said.value("result").to_owned()
    };
    assert_eq!(result("BOOSTER_SOURCES", ""), "8024001a");
    assert_eq!(result("BOOSTER_SOURCES", "nonsense://x/"), "80508020");
    assert_eq!(
        result("BOOSTER_SOURCES", "/nowhere"),
        "00000000",
        "only asking it shows that it is not there"
    );
    assert_eq!(result("BOOSTER_ENGINE__NONSENSE", "1"), "80508020");
}

#[test]
fn cancelling_takes_effect_in_every_stage_and_changes_nothing() {
    let Some(program) = Program::build("update", Language::Cpp17, Link::Shared) else { return };
    for at in [
        n::MPNOTIFY_SIGUPDATE_START,
        n::MPNOTIFY_SIGUPDATE_SEARCH_START,
        n::MPNOTIFY_SIGUPDATE_DOWNLOAD_START,
        n::MPNOTIFY_SIGUPDATE_INSTALL_START,
    ] {
        let (site, mut machine) = site_and_machine();
        // A source that gives the callback time: the update waits for what never comes.
        let server = FaultyServer::serve(site.repository());
        machine.set("BOOSTER_SOURCES", server.url());
        let slow = match at {
            n::MPNOTIFY_SIGUPDATE_DOWNLOAD_START => target(&site, "tar.zst"),
            n::MPNOTIFY_SIGUPDATE_INSTALL_START => {
                // A worker that does nothing for a long time.
                machine.set("BOOSTER_ENGINE__WORKER", worker(&machine, "exec sleep 60"));
                String::new()
            }
            _ => "/metadata/timestamp.json".to_owned(),
        };
        server.misbehave(&slow, Fault::StallAfter(10));
        let said = program.run(&machine, &["1", "abort", &format!("{at:x}")]);
        assert_eq!(said.value("abort"), "00000000");
        let events = told(&said);
        let last = events.last().unwrap();
        assert_eq!((last.notify, last.result), (n::MPNOTIFY_SIGUPDATE_COMPLETE, 0x8024_000B), "{}", said.out);
        assert!(last.percent < 100);
        assert_eq!(machine.version(Component::Antivirus), None);
        assert!(!machine.data().join("staging").exists(), "debris is left");
    }
}

#[test]
fn a_server_that_is_gone_in_any_stage_is_told_with_the_specific_error() {
    let Some(program) = Program::build("update", Language::C11, Link::Shared) else { return };
    let closed = "http://127.0.0.1:9/";
    let failed = "internal_failure request_processed complete";
    for (stage, expected, steps) in [
        (None, 0x8007_2EFD, "start search_start search_complete"),
        (Some("search"), 0x8024_401F, "start search_start search_complete"),
        (
            Some("download"),
            0x8007_2EFE,
            "start search_start search_complete download_start download_complete",
        ),
        (
            Some("install"),
            0x8007_042B,
            "start search_start search_complete download_start download_complete download_start \
             download_complete install_start install_start install_complete install_complete",
        ),
    ] {
        let (site, mut machine) = site_and_machine();
        let server = FaultyServer::serve(site.repository());
        machine.set("BOOSTER_SOURCES", if stage.is_none() { closed.to_owned() } else { server.url() });
        match stage {
            Some("search") => {
                server.misbehave("/metadata/timestamp.json", Fault::Status { code: 500, retry_after: None })
            }
            Some("download") => server.misbehave(&target(&site, "tar.zst"), Fault::ResetAfter(20)),
            Some("install") => machine.set("BOOSTER_ENGINE__WORKER", worker(&machine, "exit 9")),
            _ => {}
        }
        let said = program.run(&machine, &["0"]);
        let code = format!("{expected:08x}");
        assert_eq!(said.value("result"), code, "{stage:?}: {}", said.out);
        let events = told(&said);
        assert_eq!(names(&events), format!("{steps} {failed}"));
        for told in events.iter().rev().take(4) {
            assert_eq!((told.result, told.source), (expected, n::MPSIGUPDATE_TYPE_HTTP), "{told:?}");
        }
        assert_eq!(machine.version(Component::Antivirus), None);
    }
}

#[test]
fn a_callback_may_call_every_function() {
    let Some(program) = Program::build("update", Language::C11, Link::Shared) else { return };
    for action in ["format", "close-manager", "dawdle", "start", "abort"] {
        for options in ["0", "1"] {
            let (_site, machine) = site_and_machine();
            let at = format!("{:x}", n::MPNOTIFY_SIGUPDATE_SEARCH_START);
            let said = program.run(&machine, &[options, action, &at]);
            let events = told(&said);
            let last = events.last().unwrap();
            assert_eq!(last.notify, n::MPNOTIFY_SIGUPDATE_COMPLETE, "{action}");
            match (action, options) {
                // The update goes on beside the callback, so it may have ended before.
                ("start", _) => {
                    let results: Vec<_> =
                        said.out.lines().filter_map(|line| line.strip_prefix("second=")).collect();
                    assert_eq!(results.len(), 2);
                    assert!(results.iter().all(|code| ["80070652", "00000001", "00000000"].contains(code)));
                }
                ("abort", "0") => assert_eq!(said.value("abort"), "80070057"),
                ("abort", _) => assert!(["00000000", "80501102"].contains(&said.value("abort"))),
                _ => assert_eq!(last.result, 0, "{action}"),
            }
        }
    }
}

#[test]
fn a_second_update_joins_the_services_and_is_refused_where_there_is_none() {
    let Some(program) = Program::build("update", Language::C11, Link::Shared) else { return };
    let (site, mut machine) = site_and_machine();
    let server = FaultyServer::serve(site.repository());
    machine.set("BOOSTER_SOURCES", server.url());
    // How long the answer that never comes is waited for.
    machine.set("BOOSTER_TRANSFER__RESPONSE_TIMEOUT", "1s");
    machine.set("BOOSTER_TRANSFER__CONNECT_TIMEOUT", "1s");
    server.misbehave("/metadata/timestamp.json", Fault::NeverAnswer);
    let at = format!("{:x}", n::MPNOTIFY_SIGUPDATE_SEARCH_START);
    let said = program.run(&machine, &["1", "start", &at]);
    let results: Vec<_> = said.out.lines().filter_map(|line| line.strip_prefix("second=")).collect();
    match MODE {
        Mode::Embedded => assert_eq!(results, ["80070652", "80070652"]),
        // The first ends with the update that it has joined, and the second may begin one of its own.
        Mode::Served => assert_eq!(results, ["80072ee2", "00000000"]),
    }

    machine.wait_until_idle();
    let held = machine.store().begin("update").unwrap();
    for options in ["0", "1"] {
        let said = program.run(&machine, &[options]);
        match (MODE, options) {
            (Mode::Embedded, _) => {
                assert_eq!((said.value("result"), said.value("calls")), ("80070652", "0"));
            }
            // The service has taken the request, and finds the folder in somebody else's hands when it comes to it.
            (Mode::Served, "0") => assert_eq!(said.value("result"), "80070652"),
            (Mode::Served, _) => assert_eq!(said.value("result"), "00000000"),
        }
        if MODE == Mode::Served {
            let last = told(&said).pop().unwrap();
            assert_eq!((last.notify, last.result), (n::MPNOTIFY_SIGUPDATE_COMPLETE, 0x8007_0652));
        }
    }
    drop(held);
    server.heal();
    assert_eq!(program.run(&machine, &["0"]).value("result"), "00000000");
}

#[test]
fn a_callback_that_closes_its_update_hears_no_more_and_the_update_goes_on() {
    for language in [Language::C11, Language::Cpp17] {
        let Some(program) = Program::build("update", language, Link::Shared) else { return };
        for options in ["0", "2", "1", "3"] {
            let (_site, machine) = site_and_machine();
            let at = format!("{:x}", n::MPNOTIFY_SIGUPDATE_DOWNLOAD_START);
            let said = program.run(&machine, &[options, "close", &at]);
            assert_eq!(
                told(&said).last().map(|told| told.notify),
                Some(n::MPNOTIFY_SIGUPDATE_DOWNLOAD_START)
            );
            assert_eq!(machine.version(Component::Antivirus), Some(Version([1, 2, 0, 0])));
        }
    }
}

#[test]
fn an_update_that_was_let_go_of_survives_the_unloading_of_the_library() {
    for language in [Language::C11, Language::Cpp17] {
        let Some(program) = Program::build("update_detached", language, Link::Loaded) else { return };
        let (_site, machine) = site_and_machine();
        program.run(&machine, &[]);
        assert_eq!(machine.version(Component::Antivirus), Some(Version([1, 2, 0, 0])));
    }
}

#[test]
fn updates_from_many_threads_are_run_or_refused() {
    let (_site, machine) = site_and_machine();
    everywhere("update_threads", &machine, &[]);
    assert_eq!(machine.version(Component::Nis), Some(Version([1, 3, 0, 0])));
}

#[test]
fn an_update_belongs_to_the_process_that_started_it() {
    let (_site, machine) = site_and_machine();
    everywhere("update_fork", &machine, &[]);
    assert_eq!(machine.version(Component::Nis), Some(Version([1, 3, 0, 0])));
}

#[test]
fn a_release_that_asks_for_a_restart_or_a_newer_engine_says_so() {
    let Some(program) = Program::build("update", Language::C11, Link::Shared) else { return };
    let (site, machine) = site_and_machine();
    site.publish_as(Component::Antivirus, "1.3.0.0", &[("a.yar", &rule("a", "third"))], |request| {
        request.restart_required = true;
    });
    let said = program.run(&machine, &["1"]);
    let events = told(&said);
    assert_eq!(names(&events), WHOLE.replace("request_processed", "reboot_required request_processed"));
    assert!(events.iter().all(|told| told.result == 0));

    site.publish_as(Component::Antivirus, "1.4.0.0", &[("a.yar", &rule("a", "fourth"))], |request| {
        request.requires.engine = Version([2, 0, 0, 0]);
    });
    let said = program.run(&machine, &["1"]);
    let expected = "start search_start search_complete software_update_available request_processed complete";
    assert_eq!(names(&told(&said)), expected);
    assert_eq!(machine.version(Component::Antivirus), Some(Version([1, 3, 0, 0])));
}

/// A machine with one source of this kind, and what else its table says.
fn machine_with(site: &Site, kind: &str, url: &str, more: &str) -> Machine {
    let mut machine = Machine::new();
    machine.set("BOOSTER_ROOT", site.root_file());
    let table = format!("[[sources]]\nkind = \"{kind}\"\nurl = \"{url}\"\n{more}\n");
    fs::write(machine.path().join("booster.toml"), table).unwrap();
    machine
}

#[test]
fn an_update_from_an_update_server_is_told_with_its_kind_and_its_address() {
    let Some(program) = Program::build("update", Language::C11, Link::Shared) else { return };
    let (site, _) = site_and_machine();
    let authority = TestAuthority::new("site");
    let managed = UpdateServer::start(&site);
    let unmanaged = UpdateServer::start_secure(&site, &authority);
    let machine = machine_with(&site, "managed", &managed.url, "[sources.wsus]\nplain_http = true");
    let mut cases = vec![("10", n::MPSIGUPDATE_TYPE_MANAGED, &managed, machine)];
    if let Some(unmanaged) = &unmanaged {
        let bundle = unmanaged.folder().join("ca.pem");
        fs::write(&bundle, authority.pem()).unwrap();
        let more = format!("[sources.http]\nca_bundle = \"{}\"", bundle.display());
        let machine = machine_with(&site, "unmanaged", &unmanaged.url, &more);
        cases.push(("20", n::MPSIGUPDATE_TYPE_UNMANAGED, unmanaged, machine));
    }
    for (option, kind, server, machine) in cases {
        let said = program.run(&machine, &[option]);
        assert_eq!(said.value("result"), "00000000");
        let events = told(&said);
        assert_eq!(names(&events), WHOLE);
        for told in &events {
            assert_eq!((told.source, told.path.as_str()), (kind, server.url.as_str()), "{told:?}");
        }
        assert_eq!(machine.version(Component::Nis), Some(Version([1, 3, 0, 0])));
        assert_eq!(program.run(&machine, &[option]).value("result"), "00000001");
    }
}
