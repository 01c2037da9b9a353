//! How an HTTP source is set up.

use crate::{Area, SourceError, TransferRules, path};
use std::{fmt, path::PathBuf};
use url::Url;

/// Where the two halves of a repository are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BaseUrls {
    /// `metadata/` and `targets/` below one address.
    Root(Url),
    /// Each at its own address.
    Separate {
        /// Where metadata is.
        metadata: Url,
        /// Where targets are.
        targets: Url,
    },
}

/// A user name and a password. `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user's name.
    pub user: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// Which proxy is used.
#[derive(Clone, Default)]
pub enum ProxyChoice {
    /// What the environment says: `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY` (and, where
    /// the system has such a setting, that).
    #[default]
    Environment,
    /// None, whatever the environment says.
    Direct,
    /// This one.
    Url {
        /// The proxy's address, `http://` or `https://`.
        url: Url,
        /// How to sign in to it. Credentials in the address do as well.
        credentials: Option<Credentials>,
        /// Servers that are reached without it, written as in `NO_PROXY`.
        except: Option<String>,
    },
}

impl fmt::Debug for ProxyChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("Environment"),
            Self::Direct => f.write_str("Direct"),
            Self::Url { url, .. } => write!(f, "Url({})", without_credentials(url)),
        }
    }
}

/// A certificate that shows a server who this machine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// PEM file: the certificate, then the chain up to the CA.
    pub certificate: PathBuf,
    /// PEM file: the private key.
    pub key: PathBuf,
}

/// How an HTTP source is set up.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Where the repository is.
    pub base: BaseUrls,
    /// How to sign in to the server (basic authentication). Sent to the base's server alone (with
    /// separate addresses: to that of the metadata), never where a redirect leads.
    pub credentials: Option<Credentials>,
    /// Which proxy is used.
    pub proxy: ProxyChoice,
    /// PEM file with the authorities that are trusted for HTTPS, instead of the system's.
    pub ca_bundle: Option<PathBuf>,
    /// The certificate that this machine shows.
    pub client_certificate: Option<ClientCertificate>,
    /// How many redirects in a row are followed.
    pub max_redirects: u32,
    /// Whether a redirect may lead to another server.
    pub allow_other_hosts: bool,
    /// What this machine calls itself.
    pub user_agent: String,
    /// Time limits. Only the connect timeout is used here: the rest is kept by
    /// [`read`](crate::read) and [`download`](crate::download).
    pub rules: TransferRules,
}

impl HttpOptions {
    /// The defaults for a repository below `base`. Credentials in the address are taken out of it.
    pub fn new(base: Url) -> Self {
        let credentials = credentials_in(&base);
        Self::with_base(BaseUrls::Root(without_credentials(&base)), credentials)
    }

    /// The defaults for a repository whose metadata and targets have an address each.
    pub fn separate(metadata: Url, targets: Url) -> Self {
        let credentials = credentials_in(&metadata);
        let base = BaseUrls::Separate {
            metadata: without_credentials(&metadata),
            targets: without_credentials(&targets),
        };
        Self::with_base(base, credentials)
    }

    fn with_base(base: BaseUrls, credentials: Option<Credentials>) -> Self {
        Self {
            base,
            credentials,
            proxy: ProxyChoice::default(),
            ca_bundle: None,
            client_certificate: None,
            max_redirects: 3,
            allow_other_hosts: false,
            user_agent: concat!("booster/", env!("CARGO_PKG_VERSION")).to_owned(),
            rules: TransferRules::default(),
        }
    }
}

impl BaseUrls {
    /// The address that stands for the whole.
    pub(super) fn first(&self) -> &Url {
        match self {
            Self::Root(base) | Self::Separate { metadata: base, .. } => base,
        }
    }

