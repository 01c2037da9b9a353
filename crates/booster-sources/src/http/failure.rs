//! What a failure of the HTTP library means, by its causes.

use crate::SourceError;
use std::{error::Error, io, time::Duration};

/// A request that brought no answer.
pub(super) fn of_request(location: String, connect_limit: Duration, error: &reqwest::Error) -> SourceError {
    if let Some(tls) = cause::<rustls::Error>(error) {
        return SourceError::Tls { location, reason: tls.to_string() };
    }
    let reason = innermost(error);
    if error.is_connect() && error.is_timeout() {
        return SourceError::ConnectTimeout { location, limit: connect_limit };
    }
    // The type of these causes is private to the library; their texts are covered by tests with a real proxy.
    if reason.contains("proxy authorization required") {
        return SourceError::ProxyCredentials { location };
    }
    if reason.starts_with("tunnel error") {
        return SourceError::ProxyRefused { location, reason };
    }
    if error.is_connect() {
        return SourceError::Unreachable { location, reason };
    }
    SourceError::ConnectionLost { location, received: 0, reason }
}

/// A body that broke off after `received` of `expected` bytes.
pub(super) fn of_body(
    location: String,
    expected: Option<u64>,
    received: u64,
    error: &reqwest::Error,
) -> SourceError {
    if ended_early(error) {
        return SourceError::TooShort { location, expected, received };
    }
    SourceError::ConnectionLost { location, received, reason: innermost(error) }
}

/// Whether the other side closed the connection in an orderly way before the body was complete.
fn ended_early(error: &(dyn Error + 'static)) -> bool {
    cause::<hyper::Error>(error).is_some_and(hyper::Error::is_incomplete_message)
        || causes(error)
            .filter_map(|cause| cause.downcast_ref::<io::Error>())
            .any(|cause| cause.kind() == io::ErrorKind::UnexpectedEof)
}

fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    causes(error).last().unwrap_or(error).to_string()
}

/// The error and its causes, outermost first. An I/O error that wraps another error hides it from
/// `source()`, so it is unwrapped here.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    fn next<'a>(error: &&'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
        let error: &'a (dyn Error + 'static) = *error;
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        }
    }
    std::iter::successors(Some(error), next)
}
