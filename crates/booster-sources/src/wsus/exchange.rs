//! One call: a request out, an answer or a fault back, within limits of size and time.

use super::WsusOptions;
use crate::{
    BaseUrls, RedirectRefusal, SourceError, SourceKind, TransferRules,
    http::{HttpSource, shown},
    transfer::collect,
};
use booster_wsus::{Call, Fault, Limits, Service, soap};
use tokio_util::sync::CancellationToken;
use url::Url;

/// The way to one server.
#[derive(Debug)]
pub(super) struct Exchange {
    http: HttpSource,
    /// The server's root, with a slash at its end.
    root: Url,
    rules: TransferRules,
    only_https: bool,
    content_hosts: Vec<String>,
}

/// Why a call brought no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server said why.
    Fault(Fault),
    /// Everything else.
    Source(SourceError),
}

impl Exchange {
    pub(super) fn new(http: HttpSource, options: &WsusOptions) -> Self {
        let (BaseUrls::Root(root) | BaseUrls::Separate { metadata: root, .. }) = &options.http.base;
        let mut root = root.clone();
        let path = format!("{}/", root.path().trim_end_matches('/'));
        root.set_path(&path);
        root.set_query(None);
        Self {
            http,
            root,
            rules: options.http.rules.clone(),
            only_https: options.kind == SourceKind::Unmanaged,
            content_hosts: options.content_hosts.clone(),
        }
    }

    pub(super) const fn http(&self) -> &HttpSource {
        &self.http
    }

    pub(super) const fn root(&self) -> &Url {
        &self.root
    }

    /// Where a service is.
    pub(super) fn service(&self, service: Service) -> Url {
        // These paths are plain.
        self.root.join(service.path()).unwrap_or_else(|_| self.root.clone())
    }

    /// The address of a service that the server names itself: on the same server, or not at all.
    pub(super) fn named_service(&self, named: &str) -> Result<Url, SourceError> {
        let refused = |refusal| self.foreign(named, refusal);
        let url = self.root.join(named.trim()).map_err(|_| refused(RedirectRefusal::NotHttp))?;
        if url.origin() != self.root.origin() {
            return Err(refused(RedirectRefusal::OtherHost));
        }
        Ok(url)
    }

    /// The address of a file that the server names. Content may come without TLS and from another port, since
    /// everything in it is signed; from another host only where the configuration has it.
    pub(super) fn address(&self, named: &str) -> Result<Url, SourceError> {
        let refused = |refusal| self.foreign(named, refusal);
        let url = Url::parse(named.trim()).map_err(|_| refused(RedirectRefusal::NotHttp))?;
        if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some()
        {
            return Err(refused(RedirectRefusal::NotHttp));
        }
        if self.only_https && url.scheme() != "https" {
            return Err(refused(RedirectRefusal::LeavesHttps));
        }
        let host = url.host_str().unwrap_or_default();
        let known = self.content_hosts.iter().any(|known| known.eq_ignore_ascii_case(host));
        if self.root.host_str() != Some(host) && !known {
            return Err(refused(RedirectRefusal::OtherHost));
        }
        Ok(url)
    }

    fn foreign(&self, to: &str, refusal: RedirectRefusal) -> SourceError {
        let to = to.chars().filter(|c| !c.is_control()).take(200).collect();
        SourceError::Address { location: shown(&self.root), to, refusal }
    }

    /// The most bytes of one answer.
    pub(super) const ANSWER_BYTES: u64 = Limits::ANSWER.bytes as u64;

