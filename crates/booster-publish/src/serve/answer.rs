//! What a request gets, decided from its headers and the file's facts alone (RFC 9110).

use hyper::{HeaderMap, Method, StatusCode, header};
use std::ops::Range;

/// What a file is to HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    /// Length in bytes.
    pub length: u64,
    /// The strong entity tag, with its quotes.
    pub etag: String,
}

/// The decision for a request whose file exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// 200: the whole file.
    Whole,
    /// 206: these bytes of it.
    Part(Range<u64>),
    /// 304: the client has it.
    NotModified,
    /// 412: `If-Match` names another content.
    PreconditionFailed,
    /// 416: the range starts behind the end.
    RangeNotSatisfiable,
    /// 405: neither GET nor HEAD.
    MethodNotAllowed,
}

impl Answer {
    /// The status code of the answer.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Whole => StatusCode::OK,
            Self::Part(_) => StatusCode::PARTIAL_CONTENT,
            Self::NotModified => StatusCode::NOT_MODIFIED,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        }
    }
}

/// Whether the server answers to a method at all.
pub(super) fn allowed(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Decides in the order of RFC 9110 section 13.2.2.
///
/// Dates are never compared: no `Last-Modified` is sent, so a date in a precondition has nothing
/// to be compared with (sections 13.1.3 and 13.1.4) and a date in `If-Range` does not match.
pub(super) fn decide(method: &Method, headers: &HeaderMap, facts: &Facts) -> Answer {
    if !allowed(method) {
        return Answer::MethodNotAllowed;
    }
    if headers.contains_key(header::IF_MATCH)
        && !lists(headers, header::IF_MATCH, &facts.etag, Compare::Strong)
    {
        return Answer::PreconditionFailed;
    }
    if lists(headers, header::IF_NONE_MATCH, &facts.etag, Compare::Weak) {
        return Answer::NotModified;
    }
    if *method != Method::GET || !range_applies(headers, &facts.etag) {
        return Answer::Whole;
    }
    match single_range(headers, facts.length) {
        RangeAsked::None => Answer::Whole,
        RangeAsked::Bytes(range) => Answer::Part(range),
        RangeAsked::BehindEnd => Answer::RangeNotSatisfiable,
    }
}

/// How two entity tags are compared (RFC 9110 section 8.8.3.2).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Compare {
    Strong,
    Weak,
}

/// Whether a list of entity tags holds `*` or the file's own.
fn lists(headers: &HeaderMap, name: header::HeaderName, etag: &str, compare: Compare) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| {
            let tag = tag.trim();
            let tag = if compare == Compare::Weak { tag.strip_prefix("W/").unwrap_or(tag) } else { tag };
            tag == "*" || tag == etag
        })
}

/// Whether the range is asked of the content that the file has (RFC 9110 section 13.1.5).
fn range_applies(headers: &HeaderMap, etag: &str) -> bool {
    headers.get(header::IF_RANGE).is_none_or(|value| value.as_bytes() == etag.as_bytes())
}

#[derive(Debug, PartialEq, Eq)]
enum RangeAsked {
    None,
    Bytes(Range<u64>),
    BehindEnd,
}

/// Reads one `bytes` range (RFC 9110 section 14.1.2). Several ranges, other units and malformed
/// values get the whole file, as section 14.2 allows.
fn single_range(headers: &HeaderMap, length: u64) -> RangeAsked {
    let mut values = headers.get_all(header::RANGE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return RangeAsked::None };
    let spec = value.to_str().ok().and_then(|value| {
        let (unit, spec) = value.split_once('=')?;
        unit.trim().eq_ignore_ascii_case("bytes").then(|| spec.trim())
    });
    let Some((first, last)) = spec.and_then(|spec| spec.split_once('-')) else { return RangeAsked::None };
    match (number(first), number(last)) {
        (Some(first), None) if last.is_empty() => within(first, length, length),
        (Some(first), Some(last)) if first <= last => within(first, last.saturating_add(1), length),
        (None, Some(0)) if first.is_empty() => RangeAsked::BehindEnd,
        (None, Some(suffix)) if first.is_empty() => within(length.saturating_sub(suffix), length, length),
        _ => RangeAsked::None,
    }
}

/// Digits only; a number too large for 64 bits is behind every end.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

