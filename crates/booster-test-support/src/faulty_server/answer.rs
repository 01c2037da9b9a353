//! Answers: the correct one, and each wrong one.

use super::{
    Announce, Fault, Request,
    connection::{Connection, Keep},
};
use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

/// What endless bodies consist of.
const FILLER: [u8; 16 * 1024] = [b'x'; 16 * 1024];

/// Longer than any connection lasts.
const FOR_EVER: Duration = Duration::from_secs(3600);

pub(super) fn answer(
    to: &mut Connection<'_>,
    folder: &Path,
    request: &Request,
    fault: Option<Fault>,
) -> io::Result<Keep> {
    let file = || find(folder, request.path()).and_then(|path| std::fs::read(path).ok());
    match fault {
        None => match file() {
            Some(content) => serve(to, request, &content),
            None => status(to, 404, None),
        },
        Some(Fault::NeverAnswer) => to.pause(FOR_EVER).map(|()| false),
        Some(Fault::Hangup) => Ok(false),
        Some(Fault::Garbage) => to.send(b"\x15\x03\x01 this is not HTTP\r\n\r\n").map(|()| false),
        Some(Fault::Status { code, retry_after }) => status(to, code, retry_after.as_deref()),
        Some(Fault::Redirect(location)) => redirect(to, &location),
        Some(Fault::RedirectLoop) => {
            redirect(to, &format!("{}?again={}", request.path(), request.target.len()))
        }
        Some(Fault::Content { media_type, body }) => {
            to.send(
                head(200, &[("Content-Type", &media_type), ("Content-Length", &body.len().to_string())])
                    .as_bytes(),
            )?;
            to.send(&body).map(|()| true)
        }
        Some(Fault::Endless { announce }) => endless(to, announce),
        Some(Fault::EndlessHead) => endless_head(to),
        Some(fault) => match file() {
            Some(content) => misserve(to, request, content, fault),
            None => status(to, 404, None),
        },
    }
}

/// The correct answer: the file, or the part that was asked for.
fn serve(to: &mut Connection<'_>, request: &Request, content: &[u8]) -> io::Result<Keep> {
    serve_tagged(to, request, content, &tag(content))
}

/// The correct answer about a copy of the file with this entity tag.
fn serve_tagged(to: &mut Connection<'_>, request: &Request, content: &[u8], tag: &str) -> io::Result<Keep> {
    // RFC 9110, section 13.1.5: a weak tag never matches.
    let same = |wanted: &str| wanted == tag && !tag.starts_with("W/");
    let start = asked_from(request).filter(|_| request.header("if-range").is_none_or(same));
    send_part(to, request, content, start, tag, None)
}

/// The file from `start` on, or whole; of the body, only so many bytes if that is said.
fn send_part(
    to: &mut Connection<'_>,
    request: &Request,
    content: &[u8],
    start: Option<usize>,
    tag: &str,
    cut: Option<usize>,
) -> io::Result<Keep> {
    let size = content.len();
    let (code, part, range) = match start {
        Some(start) if start >= size => return status(to, 416, None),
        Some(start) => (206, &content[start..], Some(format!("bytes {start}-{}/{size}", size - 1))),
        None => (200, content, None),
    };
    let length = part.len().to_string();
    let mut headers = vec![("Content-Length", length.as_str()), ("Accept-Ranges", "bytes"), ("ETag", tag)];
    headers.extend(range.as_deref().map(|range| ("Content-Range", range)));
    to.send(head(code, &headers).as_bytes())?;
    if request.method != "HEAD" {
        to.send(&part[..cut.unwrap_or(part.len()).min(part.len())])?;
    }
    // A client that has all of its answer may be about to send the next request.
    Ok(cut.is_none_or(|cut| cut >= part.len()))
}

