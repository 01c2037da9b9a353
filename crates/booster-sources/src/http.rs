//! A repository on a web server.
//!
//! Redirects are followed here and not by the HTTP library, so that each step is judged by our
//! rules and counted. Bodies are streamed as they are: compression is refused, since what is
//! carried is compressed already and its digest is over the bytes on the wire.

mod failure;
mod options;
mod range;
mod redirect;
mod retry_after;
mod tls;

pub use options::{BaseUrls, ClientCertificate, Credentials, HttpOptions, ProxyChoice};

use crate::{
    Area, ByteStream, Counters, Opened, RedirectRefusal, Resume, Source, SourceError, SourceKind,
    source::Meter,
};
use futures_util::StreamExt;
use jiff::Timestamp;
use redirect::RedirectRules;
use reqwest::{Client, Response, header};
use retry_after::CoolDown;
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use url::Url;

/// A source that is a web server.
#[derive(Debug)]
pub struct HttpSource {
    client: Client,
    base: BaseUrls,
    credentials: Option<Credentials>,
    redirects: RedirectRules,
    connect_timeout: Duration,
    cool_down: CoolDown,
    meter: Arc<Meter>,
}

impl HttpSource {
    /// A source as the options describe it. Reads the TLS files that they name; sends nothing.
    pub fn new(options: HttpOptions) -> Result<Self, SourceError> {
        options.base.check()?;
        Ok(Self {
            client: client(&options)?,
            base: options.base,
            credentials: options.credentials,
            redirects: RedirectRules {
                max: options.max_redirects,
                allow_other_hosts: options.allow_other_hosts,
            },
            connect_timeout: options.rules.connect_timeout,
            cool_down: CoolDown::default(),
            meter: Arc::default(),
        })
    }

    /// Until when this source asked not to be called, if it did. It answers
    /// [`SourceError::CoolingDown`] until then, without a request.
    pub fn cooling_down_until(&self) -> Option<Timestamp> {
        self.cool_down.until()
    }

    /// Leaves the source alone until `until` (at most 24 hours from now): for callers that keep
    /// what an earlier process was told.
    pub fn cool_down_until(&self, until: Timestamp) {
        let left = until.duration_since(Timestamp::now());
        self.cool_down.begin(Duration::try_from(left).unwrap_or_default());
    }
}

#[async_trait::async_trait]
impl Source for HttpSource {
    fn kind(&self) -> SourceKind {
        SourceKind::Http
    }

    fn location(&self) -> String {
        shown(self.base.first())
    }

    async fn open(&self, area: Area, path: &str, from: Resume<'_>) -> Result<Option<Opened>, SourceError> {
        self.open_at(self.base.resolve(area, path)?, from).await
    }

    fn counters(&self) -> Counters {
        self.meter.counters()
    }

    fn locate(&self, area: Area, path: &str) -> String {
        self.base.resolve(area, path).map_or_else(|_| path.to_owned(), |url| shown(&url))
    }
}

impl HttpSource {
    /// Opens what is at an address, by the rules of this source.
    pub(crate) async fn open_at(
        &self,
        mut url: Url,
        from: Resume<'_>,
    ) -> Result<Option<Opened>, SourceError> {
        if let Some(until) = self.cool_down.until() {
            return Err(SourceError::CoolingDown { location: shown(&url), until });
        }
        let (mut followed, mut from) = (0, from);
        loop {
            let response = self.send(&url, from).await?;
            match answer(response.status().as_u16(), from.offset) {
                Answer::Body => {
                    let length = response.content_length();
                    return self.body(&url, 0, length, response).map(Some);
                }
                Answer::Part => match range::follows(response.headers(), from) {
                    Some(length) => return self.body(&url, from.offset, length, response).map(Some),
                    // Another part than was asked for, or one of another copy: from the beginning.
                    None => from = Resume::WHOLE,
                },
                Answer::NoSuchPart => from = Resume::WHOLE,
                Answer::Absent => return Ok(None),
                Answer::Redirect => {
                    url = self.follow(&url, &response, followed)?;
                    followed += 1;
                }
                Answer::Busy => return Err(self.busy(&url, &response)),
                Answer::ProxyCredentials => {
                    return Err(SourceError::ProxyCredentials { location: shown(&url) });
                }
                Answer::Refused => {
                    return Err(SourceError::Status {
                        location: shown(&url),
                        status: response.status().as_u16(),
                    });
                }
            }
        }
    }

