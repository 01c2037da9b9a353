//! What those who run the service see of it: the log, the figures, and what the service manager is told.

use crate::{
    support::{Said, run},
    world::{PATIENCE, World, lines, wait},
};
use booster_test_support::Fault;
use serde_json::Value;
use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

#[test]
fn updates_swaps_failures_and_returns_are_in_the_log_by_their_ids() {
    let world = World::new();
    let service = world.start_with(|command| _ = command.env("BOOSTER_LOG_FORMAT", "json"));
    world.update();
    world.publish(2);
    world.update();
    run(world.command("rollback").args(["--reason", "false alarms"])).expect(0);
    world.server.misbehave("/metadata/timestamp.json", Fault::Status { code: 500, retry_after: None });
    run(world.command("update").arg("--quiet")).expect(2);
    service.wait_for_log("\"event_id\":2001");
    wait("the engine to go back", || lines(&service.log(), 2002).len() == 3);

    let log = service.log();
    let updated = lines(&log, 2000);
    assert_eq!(updated.len(), 2, "{log}");
    let second = &updated[1];
    for (field, value) in [
        ("component", "antivirus"),
        ("version", "1.0.0.2"),
        ("version_before", "1.0.0.1"),
        ("source", "http"),
        ("level", "INFO"),
        ("by", &format!("user {}", rustix::process::geteuid().as_raw())),
    ] {
        assert_eq!(second[field], value, "{field} in {second}");
    }
    assert_eq!((&updated[0]["update_type"], &updated[0]["update"]), (&"Full".into(), &1.into()));
    assert_eq!(lines(&log, 2002)[1]["version"], "antivirus 1.0.0.2");
    let back = &lines(&log, 2004)[0];
    assert_eq!((&back["version_before"], &back["version"]), (&"1.0.0.2".into(), &"1.0.0.1".into()));
    assert_eq!((&back["error"], &back["level"]), (&"false alarms".into(), &"WARN".into()));
    let failed = &lines(&log, 2001)[0];
    assert_eq!((&failed["error_kind"], &failed["stage"]), (&"http_status".into(), &"search".into()));
    assert_eq!((&failed["error_detail"], &failed["level"]), (&"http_status:500".into(), &"ERROR".into()));
    assert_eq!(failed["path"], format!("{}/", world.server.url()));
}

/// A journal of its own, in a name space where nothing is seen of the machine's; the command is run as systemd
/// runs services. Prints the entries with an event id.
const JOURNAL: &str = r#"
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal /run/log/journal /var/log/journal || exit 77
mount -t tmpfs tmpfs /var/log/journal || exit 77
/lib/systemd/systemd-journald >/run/journald.log 2>&1 &
journald=$!
tries=0
until [ -S /run/systemd/journal/stdout ] || [ $((tries += 1)) -gt 100 ]; do sleep 0.1; done
systemd-cat sh -c 'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec "$@"' - "$@" &
service=$!
tries=0
until journalctl --sync && journalctl --quiet --directory=/run/log/journal BOOSTER_EVENT_ID=2001 | grep -q . ||
    [ $((tries += 1)) -gt 100 ]; do sleep 0.1; done
kill $service && wait $service
journalctl --sync
journalctl --quiet --directory=/run/log/journal --output=json BOOSTER_EVENT_ID=2001
kill $journald
"#;

#[test]
fn the_journal_gets_every_field_under_a_name_of_its_own() {
    let journald = Path::new("/lib/systemd/systemd-journald");
    if !rustix::process::geteuid().is_root() || !journald.exists() {
        eprintln!("skipped: only root can start systemd-journald, and it has to be installed");
        return;
    }
    let world = World::new();
    world.configure("[schedule]\nrandomization_time = \"0s\"\n");
    world.server.misbehave("/metadata/timestamp.json", Fault::Status { code: 500, retry_after: None });
    let served = world.machine.command("service");
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", JOURNAL, "-"]).arg(served.get_program()).args(served.get_args());
    let said = run(&mut command);
    if said.code == Some(77) {
        eprintln!("skipped: nothing can be mounted here");
        return;
    }
    let entry = said.out.lines().next().unwrap_or_else(|| panic!("no entry: {}", said.err));
    let entry: Value = serde_json::from_str(entry).unwrap();
    for (field, value) in [
        ("SYSLOG_IDENTIFIER", "booster"),
        ("PRIORITY", "3"),
        ("BOOSTER_BY", "schedule"),
        ("BOOSTER_ERROR_KIND", "http_status"),
        ("BOOSTER_STAGE", "search"),
    ] {
        assert_eq!(entry[field], value, "{field} in {entry}");
    }
}

