//! `booster serve --wsus` and `booster fleet`, with machines that ask it.

use crate::support::{Machine, Site, booster, release, run};
use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

/// A running `booster serve --wsus`, ended when it is dropped.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(site: &Site, data: &Path, config: &Path) -> Self {
        let mut command = booster();
        command.arg("--data-dir").arg(data).arg("--config").arg(config).arg("serve").arg(&site.repository);
        command.args(["--wsus", "--listen", "127.0.0.1:0", "--quiet"]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().rsplit(' ').next().unwrap().to_owned();
        Self { child, url }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks until it is so; the server takes things up in turns.
fn until(mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !so() {
        assert!(Instant::now() < deadline, "it never came to be");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn machine(dir: &Path, site: &Site, url: &str, group: &str) -> Machine {
    let config = dir.join(format!("{group}.toml"));
    let table = format!(
        "root = {:?}\n[[sources]]\nkind = \"managed\"\nurl = \"{url}\"\n[sources.wsus]\nplain_http = true\n\
         target_group = \"{group}\"\n",
        site.root()
    );
    fs::write(&config, table).unwrap();
    Machine { config: Some(config), ..Machine::new(dir.join(group), site) }
}

#[test]
fn a_site_approves_releases_group_by_group_and_sees_what_its_machines_have() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::new(dir.path());
    site.publish("1.0.0.0", &release(dir.path(), 1)).expect(0);
    let (data, config) = (dir.path().join("server"), dir.path().join("server.toml"));
    fs::write(&config, "[fleet]\napproval = \"by-hand\"\n").unwrap();
    let server = Server::start(&site, &data, &config);
    let fleet = |arguments: &[&str]| {
        let mut command = booster();
        command.arg("--data-dir").arg(&data).arg("--config").arg(&config).arg("fleet").args(arguments);
        run(&mut command)
    };
    let update = |machine: &Machine| run(machine.command("update").arg("--json")).expect(0).json();
    let pilot = machine(dir.path(), &site, &server.url, "pilots");
    let other = machine(dir.path(), &site, &server.url, "others");

    let waits = update(&pilot);
    assert_eq!((&waits["outcome"], &waits["source"]), (&"current".into(), &"managed".into()));
    assert_eq!(waits["components"][0]["held"]["reason"], "not_approved", "{waits}");

    let said = fleet(&["approve", "antivirus", "1.0.0.0", "--group", "pilots"]).expect(0);
    assert_eq!(said.out, "antivirus 1.0.0.0: approved for group pilots\n");
    until(|| update(&pilot)["outcome"] == "updated");
    assert_eq!(pilot.version().as_deref(), Some("1.0.0.0"));
    pilot.verify().expect(0);
    assert_eq!(update(&other)["outcome"], "current");
    assert_eq!(other.version(), None);
    assert_eq!(update(&pilot)["outcome"], "current");

    let has = |group: &str| {
        let all = fleet(&["list", "--json", "--group", group]).expect(0).json();
        all[0]["versions"]["antivirus"].as_str().map(str::to_owned)
    };
    until(|| has("pilots").as_deref() == Some("1.0.0.0"));
    assert_eq!(has("others"), None);
    let report = fleet(&["report"]).expect(0).out;
    assert!(report.starts_with("2 machines\n  antivirus: 1.0.0.0 on 1\n"), "{report}");
    assert!(report.contains("antivirus 1.0.0.0: approved for group pilots"), "{report}");
    let id = fleet(&["list", "--json", "--group", "pilots"]).json()[0]["id"].as_str().unwrap().to_owned();
    let shown = fleet(&["show", &id]).expect(0).out;
    assert!(shown.contains("installed") && shown.contains("pilots"), "{shown}");
    fleet(&["show", "nobody"]).expect(2);

    // A deadline goes with the approval, and what is declined is taken away from nobody.
    let by = ["approve", "antivirus", "1.0.0.0", "--deadline", "2026-01-01T18:00:00Z"];
    let said = fleet(&by).expect(0).out;
    assert!(said.starts_with("antivirus 1.0.0.0: approved for all machines, to be installed by "), "{said}");
    until(|| update(&other)["outcome"] == "updated");
    let said = fleet(&["decline", "antivirus", "1.0.0.0"]).expect(0).out;
    assert_eq!(said, "antivirus 1.0.0.0: declined for all machines\n");
    let mut fresh = 0;
    until(|| {
        fresh += 1;
        let fresh = machine(dir.path(), &site, &server.url, &format!("fresh-{fresh}"));
        update(&fresh)["components"][0]["held"]["reason"] == "not_approved"
    });
    update(&other);
    assert_eq!(other.version().as_deref(), Some("1.0.0.0"));
    let report = fleet(&["report"]).expect(0).out;
    assert!(report.contains("antivirus 1.0.0.0: declined for all machines"), "{report}");
    fleet(&["approve", "antivirus", "1.0.0.0", "--deadline", "tomorrow"]).expect(64);

    // Who is forgotten and comes back is there again.
    let said = fleet(&["forget", &id]).expect(0).out;
    assert!(said.contains(&id) && said.ends_with("forgotten\n"), "{said}");
    fleet(&["show", &id]).expect(2);
    until(|| {
        update(&pilot);
        fleet(&["list", "--json", "--group", "pilots"]).json()[0]["id"] == id.as_str()
    });
    fleet(&["approve", "antivirus", "1.0.0.0", "--group", ""]).expect(2);
}

#[test]
fn an_update_server_needs_an_address_that_machines_can_reach() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::new(dir.path());
    let mut command = booster();
    command.arg("--data-dir").arg(dir.path().join("data")).arg("serve").arg(&site.repository);
    let said = run(command.args(["--wsus", "--listen", "0.0.0.0:0"])).expect(64);
    assert!(said.err.contains("--public-url"), "{}", said.err);
}
