//! A real file server (Samba), with shares of a test's own.
//!
//! It runs as whoever runs the tests: the one account that it knows, [`Samba::USER`], is that user. It ends
//! with the test, also where the test is killed: it listens on a pipe for that.

use crate::KerberosRealm;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long the server may take until it listens, or until it has ended.
const PATIENCE: Duration = Duration::from_secs(20);
/// The server, which is not in every user's path.
const SMBD: &str = "/usr/sbin/smbd";
/// The NT hash of [`Samba::PASSWORD`].
const HASH: &str = "10B2F1961375B20126508C2267862BF0";

/// An account that may sign in, as `smbpasswd` has it behind the hash.
const ACCOUNT: &str = "[UX         ]:LCT-60000000";

/// A share to be.
#[derive(Debug, Clone)]
pub struct SambaShare {
    name: String,
    folder: PathBuf,
    settings: String,
}

impl SambaShare {
    /// A share that everybody may read.
    pub fn guest(name: &str, folder: &Path) -> Self {
        Self::with(name, folder, "read only = yes\nguest ok = yes\n")
    }

    /// A share that the account may read.
    pub fn account(name: &str, folder: &Path) -> Self {
        let user = user();
        Self::with(name, folder, &format!("read only = yes\nvalid users = {user}\n"))
    }

    /// A share that the account may change.
    pub fn writable(name: &str, folder: &Path) -> Self {
        let user = user();
        Self::with(name, folder, &format!("read only = no\nvalid users = {user}\n"))
    }

    /// A share with settings of `smb.conf`.
    pub fn with(name: &str, folder: &Path, settings: &str) -> Self {
        Self { name: name.to_owned(), folder: folder.to_owned(), settings: settings.to_owned() }
    }
}

/// A real file server on loopback.
pub struct Samba {
    child: Child,
    port: u16,
    folder: TempDir,
    environment: Vec<(&'static str, PathBuf)>,
}

impl Drop for Samba {
    fn drop(&mut self) {
        self.thaw();
        self.end();
    }
}

impl Samba {
    /// The account's name.
    pub const USER: &str = "sigs";
    /// Its password.
    pub const PASSWORD: &str = "S3cret!";

    /// Starts a server with these shares. `None`, with a message, where Samba is not installed.
    pub fn start(shares: &[SambaShare]) -> Option<Self> {
        Self::start_with(shares, "", ACCOUNT)
    }

    /// Starts a server with further global settings.
    pub fn start_with_settings(shares: &[SambaShare], settings: &str) -> Option<Self> {
        Self::start_with(shares, settings, ACCOUNT)
    }

    /// Starts a server on which the account's password must be changed first.
    pub fn start_with_expired_password(shares: &[SambaShare]) -> Option<Self> {
        Self::start_with(shares, "", "[U          ]:LCT-00000000")
    }

    /// Starts a server on which the account is disabled.
    pub fn start_with_disabled_account(shares: &[SambaShare]) -> Option<Self> {
        Self::start_with(shares, "", "[UDX        ]:LCT-60000000")
    }

    /// Starts a server on which the account was good until some time in 1970.
    pub fn start_with_expired_account(shares: &[SambaShare]) -> Option<Self> {
        // Only this kind of list of accounts has a date of expiry.
        let backend = "passdb backend = tdbsam\n";
        Self::start_as(shares, backend, ACCOUNT, &[], expire)
    }

    /// Starts a server that takes the tickets of this Kerberos realm, for the name `localhost`.
    pub fn start_in_realm(shares: &[SambaShare], realm: &KerberosRealm) -> Option<Self> {
        let (name, keytab) = (KerberosRealm::NAME, realm.server_keytab());
        let settings = format!(
            "realm = {name}\nkerberos method = dedicated keytab\ndedicated keytab file = {}\n",
            keytab.display()
        );
        let environment = [("KRB5_CONFIG", realm.configuration())];
        Self::start_as(shares, &settings, ACCOUNT, &environment, |_| {})
    }

    fn start_with(shares: &[SambaShare], settings: &str, account: &str) -> Option<Self> {
        Self::start_as(shares, settings, account, &[], |_| {})
    }

