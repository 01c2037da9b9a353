//! The patches of a release: from every earlier release that stays offered, where they pay.
//!
//! A release does not depend on them: a base that cannot be read, or a patch that cannot be made,
//! is told in the log, and machines with that base take the whole.

use super::{blocking, package};
use crate::{
    PublishError, Repository, Result,
    repository::{OfferedRelease, Published, is_kept, manifest_of, offered, target_object},
};
use booster_definitions::{
    ArchiveInfo, Digest, DigestWriter, ReleaseManifest, Version, full_target,
    patch::{self, Effort},
    patch_target,
};
use booster_mapped::MappedFile;
use booster_trust::signing::{TargetEntry, TargetsRole};
use futures_util::StreamExt as _;
use std::{
    fs::{self, File},
    io::{self, BufWriter, Read, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Bases whose patches are made with [`Effort::Thorough`]: most machines have one of the last
/// releases.
const THOROUGH_BASES: usize = 3;

/// How many patches are made at a time. Each one may take 200 MB of memory.
const AT_A_TIME: usize = 2;

/// Bytes of bases that patches are made from for one release: ten of 100 MB take some eight seconds. Where there
/// are more, the oldest go without.
const MOST_BASE_BYTES: u64 = 1 << 30;

/// A patch that is larger than this share of the whole, in percent, is not worth its place.
const LARGEST_SHARE: u64 = 80;

/// A patch that was published with a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct PublishedPatch {
    /// The release that it starts from.
    pub base: Version,
    /// Its length in bytes.
    pub size: u64,
}

/// A patch in the work folder.
#[derive(Debug)]
pub(super) struct Patch {
    base: Version,
    path: PathBuf,
    sha256: Digest,
    size: u64,
}

impl Patch {
    pub fn published(&self) -> PublishedPatch {
        PublishedPatch { base: self.base, size: self.size }
    }

    /// The name of its target.
    fn target(&self, manifest: &ReleaseManifest) -> String {
        patch_target(manifest.component, manifest.version, self.base)
    }

    pub fn insert_into(&self, targets: &mut TargetsRole, manifest: &ReleaseManifest) {
        targets.targets.insert(self.target(manifest), TargetEntry::new(self.size, self.sha256));
    }
}

impl Repository {
    /// Makes the patches to a release whose archive lies in the work folder, newest base first.
    pub(super) async fn make_patches(
        &self,
        published: &Published,
        manifest: &ReleaseManifest,
        work: &Path,
    ) -> Vec<Patch> {
        let bases = offered(&published.targets, manifest.component);
        let tar = package::archive_path(work);
        let new = match MappedFile::open(&tar) {
            Ok(new) => Arc::new(new),
            Err(error) => {
                tracing::warn!(%error, "the release's archive cannot be mapped: no patches are published");
                return Vec::new();
            }
        };
        let sequence = bases.first().map_or(0, OfferedRelease::sequence) + 1;
        let kept = bases.iter().filter(|base| is_kept(base.sequence(), sequence));
        let affordable = kept.take(most_bases(manifest.archive.size)).enumerate();
        let efforts = affordable.map(|(rank, base)| {
            let effort = if rank < THOROUGH_BASES { Effort::Thorough } else { Effort::Quick };
            self.make_patch(published, base, (manifest, new.clone()), effort, work)
        });
        let made: Vec<_> = futures_util::stream::iter(efforts).buffered(AT_A_TIME).collect().await;
        made.into_iter().flatten().collect()
    }

    /// Uploads patches.
    pub(super) async fn upload_patches(&self, patches: &[Patch], manifest: &ReleaseManifest) -> Result<()> {
        for patch in patches {
            self.storage.upload(&target_object(&patch.target(manifest), &patch.sha256), &patch.path).await?;
        }
        Ok(())
    }

    async fn make_patch(
        &self,
        published: &Published,
        base: &OfferedRelease,
        new: (&ReleaseManifest, Arc<MappedFile>),
        effort: Effort,
        work: &Path,
    ) -> Option<Patch> {
        let made = self.try_patch(published, base, new, effort, work).await;
        made.unwrap_or_else(|error| {
            let (component, base) = (base.component, base.version);
            tracing::warn!(%component, %base, %error, "no patch is published from this release");
            None
        })
    }

    async fn try_patch(
        &self,
        published: &Published,
        base: &OfferedRelease,
        (manifest, new): (&ReleaseManifest, Arc<MappedFile>),
        effort: Effort,
        work: &Path,
    ) -> Result<Option<Patch>> {
        let archive = manifest_of(&self.storage, base).await?.archive;
        if archive.size.max(manifest.archive.size) > patch::LARGEST_ARCHIVE {
            return Ok(None);
        }
        let compressed = self.fetch_base(published, base, work).await?;
        let most = manifest.full.size * LARGEST_SHARE / 100;
        let version = base.version;
        blocking(move || {
            let unpacked = compressed.with_extension("tar");
            decompress(&compressed, &unpacked, archive)?;
            let path = compressed.with_extension("patch");
            let made = make(&unpacked, &new, &path, effort)?;
            for done in [&compressed, &unpacked] {
                fs::remove_file(done).map_err(PublishError::io("delete", done))?;
            }
            let patch = made.map(|(sha256, size)| Patch { base: version, path, sha256, size });
            Ok(patch.filter(|patch| patch.size <= most))
        })
        .await
    }

    /// Downloads a base's archive as it is published, and says where it lies.
    async fn fetch_base(&self, published: &Published, base: &OfferedRelease, work: &Path) -> Result<PathBuf> {
        let target = full_target(base.component, base.version);
        let digest = published.targets.targets.get(&target).and_then(TargetEntry::sha256);
        let Some(digest) = digest else { return Err(self.damaged(&target, "it is not signed")) };
        let path = work.join(format!("base-{}.zst", base.version));
        let file = File::create(&path).map_err(PublishError::io("write", &path))?;
        let mut file = DigestWriter::new(BufWriter::new(file));
        self.storage.download(&target_object(&target, &digest), &mut file).await?;
        let (found, _, mut file) = file.finish();
        file.flush().map_err(PublishError::io("write", &path))?;
        if found != digest {
            return Err(self.damaged(&target, "its SHA-256 is not the signed one"));
        }
        Ok(path)
    }

    fn damaged(&self, object: &str, reason: &str) -> PublishError {
        PublishError::Damaged {
            location: self.location().to_owned(),
            object: object.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

/// How many bases patches are made from, for an archive of this size: bases are about as large. A rule by size and
/// not by the clock, so that the same releases always get the same patches.
fn most_bases(archive: u64) -> usize {
    usize::try_from(MOST_BASE_BYTES / archive.max(1)).unwrap_or(usize::MAX)
}

/// Decompresses a base and checks that it is the archive that its manifest names.
fn decompress(compressed: &Path, unpacked: &Path, expected: ArchiveInfo) -> Result<()> {
    let reading = PublishError::io("read", compressed);
    let copied = (|| {
        let decoder = zstd::Decoder::new(File::open(compressed)?)?;
        let mut out = DigestWriter::new(BufWriter::new(File::create(unpacked)?));
        io::copy(&mut decoder.take(expected.size.saturating_add(1)), &mut out)?;
        let (found, size, mut out) = out.finish();
        out.flush()?;
        let same = found == expected.sha256 && size == expected.size;
        same.then_some(())
            .ok_or_else(|| io::Error::other("its archive is not the one that its manifest names"))
    })();
    copied.map_err(reading)
}

/// Makes a patch and writes it to `path`; digest and length. It is applied as a machine applies it
/// before anybody is offered it.
fn make(base: &Path, new: &[u8], path: &Path, effort: Effort) -> Result<Option<(Digest, u64)>> {
    let base = MappedFile::open(base).map_err(PublishError::io("open", base))?;
    let failed = PublishError::io("make", path);
    let made = (|| {
        let Some(patch) = patch::make(&base, new, effort)? else { return Ok(None) };
        let applied = patch::apply(&base, &patch, new.len() as u64).map_err(io::Error::other)?;
        if !gives(applied, new)? {
            return Err(io::Error::other("applied, it gives another archive"));
        }
        fs::write(path, &patch)?;
        Ok(Some((Digest::of(&patch), patch.len() as u64)))
    })();
    made.map_err(failed)
}

/// Whether these bytes are read, and no others.
fn gives(mut reader: impl Read, mut expected: &[u8]) -> io::Result<bool> {
    let mut buffer = [0; 64 << 10];
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            return Ok(expected.is_empty());
        }
        match expected.strip_prefix(&buffer[..read]) {
            Some(rest) => expected = rest,
            None => return Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_archives_get_fewer_patches() {
        const MB: u64 = 1_000_000;
        for (archive, bases) in [(8 * MB, 134), (50 * MB, 21), (104 * MB, 10), (1000 * MB, 1), (2000 * MB, 0)]
        {
            assert_eq!(most_bases(archive), bases, "{archive}");
        }
    }
}