/// Asks an address for something, as Prometheus does.
fn get(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nhost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_figures_are_the_same_over_http_and_from_the_command_and_prometheus_can_read_them() {
    let world = World::new();
    world.configure("[service]\nmetrics = \"127.0.0.1:0\"\n");
    let _service = world.start();
    world.update();
    let status = run(world.command("status").arg("--json")).expect(0).json();
    let address = status["service"]["metrics"].as_str().unwrap();
    wait("the update to be counted", || metrics(&world).out.contains("booster_updates_total"));

    let answer = get(address, "GET /metrics");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("application/openmetrics-text"), "{head}");
    for line in [
        "booster_updates_total{outcome=\"updated\"} 1",
        "booster_definitions_info{component=\"antivirus\",version=\"1.0.0.1\"} 1",
        "booster_definitions_in_use_info{component=\"antivirus\",version=\"1.0.0.1\"} 1",
        "booster_definitions_out_of_date 0",
        "booster_engine_swaps_total{result=\"ok\"} 1",
        "booster_engine_healthy 1",
        "booster_update_stage_seconds_count{stage=\"install\"} 1",
    ] {
        assert!(body.lines().any(|found| found == line), "{line} is missing in\n{body}");
    }
    let names = |text: &str| -> Vec<String> {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        samples.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
    };
    assert_eq!(names(body), names(&metrics(&world).out));
    assert!(get(address, "POST /metrics").starts_with("HTTP/1.1 405"));
    assert!(get(address, "GET /").starts_with("HTTP/1.1 404"));
    // Who says nothing holds nobody else.
    let silent: Vec<_> = (0..4).map(|_| TcpStream::connect(address).unwrap()).collect();
    assert!(get(address, "GET /metrics").starts_with("HTTP/1.1 200"));
    drop(silent);
    read_as_prometheus(body);
}

fn metrics(world: &World) -> Said {
    run(world.machine.command("service").arg("metrics")).expect(0)
}

/// Has the strict parser of Prometheus' own Python client read it.
fn read_as_prometheus(text: &str) {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/python-env/bin/python");
    let installed = Command::new(&python).args(["-c", "import prometheus_client"]).output();
    if !installed.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: run scripts/python-env to install prometheus-client");
        return;
    }
    let program = "import sys; from prometheus_client.openmetrics.parser import text_string_to_metric_families as p\n\
                   print(sum(len(family.samples) for family in p(sys.stdin.read())))";
    let mut child = Command::new(python)
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let read = child.wait_with_output().unwrap();
    let samples = text.lines().filter(|line| !line.starts_with('#')).count();
    assert!(read.status.success(), "the figures cannot be read:\n{text}");
    assert_eq!(String::from_utf8(read.stdout).unwrap().trim(), samples.to_string());
}

#[test]
fn an_address_for_figures_that_is_taken_is_said_at_the_start() {
    let world = World::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    world.configure(&format!("[service]\nmetrics = \"{}\"\n", taken.local_addr().unwrap()));
    let said = run(&mut world.machine.command("service")).expect(2);
    assert!(said.err.contains("`metrics` under [service]"), "{}", said.err);
}

/// What a service tells its manager, who listens all the time: the system keeps few messages.
struct Manager {
    path: PathBuf,
    /// All of it, in order.
    told: Arc<Mutex<Vec<String>>>,
}

impl Manager {
    fn new(world: &World) -> Self {
        let path = world.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let told = Arc::<Mutex<Vec<String>>>::default();
        let heard = Arc::clone(&told);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length) = socket.recv(&mut bytes) {
                heard.lock().unwrap().push(String::from_utf8_lossy(&bytes[..length]).into_owned());
            }
        });
        Self { path, told }
    }

    /// Waits until so many messages have had this.
    #[track_caller]
    fn wait_for(&self, words: &str, times: usize) {
        wait(words, || self.count(words) >= times);
    }

    fn count(&self, words: &str) -> usize {
        self.told.lock().unwrap().iter().filter(|message| message.contains(words)).count()
    }
}

