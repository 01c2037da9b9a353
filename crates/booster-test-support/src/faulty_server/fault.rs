//! The faults that can be ordered.

use std::time::Duration;

/// How a server can fail a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Sends the file correctly, in small pieces with pauses between them.
    Drip {
        /// Bytes in each piece.
        bytes: usize,
        /// The pause after each.
        every: Duration,
    },
    /// Sends this many bytes of the body and then nothing, keeping the connection.
    StallAfter(usize),
    /// Takes the request and never answers.
    NeverAnswer,
    /// Sends a body without end.
    Endless {
        /// The `Content-Length` to announce, if any.
        announce: Option<u64>,
    },
    /// Ends the body early and closes the connection in an orderly way.
    Short {
        /// How many bytes of the body are sent.
        bytes: usize,
        /// What `Content-Length` says.
        announce: Announce,
    },
    /// Sends this many bytes as chunks and closes without the last chunk.
    CutChunked(usize),
    /// Turns one bit over, in an otherwise correct answer.
    FlipBit {
        /// Where, in bytes from the beginning of the file.
        offset: usize,
        /// Which, 0 to 7.
        bit: u8,
    },
    /// 200 with other content.
    Content {
        /// The value of `Content-Type`.
        media_type: String,
        /// The body.
        body: Vec<u8>,
    },
    /// Redirects to this address.
    Redirect(String),
    /// Redirects to the same file for ever, by an address that is new each time.
    RedirectLoop,
    /// Answers with this status.
    Status {
        /// The code.
        code: u16,
        /// The value of `Retry-After`, if any.
        retry_after: Option<String>,
    },
    /// Sends this many bytes of the body and resets the connection.
    ResetAfter(usize),
    /// Closes the connection without a word.
    Hangup,
    /// Sends this many bytes of what was asked for, be it a range, and closes the connection in an
    /// orderly way if that was not all.
    CutAfter(usize),
    /// A correct answer with this entity tag, which `If-Range` is compared with.
    Tagged(String),
    /// Answers a range with the part that was asked for, under this entity tag, without looking at
    /// `If-Range`.
    IgnoreIfRange(String),
    /// Answers a range with 206 and the first half of the part that was asked for.
    HalfRange,
    /// Answers a range with 206 and the right `Content-Range`, and with bytes from another place.
    OtherBytes,
    /// Answers a range with the whole file and 200.
    IgnoreRange,
    /// Answers a range with 206 and a part that begins one byte later.
    WrongRange,
    /// Claims that the body is encoded so (`gzip`).
    Encoded(String),
    /// Answers in something that is no HTTP.
    Garbage,
    /// Answers with headers that never end.
    EndlessHead,
}

impl Fault {
    /// The login page that a captive portal sends in place of everything.
    pub fn login_page() -> Self {
        let page =
            "<!DOCTYPE html>\n<html><head><title>Sign in to the network</title></head><body></body></html>\n";
        Self::Content { media_type: "text/html; charset=utf-8".to_owned(), body: page.as_bytes().to_vec() }
    }
}

/// What a short body's `Content-Length` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announce {
    /// The length of the whole file.
    Whole,
    /// The length that is really sent.
    Short,
    /// There is none: the end of the connection is the end of the body.
    Nothing,
}

pub(super) struct Ordered {
    /// `None` stands for every path.
    pub(super) path: Option<String>,
    pub(super) fault: Fault,
    /// How many requests still meet it; `None` for all.
    pub(super) left: Option<usize>,
}
