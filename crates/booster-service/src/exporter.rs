//! The figures over HTTP, for a Prometheus that comes for them.
//!
//! One path, one method, no state. A request must come whole within seconds and gets one answer; so few are
//! served at once that nobody can hold much.

use futures_util::future::BoxFuture;
use http::{Method, Request, Response, StatusCode, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How many are served at once; others wait.
const AT_ONCE: usize = 8;
/// How long a request and its answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of a request's head.
const HEAD: usize = 16 << 10;
/// How long to wait where the system has no connection to give.
const PAUSE: Duration = Duration::from_millis(100);
/// What the text is, for whoever reads it.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Writes the figures down.
pub(crate) type Figures = Arc<dyn Fn() -> BoxFuture<'static, String> + Send + Sync>;

/// Serves the figures until the end.
pub(crate) async fn serve(listener: TcpListener, figures: Figures, end: &CancellationToken) {
    let (places, tasks) = (Arc::new(Semaphore::new(AT_ONCE)), TaskTracker::new());
    loop {
        let accept = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let Some((place, accepted)) = end.run_until_cancelled(accept).await else { return };
        match accepted {
            Ok((stream, _)) => {
                let (figures, end) = (Arc::clone(&figures), end.clone());
                tasks.spawn(async move {
                    let _place = place;
                    end.run_until_cancelled(tokio::time::timeout(PATIENCE, serve_one(stream, figures))).await
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection for the figures cannot be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn serve_one(stream: TcpStream, figures: Figures) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let figures = Arc::clone(&figures);
        async move { Ok::<_, Infallible>(answer(request.method(), request.uri().path(), &figures).await) }
    });
    let mut http = http1::Builder::new();
    http.keep_alive(false).max_buf_size(HEAD).timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), answer).await {
        tracing::debug!(%error, "a request for the figures is broken off");
    }
}

async fn answer(method: &Method, path: &str, figures: &Figures) -> Response<String> {
    let (status, content_type, body) = match (method, path) {
        (&Method::GET, "/metrics") => (StatusCode::OK, CONTENT_TYPE, figures().await),
        (_, "/metrics") => (StatusCode::METHOD_NOT_ALLOWED, "text/plain", "GET only\n".to_owned()),
        _ => (StatusCode::NOT_FOUND, "text/plain", "the figures are at /metrics\n".to_owned()),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn there_is_one_path_and_one_method() {
        let figures: Figures = Arc::new(|| Box::pin(async { "figures".to_owned() }));
        for (method, path, status) in [
            (Method::GET, "/metrics", 200),
            (Method::POST, "/metrics", 405),
            (Method::GET, "/", 404),
            (Method::GET, "/metrics/..", 404),
        ] {
            let response = answer(&method, path, &figures).await;
            assert_eq!(response.status(), status, "{method} {path}");
            assert_eq!(response.body() == "figures", status == 200);
        }
    }
}
