//! How a share is reached.

use crate::{Account, Tickets, UncPath};
use std::time::Duration;

/// The port of file servers.
pub const DEFAULT_PORT: u16 = 445;

/// As whom a machine comes to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignIn {
    /// As this user. A server that takes it for a guest is refused.
    Account(Account),
    /// As the account of these Kerberos tickets.
    Kerberos(Tickets),
    /// As nobody in particular. What such a session carries is neither signed nor encrypted.
    Guest,
}

/// How a share is reached.
#[derive(Debug, Clone)]
pub struct ShareOptions {
    /// The share, and the folder in it.
    pub unc: UncPath,
    /// The server's port; a network name has no place for one.
    pub port: u16,
    /// As whom.
    pub sign_in: SignIn,
    /// Whether what is carried is encrypted in any case. It is where the server wants it.
    pub require_encryption: bool,
    /// The servers, besides the named one, that a referral of a distributed file system (DFS) may lead to:
    /// the account is shown to them.
    pub dfs_servers: Vec<String>,
    /// The longest time until there is a connection.
    pub connect_timeout: Duration,
    /// The longest time until an answer.
    pub response_timeout: Duration,
}

impl ShareOptions {
    /// A guest at a share, with 10 seconds to connect and 30 to answer.
    pub fn new(unc: UncPath) -> Self {
        Self {
            unc,
            port: DEFAULT_PORT,
            sign_in: SignIn::Guest,
            require_encryption: false,
            dfs_servers: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            response_timeout: Duration::from_secs(30),
        }
    }

    /// Whether the account may be shown to this server.
    pub(crate) fn allows(&self, host: &str) -> bool {
        let same = |other: &str| other.eq_ignore_ascii_case(host);
        same(self.unc.host()) || self.dfs_servers.iter().any(|server| same(server))
    }
}
