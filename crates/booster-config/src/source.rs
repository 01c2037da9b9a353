//! One place to look for definitions, as a table or in one word.

use crate::{Unc, settings::Http, wsus::WsusSettings};
use booster_sources::{InvalidUnc, SourceKind, UncPath};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use std::{
    fmt,
    marker::PhantomData,
    path::{Path, PathBuf},
    str::FromStr,
};
use url::Url;

/// One place to look for definitions.
///
/// In the configuration it is a table, or simply a URL, a share or a folder:
/// `sources = ["https://definitions.example/", '\\server\definitions', "/media/usb/definitions"]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceSettings {
    /// Which kind of source it is.
    pub kind: SourceKind,
    /// `http`: the repository, `managed` and `unmanaged`: the update server's root. an HTTP repository has `metadata/` and `targets/` below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Url>,
    /// `http`: where the metadata is, when it is not below `url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_url: Option<Url>,
    /// `http`: where the archives are, when they are not below `url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub targets_url: Option<Url>,
    /// `directory`: the folder or mounted medium. `unc`: the share's network name, and the folder in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// `http`, `managed` and `unmanaged`: what differs from the common `[http]` settings for this source.
    #[serde(skip_serializing_if = "is_default")]
    pub http: Http,
    /// `managed` and `unmanaged`: how the update server is spoken to.
    #[serde(skip_serializing_if = "is_default")]
    pub wsus: WsusSettings,
    /// `unc`: what differs from the common `[unc]` settings for this source.
    #[serde(skip_serializing_if = "is_default")]
    pub unc: Unc,
}

fn is_default<T: Default + PartialEq>(settings: &T) -> bool {
    *settings == T::default()
}

/// The share that a path names.
pub(crate) fn unc(path: &Path) -> Result<UncPath, InvalidSource> {
    Ok(path.to_string_lossy().parse::<UncPath>()?)
}

/// A table with keys that do not make one source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSource {
    /// A key that the kind needs is absent.
    #[error("a source of kind \"{kind}\" needs the key \"{key}\"")]
    Missing {
        /// The kind.
        kind: SourceKind,
        /// The absent key.
        key: &'static str,
    },
    /// A key that the kind has no use for.
    #[error("the key \"{key}\" means nothing to a source of kind \"{kind}\": remove it")]
    Useless {
        /// The kind.
        kind: SourceKind,
        /// The useless key.
        key: &'static str,
    },
    /// A scheme that no source speaks.
    #[error("{url} is neither http nor https: use one of these, a share or a folder")]
    Scheme {
        /// The URL.
        url: Url,
    },
    /// Credentials in a URL would end up in logs and events.
    #[error(
        "the URL for {host} holds a user name or password: set them as \"user\" and \"password\" under [http]"
    )]
    Credentials {
        /// The host that the URL names.
        host: String,
    },
    /// A text that is neither URL nor path.
    #[error("{0:?} is neither a URL nor a folder")]
    Neither(String),
    /// A network name that names no share.
    #[error(transparent)]
    Unc(#[from] InvalidUnc),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    kind: SourceKind,
    url: Option<Url>,
    metadata_url: Option<Url>,
    targets_url: Option<Url>,
    path: Option<PathBuf>,
    #[serde(default)]
    http: Http,
    #[serde(default)]
    wsus: WsusSettings,
    #[serde(default)]
    unc: Unc,
}

impl TryFrom<Table> for SourceSettings {
    type Error = InvalidSource;

    fn try_from(table: Table) -> Result<Self, InvalidSource> {
        let Table { kind, url, metadata_url, targets_url, path, http, unc, wsus } = table;
        let useless = |key, present| if present { Err(InvalidSource::Useless { kind, key }) } else { Ok(()) };
        let missing = |key, present| if present { Ok(()) } else { Err(InvalidSource::Missing { kind, key }) };
        let is_update_server = matches!(kind, SourceKind::Managed | SourceKind::Unmanaged);
        useless("wsus", !is_update_server && !is_default(&wsus))?;
        match kind {
            SourceKind::Http => {
                useless("path", path.is_some())?;
                useless("unc", !is_default(&unc))?;
                missing("url", url.is_some() || (metadata_url.is_some() && targets_url.is_some()))?;
            }
            SourceKind::Directory | SourceKind::Unc => {
                useless("url", url.is_some())?;
                useless("metadata_url", metadata_url.is_some())?;
                useless("targets_url", targets_url.is_some())?;
                useless("http", !is_default(&http))?;
                missing("path", path.is_some())?;
                if kind == SourceKind::Directory {
                    useless("unc", !is_default(&unc))?;
                } else if let Some(path) = &path {
                    self::unc(path)?;
                }
            }
            SourceKind::Managed | SourceKind::Unmanaged => {
                useless("path", path.is_some())?;
                useless("metadata_url", metadata_url.is_some())?;
                useless("targets_url", targets_url.is_some())?;
                missing("url", url.is_some())?;
            }
        }
        for url in [&url, &metadata_url, &targets_url].into_iter().flatten() {
            check_url(url)?;
        }
        Ok(Self { kind, url, metadata_url, targets_url, path, http, unc, wsus })
    }
}

