//! Real programs: nginx and a forward proxy, each with a folder and a port of its own.

use std::{
    fs::File,
    io::ErrorKind,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long a program may take until it listens.
const START: Duration = Duration::from_secs(20);

/// A program in the foreground, killed when it is dropped.
pub(crate) struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Started {
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

/// Starts a program that writes to `output.log` in a folder, and waits until it listens. `None`, with a message,
/// when it is not installed.
#[cfg(unix)]
pub(crate) fn start(command: Command, folder: &Path, listens: impl Fn() -> bool) -> Option<Started> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut started = spawn(command, folder)?;
    if !until_it_listens(&mut started, listens) {
        panic!("{name} does not listen: {}", output(folder));
    }
    Some(started)
}

fn spawn(mut command: Command, folder: &Path) -> Option<Started> {
    let log = File::create(folder.join("output.log")).unwrap();
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    match command.spawn() {
        Ok(child) => Some(Started(child)),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("skipped: {} is not installed", command.get_program().display());
            None
        }
        Err(error) => panic!("{} cannot be started: {error}", command.get_program().display()),
    }
}

fn until_it_listens(started: &mut Started, listens: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + START;
    while Instant::now() < deadline {
        if listens() {
            return true;
        }
        if started.0.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

fn output(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("output.log")).unwrap_or_default()
}

/// A program with a port and a folder.
struct Program {
    // Held, never read: it ends when it is dropped.
    _started: Started,
    port: u16,
    folder: TempDir,
}

impl Program {
    /// Starts `name` and waits until it listens on its port. `prepare` writes the configuration
    /// into the folder that it is given and returns the arguments. `None`, with a message, when
    /// the program is not installed.
    fn start(name: &str, mut prepare: impl FnMut(&Path, u16) -> Vec<String>) -> Option<Self> {
        // Another process may take the port between our look and the program's: then again.
        for _ in 0..5 {
            let folder = tempfile::tempdir().unwrap();
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let arguments = prepare(folder.path(), port);
            let mut command = Command::new(name);
            command.args(arguments);
            let mut started = spawn(command, folder.path())?;
            if until_it_listens(&mut started, || TcpStream::connect(("127.0.0.1", port)).is_ok()) {
                return Some(Self { _started: started, port, folder });
            }
            eprintln!("{name} does not listen: {}", output(folder.path()));
        }
        panic!("{name} did not start in five attempts");
    }
}

/// A real nginx, as Debian packages it.
pub struct Nginx(Program);

impl Nginx {
    /// Serves a folder with nginx's defaults.
    pub fn serve(folder: &Path) -> Option<Self> {
        let root = folder.display().to_string();
        Self::start(|port, _| format!("server {{ listen 127.0.0.1:{port}; root {root}; }}"))
    }

    /// Starts nginx with the `server` blocks that `site` writes for a port and a scratch folder
    /// (for certificates and the like).
    pub fn start(mut site: impl FnMut(u16, &Path) -> String) -> Option<Self> {
        let program = Program::start("nginx", |folder, port| {
            let site = site(port, folder);
            let place = folder.display();
            // One process, so that killing it leaves none; every path inside the folder.
            let configuration = format!(
                "daemon off; master_process off; pid {place}/pid; error_log {place}/error.log;\n\
                 events {{ worker_connections 256; }}\n\
                 http {{ access_log {place}/access.log; client_body_temp_path {place}/body;\n\
                 proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/fastcgi;\n\
                 uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;\n{site}\n}}\n"
            );
            std::fs::write(folder.join("nginx.conf"), configuration).unwrap();
            vec![
                "-c".to_owned(),
                format!("{place}/nginx.conf"),
                "-e".to_owned(),
                format!("{place}/error.log"),
            ]
        })?;
        Some(Self(program))
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.0.port)
    }

    /// The access log, once it has at least this many lines: nginx writes a line only after the
    /// answer has left. Gives what there is if they do not come.
    pub fn access_log(&self, at_least: usize) -> Vec<String> {
        let file = self.0.folder.path().join("access.log");
        let deadline = Instant::now() + START;
        loop {
            let lines = lines(&file);
            if lines.len() >= at_least || Instant::now() > deadline {
                return lines;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A real forward proxy (tinyproxy).
pub struct ForwardProxy(Program);

impl ForwardProxy {
    /// Starts a proxy that asks for this user name and password, where they are given.
    pub fn start(credentials: Option<(&str, &str)>) -> Option<Self> {
        let program = Program::start("tinyproxy", |folder, port| {
            let sign_in = credentials
                .map_or(String::new(), |(user, password)| format!("BasicAuth {user} {password}\n"));
            let configuration = format!(
                "Port {port}\nListen 127.0.0.1\nTimeout 60\nAllow 127.0.0.1\nMaxClients 20\nLogLevel Connect\n\
                 LogFile \"{0}/proxy.log\"\nPidFile \"{0}/pid\"\n{sign_in}",
                folder.display()
            );
            let file = folder.join("tinyproxy.conf");
            std::fs::write(&file, configuration).unwrap();
            vec!["-d".to_owned(), "-c".to_owned(), file.display().to_string()]
        })?;
        Some(Self(program))
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.0.port)
    }

    /// How many requests it has passed on or refused.
    pub fn requests(&self) -> usize {
        lines(&self.0.folder.path().join("proxy.log"))
            .iter()
            .filter(|line| line.contains("Request (file descriptor"))
            .count()
    }
}

fn lines(file: &Path) -> Vec<String> {
    std::fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect()
}
