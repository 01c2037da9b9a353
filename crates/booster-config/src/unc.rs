//! The settings of file shares, and how a share is reached by them.

use crate::{ConfigError, Settings};
use booster_sources::{Account, DEFAULT_PORT, ShareOptions, SignIn, Tickets, UncPath};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How file shares are reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Unc {
    /// The file with the account's name and password, as `mount.cifs` takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_file: Option<PathBuf>,
    /// The key of a Kerberos account, with which tickets are fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keytab: Option<PathBuf>,
    /// The account of the keytab, `user@REALM`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// The Kerberos ticket cache that something else keeps filled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket_cache: Option<PathBuf>,
    /// Whether to come as a guest where no account is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guest: Option<bool>,
    /// The servers' port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Whether what is carried is encrypted although the server does not want it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_encryption: Option<bool>,
    /// The servers, besides the named one, that a DFS referral may lead to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dfs_servers: Option<Vec<String>>,
}

impl Unc {
    /// These settings, with `base` for what they leave open.
    pub fn or(&self, base: &Self) -> Self {
        // A share that says how it is signed in to does not get the others' account.
        let sign_in = if self.has_sign_in() { self } else { base };
        Self {
            credentials_file: sign_in.credentials_file.clone(),
            keytab: sign_in.keytab.clone(),
            principal: sign_in.principal.clone(),
            ticket_cache: sign_in.ticket_cache.clone(),
            guest: sign_in.guest,
            port: self.port.or(base.port),
            require_encryption: self.require_encryption.or(base.require_encryption),
            dfs_servers: self.dfs_servers.clone().or_else(|| base.dfs_servers.clone()),
        }
    }

    fn has_sign_in(&self) -> bool {
        self.credentials_file.is_some()
            || self.keytab.is_some()
            || self.ticket_cache.is_some()
            || self.guest.is_some()
    }

    /// On Windows the system opens shares, and what it would not heed is refused: a machine that was to encrypt
    /// would not.
    fn check_system(&self) -> Result<(), ConfigError> {
        let unheeded = [
            ("require_encryption", self.require_encryption == Some(true)),
            ("port", self.port.is_some_and(|port| port != DEFAULT_PORT)),
        ];
        match unheeded.into_iter().find(|&(_, is_set)| is_set && cfg!(windows)) {
            Some((setting, _)) => Err(ConfigError::NotOnWindows { setting }),
            None => Ok(()),
        }
    }

    /// As whom; the account counts where guests are allowed besides.
    fn sign_in(&self) -> Result<Option<SignIn>, ConfigError> {
        let ways = [&self.credentials_file, &self.keytab, &self.ticket_cache];
        if ways.into_iter().flatten().count() > 1 {
            return Err(ConfigError::SeveralSignIns);
        }
        let tickets = match (&self.keytab, &self.principal, &self.ticket_cache) {
            (Some(file), Some(principal), _) => {
                Some(Tickets::Keytab { file: file.clone(), principal: principal.clone() })
            }
            (Some(_), None, _) => {
                return Err(ConfigError::Incomplete { given: "keytab", missing: "principal", table: "unc" });
            }
            (None, Some(_), _) => {
                return Err(ConfigError::Incomplete { given: "principal", missing: "keytab", table: "unc" });
            }
            (None, None, cache) => cache.clone().map(Tickets::Cache),
        };
        Ok(match (&self.credentials_file, tickets) {
            (Some(file), _) => Some(SignIn::Account(Account::from_file(file)?)),
            (None, Some(tickets)) => Some(SignIn::Kerberos(tickets)),
            (None, None) => self.guest.unwrap_or(cfg!(windows)).then_some(SignIn::Guest),
        })
    }
}

impl Settings {
    /// How a share is reached. The credentials file is read; nothing is sent.
    ///
    /// # Errors
    /// [`ConfigError::Credentials`]; [`ConfigError::NoSignIn`] where neither an account nor a guest is set and
    /// this machine does not sign in by itself; [`ConfigError::SeveralSignIns`] and
    /// [`ConfigError::Incomplete`] where the settings do not go together; [`ConfigError::NotOnWindows`].
    pub fn share_options(&self, unc: UncPath, own: &Unc) -> Result<ShareOptions, ConfigError> {
        let settings = own.or(&self.unc);
        settings.check_system()?;
        let sign_in = settings.sign_in()?.ok_or_else(|| ConfigError::NoSignIn { unc: unc.to_string() })?;
        Ok(ShareOptions {
            port: settings.port.unwrap_or(DEFAULT_PORT),
            sign_in,
            require_encryption: settings.require_encryption.unwrap_or_default(),
            dfs_servers: settings.dfs_servers.unwrap_or_default(),
            connect_timeout: self.transfer.connect_timeout.0,
            response_timeout: self.transfer.response_timeout.0,
            ..ShareOptions::new(unc)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_with_its_own_way_in_does_not_get_the_common_account() {
        let base = Unc { credentials_file: Some("/etc/common".into()), port: Some(1445), ..Unc::default() };
        let guest = Unc { guest: Some(true), ..Unc::default() }.or(&base);
        assert_eq!((guest.credentials_file, guest.guest, guest.port), (None, Some(true), Some(1445)));
        let plain = Unc::default().or(&base);
        assert_eq!(plain, base);
        let ticket = Unc { ticket_cache: Some("/run/tickets".into()), ..Unc::default() }.or(&base);
        assert!(matches!(ticket.sign_in(), Ok(Some(SignIn::Kerberos(Tickets::Cache(_))))), "{ticket:?}");
    }

    #[test]
    fn ways_to_sign_in_that_do_not_go_together_are_refused() {
        let [keytab, cache] = ["/etc/keytab", "/run/tickets"].map(|file| Some(PathBuf::from(file)));
        let both = Unc { keytab: keytab.clone(), ticket_cache: cache, ..Unc::default() };
        assert!(matches!(both.sign_in(), Err(ConfigError::SeveralSignIns)));
        let nobodys = Unc { keytab, ..Unc::default() };
        assert!(nobodys.sign_in().unwrap_err().to_string().contains("\"principal\""));
        let keyless = Unc { principal: Some("anna@EXAMPLE.ORG".to_owned()), ..Unc::default() };
        assert!(keyless.sign_in().unwrap_err().to_string().contains("under [unc]"));
    }

    #[cfg(unix)]
    #[test]
    fn a_share_without_any_way_in_is_refused_with_what_to_set() {
        let settings = Settings::default();
        let refused = settings.share_options(r"\\files\set".parse().unwrap(), &Unc::default()).unwrap_err();
        let text = refused.to_string();
        assert!(text.contains("credentials_file") && text.contains("guest = true"), "{text}");
    }
}