    /// Sends a document to a SOAP 1.1 service and opens what it answers, be it an answer (status 200) or a
    /// fault (500). Nothing is followed: who answers with a redirect or asks for a sign-in is no such service.
    pub(crate) async fn post(
        &self,
        url: &Url,
        action: &str,
        document: String,
    ) -> Result<(u16, Opened), SourceError> {
        if let Some(until) = self.cool_down.until() {
            return Err(SourceError::CoolingDown { location: shown(url), until });
        }
        self.meter.request();
        let request = self.client.post(url.clone()).body(document);
        let request = request.header(header::CONTENT_TYPE, "text/xml; charset=utf-8");
        let response = request.header("SOAPAction", format!("\"{action}\"")).send().await;
        let response =
            response.map_err(|error| failure::of_request(shown(url), self.connect_timeout, &error))?;
        match response.status().as_u16() {
            status @ (200 | 500) => {
                let length = response.content_length();
                self.body(url, 0, length, response).map(|opened| (status, opened))
            }
            407 => Err(SourceError::ProxyCredentials { location: shown(url) }),
            429 | 503 => Err(self.busy(url, &response)),
            status => Err(SourceError::Status { location: shown(url), status }),
        }
    }
}

/// What a status code means here. RFC 9110, section 15.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Body,
    Part,
    NoSuchPart,
    Absent,
    Redirect,
    Busy,
    ProxyCredentials,
    Refused,
}

fn answer(status: u16, offset: u64) -> Answer {
    match status {
        200 => Answer::Body,
        206 if offset > 0 => Answer::Part,
        416 if offset > 0 => Answer::NoSuchPart,
        404 | 410 => Answer::Absent,
        301 | 302 | 303 | 307 | 308 => Answer::Redirect,
        407 => Answer::ProxyCredentials,
        429 | 503 => Answer::Busy,
        _ => Answer::Refused,
    }
}

impl HttpSource {
    async fn send(&self, url: &Url, from: Resume<'_>) -> Result<Response, SourceError> {
        let mut request = self.client.get(url.clone());
        request = request.headers(range::asked_for(from));
        if let Some(Credentials { user, password }) = &self.credentials
            && self.base.first().origin() == url.origin()
        {
            request = request.basic_auth(user, Some(password));
        }
        self.meter.request();
        tracing::debug!(url = %shown(url), offset = from.offset, "request");
        let response = request.send().await;
        response.map_err(|error| failure::of_request(shown(url), self.connect_timeout, &error))
    }

    fn follow(&self, from: &Url, response: &Response, followed: u32) -> Result<Url, SourceError> {
        let to = text(response, header::LOCATION).unwrap_or_default();
        let followed = match to {
            "" => Err(RedirectRefusal::NotHttp),
            to => redirect::follow(from, to, followed, self.redirects),
        };
        followed.map_err(|refusal| SourceError::Redirect {
            location: shown(from),
            to: shown_text(to),
            refusal,
        })
    }

    /// A busy server: with `Retry-After` the whole source is left alone until then.
    fn busy(&self, url: &Url, response: &Response) -> SourceError {
        let (location, status) = (shown(url), response.status().as_u16());
        let date = text(response, header::DATE).and_then(|date| httpdate::parse_http_date(date).ok());
        let wait = text(response, header::RETRY_AFTER)
            .and_then(|value| retry_after::wait(value, date, SystemTime::now()));
        match wait {
            Some(wait) => SourceError::RetryAfter { location, status, until: self.cool_down.begin(wait) },
            None => SourceError::Status { location, status },
        }
    }

