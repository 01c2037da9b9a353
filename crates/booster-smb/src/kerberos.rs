//! Signing in with Kerberos: tickets that the system's own tools fetch.
//!
//! `kinit` and `kvno` of MIT Kerberos know the site's realms, servers and ciphers from `krb5.conf` and DNS. What
//! they bring is taken from the ticket cache that they write: neither a password nor a key is read here.

use crate::{ShareError, credentials::open_protected};
use smb2::{
    Session,
    auth::kerberos::{KerberosCredentials, ccache},
    client::Connection,
};
use std::{fmt, io, path::PathBuf, process::Stdio, time::Duration};
use tokio::{process::Command, time::timeout};

/// The service that file servers have tickets for.
const SERVICE: &str = "cifs";
/// The most that a tool's message is quoted with.
const MAX_REASON: usize = 200;

/// Where Kerberos tickets come from. `Debug` shows no account.
#[derive(Clone, PartialEq, Eq)]
pub enum Tickets {
    /// A ticket cache that something else keeps filled: sssd, k5start, a timer with kinit.
    Cache(PathBuf),
    /// The key of an account. Tickets are fetched with it whenever a share is signed in to.
    Keytab {
        /// The file with the key.
        file: PathBuf,
        /// The account, `user@REALM` or `service/host@REALM`.
        principal: String,
    },
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cache(file) => write!(f, "Cache({})", file.display()),
            Self::Keytab { file, .. } => write!(f, "Keytab({}, ..)", file.display()),
        }
    }
}

/// Signs in with a ticket for this server.
pub(crate) async fn sign_in(
    connection: &mut Connection,
    tickets: &Tickets,
    host: &str,
    limit: Duration,
) -> Result<smb2::Result<Session>, ShareError> {
    let ticket = ticket(tickets, host, limit).await?;
    let client = &ticket.default_principal;
    let credentials = KerberosCredentials {
        username: client.components.join("/"),
        password: String::new(),
        realm: client.realm.clone(),
        // Nobody is asked: the ticket is there.
        kdc_address: String::new(),
    };
    Ok(Session::setup_kerberos_from_ccache(connection, &credentials, host, &ticket).await)
}

/// A cache with the one ticket that is wanted.
async fn ticket(tickets: &Tickets, host: &str, limit: Duration) -> Result<ccache::CCache, ShareError> {
    // Nobody else can look into it, and it goes with all that is in it.
    let own = tempfile::tempdir().map_err(|error| failed(format!("no place for tickets: {error}")))?;
    let (cache, account) = match tickets {
        Tickets::Cache(file) => (file.clone(), ""),
        Tickets::Keytab { file, principal } => {
            open_protected(file).map_err(|error| failed(error.to_string()))?;
            let cache = own.path().join("tickets");
            let mut kinit = Command::new("kinit");
            kinit.arg("-k").arg("-t").arg(file).arg("-c").arg(&cache).args(["--", principal]);
            run(&mut kinit, principal, limit).await?;
            (cache, principal.as_str())
        }
    };
    let wanted = own.path().join("ticket");
    let mut kvno = Command::new("kvno");
    kvno.arg("-q").arg("-c").arg(&cache).arg("--out-cache").arg(&wanted).args(["-S", SERVICE, "--", host]);
    run(&mut kvno, account, limit).await?;
    let bytes = tokio::fs::read(&wanted).await.map_err(|error| failed(format!("the ticket: {error}")))?;
    let cache = ccache::parse_ccache(&bytes).map_err(|_| failed("the ticket is not in a known form"))?;
    only(cache, host).ok_or_else(|| failed("there is none among those that were fetched"))
}

/// The ticket for file services alone, under the name that the server was asked for and in the account's realm:
/// aliases and trust between realms have been followed by who fetched it.
fn only(cache: ccache::CCache, host: &str) -> Option<ccache::CCache> {
    let ccache::CCache { version, default_principal, credentials } = cache;
    let mut ticket = credentials
        .into_iter()
        .find(|ticket| ticket.server.components.first().is_some_and(|name| name == SERVICE))?;
    ticket.server.realm.clone_from(&default_principal.realm);
    ticket.server.components = vec![SERVICE.to_owned(), host.to_owned()];
    Some(ccache::CCache { version, default_principal, credentials: vec![ticket] })
}

/// Runs a tool to its end.
async fn run(command: &mut Command, account: &str, limit: Duration) -> Result<(), ShareError> {
    command
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let ended = timeout(limit, command.output()).await.map_err(|_| ShareError::NoAnswer { limit })?;
    let output = ended.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => failed("kinit and kvno are not installed (Debian: krb5-user)"),
        _ => failed(error.to_string()),
    })?;
    match output.status.success() {
        true => Ok(()),
        false => Err(failed(reason(&String::from_utf8_lossy(&output.stderr), account))),
    }
}

/// What a tool said last, without the account.
fn reason(said: &str, account: &str) -> String {
    let line = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no reason was given");
    let (name, _realm) = account.split_once('@').unwrap_or((account, ""));
    let told = match account.is_empty() {
        true => line.to_owned(),
        false => line.replace(account, "the account").replace(name, "the account"),
    };
    told.chars().filter(|letter| !letter.is_control()).take(MAX_REASON).collect()
}

fn failed(reason: impl Into<String>) -> ShareError {
    ShareError::Kerberos { reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_tool_says_is_told_without_the_account() {
        for (said, account, expected) in [
            (
                "kinit: Client 'anna@EXAMPLE.ORG' not found in Kerberos database\n\n",
                "anna@EXAMPLE.ORG",
                "kinit: Client 'the account' not found in Kerberos database",
            ),
            ("kinit: no key for anna", "anna@EXAMPLE.ORG", "kinit: no key for the account"),
            ("kvno: Ticket \x1bexpired", "", "kvno: Ticket expired"),
            ("", "anna", "no reason was given"),
        ] {
            assert_eq!(reason(said, account), expected);
        }
        assert_eq!(reason(&"a".repeat(1000), "b").len(), MAX_REASON);
        let tickets = Tickets::Keytab { file: "/k".into(), principal: "anna@EXAMPLE.ORG".to_owned() };
        assert!(!format!("{tickets:?}").contains("anna"));
    }
}
