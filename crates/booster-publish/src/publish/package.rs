//! From files to the compressed archive, the same bytes for the same files.

use super::PublishRequest;
use crate::{PublishError, Result};
use booster_definitions::{
    ArchiveInfo, Digest, DigestWriter,
    archive::{ArchiveError, FileSet},
};
use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Write as _},
    path::{Path, PathBuf},
};

/// Compression level of archives unless the publisher chooses another.
pub const DEFAULT_LEVEL: i32 = 19;

/// Window of the compressor, as a power of two in bytes: what a machine must hold in memory while
/// it unpacks. 8 MiB is the window of level 19; higher levels of zstd would take up to 128 MiB.
const WINDOW_LOG: u32 = 23;

/// A compressed archive on disk.
#[derive(Debug)]
pub(super) struct Package {
    pub path: PathBuf,
    /// SHA-256 of the compressed bytes.
    pub sha256: Digest,
    /// Length of the compressed bytes.
    pub size: u64,
}

/// Where the archive of a work folder lies.
pub(super) fn archive_path(work: &Path) -> PathBuf {
    work.join("release.tar")
}

/// Writes the archive into the work folder.
pub(super) fn archive(files: &FileSet, request: &PublishRequest, work: &Path) -> Result<ArchiveInfo> {
    if files.is_empty() {
        return Err(PublishError::Empty { folder: request.folder.clone() });
    }
    let path = archive_path(work);
    let file = File::create(&path).map_err(PublishError::io("write", &path))?;
    let refused = |source: ArchiveError| PublishError::Archive { folder: request.folder.clone(), source };
    files.write(BufWriter::new(file)).map_err(refused)
}

/// Compresses the archive in the work folder, in one thread: more threads would give other bytes.
pub(super) fn compress(request: &PublishRequest, work: &Path) -> Result<Package> {
    let tar = archive_path(work);
    let path = work.join("release.tar.zst");
    let (sha256, size) =
        compress_file(&tar, &path, request.level).map_err(PublishError::io("compress", &tar))?;
    Ok(Package { path, sha256, size })
}

fn compress_file(tar: &Path, path: &Path, level: i32) -> io::Result<(Digest, u64)> {
    let mut input = BufReader::new(File::open(tar)?);
    let length = input.get_ref().metadata()?.len();
    let output = DigestWriter::new(BufWriter::new(File::create(path)?));
    let mut encoder = zstd::stream::write::Encoder::new(output, level.clamp(1, 19))?;
    // The length lets a machine see at once what it will get; the checksum finds a fault of the
    // disk before the digest of the whole does.
    encoder.set_pledged_src_size(Some(length))?;
    encoder.include_contentsize(true)?;
    encoder.include_checksum(true)?;
    encoder.window_log(window_log(length))?;
    io::copy(&mut input, &mut encoder)?;
    let (sha256, size, mut file) = encoder.finish()?.finish();
    file.flush()?;
    Ok((sha256, size))
}

/// Small archives need a small window only. zstd takes 10 at least.
fn window_log(length: u64) -> u32 {
    let needed = u64::BITS - length.saturating_sub(1).leading_zeros();
    needed.clamp(10, WINDOW_LOG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compression_is_deterministic_and_unpacks_with_a_window_of_8_mib() {
        let dir = tempfile::tempdir().unwrap();
        let tar = dir.path().join("a.tar");
        let content: Vec<u8> = (0..3_000_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        std::fs::write(&tar, &content).unwrap();
        let [one, two] = ["1.zst", "2.zst"].map(|name| dir.path().join(name));
        let first = compress_file(&tar, &one, 3).unwrap();
        assert_eq!(first, compress_file(&tar, &two, 3).unwrap());
        assert_eq!(first.0, Digest::of(&std::fs::read(&one).unwrap()));
        let mut decoder = zstd::stream::read::Decoder::new(File::open(&one).unwrap()).unwrap();
        decoder.window_log_max(WINDOW_LOG).unwrap();
        let mut read = Vec::new();
        io::copy(&mut decoder, &mut read).unwrap();
        assert!(read == content);
    }

    #[test]
    fn the_window_is_no_larger_than_the_archive_needs() {
        for (length, log) in [(0, 10), (1, 10), (1024, 10), (1025, 11), (8 << 20, 23), (1 << 40, 23)] {
            assert_eq!(window_log(length), log, "{length}");
        }
    }
}
