//! The SHA-1 of files, by which the protocol names them, read together with the SHA-256 that was signed.

use crate::{FleetError, Result};
use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, digest};
use booster_definitions::{Digest, DigestWriter};
use booster_publish::PublishedTarget;
use booster_wsus::Sha1;
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

/// The SHA-1 of bytes.
pub(super) fn sha1(bytes: &[u8]) -> Sha1 {
    finished(digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref())
}

fn finished(digest: &[u8]) -> Sha1 {
    let mut sha1 = [0; 20];
    sha1.copy_from_slice(digest);
    Sha1(sha1)
}

/// The SHA-1 of a target's file. `None`: the file is missing or is not what was signed, and is left out.
pub(super) async fn read_file(folder: &Path, target: &PublishedTarget) -> Result<Option<Sha1>> {
    let path = folder.join(&target.object);
    let read = tokio::task::spawn_blocking(move || hash(&path))
        .await
        .unwrap_or_else(|died| Err(io::Error::other(died)));
    match read {
        Ok((sha1, sha256)) if sha256 == target.sha256 => Ok(Some(sha1)),
        Ok(_) => {
            tracing::error!(object = target.object, "the file is not what was signed, and is left out");
            Ok(None)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            tracing::warn!(object = target.object, "the file is not there, and is left out");
            Ok(None)
        }
        Err(source) => Err(FleetError::File { object: target.object.clone(), source }),
    }
}

fn hash(path: &PathBuf) -> io::Result<(Sha1, Digest)> {
    let mut writer = DigestWriter::new(Sha1Writer(Context::new(&SHA1_FOR_LEGACY_USE_ONLY)));
    io::copy(&mut std::fs::File::open(path)?, &mut writer)?;
    let (sha256, _, Sha1Writer(context)) = writer.finish();
    Ok((finished(context.finish().as_ref()), sha256))
}

struct Sha1Writer(Context);

impl Write for Sha1Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