    fn start_as(
        shares: &[SambaShare],
        settings: &str,
        account: &str,
        environment: &[(&'static str, PathBuf)],
        before: impl Fn(&Path),
    ) -> Option<Self> {
        if !Path::new(SMBD).exists() {
            eprintln!("skipped: {SMBD} is not installed");
            return None;
        }
        // Another process may take the port between our look and the server's: then again.
        for _ in 0..5 {
            let folder = tempfile::tempdir().unwrap();
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            prepare(folder.path(), port, shares, settings, account);
            before(folder.path());
            let environment = environment.to_vec();
            let mut server = Self { child: spawn(folder.path(), &environment), port, folder, environment };
            if server.listens() {
                return Some(server);
            }
            let log = fs::read_to_string(server.folder.path().join("output.log")).unwrap_or_default();
            eprintln!("smbd does not listen: {log}");
        }
        panic!("smbd did not start in five attempts");
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The network name of a share.
    pub fn unc(&self, share: &str) -> String {
        format!(r"\\127.0.0.1\{share}")
    }

    /// A credentials file for the account.
    pub fn credentials(&self) -> PathBuf {
        self.credentials_of(Self::USER, Self::PASSWORD)
    }

    /// A credentials file for any user and password.
    pub fn credentials_of(&self, user: &str, password: &str) -> PathBuf {
        let file = self.folder.path().join(format!("{user}-{}.credentials", password.len()));
        fs::write(&file, format!("username={user}\npassword={password}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        file
    }

    /// Kills the server with all that it has started.
    pub fn kill(&mut self) {
        for pid in self.processes() {
            let _ = kill_process(pid, Signal::KILL);
        }
        self.end();
    }

    /// Starts it again on the same port, after [`kill`](Self::kill).
    pub fn restart(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.child = spawn(self.folder.path(), &self.environment);
            if self.listens() {
                return;
            }
            assert!(Instant::now() < deadline, "smbd did not start again");
        }
    }

    /// Stops the server and all that it has started in their tracks, as a machine that hangs.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        for pid in self.processes() {
            let _ = kill_process(pid, signal);
        }
    }

    /// The server's process and its children.
    fn processes(&self) -> Vec<Pid> {
        let server = self.child.id();
        let children = fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // After the name in brackets: state, then the parent.
            let parent: u32 = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            (parent == server).then_some(pid)
        });
        let pids = std::iter::once(server).chain(children);
        pids.filter_map(|pid| Pid::from_raw(i32::try_from(pid).ok()?)).collect()
    }

    fn listens(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }

    /// Waits for the server's end, which the end of its input brings.
    fn end(&mut self) {
        drop(self.child.stdin.take());
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &Path, environment: &[(&'static str, PathBuf)]) -> Child {
    let log = fs::File::create(folder.join("output.log")).unwrap();
    // Not with `--no-process-group`: it would signal the tests' own group when it ends.
    Command::new(SMBD)
        .args(["-F", "--debug-stdout", "-s"])
        .arg(folder.join("smb.conf"))
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn prepare(folder: &Path, port: u16, shares: &[SambaShare], settings: &str, account: &str) {
    for name in ["lock", "state", "cache", "pid", "private", "ncalrpc", "log"] {
        fs::create_dir(folder.join(name)).unwrap();
    }
    fs::set_permissions(folder.join("private"), fs::Permissions::from_mode(0o700)).unwrap();
    let (user, place) = (user(), folder.display());
    let map = format!("{user} = {} TRIAL\\{}\n", Samba::USER, KerberosRealm::MACHINE);
    fs::write(folder.join("usermap"), map).unwrap();
    let no_hash = "X".repeat(32);
    let uid = rustix::process::geteuid().as_raw();
    let accounts = folder.join("private/smbpasswd");
    fs::write(&accounts, format!("{user}:{uid}:{no_hash}:{HASH}:{account}:\n")).unwrap();
    fs::set_permissions(&accounts, fs::Permissions::from_mode(0o600)).unwrap();
    let mut configuration = format!(
        "[global]\nserver role = standalone server\nworkgroup = TRIAL\nnetbios name = TRIALSMB\n\
         disable netbios = yes\nsmb ports = {port}\ninterfaces = lo\nbind interfaces only = yes\n\
         disable spoolss = yes\nload printers = no\nprinting = bsd\nprintcap name = /dev/null\n\
         usershare max shares = 0\nrpc start on demand helpers = no\nmap to guest = Bad User\n\
         guest account = {user}\nusername map = {place}/usermap\n\
         passdb backend = smbpasswd:{place}/private/smbpasswd\nlock directory = {place}/lock\n\
         state directory = {place}/state\ncache directory = {place}/cache\npid directory = {place}/pid\n\
         private dir = {place}/private\nncalrpc dir = {place}/ncalrpc\nlog file = {place}/log/smbd.log\n\
         max log size = 0\nlog level = 1\n{settings}\n"
    );
    for SambaShare { name, folder, settings } in shares {
        configuration += &format!("[{name}]\npath = {}\n{settings}\n", folder.display());
    }
    fs::write(folder.join("smb.conf"), configuration).unwrap();
}

/// Makes the account one that has expired.
fn expire(folder: &Path) {
    let (configuration, accounts) = (folder.join("smb.conf"), folder.join("private/smbpasswd"));
    let edit = |arguments: &[&str]| {
        let mut pdbedit = Command::new("pdbedit");
        let output = pdbedit.arg("-s").arg(&configuration).args(arguments).output().unwrap();
        assert!(output.status.success(), "pdbedit: {output:?}");
    };
    edit(&["-i", &format!("smbpasswd:{}", accounts.display()), "-e", "tdbsam"]);
    edit(&["-r", "-u", &user(), "--kickoff-time=1000000"]);
}

/// The name of whoever runs the tests.
fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