fn check_url(url: &Url) -> Result<(), InvalidSource> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(InvalidSource::Scheme { url: url.clone() });
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(InvalidSource::Credentials { host: url.host_str().unwrap_or_default().to_owned() });
    }
    Ok(())
}

/// A URL, a share or a folder in one word, as `--from` takes it.
impl FromStr for SourceSettings {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, InvalidSource> {
        let empty = Table {
            kind: SourceKind::Directory,
            url: None,
            metadata_url: None,
            targets_url: None,
            path: None,
            http: Http::default(),
            wsus: WsusSettings::default(),
            unc: Unc::default(),
        };
        let neither = || InvalidSource::Neither(text.to_owned());
        // A drive letter is no scheme.
        let url = text.contains("://").then(|| Url::parse(text)).transpose().map_err(|_| neither())?;
        let table = match url {
            Some(url) if url.scheme() == "file" => {
                Table { path: Some(url.to_file_path().map_err(|()| neither())?), ..empty }
            }
            Some(url) => Table { kind: SourceKind::Http, url: Some(url), ..empty },
            None if text.is_empty() => return Err(neither()),
            None if UncPath::is_meant_by(text) => {
                Table { kind: SourceKind::Unc, path: Some(text.into()), ..empty }
            }
            None => Table { path: Some(text.into()), ..empty },
        };
        table.try_into()
    }
}

impl<'de> Deserialize<'de> for SourceSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = SourceSettings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a URL, a share, a folder, or a table with the key \"kind\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<SourceSettings, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SourceSettings, A::Error> {
                let table = Table::deserialize(MapAccessDeserializer::new(map))?;
                table.try_into().map_err(de::Error::custom)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// Takes a list, or one text with the items between commas as an environment variable holds it.
pub(crate) fn list_or_text<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + FromStr<Err: fmt::Display>,
{
    struct Either<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de> + FromStr<Err: fmt::Display>> Visitor<'de> for Either<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list, or a text with commas between the items")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<T>, E> {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            items.map(|item| item.parse().map_err(E::custom)).collect()
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut items = Vec::new();
            while let Some(item) = list.next_element()? {
                items.push(item);
            }
            Ok(items)
        }
    }
    deserializer.deserialize_any(Either(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_is_a_url_or_a_folder() {
        for (text, kind, shown) in [
            ("https://definitions.example/set", SourceKind::Http, "https://definitions.example/set"),
            ("/media/usb", SourceKind::Directory, "/media/usb"),
            ("file:///media/usb", SourceKind::Directory, "/media/usb"),
            ("./set", SourceKind::Directory, "./set"),
            ("D:\\set", SourceKind::Directory, "D:\\set"),
            (r"\\server\set", SourceKind::Unc, r"\\server\set"),
            ("//server/set", SourceKind::Directory, "//server/set"),
        ] {
            let source: SourceSettings = text.parse().unwrap();
            let location = source.url.map(|u| u.to_string()).or(source.path.map(|p| p.display().to_string()));
            assert_eq!((source.kind, location.as_deref()), (kind, Some(shown)), "{text}");
        }
    }

    #[test]
    fn one_word_that_no_source_can_use_is_refused() {
        for (text, message) in [
            ("", "neither a URL nor a folder"),
            ("ftp://x/", "neither http nor https"),
            ("https://u:p@host/", "user name or password"),
            ("http://", "neither a URL nor a folder"),
            (r"\\server", "share is missing"),
            (r"\\.\pipe\x", "a device"),
        ] {
            let error = text.parse::<SourceSettings>().unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
            assert!(!error.contains("u:p"), "{error}");
        }
    }
}
