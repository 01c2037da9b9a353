//! The way through the quickstart: each command, and what it has to give.

use crate::{
    exit::{Exit, story},
    output::Output,
    starter::{self, StarterFile},
};
use booster_publish::serve::{ServeError, ServeOptions, Server};
use booster_store::{Store, StoreOptions};
use std::{
    error::Error,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

/// Tried first, because it is easy to remember.
const PORT: u16 = 8080;

/// Why a tour ends early.
pub enum Stop {
    /// By Ctrl-C.
    Cancelled,
    /// A step did not give what it should.
    Wrong(String),
}

impl<E: Error + 'static> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Wrong(story(&error))
    }
}

/// The way through the quickstart.
pub struct Tour {
    /// Where it all happens.
    pub folder: PathBuf,
    output: Arc<Output>,
    cancel: CancellationToken,
    /// The commands that were run, to be repeated.
    commands: Vec<String>,
    /// What the server has answered since the last command.
    requests: Arc<Mutex<Vec<String>>>,
}

impl Tour {
    /// At the beginning of the way.
    pub fn new(folder: PathBuf, output: Arc<Output>, cancel: CancellationToken) -> Self {
        Self { folder, output, cancel, commands: Vec::new(), requests: Arc::default() }
    }

    /// Goes all the way.
    pub async fn walk(&mut self) -> Result<(), Stop> {
        self.say(&format!("Everything happens in {}", self.folder.display()));

        self.heading("The publisher: make keys and a signed repository");
        self.write("", &[config(None)])?;
        self.booster("repository init --root-out root.json", Exit::Success).await?;

        self.heading("The publisher: test, sign and publish a first release of each component");
        self.write("definitions", &starter::first_release())?;
        for component in booster_definitions::Component::ALL {
            self.booster(&format!("publish {component} 1.0.0.0 definitions/{component}"), Exit::Success)
                .await?;
        }

        self.heading("The publisher: serve the repository");
        let server = self.serve().await?;

        self.heading("A machine: update over HTTP, trusting nothing but root.json");
        self.booster("update", Exit::Success).await?;

        self.heading("A machine: look for threats");
        self.write("samples", &starter::samples())?;
        self.booster("scan samples/eicar.com", Exit::Found).await?;
        self.booster("scan samples/letter.txt", Exit::Success).await?;
        self.say("Nobody knows this one yet:");
        self.booster("scan samples/new-threat.txt", Exit::Success).await?;

        self.heading("The publisher: a new threat has become known, publish a second release");
        self.write("definitions", &starter::second_release())?;
        self.booster("publish antivirus 1.0.1.0 definitions/antivirus", Exit::Success).await?;

        self.heading("A machine: update again, and look again");
        self.booster("update", Exit::Success).await?;
        self.booster("scan samples/new-threat.txt", Exit::Found).await?;

        self.heading("A machine: what is installed, and is it whole?");
        self.booster("status", Exit::Success).await?;
        self.booster("verify", Exit::Success).await?;
        server.stop().await;
        self.installed("antivirus 1.0.1.0, antispyware 1.0.0.0, nis 1.0.0.0")
    }

    fn write(&self, below: &str, files: &[StarterFile]) -> Result<(), Stop> {
        for StarterFile { path, content } in files {
            let path = self.folder.join(below).join(path);
            fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
            fs::write(path, content)?;
        }
        Ok(())
    }

