//! What can go wrong with a share, each case by its own name.
//!
//! None of them holds a user's name or a password. Who reports one says which share it was.

use smb2::{Error as Smb, ErrorKind, types::Command, types::status::NtStatus};
use std::{io, time::Duration};

/// A failure of a share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShareError {
    /// No connection could be made.
    #[error("cannot connect: {reason}; check the server's name, the network and the port")]
    Unreachable {
        /// What the system said.
        reason: String,
    },
    /// The connection was not made in time.
    #[error("no connection within {limit:?}; check the server's name, or raise the connect timeout")]
    ConnectTimeout {
        /// The limit.
        limit: Duration,
    },
    /// The server did not answer in time.
    #[error("no answer within {limit:?}; check the server, or raise the response timeout")]
    NoAnswer {
        /// The limit.
        limit: Duration,
    },
    /// The connection broke.
    #[error("the connection broke: {reason}")]
    Lost {
        /// What the system said.
        reason: String,
    },
    /// The server does not let this account in.
    #[error(
        "the server refuses to sign in this account: {reason}; check the credentials file and the account"
    )]
    SignIn {
        /// What the server said.
        reason: &'static str,
    },
    /// There is no Kerberos ticket to sign in with.
    #[error("no Kerberos ticket for the server: {reason}")]
    Kerberos {
        /// What the tool said that fetches tickets, without the account.
        reason: String,
    },
    /// The server lets no guest in, or took an account for one.
    #[error("{reason}; name a credentials file")]
    Guest {
        /// Which of the two.
        reason: &'static str,
    },
    /// This account may not do that there.
    #[error("access denied; check the permissions of the share and of its files for this account")]
    Denied,
    /// There is no such share.
    #[error("the server has no share of that name")]
    NoShare,
    /// The server speaks only what is not safe to speak.
    #[error(
        "the server speaks SMB {dialect} and not 3.1.1, so a downgrade could not be noticed; switch SMB 3.1.1 on \
         there, or mount the share and use its folder"
    )]
    OldDialect {
        /// What it speaks.
        dialect: String,
    },
    /// Encryption is required and cannot be had.
    #[error("encryption is required and this session cannot have it: {reason}")]
    NoEncryption {
        /// Why.
        reason: &'static str,
    },
    /// An answer did not have the signature that it must have.
    #[error("an answer is not signed as it must be: the server is broken, or somebody changes what it sends")]
    Tampered,
    /// A referral leads to a server that the configuration does not name.
    #[error(
        "a DFS referral leads to {server}, which is not listed; nothing was sent there; list it under \
         \"dfs_servers\" if the account may be shown to it"
    )]
    OtherServer {
        /// The server.
        server: String,
    },
    /// Referrals lead in circles, or nowhere.
    #[error("the DFS referral cannot be followed: {reason}")]
    Referral {
        /// Why.
        reason: &'static str,
    },
    /// Another program has the file open and shares it with nobody.
    #[error("another program has the file open for itself")]
    Busy,
    /// The share is full.
    #[error("there is no space left on the share")]
    Full,
    /// What must be a file is none.
    #[error("not a regular file")]
    NotAFile,
    /// A name that cannot stand on a share.
    #[error("the name has {reason}")]
    Name {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A folder or file that must be there is not.
    #[error("not found")]
    NotFound,
    /// The file became shorter while it was read.
    #[error("the file became shorter while it was read")]
    Shrunk,
    /// Any other answer.
    #[error("the server answered {status}")]
    Status {
        /// The answer's name.
        status: String,
    },
    /// The answer makes no sense.
    #[error("the server's answer cannot be understood: {reason}")]
    Garbled {
        /// What the protocol's library said.
        reason: String,
    },
}

