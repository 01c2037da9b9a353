//! The rules that every transfer obeys, in one place: size, time, cancellation.
//!
//! There is no limit on the whole time of a transfer: an honest slow line may take as long as it
//! needs. There is a minimum of bytes per window of waiting instead, so that a peer that drips or
//! stalls is given up, and a limit on the time until the answer begins.

use crate::{Area, Opened, Source, SourceError};
use bytes::Bytes;
use futures_util::StreamExt;
use std::{io, time::Duration};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// How long a source may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferRules {
    /// The fewest bytes that must arrive in each window of waiting.
    pub minimum_bytes: u64,
    /// The window. Time that the receiver itself spends (hashing, writing) does not count.
    pub window: Duration,
    /// The longest time until a connection is made, secure where it has to be.
    pub connect_timeout: Duration,
    /// The longest time from then until the answer's body begins, redirects included.
    pub response_timeout: Duration,
}

impl Default for TransferRules {
    /// 16 KiB per 30 seconds, 10 seconds to connect, 30 seconds to answer.
    fn default() -> Self {
        Self {
            minimum_bytes: 16 * 1024,
            window: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            response_timeout: Duration::from_secs(30),
        }
    }
}

/// Reads a small file whole, if it is there: at most `max` bytes.
pub async fn read(
    source: &dyn Source,
    area: Area,
    path: &str,
    max: u64,
    rules: &TransferRules,
    cancel: &CancellationToken,
) -> Result<Option<Vec<u8>>, SourceError> {
    let Some(mut body) = Body::open(source, area, path, rules, cancel).await? else {
        return Ok(None);
    };
    let too_large = |location: &str| SourceError::TooLarge { location: location.to_owned(), limit: max };
    let announced_too_large = body.announced.is_some_and(|length| length > max);
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await? {
        if announced_too_large || bytes.len() as u64 + chunk.len() as u64 > max {
            return Err(too_large(&body.location));
        }
        bytes.extend_from_slice(&chunk);
    }
    body.check_announced()?;
    Ok(Some(bytes))
}

/// Streams a target of a known length into `sink`: exactly `length` bytes, or an error.
///
/// What reached the sink before an error is for the caller to throw away.
pub async fn download(
    source: &dyn Source,
    path: &str,
    length: u64,
    rules: &TransferRules,
    cancel: &CancellationToken,
    sink: &mut (dyn FnMut(&[u8]) -> io::Result<()> + Send),
) -> Result<(), SourceError> {
    let Some(mut body) = Body::open(source, Area::Targets, path, rules, cancel).await? else {
        return Err(SourceError::NotFound { location: source.locate(Area::Targets, path) });
    };
    while let Some(chunk) = body.next().await? {
        if let Some(announced) = body.announced.filter(|announced| *announced != length) {
            return Err(SourceError::WrongLength { location: body.location, expected: length, announced });
        }
        if body.received > length {
            return Err(SourceError::TooLarge { location: body.location, limit: length });
        }
        sink(&chunk).map_err(|source| SourceError::Write { location: body.location.clone(), source })?;
    }
    if body.received < length {
        return Err(SourceError::TooShort {
            location: body.location,
            expected: Some(length),
            received: body.received,
        });
    }
    Ok(())
}

/// The body of a file that is being received under the rules.
struct Body<'a> {
    location: String,
    announced: Option<u64>,
    received: u64,
    stream: crate::ByteStream,
    pace: Pace,
    cancel: &'a CancellationToken,
}

impl<'a> Body<'a> {
    async fn open(
        source: &dyn Source,
        area: Area,
        path: &str,
        rules: &TransferRules,
        cancel: &'a CancellationToken,
    ) -> Result<Option<Self>, SourceError> {
        let location = source.locate(area, path);
        let limit = rules.connect_timeout + rules.response_timeout;
        let opened = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(SourceError::Cancelled { location }),
            opened = timeout(limit, source.open(area, path, 0)) => opened,
        };
        let opened = match opened {
            Ok(opened) => opened?,
            Err(_) => return Err(SourceError::NoAnswer { location, limit }),
        };
        Ok(opened.map(|Opened { length, stream, .. }| Self {
            location,
            announced: length,
            received: 0,
            stream,
            pace: Pace::new(rules),
            cancel,
        }))
    }

    /// The next piece of the body, never empty; `None` at its end.
    async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        loop {
            let since = Instant::now();
            let next = tokio::select! {
                biased;
                () = self.cancel.cancelled() => {
                    return Err(SourceError::Cancelled { location: self.location.clone() });
                }
                next = timeout(self.pace.left(), self.stream.next()) => next,
            };
            let arrived = match next {
                Ok(None) => return Ok(None),
                Ok(Some(chunk)) => Some(chunk?),
                Err(_) => None,
            };
            let length = arrived.as_ref().map_or(0, Bytes::len) as u64;
            self.pace.waited(since.elapsed(), length).map_err(|slow| slow.into_error(&self.location))?;
            let Some(chunk) = arrived.filter(|chunk| !chunk.is_empty()) else { continue };
            if self.received == 0 && is_web_page(&chunk) {
                return Err(SourceError::WebPage { location: self.location.clone() });
            }
            self.received += length;
            return Ok(Some(chunk));
        }
    }

    fn check_announced(&self) -> Result<(), SourceError> {
        match self.announced {
            Some(expected) if self.received < expected => Err(SourceError::TooShort {
                location: self.location.clone(),
                expected: Some(expected),
                received: self.received,
            }),
            _ => Ok(()),
        }
    }
}

