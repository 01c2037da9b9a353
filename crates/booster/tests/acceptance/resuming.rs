//! Downloads over a real server that are killed in the middle: no byte that came is fetched twice.

use crate::support::{Machine, Random, Site, release};
use booster_test_support::Nginx;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

/// A release whose archive is more than a megabyte.
fn large_release(dir: &Path) -> PathBuf {
    let folder = release(dir, 2);
    let mut random = Random(11);
    let mut word = || random.below(u64::MAX);
    let line =
        |n: u32| format!("{:016x}{:016x}{:016x}{:016x}:{n}:Large.{n}\n", word(), word(), word(), word());
    fs::write(folder.join("large.hsb"), (0..40_000).map(line).collect::<String>()).unwrap();
    folder
}

/// The repository behind nginx, which sends so many bytes a second, and logs what was asked and sent.
fn serve(site: &Site, rate: u32) -> Option<Nginx> {
    let root = site.repository.display().to_string();
    Nginx::start(|port, scratch| {
        format!(
            "log_format ranges '$uri $status $http_range $body_bytes_sent';\n\
             server {{ listen 127.0.0.1:{port}; root {root}; limit_rate {rate};\n\
             access_log {}/access.log ranges; }}",
            scratch.display()
        )
    })
}

/// How many bytes of the download are there.
fn part(machine: &Machine) -> u64 {
    let Ok(entries) = fs::read_dir(machine.data.join("downloads")) else { return 0 };
    let sizes = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        entry.file_name().to_str()?.ends_with(".part").then(|| entry.metadata().ok())?
    });
    sizes.map(|metadata| metadata.len()).sum()
}

/// Starts an update and kills it when it has brought so many bytes more.
fn kill_after(machine: &Machine, url: &str, bytes: u64) -> u64 {
    let before = part(machine);
    let mut child = machine.update_command(url).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while part(machine) < before + bytes {
        assert!(
            Instant::now() < deadline && child.try_wait().unwrap().is_none(),
            "the download does not grow"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    part(machine)
}

/// The archive's requests in nginx's log: where each began.
fn offsets(nginx: &Nginx, at_least: usize) -> Vec<u64> {
    let archive = |line: &String| line.contains("1.0.0.2.tar.zst");
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let log = nginx.access_log(1);
        let lines: Vec<_> = log.iter().filter(|line| archive(line)).collect();
        if lines.len() >= at_least || Instant::now() > deadline {
            let offset = |line: &&String| match line.split(' ').nth(2).unwrap() {
                "-" => 0,
                range => range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap(),
            };
            return lines.iter().map(offset).collect();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_download_that_is_killed_again_and_again_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let site = Site::new(dir);
    site.publish("1.0.0.1", &release(dir, 1)).expect(0);
    let machine = Machine::new(dir.join("machine"), &site);
    machine.update(site.repository.to_str().unwrap()).expect(0);
    site.publish("1.0.0.2", &large_release(dir)).expect(0);
    let Some(nginx) = serve(&site, 400_000) else { return };

    let mut killed_at = vec![0];
    let mut random = Random(5);
    for _ in 0..4 {
        killed_at.push(kill_after(&machine, &nginx.url(), 1 + random.below(150_000)));
        assert_eq!(machine.version().as_deref(), Some("1.0.0.1"));
        machine.verify().expect(0);
    }
    let report = machine.update(&nginx.url()).expect(0).json();
    assert_eq!(offsets(&nginx, 5), killed_at, "each began where the one before was killed");
    assert_eq!(machine.version().as_deref(), Some("1.0.0.2"));
    machine.verify().expect(0);

    let archives = fs::read_dir(site.repository.join("targets/antivirus")).unwrap();
    let size = archives
        .map(|file| file.unwrap())
        .filter(|file| file.file_name().to_string_lossy().ends_with("1.0.0.2.tar.zst"))
        .map(|file| file.metadata().unwrap().len())
        .sum::<u64>();
    let rest = size - killed_at.last().unwrap();
    let downloaded = report["bytes_downloaded"].as_u64().unwrap();
    assert!((rest..rest + 50_000).contains(&downloaded), "{downloaded} of {rest}");
    assert!(!machine.data.join("downloads").exists());
}

#[test]
fn a_rate_and_a_budget_from_the_command_line_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let site = Site::new(dir);
    let from = site.repository.to_str().unwrap();
    site.publish("1.0.0.1", &release(dir, 1)).expect(0);
    let machine = Machine::new(dir.join("machine"), &site);
    // It cannot take less time than its bytes take at this rate.
    let began = Instant::now();
    let mut command = machine.update_command(from);
    let report = crate::support::run(command.args(["--max-rate", "16KiB"])).expect(0).json();
    let seconds = report["bytes_downloaded"].as_u64().unwrap() / (16 << 10);
    assert!(began.elapsed() >= Duration::from_secs(seconds), "{seconds} s");

    site.publish("1.0.0.2", &large_release(dir)).expect(0);
    let update = |arguments: &[&str], code| {
        let mut command = machine.update_command(from);
        let command = command.args(arguments).env("BOOSTER_TRANSFER__DAILY_BUDGET", "100KiB");
        crate::support::run(command).expect(code).json()
    };
    assert_eq!(update(&[], 2)["error"]["kind"], "over_budget");
    assert_eq!(machine.version().as_deref(), Some("1.0.0.1"));
    assert_eq!(update(&["--ignore-budget"], 0)["outcome"], "updated");
}
