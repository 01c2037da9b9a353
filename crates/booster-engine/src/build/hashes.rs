//! Hash lists become the index.

use super::files::SourceFile;
use crate::{
    BuildError,
    hash::{HashIndex, IndexStatistics, IndexWriter, ListFormat, WriteError},
    image::ImageFile,
};
use booster_definitions::{Component, FileKind};
use std::{collections::BTreeMap, fs::File, path::Path};

/// Hash lists, ready to look up.
#[derive(Debug, Default)]
pub(super) struct IndexedHashes {
    pub index: Option<HashIndex>,
    pub image_file: Option<ImageFile>,
    pub per_component: BTreeMap<Component, u64>,
    pub statistics: IndexStatistics,
}

pub(super) fn index_hashes(files: &[SourceFile], path: &Path) -> Result<IndexedHashes, BuildError> {
    let mut lists =
        files.iter().filter(|f| matches!(f.kind, FileKind::HashList | FileKind::KnownGood)).peekable();
    if lists.peek().is_none() {
        return Ok(IndexedHashes::default());
    }
    let failed = |list: &Path| {
        let list = list.to_owned();
        move |error| write_error(error, path, &list)
    };
    let mut writer = IndexWriter::create(path).map_err(failed(path))?;
    let mut per_component = BTreeMap::new();
    for SourceFile { component, path: name, on_disk, kind } in lists {
        let mut file = File::open(on_disk).map_err(BuildError::io("open", on_disk))?;
        let known_good = *kind == FileKind::KnownGood;
        let hashes = writer
            .add(*component, name.as_str(), list_format(name.as_str()), known_good, &mut file)
            .map_err(failed(on_disk))?;
        *per_component.entry(*component).or_default() += hashes;
    }
    let statistics = writer.finish().map_err(failed(path))?;
    let index = HashIndex::open(path).map_err(|error| BuildError::Unusable { reason: error.to_string() })?;
    let image_file = ImageFile::of(path).map_err(BuildError::io("read", path))?;
    Ok(IndexedHashes { index: Some(index), image_file: Some(image_file), per_component, statistics })
}

/// `.hsb` and `.sfp` hold SHA-1 and SHA-256, `.hdb` and `.fp` MD5.
fn list_format(path: &str) -> ListFormat {
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    let sha = extension.eq_ignore_ascii_case("hsb") || extension.eq_ignore_ascii_case("sfp");
    if sha { ListFormat::Sha } else { ListFormat::Md5 }
}

fn write_error(error: WriteError, index: &Path, list: &Path) -> BuildError {
    match error {
        WriteError::Lines { errors, total } => BuildError::HashLists { errors, total },
        WriteError::TooMuch(what) => {
            BuildError::TooMuch { what: format!("{what} in the hash lists"), limit: u64::from(u32::MAX) }
        }
        WriteError::Read(source) => BuildError::io("read", list)(source),
        WriteError::Write(source) => BuildError::io("write", index)(source),
    }
}