/// Whether a body begins as an HTML page does. No file of a repository begins so: metadata is
/// JSON, and archives and patches have magic numbers.
fn is_web_page(start: &[u8]) -> bool {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    [b"<!doctype html".as_slice(), b"<html"]
        .iter()
        .any(|mark| start.get(..mark.len()).is_some_and(|head| head.eq_ignore_ascii_case(mark)))
}

/// Counts bytes against waiting time, window by window.
#[derive(Debug)]
struct Pace {
    minimum: u64,
    window: Duration,
    spent: Duration,
    bytes: u64,
}

/// A window passed with too few bytes.
#[derive(Debug, PartialEq, Eq)]
struct Slow {
    received: u64,
    window: Duration,
}

impl Pace {
    fn new(rules: &TransferRules) -> Self {
        Self { minimum: rules.minimum_bytes, window: rules.window, spent: Duration::ZERO, bytes: 0 }
    }

    /// How much of this window is left to wait.
    fn left(&self) -> Duration {
        self.window.saturating_sub(self.spent)
    }

    /// Accounts for a wait that brought `bytes`. An error when the window is over and too few came.
    fn waited(&mut self, time: Duration, bytes: u64) -> Result<(), Slow> {
        self.spent += time;
        self.bytes += bytes;
        if self.spent < self.window {
            return Ok(());
        }
        let received = self.bytes;
        (self.spent, self.bytes) = (Duration::ZERO, 0);
        if received < self.minimum { Err(Slow { received, window: self.window }) } else { Ok(()) }
    }
}

impl Slow {
    fn into_error(self, location: &str) -> SourceError {
        let (location, window) = (location.to_owned(), self.window);
        match self.received {
            0 => SourceError::Stalled { location, window },
            received => SourceError::TooSlow { location, received, window },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pace() -> Pace {
        Pace::new(&TransferRules { minimum_bytes: 100, window: 10 * SECOND, ..TransferRules::default() })
    }

    #[test]
    fn a_peer_that_sends_the_minimum_in_every_window_may_take_for_ever() {
        let mut pace = pace();
        for _ in 0..100_000 {
            assert_eq!(pace.waited(SECOND, 10), Ok(()));
        }
    }

    #[test]
    fn a_peer_that_drips_below_the_minimum_is_given_up_at_the_end_of_the_window() {
        let mut pace = pace();
        for _ in 0..9 {
            assert_eq!(pace.waited(SECOND, 9), Ok(()));
        }
        assert_eq!(pace.waited(SECOND, 9), Err(Slow { received: 90, window: 10 * SECOND }));
    }

    #[test]
    fn a_burst_does_not_buy_silence_beyond_its_own_window() {
        let mut pace = pace();
        assert_eq!(pace.waited(9 * SECOND, 1_000_000), Ok(()));
        assert_eq!(pace.left(), SECOND);
        assert_eq!(pace.waited(SECOND, 0), Ok(()));
        assert_eq!(pace.left(), 10 * SECOND);
        assert_eq!(pace.waited(10 * SECOND, 0), Err(Slow { received: 0, window: 10 * SECOND }));
    }

    /// A file that shrinks while it is read: three bytes come where five were announced.
    #[derive(Debug)]
    struct Shrinking;

    #[async_trait::async_trait]
    impl Source for Shrinking {
        fn kind(&self) -> crate::SourceKind {
            crate::SourceKind::Directory
        }

        fn location(&self) -> String {
            "shrinking".to_owned()
        }

        async fn open(&self, _: Area, _: &str, _: u64) -> Result<Option<Opened>, SourceError> {
            let stream = futures_util::stream::iter([Ok(Bytes::from_static(b"abc"))]);
            Ok(Some(Opened { start: 0, length: Some(5), stream: Box::pin(stream) }))
        }

        fn counters(&self) -> crate::Counters {
            crate::Counters::default()
        }
    }

    #[tokio::test]
    async fn a_file_that_shrinks_while_it_is_read_is_too_short() {
        let (rules, cancel) = (TransferRules::default(), CancellationToken::new());
        let short = read(&Shrinking, Area::Metadata, "x", 100, &rules, &cancel).await;
        assert!(
            matches!(&short, Err(SourceError::TooShort { expected: Some(5), received: 3, .. })),
            "{short:?}"
        );
    }

    #[test]
    fn an_html_page_is_told_from_metadata_and_archives() {
        for page in ["<!DOCTYPE html><p>", "\u{feff} \r\n<HTML lang=en>", "<!doctype HTML PUBLIC"] {
            assert!(is_web_page(page.as_bytes()), "{page:?}");
        }
        for file in [b"{\"signed\":{}}".as_slice(), b"(\xb5/\xfd", b"", b"<", b"<xml"] {
            assert!(!is_web_page(file), "{file:?}");
        }
    }
}
