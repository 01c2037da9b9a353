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
    let size = content.len();
    let start = request
        .header("range")
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let (code, part, range) = match start {
        Some(start) if start >= size => return status(to, 416, None),
        Some(start) => (206, &content[start..], Some(format!("bytes {start}-{}/{size}", size - 1))),
        None => (200, content, None),
    };
    let length = part.len().to_string();
    let mut headers = vec![("Content-Length", length.as_str()), ("Accept-Ranges", "bytes")];
    headers.extend(range.as_deref().map(|range| ("Content-Range", range)));
    to.send(head(code, &headers).as_bytes())?;
    if request.method != "HEAD" {
        to.send(part)?;
    }
    Ok(true)
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
        Fault::IgnoreRange => {
            to.send(ok(Some(whole as u64)).as_bytes())?;
            to.send(&content).map(|()| true)
        }
        Fault::WrongRange => {
            let range = request
                .header("range")
                .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
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