impl ShareError {
    /// The case's name, for reports that programs read. Names do not change.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::ConnectTimeout { .. } => "connect_timeout",
            Self::NoAnswer { .. } => "no_answer",
            Self::Lost { .. } => "connection_lost",
            Self::SignIn { .. } => "sign_in",
            Self::Kerberos { .. } => "kerberos",
            Self::Guest { .. } => "guest",
            Self::Denied => "denied",
            Self::NoShare => "no_share",
            Self::OldDialect { .. } => "old_dialect",
            Self::NoEncryption { .. } => "no_encryption",
            Self::Tampered => "tampered",
            Self::OtherServer { .. } => "other_server",
            Self::Referral { .. } => "referral",
            Self::Busy => "sharing_violation",
            Self::Full => "full",
            Self::NotAFile => "not_a_file",
            Self::Name { .. } => "name",
            Self::NotFound => "not_found",
            Self::Shrunk => "shrunk",
            Self::Status { .. } => "share_status",
            Self::Garbled { .. } => "garbled",
        }
    }

    /// Whether a new connection may help.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Lost { .. })
    }

    /// A failure on an established session.
    pub(crate) fn of(error: Smb, limit: Duration) -> Self {
        match error.kind() {
            ErrorKind::TimedOut => Self::NoAnswer { limit },
            ErrorKind::ConnectionLost | ErrorKind::SessionExpired | ErrorKind::Io => {
                Self::Lost { reason: cause(&error) }
            }
            ErrorKind::AccessDenied | ErrorKind::SigningRequired => Self::Denied,
            ErrorKind::AuthRequired => Self::SignIn { reason: refusal(error.status()) },
            ErrorKind::NotFound if error.status() == Some(NtStatus::BAD_NETWORK_NAME) => Self::NoShare,
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::SignatureInvalid => Self::Tampered,
            ErrorKind::SharingViolation => Self::Busy,
            ErrorKind::DiskFull => Self::Full,
            ErrorKind::IsADirectory | ErrorKind::NotADirectory => Self::NotAFile,
            ErrorKind::InvalidName => Self::Name { reason: "a form that the server does not take" },
            ErrorKind::DfsReferral => Self::Referral {
                reason: "it stands below the configured folder; name the folder that it leads to",
            },
            _ => match error.status() {
                Some(status) => Self::Status { status: status.to_string() },
                None => Self::Garbled { reason: error.to_string() },
            },
        }
    }

    /// A failure to connect.
    pub(crate) fn of_connecting(error: Smb, limit: Duration) -> Self {
        match &error {
            Smb::Timeout => Self::ConnectTimeout { limit },
            Smb::ConnectFailed { attempts, .. } => {
                let failed: Vec<String> = attempts
                    .iter()
                    .filter_map(|attempt| {
                        attempt.error_kind.map(|kind| format!("{}: {}", attempt.addr, io::Error::from(kind)))
                    })
                    .collect();
                match failed.is_empty() {
                    true => Self::ConnectTimeout { limit },
                    false => Self::Unreachable { reason: failed.join(", ") },
                }
            }
            _ => Self::Unreachable { reason: cause(&error) },
        }
    }

    /// A failure to agree on how to speak.
    pub(crate) fn of_negotiating(error: Smb, limit: Duration) -> Self {
        match error.kind() {
            // What servers do that know nothing of what they are asked.
            ErrorKind::ConnectionLost => {
                Self::OldDialect { dialect: "1, as it hangs up on newer ones,".to_owned() }
            }
            _ => Self::of(error, limit),
        }
    }

    /// A failure to sign in, as an account or as a guest.
    pub(crate) fn of_signing_in(error: Smb, as_guest: bool, can_encrypt: bool, limit: Duration) -> Self {
        let at_session_setup = matches!(error, Smb::Protocol { command: Command::SessionSetup, .. });
        let is_refusal = matches!(error.kind(), ErrorKind::AccessDenied | ErrorKind::AuthRequired)
            || error.status().is_some_and(|status| status.is_error());
        match error.kind() {
            ErrorKind::GuestSessionRefused => {
                let reason =
                    "the server takes the account for a guest: the user or the password may be wrong";
                Self::Guest { reason }
            }
            ErrorKind::AccessDenied if at_session_setup && !can_encrypt => {
                Self::NoEncryption { reason: "the server offers no cipher that is known here" }
            }
            _ if as_guest && at_session_setup && is_refusal => {
                Self::Guest { reason: "the server lets no guest in" }
            }
            _ if at_session_setup && is_refusal => Self::SignIn { reason: refusal(error.status()) },
            _ => Self::of(error, limit),
        }
    }
}

/// What the system said, without the library's own words around it.
fn cause(error: &Smb) -> String {
    match error {
        Smb::Io(error) => error.to_string(),
        Smb::SendFailed { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

/// What the server said to an account, in words.
fn refusal(status: Option<NtStatus>) -> &'static str {
    match status {
        Some(NtStatus::LOGON_FAILURE) => "unknown user or wrong password",
        Some(NtStatus::ACCOUNT_EXPIRED) => "the account has expired",
        Some(NtStatus::ACCOUNT_DISABLED) => "the account is disabled",
        Some(NtStatus::ACCOUNT_LOCKED_OUT) => "the account is locked",
        Some(NtStatus::PASSWORD_EXPIRED) => "the password has expired",
        Some(NtStatus::PASSWORD_MUST_CHANGE) => "the password must be changed first",
        Some(NtStatus::INVALID_LOGON_HOURS) => "the account may not sign in at this hour",
        Some(NtStatus::INVALID_WORKSTATION) => "the account may not sign in from this machine",
        Some(NtStatus::ACCOUNT_RESTRICTION) => "a restriction of the account",
        Some(NtStatus::ACCESS_DENIED) => "access denied",
        // STATUS_NTLM_BLOCKED
        Some(NtStatus(0xC000_0418)) => "the server takes no password sign-in (NTLM)",
        _ => "no reason that is known here",
    }
}
