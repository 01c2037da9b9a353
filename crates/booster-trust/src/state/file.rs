//! The state file's bytes: a JSON document of a fixed outer form around a body, and the body's
//! SHA-256, so that any changed, missing or added byte is noticed.
//!
//! ```text
//! {"format":"booster-trusted-1","sha256":"<64 hex digits of the body>","state":<body>}\n
//! ```

use crate::error::{Result, TrustError};
use booster_definitions::Digest;
use std::{fs, io, path::Path};

const HEAD: &str = r#"{"format":"booster-trusted-1","sha256":""#;
const MIDDLE: &str = r#"","state":"#;
const TAIL: &str = "}\n";

/// The body of the file, or none if there is no file.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(TrustError::io("reading", path)(error)),
    };
    let damaged = |reason: &str| TrustError::Damaged { path: path.to_owned(), reason: reason.to_owned() };
    if bytes.is_empty() {
        return Err(damaged("the file is empty"));
    }
    let rest =
        bytes.strip_prefix(HEAD.as_bytes()).ok_or_else(|| damaged("it does not begin as it should"))?;
    let (digest, rest) = rest.split_at_checked(64).ok_or_else(|| damaged("it is cut off"))?;
    let rest = rest.strip_prefix(MIDDLE.as_bytes()).ok_or_else(|| damaged("it is cut off"))?;
    let body = rest.strip_suffix(TAIL.as_bytes()).ok_or_else(|| damaged("it does not end as it should"))?;
    if Digest::of(body).to_string().as_bytes() != digest {
        return Err(damaged("its content does not have the recorded SHA-256"));
    }
    Ok(Some(body.to_vec()))
}

/// Puts a new file in place of the old one, such that after a crash at any instruction, or a power
/// cut, one of the two is there whole.
pub(super) fn replace(path: &Path, body: &[u8]) -> Result<()> {
    let digest = Digest::of(body).to_string();
    let parts = [HEAD.as_bytes(), digest.as_bytes(), MIDDLE.as_bytes(), body, TAIL.as_bytes()];
    booster_durable::replace_file(path, &parts.concat()).map_err(TrustError::io("writing", path))
}

/// Removes a temporary file that a crash left. It never held the only copy of anything.
pub(super) fn discard_leftovers(path: &Path) -> Result<()> {
    let leftover = booster_durable::leftover(path);
    match fs::remove_file(&leftover) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(TrustError::io("removing", &leftover)(error)),
    }
}
