//! The rules that every transfer obeys, in one place: size, time, rate, cancellation.
//!
//! There is no limit on the whole time of a transfer: an honest slow line may take as long as it
//! needs. There is a minimum of bytes per window of waiting instead, so that a peer that drips or
//! stalls is given up, and a limit on the time until the answer begins.

mod pace;
mod rate;

pub use rate::RateLimit;

use crate::{Area, Opened, Resume, Source, SourceError};
use bytes::Bytes;
use futures_util::StreamExt;
use pace::Pace;
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
    /// The most bytes a second, over all transfers under a clone of these rules; `None` for no limit.
    pub rate: Option<RateLimit>,
}

impl Default for TransferRules {
    /// 16 KiB per 30 seconds, 10 seconds to connect, 30 seconds to answer, as fast as the line allows.
    fn default() -> Self {
        Self {
            minimum_bytes: 16 * 1024,
            window: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            response_timeout: Duration::from_secs(30),
            rate: None,
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
    let location = source.locate(area, path);
    collect(location, source.open(area, path, Resume::WHOLE), max, rules, cancel).await
}

/// Reads what is being opened whole, as [`read`] does.
pub(crate) async fn collect(
    location: String,
    opening: impl Future<Output = Result<Option<Opened>, SourceError>>,
    max: u64,
    rules: &TransferRules,
    cancel: &CancellationToken,
) -> Result<Option<Vec<u8>>, SourceError> {
    let Some(mut body) = Body::open(location, opening, rules, cancel).await? else {
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
        body.keep_to_rate(chunk.len()).await?;
    }
    body.check_announced()?;
    Ok(Some(bytes))
}

/// Who takes what a [`download_from`] brings.
pub trait Sink: Send {
    /// What follows stands from `start` on in the file: at the offset that was asked for, or at 0
    /// where the source begins anew. Told once, with the first bytes.
    ///
    /// # Errors
    /// What ends the transfer.
    fn begin(&mut self, start: u64, etag: Option<&str>) -> io::Result<()>;

    /// The next bytes.
    ///
    /// # Errors
    /// What ends the transfer.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// Any function of bytes takes a file from its beginning.
impl<F: FnMut(&[u8]) -> io::Result<()> + Send> Sink for F {
    fn begin(&mut self, _: u64, _: Option<&str>) -> io::Result<()> {
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self(bytes)
    }
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
    mut sink: &mut (dyn FnMut(&[u8]) -> io::Result<()> + Send),
) -> Result<(), SourceError> {
    download_from(source, path, Resume::WHOLE, length, rules, cancel, &mut sink).await
}

/// Streams what is missing of a target into `sink`, until it has the file's `length` bytes, or an error.
///
/// What reached the sink before an error is the beginning of what the source has, and may be kept to go
/// on from. That it is the right file is for the caller to check.
pub async fn download_from(
    source: &dyn Source,
    path: &str,
    from: Resume<'_>,
    length: u64,
    rules: &TransferRules,
    cancel: &CancellationToken,
    sink: &mut dyn Sink,
) -> Result<(), SourceError> {
    let location = source.locate(Area::Targets, path);
    let opening = source.open(Area::Targets, path, from);
    let Some(mut body) = Body::open(location, opening, rules, cancel).await? else {
        return Err(SourceError::NotFound { location: source.locate(Area::Targets, path) });
    };
    let failed = |location: &str, source| SourceError::Write { location: location.to_owned(), source };
    let (start, mut begun) = (body.start, false);
    while let Some(chunk) = body.next().await? {
        let announced = body.announced.map(|follows| start.saturating_add(follows));
        if let Some(announced) = announced.filter(|announced| *announced != length) {
            return Err(SourceError::WrongLength { location: body.location, expected: length, announced });
        }
        if start.saturating_add(body.received) > length {
            return Err(SourceError::TooLarge { location: body.location, limit: length });
        }
        if !begun {
            sink.begin(start, body.etag.as_deref()).map_err(|error| failed(&body.location, error))?;
            begun = true;
        }
        sink.write(&chunk).map_err(|error| failed(&body.location, error))?;
        body.keep_to_rate(chunk.len()).await?;
    }
    if start + body.received < length {
        return Err(SourceError::TooShort {
            location: body.location,
            expected: Some(length),
            received: start + body.received,
        });
    }
    Ok(())
}

/// The body of a file that is being received under the rules.
struct Body<'a> {
    location: String,
    /// Where in the file it begins.
    start: u64,
    announced: Option<u64>,
    etag: Option<String>,
    received: u64,
    stream: crate::ByteStream,
    pace: Pace,
    rate: Option<&'a RateLimit>,
    cancel: &'a CancellationToken,
}

impl<'a> Body<'a> {
    async fn open(
        location: String,
        opening: impl Future<Output = Result<Option<Opened>, SourceError>>,
        rules: &'a TransferRules,
        cancel: &'a CancellationToken,
    ) -> Result<Option<Self>, SourceError> {
        let limit = rules.connect_timeout + rules.response_timeout;
        let opened = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(SourceError::Cancelled { location }),
            opened = timeout(limit, opening) => opened,
        };
        let opened = match opened {
            Ok(opened) => opened?,
            Err(_) => return Err(SourceError::NoAnswer { location, limit }),
        };
        Ok(opened.map(|Opened { start, length, etag, stream }| Self {
            location,
            start,
            announced: length,
            etag,
            received: 0,
            stream,
            pace: Pace::new(rules),
            rate: rules.rate.as_ref(),
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
            if self.start + self.received == 0 && is_web_page(&chunk) {
                return Err(SourceError::WebPage { location: self.location.clone() });
            }
            self.received += length;
            return Ok(Some(chunk));
        }
    }

    /// Waits as long as the rate wants after so many bytes. It is our own wish to wait, so the other side's
    /// pace is not measured meanwhile.
    async fn keep_to_rate(&mut self, bytes: usize) -> Result<(), SourceError> {
        let Some(rate) = self.rate else { return Ok(()) };
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(SourceError::Cancelled { location: self.location.clone() }),
            () = rate.take(bytes as u64) => Ok(()),
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

#[cfg(test)]
mod tests {
    use super::*;

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

        async fn open(&self, _: Area, _: &str, _: Resume<'_>) -> Result<Option<Opened>, SourceError> {
            let stream = futures_util::stream::iter([Ok(Bytes::from_static(b"abc"))]);
            Ok(Some(Opened { start: 0, length: Some(5), etag: None, stream: Box::pin(stream) }))
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

    /// A source that always has the next kilobyte of its ten at hand.
    #[derive(Debug)]
    struct Prompt;

    #[async_trait::async_trait]
    impl Source for Prompt {
        fn kind(&self) -> crate::SourceKind {
            crate::SourceKind::Directory
        }

        fn location(&self) -> String {
            "prompt".to_owned()
        }

        async fn open(&self, _: Area, _: &str, _: Resume<'_>) -> Result<Option<Opened>, SourceError> {
            let stream = futures_util::stream::iter((0..10).map(|_| Ok(Bytes::from_static(&[7; 1000]))));
            Ok(Some(Opened { start: 0, length: None, etag: None, stream: Box::pin(stream) }))
        }

        fn counters(&self) -> crate::Counters {
            crate::Counters::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_kept_and_the_time_that_it_takes_is_not_the_sources() {
        // Ten times slower than the slowest source may be.
        let rules = TransferRules {
            minimum_bytes: 1000,
            window: Duration::from_secs(1),
            rate: std::num::NonZeroU64::new(100).map(RateLimit::new),
            ..TransferRules::default()
        };
        let (cancel, began) = (CancellationToken::new(), Instant::now());
        download(&Prompt, "x", 10_000, &rules, &cancel, &mut |_| Ok(())).await.unwrap();
        assert_eq!(began.elapsed().as_secs(), 100);
        read(&Prompt, Area::Metadata, "x", 10_000, &rules, &cancel).await.unwrap();
        assert_eq!(began.elapsed().as_secs(), 200, "metadata counts too");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_for_the_rate_ends_with_the_cancellation() {
        let rate = std::num::NonZeroU64::new(1).map(RateLimit::new);
        let (rules, cancel) = (TransferRules { rate, ..TransferRules::default() }, CancellationToken::new());
        let stop = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            cancel.cancel();
        };
        let mut sink = |_: &[u8]| Ok(());
        let download = download(&Prompt, "x", 10_000, &rules, &cancel, &mut sink);
        let (ended, ()) = tokio::join!(download, stop);
        assert!(matches!(ended, Err(SourceError::Cancelled { .. })), "{ended:?}");
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
