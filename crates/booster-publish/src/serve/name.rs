//! Which names a repository folder gives out, and what caches may do with each.

use percent_encoding::percent_decode_str;

/// A path of a repository that may be given out: `metadata/...` or `targets/...`.
///
/// Nothing else in the folder can be asked for, so a key folder that was put there by mistake, a
/// lock or a file that is just being written stays private.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PublicName {
    parts: Vec<String>,
    /// The SHA-256 that the publisher wrote into the name, for targets.
    pub content: Option<String>,
    /// How long a cache may keep it.
    pub lifetime: Lifetime,
}

/// How long a cache may keep a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lifetime {
    /// The name is never used for other content: versioned metadata and hash-named targets.
    Immutable,
    /// The name is written again: ask each time.
    Revalidate,
}

impl Lifetime {
    /// The `Cache-Control` value. `no-transform` keeps proxies from compressing on the way, which
    /// would turn strong entity tags into weak ones and make ranges useless.
    pub const fn cache_control(self) -> &'static str {
        match self {
            Self::Immutable => "public, max-age=31536000, immutable, no-transform",
            Self::Revalidate => "no-cache, no-transform",
        }
    }
}

impl PublicName {
    /// Reads the path of a request; `None` for all that is not given out.
    pub fn parse(path: &str) -> Option<Self> {
        let parts: Vec<String> =
            path.strip_prefix('/')?.split('/').map(decode_component).collect::<Option<_>>()?;
        let (file, folders) = parts.split_last()?;
        let (content, lifetime) = match folders.first().map(String::as_str)? {
            "metadata" if folders.len() == 1 && file.ends_with(".json") => (None, metadata_lifetime(file)),
            "targets" => match content_hash(file) {
                Some(hash) => (Some(hash.to_owned()), Lifetime::Immutable),
                None => (None, Lifetime::Revalidate),
            },
            _ => return None,
        };
        Some(Self { content, lifetime, parts })
    }

    /// The folders below the repository, and the file's own name last.
    pub fn parts(&self) -> &[String] {
        &self.parts
    }

    /// The media type. Archives are opaque bytes: were they declared as compressed content, a
    /// client library might unpack them on the way.
    pub fn media_type(&self) -> &'static str {
        match self.parts.last() {
            Some(file) if file.ends_with(".json") => "application/json",
            _ => "application/octet-stream",
        }
    }
}

/// One component, decoded once. Hidden files, unfinished uploads (`#`), separators of any system
/// and control characters are not given out; `..` starts with a dot.
fn decode_component(raw: &str) -> Option<String> {
    let component = percent_decode_str(raw).decode_utf8().ok()?;
    let unsafe_character = |c: char| c.is_control() || "/\\:#".contains(c);
    let refused = component.is_empty() || component.starts_with('.') || component.contains(unsafe_character);
    (!refused).then(|| component.into_owned())
}

/// `<version>.<role>.json` never changes; `timestamp.json` does.
fn metadata_lifetime(file: &str) -> Lifetime {
    let version = file.split_once('.').map(|(version, _)| version);
    match version {
        Some(version) if !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit()) => {
            Lifetime::Immutable
        }
        _ => Lifetime::Revalidate,
    }
}

/// The SHA-256 in front of a consistent-snapshot target's name (TUF 1.0 section 6.2).
fn content_hash(file: &str) -> Option<&str> {
    let (hash, _) = file.split_once('.')?;
    let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    (hash.len() == 64 && hash.bytes().all(lower_hex)).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_and_targets_are_given_out_with_their_lifetimes() {
        let hash = "0123456789abcdef".repeat(4);
        for (path, lifetime, content) in [
            ("/metadata/timestamp.json".to_owned(), Lifetime::Revalidate, None),
            ("/metadata/12.snapshot.json".to_owned(), Lifetime::Immutable, None),
            ("/metadata/root.json".to_owned(), Lifetime::Revalidate, None),
            (format!("/targets/antivirus/{hash}.1.0.0.0.tar.zst"), Lifetime::Immutable, Some(hash.clone())),
            (format!("/targets/antivirus/{}.x", hash.to_uppercase()), Lifetime::Revalidate, None),
            ("/targets/a%20b.yar".to_owned(), Lifetime::Revalidate, None),
        ] {
            let name = PublicName::parse(&path).unwrap_or_else(|| panic!("{path} was refused"));
            assert_eq!((name.lifetime, name.content), (lifetime, content), "{path}");
        }
    }

    #[test]
    fn everything_else_is_not_there() {
        for path in [
            "",
            "/",
            "/metadata",
            "/metadata/",
            "/targets",
            "/targets/",
            "/keys/root.pem",
            "/.publish.lock",
            "/metadata/.hidden.json",
            "/metadata/../keys/a.json",
            "/metadata/%2e%2e/a.json",
            "/targets/%2E%2e/x",
            "/targets/a%2fb",
            "/targets/a%5cb",
            "/targets/a\\b",
            "/targets//a",
            "/targets/x%00",
            "/targets/x%231",
            "/metadata/timestamp.json#1",
            "/targets/c:/x",
            "/metadata/sub/x.json",
            "/metadata/x.pem",
            "/targets/%ff",
            "/targets/%252e%252e/../x",
        ] {
            assert_eq!(PublicName::parse(path), None, "{path}");
        }
    }
}