    /// Refuses what is no base of an HTTP repository.
    pub(super) fn check(&self) -> Result<(), SourceError> {
        let all = match self {
            Self::Root(base) => vec![base],
            Self::Separate { metadata, targets } => vec![metadata, targets],
        };
        match all.into_iter().find(|url| !matches!(url.scheme(), "http" | "https")) {
            Some(url) => Err(SourceError::Configuration {
                what: format!("source address {}", without_credentials(url)),
                reason: "not an http:// or https:// address".to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// The address of one file.
    pub(super) fn resolve(&self, area: Area, path: &str) -> Result<Url, SourceError> {
        path::check(path)?;
        let (base, folder) = match (self, area) {
            (Self::Root(base), area) => (base, format!("{}/", area.as_str())),
            (Self::Separate { metadata, .. }, Area::Metadata) => (metadata, String::new()),
            (Self::Separate { targets, .. }, Area::Targets) => (targets, String::new()),
        };
        let mut url = base.clone();
        // A query in the base (a signed address of an object store) goes with every request.
        url.set_path(&format!("{}/{folder}{}", base.path().trim_end_matches('/'), path::encode(path)));
        Ok(url)
    }
}

/// The address without user name, password and fragment.
pub(super) fn without_credentials(url: &Url) -> Url {
    let mut url = url.clone();
    // These fail only for addresses that cannot hold credentials.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    url
}

fn credentials_in(url: &Url) -> Option<Credentials> {
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let has_any = !url.username().is_empty() || url.password().is_some();
    has_any.then(|| Credentials {
        user: decode(url.username()),
        password: decode(url.password().unwrap_or_default()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(base: &str, area: Area, path: &str) -> String {
        HttpOptions::new(base.parse().unwrap()).base.resolve(area, path).unwrap().to_string()
    }

    #[test]
    fn files_are_found_below_the_base_with_and_without_a_slash() {
        for base in ["http://a/b", "http://a/b/"] {
            assert_eq!(
                resolved(base, Area::Metadata, "timestamp.json"),
                "http://a/b/metadata/timestamp.json"
            );
            assert_eq!(resolved(base, Area::Targets, "nis/1.tar.zst"), "http://a/b/targets/nis/1.tar.zst");
        }
        assert_eq!(resolved("http://a", Area::Metadata, "1.root.json"), "http://a/metadata/1.root.json");
        assert_eq!(resolved("http://a/?sig=1", Area::Metadata, "x"), "http://a/metadata/x?sig=1");
    }

    #[test]
    fn encoded_role_names_reach_the_server_as_they_are() {
        let at = |name| resolved("http://a", Area::Metadata, name);
        assert_eq!(at("1.%3F.json"), "http://a/metadata/1.%3F.json");
        assert_eq!(at("1...%2Fdelegated.json"), "http://a/metadata/1...%2Fdelegated.json");
        assert_eq!(at("1.a?b#c.json"), "http://a/metadata/1.a%3Fb%23c.json");
    }

    #[test]
    fn separate_addresses_are_used_as_they_are() {
        let base = HttpOptions::separate("http://a/m".parse().unwrap(), "http://b/t/".parse().unwrap()).base;
        assert_eq!(base.resolve(Area::Metadata, "x").unwrap().as_str(), "http://a/m/x");
        assert_eq!(base.resolve(Area::Targets, "x").unwrap().as_str(), "http://b/t/x");
    }

    #[test]
    fn credentials_in_the_address_are_taken_out_and_never_shown() {
        let options = HttpOptions::new("http://us%40er:se%3Acret@a/b".parse().unwrap());
        assert_eq!(
            options.credentials,
            Some(Credentials { user: "us@er".into(), password: "se:cret".into() })
        );
        let proxied = HttpOptions {
            proxy: ProxyChoice::Url {
                url: "http://u:secret@p:1".parse().unwrap(),
                credentials: None,
                except: None,
            },
            ..options
        };
        let shown = format!("{proxied:?}");
        assert!(!shown.contains("cret") && !shown.contains("us%40er"), "{shown}");
    }

    #[test]
    fn only_http_addresses_are_taken() {
        assert!(BaseUrls::Root("https://a".parse().unwrap()).check().is_ok());
        assert!(BaseUrls::Root("ftp://a".parse().unwrap()).check().is_err());
    }
}
