//! Whether a redirect is followed.

use crate::RedirectRefusal;
use url::Url;

/// How far redirects are followed.
#[derive(Debug, Clone, Copy)]
pub(super) struct RedirectRules {
    pub(super) max: u32,
    pub(super) allow_other_hosts: bool,
}

/// Where a redirect leads, if it is followed: from `from`, as the `followed + 1`st in a row.
///
/// "The same server" is the same host and port; a step up from HTTP to HTTPS on the same host is
/// followed, a step down never, wherever it leads. User names in the address are dropped.
pub(super) fn follow(
    from: &Url,
    location: &str,
    followed: u32,
    rules: RedirectRules,
) -> Result<Url, RedirectRefusal> {
    let mut to = from.join(location).map_err(|_| RedirectRefusal::NotHttp)?;
    if !matches!(to.scheme(), "http" | "https") || to.host().is_none() {
        return Err(RedirectRefusal::NotHttp);
    }
    if followed >= rules.max {
        return Err(RedirectRefusal::TooMany);
    }
    if from.scheme() == "https" && to.scheme() == "http" {
        return Err(RedirectRefusal::LeavesHttps);
    }
    let upgrade = from.scheme() == "http" && to.scheme() == "https";
    let same_server =
        from.host() == to.host() && (upgrade || from.port_or_known_default() == to.port_or_known_default());
    if !same_server && !rules.allow_other_hosts {
        return Err(RedirectRefusal::OtherHost);
    }
    // Credentials never come from the other side. An address that cannot hold any has none.
    let _ = to.set_username("");
    let _ = to.set_password(None);
    to.set_fragment(None);
    Ok(to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use RedirectRefusal::*;

    #[test]
    fn redirects_are_judged_by_where_they_lead() {
        let strict = RedirectRules { max: 3, allow_other_hosts: false };
        let loose = RedirectRules { allow_other_hosts: true, ..strict };
        let cases = [
            ("http://a/x", "/y", 0, strict, Ok("http://a/y")),
            ("http://a/d/x", "y?z#f", 0, strict, Ok("http://a/d/y?z")),
            ("http://a/x", "http://a:80/y", 2, strict, Ok("http://a/y")),
            ("http://a/x", "/y", 3, strict, Err(TooMany)),
            ("http://a/x", "//b/y", 0, strict, Err(OtherHost)),
            ("http://a/x", "http://a:8080/y", 0, strict, Err(OtherHost)),
            ("http://a/x", "https://a/y", 0, strict, Ok("https://a/y")),
            ("http://a:8080/x", "https://a:8443/y", 0, strict, Ok("https://a:8443/y")),
            ("https://a/x", "http://a/y", 0, strict, Err(LeavesHttps)),
            ("https://a/x", "http://b/y", 0, loose, Err(LeavesHttps)),
            ("https://a/x", "https://b/y", 0, loose, Ok("https://b/y")),
            ("https://a/x", "https://user:word@b/y", 0, loose, Ok("https://b/y")),
            ("http://a/x", "file:///etc/passwd", 0, loose, Err(NotHttp)),
            ("http://a/x", "ftp://a/y", 0, loose, Err(NotHttp)),
            ("http://a/x", "http://", 0, loose, Err(NotHttp)),
        ];
        for (from, location, followed, rules, expected) in cases {
            let to = follow(&Url::parse(from).unwrap(), location, followed, rules);
            assert_eq!(to, expected.map(|url| Url::parse(url).unwrap()), "{from} -> {location}");
        }
    }
}
