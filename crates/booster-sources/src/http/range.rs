//! Asking for the rest of a file, and judging whether the rest of that very file came.

use crate::Resume;
use reqwest::header::{self, HeaderMap, HeaderValue};

/// The headers that ask for what follows (RFC 9110, sections 13.1.5 and 14.2); none for the whole file.
pub(super) fn asked_for(from: Resume<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if from.offset == 0 {
        return headers;
    }
    headers.extend(
        HeaderValue::try_from(format!("bytes={}-", from.offset)).ok().map(|value| (header::RANGE, value)),
    );
    let tag = from.etag.filter(|tag| is_strong(tag)).and_then(|tag| HeaderValue::from_str(tag).ok());
    headers.extend(tag.map(|value| (header::IF_RANGE, value)));
    headers
}

/// Whether a partial answer begins where it was asked to, in the copy that it was asked for; then how
/// many bytes must follow until the file's end, where the answer says so. It may bring fewer of them.
pub(super) fn follows(headers: &HeaderMap, from: Resume<'_>) -> Option<Option<u64>> {
    let range = headers.get(header::CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    let (positions, size) = range.split_once('/')?;
    let (start, end) = positions.split_once('-')?;
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let (start, end) = (number(start)?, number(end)?);
    let size = match size.trim() {
        "*" => None,
        size => Some(number(size)?),
    };
    let sound = start == from.offset && end >= start && size.is_none_or(|size| end < size);
    // A server that does not know `If-Range` still says which copy it has now.
    let same = match (from.etag, strong_tag(headers)) {
        (Some(before), Some(now)) => before == now,
        _ => true,
    };
    (sound && same).then(|| size.map(|size| size - start))
}

/// The answer's entity tag, if it is a strong one.
pub(super) fn strong_tag(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::ETAG)?.to_str().ok().filter(|tag| is_strong(tag))
}

/// A strong tag is a quoted text; a weak one has `W/` before it.
fn is_strong(tag: &str) -> bool {
    /// Longer than any server's, and short enough to be kept and sent back.
    const LONGEST: usize = 1024;
    let quoted = tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    tag.len() <= LONGEST && quoted.is_some_and(|text| !text.contains('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        list.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn the_rest_is_asked_for_with_a_strong_tag_or_none() {
        use header::{IF_RANGE, RANGE};
        for (offset, etag, expected) in [
            (0, None, headers(&[])),
            (0, Some("\"a\""), headers(&[])),
            (7, None, headers(&[(RANGE, "bytes=7-")])),
            (7, Some("\"a\""), headers(&[(RANGE, "bytes=7-"), (IF_RANGE, "\"a\"")])),
            (7, Some("W/\"a\""), headers(&[(RANGE, "bytes=7-")])),
            (7, Some("\"a\r\nX: y\""), headers(&[(RANGE, "bytes=7-")])),
        ] {
            assert_eq!(asked_for(Resume { offset, etag }), expected, "{offset} {etag:?}");
        }
    }

    #[test]
    fn only_the_rest_of_the_same_copy_follows() {
        use header::{CONTENT_RANGE, ETAG};
        let from = Resume { offset: 60, etag: Some("\"a\"") };
        for (list, expected) in [
            (&[(CONTENT_RANGE, "bytes 60-99/100")][..], Some(Some(40))),
            (&[(CONTENT_RANGE, "bytes 60-79/100")], Some(Some(40))),
            (&[(CONTENT_RANGE, "bytes 60-99/*")], Some(None)),
            (&[(CONTENT_RANGE, "bytes 60-99/100"), (ETAG, "\"a\"")], Some(Some(40))),
            (&[(CONTENT_RANGE, "bytes 60-99/100"), (ETAG, "W/\"b\"")], Some(Some(40))),
            (&[(CONTENT_RANGE, "bytes 60-99/100"), (ETAG, "\"b\"")], None),
            (&[(CONTENT_RANGE, "bytes 61-99/100")], None),
            (&[(CONTENT_RANGE, "bytes 60-100/100")], None),
            (&[(CONTENT_RANGE, "bytes 60-59/100")], None),
            (&[(CONTENT_RANGE, "bytes */100")], None),
            (&[(CONTENT_RANGE, "bytes 60-99/-1")], None),
            (&[(CONTENT_RANGE, "60-99/100")], None),
            (&[], None),
        ] {
            assert_eq!(follows(&headers(list), from), expected, "{list:?}");
        }
    }

    #[test]
    fn strong_tags_are_told_from_weak_and_broken_ones() {
        for (tag, strong) in [
            ("\"a\"", true),
            ("\"\"", true),
            ("W/\"a\"", false),
            ("a", false),
            ("\"", false),
            ("\"a\"b\"", false),
        ] {
            assert_eq!(is_strong(tag), strong, "{tag}");
        }
        assert!(!is_strong(&format!("\"{}\"", "x".repeat(1024))));
    }
}
