//! Update servers: how one is spoken to, how one is run, and Defender's names for the order of sources.

use crate::{Interval, Secret, Size};
use booster_sources::{DEFINITION_UPDATES, PRODUCT, SourceKind, WsusOptions};
use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr, path::Path, str::FromStr, time::Duration};
use uuid::Uuid;

/// How an update server is spoken to: `[sources.wsus]` of a source of kind `managed` or `unmanaged`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WsusSettings {
    /// The group that the machine asks to be in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_group: Option<String>,
    /// The products whose updates are taken.
    pub products: Vec<Uuid>,
    /// The classifications of these updates.
    pub classifications: Vec<Uuid>,
    /// What the products belong to: the company and the family that a server wants installed before them.
    pub ancestors: Vec<Uuid>,
    /// `managed`: whether the server may be spoken to without TLS.
    pub plain_http: bool,
    /// Hosts besides the server's own from which content may be fetched.
    pub content_hosts: Vec<String>,
    /// The longest that a conversation may take.
    pub conversation_time: Interval,
    /// The most bytes of all answers of a conversation.
    pub conversation_bytes: Size,
}

impl Default for WsusSettings {
    fn default() -> Self {
        Self {
            target_group: None,
            products: vec![PRODUCT],
            classifications: vec![DEFINITION_UPDATES],
            ancestors: Vec::new(),
            plain_http: false,
            content_hosts: Vec::new(),
            conversation_time: Interval(WsusOptions::CONVERSATION_TIME),
            conversation_bytes: Size(WsusOptions::CONVERSATION_BYTES),
        }
    }
}

/// How an update server is run: `booster serve --wsus` and `booster fleet`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fleet {
    /// The database: a file, or a `postgres://` URL; unset means `fleet.sqlite` in the data folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// The password for the database, where its URL holds none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_password: Option<Secret>,
    /// What becomes of releases that nobody has decided about: `automatic` or `by-hand`.
    pub approval: Approval,
    /// The address under which machines reach this site; unset means the one that is listened on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// How long a machine's cookie is good; one that is used is renewed.
    pub cookie_lifetime: Interval,
    /// The most machines that may register.
    pub machines: u32,
    /// New machines that may register from one address, or one network of IPv6, in an hour.
    pub registrations_per_address: u32,
    /// Machines that have not asked for so long are forgotten; `0s` forgets none.
    pub forget_after: Interval,
    /// Connections at a time.
    pub connections: u32,
    /// Connections at a time from one address, or one network of IPv6.
    pub connections_per_address: u32,
    /// Proxies in front, which stand for many and say in `X-Forwarded-For` for whom they ask.
    pub proxies: Vec<IpAddr>,
}

/// What becomes of releases that nobody has decided about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Approval {
    /// Machines get them. Definitions are worth most when they are new.
    Automatic,
    /// Machines wait for a decision.
    ByHand,
}

impl Default for Fleet {
    fn default() -> Self {
        Self {
            database: None,
            database_password: None,
            approval: Approval::Automatic,
            public_url: None,
            cookie_lifetime: Interval(Duration::from_secs(24 * 3600)),
            machines: 200_000,
            registrations_per_address: 1000,
            forget_after: Interval(Duration::from_secs(90 * 24 * 3600)),
            connections: 512,
            connections_per_address: 64,
            proxies: Vec::new(),
        }
    }
}

impl Fleet {
    /// Where the database is: what is set, with its password, or a file in the data folder.
    pub fn location(&self, data_dir: &Path) -> String {
        let Some(database) = &self.database else {
            return data_dir.join("fleet.sqlite").display().to_string();
        };
        match (&self.database_password, database.parse::<url::Url>()) {
            (Some(password), Ok(mut url)) if url.password().is_none() => {
                // A URL that cannot hold a password is refused when it is opened.
                let _ = url.set_password(Some(password.reveal()));
                url.into()
            }
            _ => database.clone(),
        }
    }
}

