//! A publisher, and a machine with a service.

use crate::support::{Machine, Site, booster, files, release, run};
use booster_service::client::{Client, Progress};
use booster_test_support::{Fault, FaultyServer};
use booster_update::{Event, Report};
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long anything may take before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A service that does nothing unbidden.
const QUIET: &str = "[schedule]\nupdate_on_start = false\nupdate_interval = \"0s\"\n";

/// A publisher with releases, a server that can misbehave, and a machine whose service knows it.
pub struct World {
    pub dir: tempfile::TempDir,
    pub site: Site,
    pub server: FaultyServer,
    pub machine: Machine,
}

impl World {
    /// With one release.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let site = Site::new(dir.path());
        let server = FaultyServer::serve(&site.repository);
        let mut machine = Machine::new(dir.path().join("data"), &site);
        machine.config = Some(dir.path().join("booster.toml"));
        let world = Self { dir, site, server, machine };
        world.configure("");
        world.publish(1);
        world
    }

    /// Writes the machine's settings, and more.
    pub fn configure(&self, more: &str) {
        let (root, url) = (self.site.root(), self.server.url());
        let quiet = if more.contains("[schedule]") { "" } else { QUIET };
        let text = format!("root = {root:?}\nsources = [{url:?}]\n{quiet}{more}");
        fs::write(self.machine.config.as_ref().unwrap(), text).unwrap();
    }

    pub fn publish(&self, version: u32) {
        let folder = release(self.dir.path(), version);
        self.site.publish(&format!("1.0.0.{version}"), &folder).expect(0);
    }

    /// Has downloads take some seconds from now on; for [`Self::wait_for_download`].
    pub fn slow_down(&self) {
        for name in downloads(&self.site.repository) {
            let drip = Fault::Drip { bytes: 30, every: Duration::from_millis(50) };
            self.server.misbehave(&format!("/{name}"), drip);
        }
    }

    /// Waits until a download has begun.
    pub fn wait_for_download(&self) {
        wait("the download to begin", || self.downloads_began());
    }

    /// Whether one has, since the service was slowed down.
    pub fn downloads_began(&self) -> bool {
        self.server.log().iter().any(|request| is_download(request.path()))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    pub fn socket(&self) -> PathBuf {
        self.machine.data.join("service.sock")
    }

    /// Starts the service and waits until it answers.
    pub fn start(&self) -> Service {
        self.start_with(|_| {})
    }

    /// The same, with more to its command.
    pub fn start_with(&self, more: impl FnOnce(&mut Command)) -> Service {
        let mut command = self.machine.command("service");
        more(&mut command);
        let service = self.spawn_as(command);
        service.wait_until_ready();
        service
    }

    /// Starts the service by a command.
    pub fn spawn_as(&self, mut command: Command) -> Service {
        let log = self.path("service.log");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let stderr = fs::File::options().create(true).append(true).open(&log).unwrap();
        let child = command.stderr(stderr).spawn().unwrap();
        Service { child, socket: self.socket(), log }
    }

    /// A command of the machine's, through the service and no other way.
    pub fn command(&self, verb: &str) -> Command {
        let mut command = self.machine.command(verb);
        command.arg("--service");
        command
    }

    /// Updates through the service, with success.
    pub fn update(&self) -> serde_json::Value {
        run(self.command("update").arg("--json")).expect(0).json()
    }
}

fn is_download(name: &str) -> bool {
    name.ends_with(".zst") || name.ends_with(".patch")
}

/// What machines download, beside metadata and manifests.
fn downloads(repository: &Path) -> impl Iterator<Item = String> {
    files(repository).into_iter().filter(|name| is_download(name))
}

/// A service, killed when it is dropped.
pub struct Service {
    child: Child,
    pub socket: PathBuf,
    log: PathBuf,
}

impl Service {
    pub fn wait_until_ready(&self) {
        wait("the service to answer", || std::os::unix::net::UnixStream::connect(&self.socket).is_ok());
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end of a service that ends by itself: its exit code.
    pub fn ended(&mut self) -> Option<i32> {
        let mut status = None;
        wait("the service to end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap().code()
    }

    /// Tells it to end, and waits for that.
    pub fn end(mut self) -> Option<i32> {
        self.signal(rustix::process::Signal::TERM);
        self.ended()
    }

    /// What it has written.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until it has written something.
    pub fn wait_for_log(&self, words: &str) {
        wait(words, || self.log().contains(words));
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
        if std::thread::panicking() {
            _ = std::io::stderr().write_all(self.log().as_bytes());
        }
    }
}

/// The lines of a log in JSON that have this event id.
pub fn lines(log: &str, id: u64) -> Vec<serde_json::Value> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    lines.filter(|line| line["event_id"] == id).collect()
}

/// Waits, for a bounded time.
#[track_caller]
pub fn wait(what: &str, mut until: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !until() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A program that another user can run.
pub fn program_for_everybody(dir: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
    let program = dir.join("booster");
    fs::copy(booster().get_program(), &program).unwrap();
    program
}

/// Whether this process may become other users; else a test says that it is skipped.
pub fn can_be_others() -> bool {
    let can = rustix::process::geteuid().is_root();
    if !can {
        eprintln!("skipped: only root can call as another user");
    }
    can
}

/// Does something as another user, who belongs to no group but its own, on a thread for that.
pub fn as_user<T: Send>(user: u32, work: impl FnOnce() -> T + Send) -> T {
    use rustix::{
        process::{Gid, Uid},
        thread,
    };
    let become_another = move || {
        let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(user));
        thread::set_thread_groups(&[]).unwrap();
        thread::set_thread_res_gid(gid, gid, gid).unwrap();
        thread::set_thread_res_uid(uid, uid, uid).unwrap();
        work()
    };
    std::thread::scope(|scope| scope.spawn(become_another).join().unwrap())
}

/// Runs something that waits.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, work).await.expect("it takes too long") })
}

/// Everything that an update tells, to its end.
pub async fn follow(client: &mut Client, progress: bool) -> (Vec<Event>, Report) {
    let mut followed = client.update(&booster_service::Asked::default(), progress).await.unwrap();
    let mut events = Vec::new();
    loop {
        match followed.next().await.unwrap() {
            Progress::Event(event) => events.push(*event),
            Progress::Report(report) => return (events, *report),
            Progress::Queued(_) => {}
        }
    }
}
