//! A real Kerberos realm (MIT Kerberos): its key server, an account with a keytab, and a file server's keytab.

use crate::program::{Started, start};
use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// A realm with a running key server, which ends when this is dropped.
///
/// Programs find it by the variable `KRB5_CONFIG`, which must name [`KerberosRealm::configuration`].
pub struct KerberosRealm {
    server: Option<Started>,
    folder: TempDir,
}

impl KerberosRealm {
    /// Its name.
    pub const NAME: &str = "TRIAL.TEST";
    /// An account of a machine, `MACHINE@NAME`.
    pub const MACHINE: &str = "machine";

    /// Makes a realm and starts its key server. `None`, with a message, where MIT Kerberos is not installed.
    pub fn start() -> Option<Self> {
        for program in ["krb5kdc", "kdb5_util", "kadmin.local", "kinit", "kvno"] {
            crate::installed(program)?;
        }
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut realm = Self { server: None, folder };
        realm.configure(port);
        realm.run("kdb5_util", &["create", "-s", "-P", "master"]);
        for (account, keytab) in
            [(Self::MACHINE, realm.machine_keytab()), ("cifs/localhost", realm.server_keytab())]
        {
            realm.run("kadmin.local", &["-q", &format!("addprinc -randkey {account}")]);
            realm.run("kadmin.local", &["-q", &format!("ktadd -k {} {account}", keytab.display())]);
            fs::set_permissions(&keytab, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let mut server = realm.command("krb5kdc");
        server.arg("-n");
        realm.server =
            Some(start(server, realm.folder.path(), || TcpStream::connect(("127.0.0.1", port)).is_ok())?);
        Some(realm)
    }

    /// The file that programs of the realm are configured with.
    pub fn configuration(&self) -> PathBuf {
        self.folder.path().join("krb5.conf")
    }

    /// The key of [`KerberosRealm::MACHINE`].
    pub fn machine_keytab(&self) -> PathBuf {
        self.folder.path().join("machine.keytab")
    }

    /// The key of the file server `localhost`.
    pub fn server_keytab(&self) -> PathBuf {
        self.folder.path().join("server.keytab")
    }

    /// Fills a ticket cache for [`KerberosRealm::MACHINE`].
    pub fn sign_in(&self, cache: &Path) {
        let (keytab, cache) = (self.machine_keytab(), cache.display().to_string());
        self.run("kinit", &["-k", "-t", &keytab.display().to_string(), "-c", &cache, Self::MACHINE]);
    }

    fn configure(&self, port: u16) {
        let (realm, place) = (Self::NAME, self.folder.path().display());
        let client = format!(
            "[libdefaults]\ndefault_realm = {realm}\ndns_lookup_kdc = false\ndns_lookup_realm = false\n\
             dns_canonicalize_hostname = false\nrdns = false\n[realms]\n{realm} = {{\nkdc = 127.0.0.1:{port}\n}}\n\
             [domain_realm]\nlocalhost = {realm}\n"
        );
        fs::write(self.configuration(), client).unwrap();
        // A file server outside of a domain takes no tickets with a list of groups (PAC).
        let server = format!(
            "[kdcdefaults]\nkdc_listen = 127.0.0.1:{port}\nkdc_tcp_listen = 127.0.0.1:{port}\n[realms]\n{realm} = {{\n\
             database_name = {place}/principal\nkey_stash_file = {place}/stash\nacl_file = {place}/acl\n\
             disable_pac = true\n}}\n[logging]\nkdc = FILE:{place}/kdc.log\nadmin_server = FILE:{place}/admin.log\n"
        );
        fs::write(self.folder.path().join("kdc.conf"), server).unwrap();
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(crate::installed(program).unwrap());
        command.env("KRB5_CONFIG", self.configuration());
        command.env("KRB5_KDC_PROFILE", self.folder.path().join("kdc.conf"));
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let output = self.command(program).args(arguments).output().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    }
}