fn within(start: u64, end: u64, length: u64) -> RangeAsked {
    if start >= length { RangeAsked::BehindEnd } else { RangeAsked::Bytes(start..end.min(length)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "\"abc\"";

    fn answer(method: Method, headers: &[(&str, &str)]) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.parse::<header::HeaderName>().unwrap(), value.parse().unwrap());
        }
        decide(&method, &map, &Facts { length: 10, etag: TAG.to_owned() })
    }

    #[test]
    fn one_range_is_served_and_anything_unclear_gets_the_whole_file() {
        for (range, expected) in [
            ("bytes=0-3", Answer::Part(0..4)),
            ("bytes=0-0", Answer::Part(0..1)),
            ("bytes=4-", Answer::Part(4..10)),
            ("bytes=9-99", Answer::Part(9..10)),
            ("bytes=-4", Answer::Part(6..10)),
            ("bytes=-99", Answer::Part(0..10)),
            ("Bytes = 1-2", Answer::Part(1..3)),
            ("bytes=0-99999999999999999999999", Answer::Part(0..10)),
            ("bytes=10-", Answer::RangeNotSatisfiable),
            ("bytes=99999999999999999999999-", Answer::RangeNotSatisfiable),
            ("bytes=-0", Answer::RangeNotSatisfiable),
            ("bytes=3-2", Answer::Whole),
            ("bytes=0-1,3-4", Answer::Whole),
            ("bytes=+1-2", Answer::Whole),
            ("bytes=a-b", Answer::Whole),
            ("bytes=-", Answer::Whole),
            ("lines=0-1", Answer::Whole),
            ("bytes", Answer::Whole),
        ] {
            assert_eq!(answer(Method::GET, &[("range", range)]), expected, "{range}");
        }
    }

    #[test]
    fn a_range_of_an_empty_file_is_not_satisfiable() {
        let mut headers = HeaderMap::new();
        headers.insert("range", "bytes=0-".parse().unwrap());
        let facts = Facts { length: 0, etag: TAG.to_owned() };
        assert_eq!(decide(&Method::GET, &headers, &facts), Answer::RangeNotSatisfiable);
    }

    #[test]
    fn preconditions_are_judged_in_the_order_of_the_standard() {
        for (headers, expected) in [
            (&[("if-none-match", TAG)][..], Answer::NotModified),
            (&[("if-none-match", "W/\"abc\"")], Answer::NotModified),
            (&[("if-none-match", "\"x\", \"abc\"")], Answer::NotModified),
            (&[("if-none-match", "\"x\""), ("if-none-match", TAG)], Answer::NotModified),
            (&[("if-none-match", "*")], Answer::NotModified),
            (&[("if-none-match", "\"x\"")], Answer::Whole),
            (&[("if-none-match", TAG), ("range", "bytes=0-1")], Answer::NotModified),
            (&[("if-match", TAG)], Answer::Whole),
            (&[("if-match", "W/\"abc\"")], Answer::PreconditionFailed),
            (&[("if-match", "\"x\""), ("if-none-match", TAG)], Answer::PreconditionFailed),
            (&[("if-range", TAG), ("range", "bytes=0-1")], Answer::Part(0..2)),
            (&[("if-range", "W/\"abc\""), ("range", "bytes=0-1")], Answer::Whole),
            (&[("if-range", "\"x\""), ("range", "bytes=0-1")], Answer::Whole),
            (&[("if-range", "Sun, 06 Nov 1994 08:49:37 GMT"), ("range", "bytes=0-1")], Answer::Whole),
            (&[("if-modified-since", "Sun, 06 Nov 2094 08:49:37 GMT")], Answer::Whole),
        ] {
            assert_eq!(answer(Method::GET, headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn head_answers_as_get_does_but_knows_no_ranges() {
        assert_eq!(answer(Method::HEAD, &[("if-none-match", TAG)]), Answer::NotModified);
        assert_eq!(answer(Method::HEAD, &[("range", "bytes=0-1")]), Answer::Whole);
    }

    #[test]
    fn other_methods_are_refused() {
        for method in
            [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE, Method::CONNECT]
        {
            assert_eq!(answer(method, &[]), Answer::MethodNotAllowed);
        }
    }
}