    /// Runs one command of this program in the folder, and holds its exit code against what it should be.
    async fn booster(&mut self, arguments: &str, expected: Exit) -> Result<(), Stop> {
        self.command(&format!("booster {arguments}"));
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments.split(' ')).current_dir(&self.folder).stdin(Stdio::null()).kill_on_drop(true);
        isolate(&mut command);
        let mut child = command.spawn()?;
        let status = tokio::select! {
            status = child.wait() => status?,
            () = self.cancel.cancelled() => return Err(stop(child).await),
        };
        // Only now, so that they do not run into a bar that the command draws.
        let answered = std::mem::take(&mut *self.requests.lock().unwrap_or_else(PoisonError::into_inner));
        answered.iter().for_each(|line| self.say(&self.output.style().faint(line)));
        self.say("");
        match status.code() {
            Some(code) if code == expected as i32 => Ok(()),
            Some(code) if code == Exit::Cancelled as i32 => Err(Stop::Cancelled),
            Some(code) => Err(Stop::Wrong(format!(
                "`booster {arguments}` ended with exit code {code}, and {} was expected",
                expected as i32
            ))),
            None => Err(Stop::Wrong(format!("`booster {arguments}` was killed ({status})"))),
        }
    }

    /// Holds what is installed against what should be.
    fn installed(&self, expected: &str) -> Result<(), Stop> {
        let store = Store::new(self.folder.join("data"), StoreOptions::default());
        let installed = store.current()?.map(|installed| installed.record().clone());
        let components = installed.iter().flat_map(|record| &record.components);
        let found: Vec<_> =
            components.map(|(name, component)| format!("{name} {}", component.manifest.version)).collect();
        match found.join(", ") {
            found if found == expected => Ok(()),
            found => Err(Stop::Wrong(format!("{expected} should be installed, and there is: {found}"))),
        }
    }

    /// Starts the server, as a part of this process, and makes it the machine's source.
    async fn serve(&mut self) -> Result<Serving, Stop> {
        let requests = Arc::clone(&self.requests);
        let options = ServeOptions {
            observer: Some(Arc::new(move |record| {
                let line =
                    format!("  server: {} {} {}", record.method, shortened(&record.path), record.status);
                requests.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            })),
            ..ServeOptions::default()
        };
        let repository = self.folder.join("repository");
        let bind =
            async |port| Server::bind(&repository, (Ipv4Addr::LOCALHOST, port).into(), options.clone()).await;
        let server = match bind(PORT).await {
            Err(ServeError::Listen { .. }) => bind(0).await?,
            answer => answer?,
        };
        let address = server.local_addr();
        self.write("", &[config(Some(address))])?;
        self.command(&format!("booster serve repository --listen {address}  &"));
        let stop = CancellationToken::new();
        let task = tokio::spawn(server.run(stop.clone().cancelled_owned()));
        self.say(&format!("Serving repository on http://{address}/\n"));
        Ok(Serving { stop, task })
    }

    fn heading(&self, text: &str) {
        self.say(&self.output.style().strong(&format!("# {text}")));
    }

    fn command(&mut self, command: &str) {
        self.commands.push(command.to_owned());
        self.say(&format!("{} {command}", self.output.style().faint("$")));
    }

    fn say(&self, text: &str) {
        self.output.line(text);
    }

    /// Says what is where, and how to go on.
    pub fn farewell(&self, took: Duration) {
        let style = self.output.style();
        self.say(&style.good(&format!("All of it worked, in {}.", crate::text::duration(took))));
        self.say("\nWhat is where:");
        for (path, what) in [
            ("booster.toml", "the configuration: source, data folder, root, repository, keys"),
            ("keys/", "the publisher's private keys; the offline ones are for a safe"),
            ("root.json", "what a machine needs to trust this publisher"),
            ("definitions/", "the publisher's definitions: change them and publish again"),
            ("repository/", "the signed repository: put it on any web server or medium"),
            ("data/", "what the machine has installed"),
            ("samples/", "files to scan; eicar.com is the standard test file"),
        ] {
            self.say(&format!("  {path:<14}{what}"));
        }
        self.say("\nThe commands that ran, to be repeated in another folder:");
        for command in self.commands.iter().map(String::as_str) {
            self.say(&format!("  {command}"));
        }
        self.say("\nGo on from here:");
        let serve =
            self.commands.iter().find(|command| command.contains(" serve ")).map_or("", String::as_str);
        for line in [
            &format!("cd {}", self.folder.display()),
            "export BOOSTER_CONFIG=$PWD/booster.toml",
            serve,
            "booster publish antivirus 1.0.2.0 definitions/antivirus   # after a change of yours",
            "booster update && booster scan samples",
        ] {
            self.say(&format!("  {line}"));
        }
    }
}

/// A path without the middle of its digest, so that it fits into a line.
fn shortened(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    match name.split_once('.') {
        Some((digest, rest)) if digest.len() == 64 && digest.is_ascii() => {
            format!("{folder}/{}...{rest}", &digest[..8])
        }
        _ => path.to_owned(),
    }
}

/// The settings of this trial, and of nothing else on this machine.
fn isolate(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("BOOSTER_") {
            command.env_remove(name);
        }
    }
    command.env("BOOSTER_CONFIG", "booster.toml");
}

/// Ends a command that is running: asked first, as Ctrl-C has done already, then made to.
async fn stop(mut child: Child) -> Stop {
    #[cfg(unix)]
    if let Some(pid) = child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed())) {
        // It may have ended just now.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    let _ = tokio::time::timeout(Duration::from_secs(2), child.wait()).await;
    let _ = child.kill().await;
    Stop::Cancelled
}

/// The running server.
struct Serving {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Serving {
    async fn stop(self) {
        self.stop.cancel();
        // It ends by itself, within the server's own limits.
        let _ = self.task.await;
    }
}

/// The configuration; the machine's source is not known before the server is there.
fn config(address: Option<SocketAddr>) -> StarterFile {
    let source = address.map(|address| format!("\"http://{address}/\"")).unwrap_or_default();
    let text = format!(
        "# Written by `booster quickstart`. Paths are relative to this file.
data_dir = \"data\"
root = \"root.json\"
sources = [{source}]

[http]
# The server is on this machine.
proxy = \"none\"

[publish]
repository = \"repository\"
keys = \"keys\"
"
    );
    StarterFile { path: "booster.toml".to_owned(), content: text.into_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_in_paths_are_shortened_and_other_names_are_not() {
        let digest = "0123456789abcdef".repeat(4);
        assert_eq!(
            shortened(&format!("/targets/nis/{digest}.1.tar.zst")),
            "/targets/nis/01234567...1.tar.zst"
        );
        assert_eq!(shortened("/metadata/timestamp.json"), "/metadata/timestamp.json");
    }

    #[test]
    fn the_configuration_can_be_used() {
        let dir = tempfile::tempdir().unwrap();
        let StarterFile { path, content } = config("127.0.0.1:1".parse().ok());
        fs::write(dir.path().join(&path), content).unwrap();
        let layers = booster_config::Layers {
            file: booster_config::FileChoice::Named(dir.path().join(path)),
            ..booster_config::Layers::default()
        };
        let settings = layers.load().unwrap().settings;
        assert_eq!(settings.sources(&booster_config::SourceChoice::default()).unwrap().len(), 1);
    }
}
