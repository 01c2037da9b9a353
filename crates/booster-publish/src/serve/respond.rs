//! From a request to a response: names, files and decisions put together.

use super::{
    Beside, Reply, RequestObserver,
    answer::{Answer, Facts, allowed, decide},
    body::{Body, Ending},
    name::PublicName,
    open::{Folder, OpenFile},
};
use bytes::Bytes;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderName, HeaderValue},
    http::request::Parts,
};
use std::{net::SocketAddr, ops::Range, sync::Arc, time::Instant};

/// Answers the requests of one connection.
pub(super) struct Responder {
    pub folder: Arc<Folder>,
    pub peer: SocketAddr,
    pub observer: Option<RequestObserver>,
    pub beside: Option<Arc<dyn Beside>>,
}

impl Responder {
    /// Never fails: what goes wrong becomes a status.
    pub async fn respond(&self, request: Request<Incoming>) -> Response<Body> {
        let started = Instant::now();
        let (head, body) = request.into_parts();
        let reply = match &self.beside {
            Some(beside) => beside.answer(self.peer, &head, body).await,
            None => Reply::Folder,
        };
        let mut response = match reply {
            Reply::Response(response) => response.map(Body::bytes),
            Reply::File(path) => self.answer(&head, &path).await,
            Reply::Held { path, bytes, sha256 } => held(&head, &path, bytes, &sha256.to_string()),
            Reply::Folder => self.answer(&head, head.uri.path()).await,
        };
        set(&mut response, header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let ending = Ending::new(self.peer, &head, response.status(), started, self.observer.clone());
        response.map(|body| body.ending_with(ending))
    }

    async fn answer(&self, request: &Parts, path: &str) -> Response<Body> {
        if !allowed(&request.method) {
            return not_allowed();
        }
        let Some(name) = PublicName::parse(path) else { return plain(StatusCode::NOT_FOUND) };
        match self.open(name.clone()).await {
            Ok(Some(OpenFile { file, facts })) => {
                respond_with(request, &name, &facts, |range| Body::file(file, range))
            }
            Ok(None) => plain(StatusCode::NOT_FOUND),
            Err(error) => {
                tracing::error!(path, %error, "a file of the repository cannot be read");
                plain(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }

    async fn open(&self, name: PublicName) -> std::io::Result<Option<OpenFile>> {
        let folder = Arc::clone(&self.folder);
        tokio::task::spawn_blocking(move || folder.open(&name)).await?
    }
}

/// Bytes in memory, as a file of that name.
fn held(request: &Parts, path: &str, bytes: Bytes, digest: &str) -> Response<Body> {
    if !allowed(&request.method) {
        return not_allowed();
    }
    let Some(name) = PublicName::parse(path) else { return plain(StatusCode::NOT_FOUND) };
    let facts = Facts { length: bytes.len() as u64, etag: format!("\"{digest}\"") };
    respond_with(request, &name, &facts, |range| {
        let at = |end: u64| usize::try_from(end).unwrap_or(usize::MAX).min(bytes.len());
        Body::bytes(bytes.slice(at(range.start)..at(range.end)))
    })
}

fn respond_with(
    request: &Parts,
    name: &PublicName,
    facts: &Facts,
    body: impl FnOnce(Range<u64>) -> Body,
) -> Response<Body> {
    let answer = decide(&request.method, &request.headers, facts);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = answer.status();
    describe(&mut response, name, facts);
    let range = match answer {
        Answer::Whole => 0..facts.length,
        Answer::Part(range) => {
            let value = format!("bytes {}-{}/{}", range.start, range.end - 1, facts.length);
            set_text(&mut response, header::CONTENT_RANGE, &value);
            range
        }
        Answer::RangeNotSatisfiable => {
            set_text(&mut response, header::CONTENT_RANGE, &format!("bytes */{}", facts.length));
            return response;
        }
        Answer::NotModified | Answer::PreconditionFailed | Answer::MethodNotAllowed => return response,
    };
    set(&mut response, header::CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
    if request.method == Method::GET {
        *response.body_mut() = body(range);
    }
    response
}

/// The headers that every answer about a file carries (RFC 9110 section 15.4.5 for 304).
fn describe(response: &mut Response<Body>, name: &PublicName, facts: &Facts) {
    set(response, header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    set(response, header::CACHE_CONTROL, HeaderValue::from_static(name.lifetime.cache_control()));
    set(response, header::CONTENT_TYPE, HeaderValue::from_static(name.media_type()));
    set_text(response, header::ETAG, &facts.etag);
}

fn not_allowed() -> Response<Body> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED);
    set(&mut response, header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

/// An answer without a file. It must not be kept by caches: the next root is asked for before it
/// exists.
fn plain(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    set(&mut response, header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn set(response: &mut Response<Body>, name: HeaderName, value: HeaderValue) {
    response.headers_mut().insert(name, value);
}

/// For values that are made of digits, hexadecimal and punctuation only.
fn set_text(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        set(response, name, value);
    }
}