    fn body(
        &self,
        url: &Url,
        start: u64,
        length: Option<u64>,
        response: Response,
    ) -> Result<Opened, SourceError> {
        let location = shown(url);
        if let Some(encoding) = text(&response, header::CONTENT_ENCODING)
            .filter(|encoding| !encoding.eq_ignore_ascii_case("identity"))
        {
            return Err(SourceError::Encoded { location, encoding: encoding.to_owned() });
        }
        let etag = range::strong_tag(response.headers()).map(str::to_owned);
        let (meter, mut received) = (Arc::clone(&self.meter), 0);
        let stream = response.bytes_stream().map(move |chunk| match chunk {
            Ok(chunk) => {
                meter.received(chunk.len());
                received += chunk.len() as u64;
                Ok(chunk)
            }
            Err(error) => Err(failure::of_body(location.clone(), length, received, &error)),
        });
        Ok(Opened { start, length, etag, stream: Box::pin(stream) as ByteStream })
    }
}

fn client(options: &HttpOptions) -> Result<Client, SourceError> {
    let failed = |what: &str, error: reqwest::Error| SourceError::Configuration {
        what: what.to_owned(),
        reason: error.without_url().to_string(),
    };
    let mut headers = header::HeaderMap::new();
    headers.insert(header::ACCEPT_ENCODING, header::HeaderValue::from_static("identity"));
    let builder = Client::builder()
        .tls_backend_preconfigured(tls::configuration(options)?)
        .connect_timeout(options.rules.connect_timeout)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .default_headers(headers)
        .user_agent(&options.user_agent);
    let builder = match &options.proxy {
        ProxyChoice::Environment => builder,
        ProxyChoice::Direct => builder.no_proxy(),
        ProxyChoice::Url { url, .. } if !matches!(url.scheme(), "http" | "https") => {
            return Err(SourceError::Configuration {
                what: format!("proxy {}", options::without_credentials(url)),
                reason: "not an http:// or https:// address".to_owned(),
            });
        }
        ProxyChoice::Url { url, credentials, except } => {
            let mut proxy = reqwest::Proxy::all(url.as_str()).map_err(|error| failed("proxy", error))?;
            if let Some(Credentials { user, password }) = credentials {
                proxy = proxy.basic_auth(user, password);
            }
            builder.proxy(proxy.no_proxy(except.as_deref().and_then(reqwest::NoProxy::from_string)))
        }
    };
    builder.build().map_err(|error| failed("HTTP client", error))
}

fn text(response: &Response, name: header::HeaderName) -> Option<&str> {
    response.headers().get(name)?.to_str().ok()
}

/// A URL as messages show it: queries may hold signatures, so they are left out.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = options::without_credentials(url);
    url.set_query(None);
    url.into()
}

/// A redirect's address as messages show it.
fn shown_text(address: &str) -> String {
    Url::parse(address).map_or_else(|_| address.chars().take(200).collect(), |url| shown(&url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_codes_have_one_meaning_each() {
        use Answer::*;
        for (status, offset, expected) in [
            (200, 0, Body),
            (200, 5, Body),
            (206, 5, Part),
            (206, 0, Refused),
            (416, 5, NoSuchPart),
            (416, 0, Refused),
            (204, 0, Refused),
            (304, 0, Refused),
            (300, 0, Refused),
            (301, 0, Redirect),
            (302, 0, Redirect),
            (303, 0, Redirect),
            (307, 0, Redirect),
            (308, 0, Redirect),
            (401, 0, Refused),
            (403, 0, Refused),
            (404, 0, Absent),
            (410, 0, Absent),
            (407, 0, ProxyCredentials),
            (429, 0, Busy),
            (503, 0, Busy),
            (500, 0, Refused),
        ] {
            assert_eq!(answer(status, offset), expected, "{status} at {offset}");
        }
    }

    #[test]
    fn a_url_is_shown_without_what_could_be_secret() {
        assert_eq!(shown(&"https://u:p@a/b?sig=x#f".parse().unwrap()), "https://a/b");
        assert_eq!(shown_text("https://u:p@a/b?sig=x"), "https://a/b");
    }
}