#[test]
fn the_service_manager_hears_of_the_start_of_life_of_a_reload_and_of_the_end() {
    let world = World::new();
    let manager = Manager::new(&world);
    let service = world.start_with(|command| {
        command.env("NOTIFY_SOCKET", &manager.path).env("WATCHDOG_USEC", "300000");
    });
    manager.wait_for("READY=1", 1);
    manager.wait_for("STATUS=no definitions; ", 1);
    manager.wait_for("WATCHDOG=1", 2);
    world.update();
    manager.wait_for("STATUS=antivirus 1.0.0.1; next update ", 1);
    // While an update runs it lives too.
    world.publish(2);
    world.slow_down();
    let mut update = world.command("update").arg("--quiet").spawn().unwrap();
    world.wait_for_download();
    let signs = manager.count("WATCHDOG=1");
    manager.wait_for("STATUS=antivirus 1.0.0.1; updating", 1);
    manager.wait_for("WATCHDOG=1", signs + 3);
    service.signal(rustix::process::Signal::HUP);
    manager.wait_for("RELOADING=1\nMONOTONIC_USEC=", 1);
    manager.wait_for("READY=1", 2);
    service.signal(rustix::process::Signal::TERM);
    manager.wait_for("STOPPING=1", 1);
    update.wait().unwrap();
}

#[test]
fn an_update_that_hangs_is_told_to_the_service_manager_by_the_want_of_signs_of_life() {
    let world = World::new();
    let go_on = world.path("go-on");
    let hang = format!("while [ ! -e {go_on:?} ]; do sleep 0.05; done");
    world.configure(&format!(
        "[service]\nstuck_after = \"1s\"\n[health]\ncommand = [\"/bin/sh\", \"-c\", '{hang}']\n"
    ));
    let manager = Manager::new(&world);
    let service = world.start_with(|command| {
        command.env("NOTIFY_SOCKET", &manager.path).env("WATCHDOG_USEC", "300000");
    });
    manager.wait_for("WATCHDOG=1", 1);
    let mut update = world.command("update").arg("--quiet").spawn().unwrap();
    service.wait_for_log("the update has told nothing for too long");
    let signs = manager.count("WATCHDOG=1");
    // Told again as often as a sign of life would have been given.
    let complaints = || service.log().matches("has told nothing for too long").count();
    wait("more complaints", || complaints() >= 4);
    assert_eq!(manager.count("WATCHDOG=1"), signs);
    world.write("go-on", b"");
    assert_eq!(update.wait().unwrap().code(), Some(0));
    manager.wait_for("WATCHDOG=1", signs + 1);
}

#[test]
fn a_socket_that_the_service_manager_opened_is_used_and_left_to_it() {
    let world = World::new();
    fs::create_dir_all(&world.machine.data).unwrap();
    let socket = world.socket();
    let served = world.machine.command("service");
    let log = world.path("activated.log");
    let mut command = Command::new("systemd-socket-activate");
    command.arg("--listen").arg(&socket).arg(served.get_program()).args(served.get_args());
    let spawned = command.stderr(fs::File::create(&log).unwrap()).spawn();
    let Ok(mut activator) = spawned else {
        eprintln!("skipped: systemd-socket-activate is not installed");
        return;
    };
    wait("the socket", || fs::read_to_string(&log).is_ok_and(|log| log.contains("Listening on")));
    // The first caller has the service started, and is answered by it.
    let status = run(world.command("status").arg("--json")).expect(0).json();
    assert_eq!(status["service"]["socket"], socket.to_str().unwrap());
    let pid = rustix::process::Pid::from_child(&activator);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    wait("the end", || activator.try_wait().unwrap().is_some());
    assert!(socket.exists(), "the socket is not the service's");
    let log = fs::read_to_string(&log).unwrap();
    assert!(log.contains("the service has ended"), "{log}");
}

/// The unit with the program of this build in it; `None`, with a message, without systemd's tools.
fn unit(world: &World) -> Option<PathBuf> {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("skipped: systemd-analyze is not installed");
        return None;
    }
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/systemd");
    let folder = world.path("units");
    fs::create_dir_all(&folder).unwrap();
    for name in ["booster.service", "booster.socket"] {
        let text = fs::read_to_string(units.join(name)).unwrap();
        let program = crate::support::booster().get_program().to_str().unwrap().to_owned();
        fs::write(folder.join(name), text.replace("/usr/bin/booster", &program)).unwrap();
    }
    Some(folder.join("booster.service"))
}

#[test]
fn systemd_accepts_the_units_and_finds_little_that_the_service_could_do_beyond_its_work() {
    let world = World::new();
    let Some(unit) = unit(&world) else { return };
    let socket = unit.with_extension("socket");
    let verified = run(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit).arg(socket));
    assert!(verified.code == Some(0) && verified.err.is_empty(), "{}", verified.err);
    // Exposure in tenths, from 0 for nothing to 100: what is left is the network, and files that all can read.
    let security = ["security", "--offline=true", "--threshold=20", "--no-pager"];
    let rated = run(Command::new("systemd-analyze").args(security).arg(&unit));
    let rating = rated.out.lines().last().unwrap_or_default();
    println!("{rating}");
    assert_eq!(rated.code, Some(0), "{rating}");
}