/// One of Defender's names for where definitions come from, in the order in which they are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Fallback {
    /// The organisation's update server: sources of kind `managed`.
    InternalDefinitionUpdateServer,
    /// The public update service: sources of kind `unmanaged`.
    MicrosoftUpdateServer,
    /// Whole packages over HTTP: sources of kind `http`.
    #[serde(rename = "MMPC")]
    Mmpc,
    /// File shares: sources of kind `unc` and `directory`.
    FileShares,
}

impl Fallback {
    const NAMES: [(&'static str, Self); 4] = [
        ("InternalDefinitionUpdateServer", Self::InternalDefinitionUpdateServer),
        ("MicrosoftUpdateServer", Self::MicrosoftUpdateServer),
        ("MMPC", Self::Mmpc),
        ("FileShares", Self::FileShares),
    ];

    /// The kinds of sources that it stands for.
    pub const fn kinds(self) -> &'static [SourceKind] {
        match self {
            Self::InternalDefinitionUpdateServer => &[SourceKind::Managed],
            Self::MicrosoftUpdateServer => &[SourceKind::Unmanaged],
            Self::Mmpc => &[SourceKind::Http],
            Self::FileShares => &[SourceKind::Unc, SourceKind::Directory],
        }
    }
}

/// A text that is none of Defender's names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no name of a source: expected InternalDefinitionUpdateServer, MicrosoftUpdateServer, MMPC or FileShares"
)]
pub struct UnknownFallback(pub String);

impl FromStr for Fallback {
    type Err = UnknownFallback;

    fn from_str(text: &str) -> Result<Self, UnknownFallback> {
        let known = Self::NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        known.map(|(_, fallback)| *fallback).ok_or_else(|| UnknownFallback(text.to_owned()))
    }
}

/// An order of sources. Written as a list, or in one text with `|` or commas between the names, as group
/// policies have it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct FallbackOrder(pub Vec<Fallback>);

impl FromStr for FallbackOrder {
    type Err = UnknownFallback;

    fn from_str(text: &str) -> Result<Self, UnknownFallback> {
        let text = text.trim().trim_start_matches('{').trim_end_matches('}');
        let names = text.split(['|', ',']).map(str::trim).filter(|name| !name.is_empty());
        names.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl<'de> Deserialize<'de> for FallbackOrder {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> serde::de::Visitor<'de> for Either {
            type Value = FallbackOrder;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of names, or a text with | between them")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<FallbackOrder, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<FallbackOrder, A::Error> {
                let mut order = Vec::new();
                while let Some(name) = list.next_element::<String>()? {
                    order.push(name.parse().map_err(serde::de::Error::custom)?);
                }
                Ok(FallbackOrder(order))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_as_group_policies_write_it() {
        let expected = FallbackOrder(vec![Fallback::MicrosoftUpdateServer, Fallback::Mmpc]);
        for text in
            ["MicrosoftUpdateServer|MMPC", "{MicrosoftUpdateServer|MMPC}", "microsoftupdateserver, mmpc"]
        {
            assert_eq!(text.parse(), Ok(expected.clone()), "{text}");
        }
        let error = "MMPC|Internet".parse::<FallbackOrder>().unwrap_err().to_string();
        assert!(error.contains("Internet") && error.contains("FileShares"), "{error}");
    }

    #[test]
    fn a_database_gets_its_password_from_beside_its_url() {
        let mut fleet = Fleet { database: Some("postgres://u@h/fleet".to_owned()), ..Fleet::default() };
        assert_eq!(fleet.location(Path::new("/d")), "postgres://u@h/fleet");
        fleet.database_password = Some(Secret::new("p@ss"));
        assert_eq!(fleet.location(Path::new("/d")), "postgres://u:p%40ss@h/fleet");
        assert_eq!(Fleet::default().location(Path::new("/d")), "/d/fleet.sqlite");
    }
}