/// The offset that a request for the rest of a file names.
fn asked_from(request: &Request) -> Option<usize> {
    request.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

/// A strong entity tag: content that differs has another (FNV-1a, 64 bits).
fn tag(content: &[u8]) -> String {
    let hash = content.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("\"{hash:016x}\"")
}

/// A wrong answer about a file that is there.
fn misserve(
    to: &mut Connection<'_>,
    request: &Request,
    mut content: Vec<u8>,
    fault: Fault,
) -> io::Result<Keep> {
    let whole = content.len();
    let cut = |bytes: usize| bytes.min(whole);
    match fault {
        Fault::Drip { bytes, every } => {
            to.send(ok(Some(whole as u64)).as_bytes())?;
            for piece in content.chunks(bytes.max(1)) {
                to.send(piece)?;
                to.pause(every)?;
            }
            Ok(true)
        }
        Fault::StallAfter(bytes) => {
            to.send(ok(Some(whole as u64)).as_bytes())?;
            to.send(&content[..cut(bytes)])?;
            to.pause(FOR_EVER).map(|()| false)
        }
        Fault::Short { bytes, announce } => {
            let length = match announce {
                Announce::Whole => Some(whole),
                Announce::Short => Some(cut(bytes)),
                Announce::Nothing => None,
            };
            to.send(ok(length.map(|length| length as u64)).as_bytes())?;
            to.send(&content[..cut(bytes)]).map(|()| false)
        }
        Fault::CutChunked(bytes) => {
            to.send(head(200, &[("Transfer-Encoding", "chunked")]).as_bytes())?;
            for piece in content[..cut(bytes)].chunks(4096) {
                to.send(format!("{:x}\r\n", piece.len()).as_bytes())?;
                to.send(piece)?;
                to.send(b"\r\n")?;
            }
            Ok(false)
        }
        Fault::ResetAfter(bytes) => {
            to.send(ok(Some(whole as u64)).as_bytes())?;
            to.send(&content[..cut(bytes)])?;
            // What was sent has to arrive before the reset overtakes it.
            to.pause(Duration::from_millis(50))?;
            to.reset_on_close().map(|()| false)
        }
        Fault::FlipBit { offset, bit } => {
            if let Some(byte) = content.get_mut(offset) {
                *byte ^= 1 << (bit & 7);
            }
            serve(to, request, &content)
        }
        Fault::CutAfter(bytes) => {
            send_part(to, request, &content, asked_from(request), &tag(&content), Some(bytes))
        }
        Fault::Tagged(tag) => serve_tagged(to, request, &content, &tag),
        Fault::IgnoreIfRange(tag) => send_part(to, request, &content, asked_from(request), &tag, None),
        Fault::HalfRange => {
            let Some(start) = asked_from(request).map(cut) else { return serve(to, request, &content) };
            let end = start + (whole - start).div_ceil(2);
            let (length, range) =
                ((end - start).to_string(), format!("bytes {start}-{}/{whole}", end.saturating_sub(1)));
            to.send(head(206, &[("Content-Length", &length), ("Content-Range", &range)]).as_bytes())?;
            to.send(&content[start..end]).map(|()| true)
        }
        Fault::OtherBytes => {
            let tag = tag(&content);
            if asked_from(request).is_some() {
                content.reverse();
            }
            send_part(to, request, &content, asked_from(request), &tag, None)
        }
        Fault::IgnoreRange => {
            to.send(ok(Some(whole as u64)).as_bytes())?;
            to.send(&content).map(|()| true)
        }
        Fault::WrongRange => {
            let range = asked_from(request);
            let Some(start) = range.map(|start| cut(start + 1)) else { return serve(to, request, &content) };
            let (length, range) =
                ((whole - start).to_string(), format!("bytes {start}-{}/{whole}", whole - 1));
            to.send(head(206, &[("Content-Length", &length), ("Content-Range", &range)]).as_bytes())?;
            to.send(&content[start..]).map(|()| true)
        }
        Fault::Encoded(encoding) => {
            to.send(
                head(200, &[("Content-Length", &whole.to_string()), ("Content-Encoding", &encoding)])
                    .as_bytes(),
            )?;
            to.send(&content).map(|()| true)
        }
        _ => serve(to, request, &content),
    }
}

fn endless(to: &mut Connection<'_>, announce: Option<u64>) -> io::Result<Keep> {
    to.send(ok(announce).as_bytes())?;
    loop {
        to.send(&FILLER)?;
        to.pause(Duration::ZERO)?;
    }
}

fn endless_head(to: &mut Connection<'_>) -> io::Result<Keep> {
    to.send(b"HTTP/1.1 200 Status\r\n")?;
    loop {
        to.send(format!("X-Filler: {}\r\n", "x".repeat(4096)).as_bytes())?;
        to.pause(Duration::ZERO)?;
    }
}

fn redirect(to: &mut Connection<'_>, location: &str) -> io::Result<Keep> {
    to.send(head(302, &[("Location", location), ("Content-Length", "0")]).as_bytes()).map(|()| true)
}

fn status(to: &mut Connection<'_>, code: u16, retry_after: Option<&str>) -> io::Result<Keep> {
    let mut headers = vec![("Content-Length", "0")];
    headers.extend(retry_after.map(|value| ("Retry-After", value)));
    to.send(head(code, &headers).as_bytes()).map(|()| true)
}

fn ok(length: Option<u64>) -> String {
    match length {
        Some(length) => head(200, &[("Content-Length", &length.to_string())]),
        None => head(200, &[("Connection", "close")]),
    }
}

fn head(code: u16, headers: &[(&str, &str)]) -> String {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("HTTP/1.1 {code} Status\r\n{headers}\r\n")
}

/// The file that a path names, inside the folder.
fn find(folder: &Path, path: &str) -> Option<PathBuf> {
    let inside = |path: &str| {
        let path = path.trim_start_matches('/');
        let file = folder.join(path);
        (!path.split('/').any(|segment| segment == "..") && file.is_file()).then_some(file)
    };
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    inside(path).or_else(|| inside(&decoded))
}
