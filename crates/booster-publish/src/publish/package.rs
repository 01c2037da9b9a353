//! From files to the compressed archive, the same bytes for the same files.

use super::blocking;
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

/// Stands for the level that suits the content; the same content always gets the same.
///
/// Text such as rules gains from level 19: 1.18 MB against 1.30 MB of level 12 for 8.0 MB of real YARA
/// rules, in 3.4 s. Hashes gain nothing: of 105 MB with a million of them, level 1 makes 40.3 MB in
/// 0.4 s, level 9 44.3 MB, level 19 39.8 MB in 132 s (processor time, zstd 1.5 on one core).
pub const DEFAULT_LEVEL: i32 = 0;

/// The levels that tell whether content gains: quick, and thorough but still quick.
const PROBES: [i32; 2] = [1, 9];
/// The level for content that gains.
const THOROUGH: i32 = 19;
/// Largest archive that is compressed at [`THOROUGH`] without being asked to: a minute's work.
const THOROUGH_SIZE: u64 = 64 << 20;

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
pub(super) fn archive(files: &FileSet, folder: &Path, work: &Path) -> Result<ArchiveInfo> {
    if files.is_empty() {
        return Err(PublishError::Empty { folder: folder.to_owned() });
    }
    let path = archive_path(work);
    let file = File::create(&path).map_err(PublishError::io("write", &path))?;
    let refused = |source: ArchiveError| PublishError::Archive { folder: folder.to_owned(), source };
    files.write(BufWriter::new(file)).map_err(refused)
}

/// Compresses the archive in the work folder, in one thread: more threads would give other bytes.
pub(super) async fn compress(level: i32, work: &Path) -> Result<Package> {
    let tar = archive_path(work);
    blocking(move || compress_archive(&tar, level).map_err(PublishError::io("compress", &tar))).await
}

fn compress_archive(tar: &Path, level: i32) -> io::Result<Package> {
    let pack = |level: i32| {
        let path = tar.with_extension(format!("{level}.zst"));
        let (sha256, size) = compress_file(tar, &path, level)?;
        Ok::<_, io::Error>(Package { path, sha256, size })
    };
    if level != DEFAULT_LEVEL {
        return pack(level);
    }
    let [quick, careful] = PROBES.map(pack);
    let (quick, careful) = (quick?, careful?);
    match choose(quick.size, careful.size, tar.metadata()?.len()) {
        Choice::Quick => Ok(quick),
        Choice::Careful => Ok(careful),
        Choice::Thorough => pack(THOROUGH),
    }
}

/// What suits an archive, judged by what two quick levels made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Quick,
    Careful,
    Thorough,
}

/// Content that does not shrink by a tenth between the probes will not shrink further.
const fn choose(quick: u64, careful: u64, archive: u64) -> Choice {
    let gains = careful < quick - quick / 10;
    match (gains, archive <= THOROUGH_SIZE) {
        (true, true) => Choice::Thorough,
        (true, false) => Choice::Careful,
        (false, _) if careful < quick => Choice::Careful,
        (false, _) => Choice::Quick,
    }
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
    fn only_content_that_gains_is_compressed_at_length() {
        const MIB: u64 = 1 << 20;
        for (quick, careful, archive, choice) in [
            (1_631_377, 1_322_774, 8 * MIB, Choice::Thorough),
            (1_631_377, 1_322_774, 65 * MIB, Choice::Careful),
            (40_277_892, 44_268_940, 100 * MIB, Choice::Quick),
            (40_277_892, 40_000_000, 10 * MIB, Choice::Careful),
            (50, 50, 1, Choice::Quick),
        ] {
            assert_eq!(choose(quick, careful, archive), choice, "{quick} {careful} {archive}");
        }
    }

    #[test]
    fn the_level_that_is_chosen_is_the_same_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let tar = dir.path().join("a.tar");
        let text: String =
            (0..20_000u32).map(|n| format!("rule r{} {{ condition: {} }}\n", n, n * n % 1000)).collect();
        std::fs::write(&tar, text).unwrap();
        let [first, second] = [DEFAULT_LEVEL; 2].map(|level| compress_archive(&tar, level).unwrap());
        assert_eq!((first.sha256, first.size), (second.sha256, second.size));
        assert!(first.size <= compress_archive(&tar, 1).unwrap().size);
    }

    #[test]
    fn the_window_is_no_larger_than_the_archive_needs() {
        for (length, log) in [(0, 10), (1, 10), (1024, 10), (1025, 11), (8 << 20, 23), (1 << 40, 23)] {
            assert_eq!(window_log(length), log, "{length}");
        }
    }
}
