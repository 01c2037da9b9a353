//! Hash lists become the index.

use super::files::SourceFile;
use crate::{
    BuildError,
    hash::{HashFile, HashIndex, IndexStatistics, IndexWriter, WriteError},
};
use booster_definitions::{Component, FileKind};
use std::{collections::BTreeMap, path::Path};

/// Hash lists, ready to look up.
#[derive(Debug, Default)]
pub(super) struct IndexedHashes {
    pub index: Option<HashIndex>,
    /// Length of the index in bytes.
    pub size: Option<u64>,
    pub per_component: BTreeMap<Component, u64>,
    pub statistics: IndexStatistics,
}

pub(super) fn index_hashes(
    files: &[SourceFile],
    generation: &Path,
    path: &Path,
) -> Result<IndexedHashes, BuildError> {
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
        let known_good = *kind == FileKind::KnownGood;
        let file = HashFile { component: *component, path: name.to_string(), known_good };
        let hashes = writer.add(file, on_disk).map_err(failed(on_disk))?;
        *per_component.entry(*component).or_default() += hashes;
    }
    let statistics = writer.finish().map_err(failed(path))?;
    let index = HashIndex::open(path, generation)
        .map_err(|error| BuildError::Unusable { reason: error.to_string() })?;
    let size = Some(index.size());
    Ok(IndexedHashes { index: Some(index), size, per_component, statistics })
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