    /// Calls an operation of a service at this address. The answer may have so many bytes, and is given with
    /// those that it had.
    pub(super) async fn call<C: Call>(
        &self,
        url: &Url,
        call: &C,
        bytes_left: u64,
    ) -> (Result<C::Answer, Failure>, u64) {
        tracing::debug!(url = %shown(url), operation = C::OPERATION, "call");
        let (action, document) = (C::action(), soap::request(call));
        let mut is_failure = false;
        let opening = async {
            let (status, opened) = self.http.post(url, &action, document).await?;
            is_failure = status == 500;
            Ok(Some(opened))
        };
        let limit = Self::ANSWER_BYTES.min(bytes_left);
        let collected = collect(shown(url), opening, limit, &self.rules, &CancellationToken::new()).await;
        // A failure that is no fault is one of something else than this protocol.
        let failed = || Failure::Source(SourceError::Status { location: shown(url), status: 500 });
        let bytes = match collected {
            Ok(bytes) => bytes.unwrap_or_default(),
            Err(SourceError::WebPage { .. }) if is_failure => return (Err(failed()), 0),
            Err(error) => return (Err(Failure::Source(error)), 0),
        };
        let answer = match soap::read_answer::<C>(&bytes, &Limits::ANSWER) {
            Ok(answer) => answer.map_err(Failure::Fault),
            Err(_) if is_failure => Err(failed()),
            Err(error) => Err(Failure::Source(self.garbled(C::OPERATION, error))),
        };
        (answer, bytes.len() as u64)
    }

    /// An answer that is not what the protocol has there.
    pub(super) fn garbled(&self, call: &'static str, reason: impl ToString) -> SourceError {
        SourceError::Protocol { location: shown(&self.root), call, reason: reason.to_string() }
    }

    /// A refusal that cannot be helped.
    pub(super) fn refused(&self, call: &'static str, fault: impl ToString) -> SourceError {
        SourceError::Fault { location: shown(&self.root), call, fault: fault.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HttpOptions;

    fn exchange(kind: SourceKind, root: &str) -> Exchange {
        let http = HttpOptions::new(root.parse().unwrap());
        let mut options = WsusOptions::new(kind, http.clone(), "state");
        options.content_hosts = vec!["cdn.example".to_owned()];
        Exchange::new(HttpSource::new(http).unwrap(), &options)
    }

    fn verdict(result: Result<Url, SourceError>) -> Result<String, RedirectRefusal> {
        result.map(String::from).map_err(|error| match error {
            SourceError::Address { refusal, .. } => refusal,
            other => panic!("{other}"),
        })
    }

    #[test]
    fn content_comes_from_the_server_itself_and_from_hosts_that_are_named() {
        use RedirectRefusal::*;
        let managed = exchange(SourceKind::Managed, "https://wsus.example:8531");
        for (named, expected) in [
            ("http://wsus.example:8530/Content/A", Ok("http://wsus.example:8530/Content/A")),
            ("https://CDN.example/A", Ok("https://cdn.example/A")),
            ("http://other.example/A", Err(OtherHost)),
            ("http://wsus.example.evil/A", Err(OtherHost)),
            ("http://169.254.169.254/latest", Err(OtherHost)),
            ("file:///etc/passwd", Err(NotHttp)),
            ("\\\\wsus.example\\share", Err(NotHttp)),
            ("http://u:p@wsus.example/A", Err(NotHttp)),
            ("/Content/A", Err(NotHttp)),
        ] {
            assert_eq!(verdict(managed.address(named)), expected.map(str::to_owned), "{named}");
        }
        let public = exchange(SourceKind::Unmanaged, "https://update.example/");
        assert_eq!(verdict(public.address("http://update.example/A")), Err(LeavesHttps));
        assert!(public.address("https://update.example/A").is_ok());
    }

    #[test]
    fn a_named_service_is_on_the_same_server_or_not_used() {
        let managed = exchange(SourceKind::Managed, "https://wsus.example:8531/base");
        let named = |service| verdict(managed.named_service(service));
        let expected = "https://wsus.example:8531/base/SimpleAuthWebService/SimpleAuth.asmx";
        assert_eq!(named("SimpleAuthWebService/SimpleAuth.asmx").as_deref(), Ok(expected));
        assert_eq!(managed.service(Service::SimpleAuth).as_str(), expected);
        for elsewhere in ["http://wsus.example:8531/x", "https://wsus.example/x", "//other.example/x"] {
            assert_eq!(named(elsewhere), Err(RedirectRefusal::OtherHost), "{elsewhere}");
        }
    }
}
