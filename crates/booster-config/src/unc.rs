//! The settings of file shares, and how a share is reached by them.

use crate::{ConfigError, Settings};
use booster_sources::{Account, DEFAULT_PORT, ShareOptions, SignIn, UncPath};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How file shares are reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Unc {
    /// The file with the account's name and password, as `mount.cifs` takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_file: Option<PathBuf>,
    /// Whether to come as a guest where no credentials file is named.
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
        let own_sign_in = self.credentials_file.is_some() || self.guest.is_some();
        let base_sign_in = base.credentials_file.clone().filter(|_| !own_sign_in);
        Self {
            credentials_file: self.credentials_file.clone().or(base_sign_in),
            guest: self.guest.or(base.guest.filter(|_| !own_sign_in)),
            port: self.port.or(base.port),
            require_encryption: self.require_encryption.or(base.require_encryption),
            dfs_servers: self.dfs_servers.clone().or_else(|| base.dfs_servers.clone()),
        }
    }
}

impl Settings {
    /// How a share is reached. The credentials file is read; nothing is sent.
    ///
    /// # Errors
    /// [`ConfigError::Credentials`], and [`ConfigError::NoSignIn`] where neither an account nor a guest is
    /// set and this machine does not sign in by itself.
    pub fn share_options(&self, unc: UncPath, own: &Unc) -> Result<ShareOptions, ConfigError> {
        let settings = own.or(&self.unc);
        let sign_in = match (&settings.credentials_file, settings.guest.unwrap_or(cfg!(windows))) {
            (Some(file), _) => SignIn::Account(Account::from_file(file)?),
            (None, true) => SignIn::Guest,
            (None, false) => return Err(ConfigError::NoSignIn { unc: unc.to_string() }),
        };
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
