//! A real PostgreSQL: a cluster of its own, in a folder of its own, on a port of its own.

use std::{
    net::TcpListener,
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// A running cluster, stopped and removed when it is dropped.
pub struct Postgres {
    programs: PathBuf,
    account: Option<(u32, u32)>,
    folder: TempDir,
    port: u16,
}

impl Postgres {
    /// Makes a cluster and starts it. `None`, with a message, when PostgreSQL is not installed.
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            eprintln!("skipped: postgresql is not installed");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        // It refuses to run as root.
        let account = is_root(folder.path()).then(|| account().expect("the account of the package"));
        if let Some((user, group)) = account {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let mut cluster = Self { programs, account, folder, port: 0 };
        cluster.run(
            "initdb",
            &["--auth=trust", "--username=booster", "--no-sync", "--encoding=UTF8", "--locale=C"],
        );
        // Another process may take the port between our look and its start: then again.
        for _ in 0..5 {
            cluster.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let options = format!(
                "-h 127.0.0.1 -p {} -k {} -c fsync=off -c shared_buffers=16MB",
                cluster.port,
                cluster.folder.path().display()
            );
            let log = cluster.folder.path().join("log").display().to_string();
            if cluster
                .try_run("pg_ctl", &["start", "--wait", "--silent", "--log", &log, "--options", &options])
            {
                return Some(cluster);
            }
        }
        panic!("postgresql did not start in five attempts");
    }

    /// A URL of its database.
    pub fn url(&self) -> String {
        format!("postgres://booster@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        assert!(self.try_run(program, arguments), "{program} failed");
    }

    fn try_run(&self, program: &str, arguments: &[&str]) -> bool {
        let mut command = Command::new(self.programs.join(program));
        command.arg("-D").arg(self.folder.path().join("data")).args(arguments);
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        if let Some((user, group)) = self.account {
            command.gid(group).uid(user);
        }
        command.status().unwrap().success()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.try_run("pg_ctl", &["stop", "--wait", "--silent", "--mode", "immediate"]);
    }
}

/// The folder with its programs, of the newest version that is installed.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path);
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut packaged: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    packaged.sort();
    in_path.chain(packaged.into_iter().rev()).find(|folder| folder.join("initdb").is_file())
}

/// The account that Debian's package makes.
fn account() -> Option<(u32, u32)> {
    let all = std::fs::read_to_string("/etc/passwd").ok()?;
    let fields = all.lines().find_map(|line| line.strip_prefix("postgres:"))?;
    let mut numbers = fields.split(':').skip(1).map_while(|field| field.parse().ok());
    Some((numbers.next()?, numbers.next()?))
}

/// Whether this process is root, by what it owns.
fn is_root(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    folder.metadata().unwrap().uid() == 0
}
