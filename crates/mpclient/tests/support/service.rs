//! A machine's antimalware service: a process of its own, ended with its machine.

use super::SERVICE;
use booster_service::{
    client::{Client, ClientError},
    status::{ServiceStatus, Status},
};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    time::{Duration, Instant},
};

/// How long anything may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A service that runs.
pub struct Service {
    child: Child,
    stdin: Option<ChildStdin>,
    socket: PathBuf,
    /// What it was started with.
    pub variables: BTreeMap<String, OsString>,
}

impl Service {
    /// Starts one and waits until it is ready; `None` where it cannot work with these settings.
    pub fn start(variables: &BTreeMap<String, OsString>, data: &Path) -> Option<Self> {
        let mut command = Command::new(SERVICE);
        super::machine::clear(&mut command).envs(variables);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Of settings that cannot work a test hears from the program that it is about.
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (stdin, mut said) = (child.stdin.take(), String::new());
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let service = Self { child, stdin, socket: data.join("service.sock"), variables: variables.clone() };
        (said == "ready\n").then_some(service)
    }

    /// What it says.
    pub fn status(&self) -> Result<Status, ClientError> {
        block_on(async { Client::connect(&self.socket).await?.status().await })
    }

    /// Waits until it has nothing to do.
    #[track_caller]
    pub fn wait_until_idle(&self) {
        // Of a data folder that cannot be read it tells nothing, and updates nothing there.
        self.wait(|service| service.is_none_or(|service| service.running.is_none() && service.queued == 0));
    }

    /// Waits until it uses this generation, or cannot.
    #[track_caller]
    pub fn wait_until_it_uses(&mut self, generation: Option<u64>) {
        let uses = |service: Option<ServiceStatus>| {
            service.is_none_or(|service| {
                service.engine_generation == generation || service.engine_problem.is_some()
            })
        };
        if !uses(self.status().ok().and_then(|status| status.service)) {
            // It looks by itself after ten seconds.
            writeln!(self.stdin.as_mut().unwrap(), "look").unwrap();
            self.wait(uses);
        }
    }

    #[track_caller]
    fn wait(&self, until: impl Fn(Option<ServiceStatus>) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !until(self.status().ok().and_then(|status| status.service)) {
            assert!(Instant::now() < end, "waited in vain for the service");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills it at once.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// It ends in good order, or is killed.
impl Drop for Service {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let end = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(2));
        }
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Runs something that waits.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, work).await.expect("it takes too long") })
}
