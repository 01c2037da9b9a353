//! The definition files of a generation.

use crate::BuildError;
use booster_definitions::{Component, DefinitionPath, FileKind, UnsafePath};
use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

/// One file of a generation.
#[derive(Debug)]
pub(super) struct SourceFile {
    pub component: Component,
    /// Inside the release.
    pub path: DefinitionPath,
    /// On this machine.
    pub on_disk: PathBuf,
    pub kind: FileKind,
}

/// Lists a component's files in the order of their paths.
pub(super) fn list_files(
    generation: &Path,
    component: Component,
    files: &mut Vec<SourceFile>,
) -> Result<(), BuildError> {
    let root = generation.join(component.as_str());
    for entry in walkdir::WalkDir::new(&root).sort_by_file_name() {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(&root).to_owned();
            BuildError::io("list", &path)(error.into())
        })?;
        if entry.file_type().is_dir() {
            continue;
        }
        let unsafe_file = |reason: String| BuildError::UnsafeFile { path: entry.path().to_owned(), reason };
        if !entry.file_type().is_file() {
            return Err(unsafe_file("not a plain file".to_owned()));
        }
        let parts: Option<Vec<&str>> = entry
            .path()
            .strip_prefix(&root)
            .ok()
            .map(|path| path.iter().filter_map(|part| part.to_str()).collect());
        let path: DefinitionPath = parts
            .unwrap_or_default()
            .join("/")
            .parse()
            .map_err(|error: UnsafePath| unsafe_file(error.to_string()))?;
        let kind = FileKind::of(&path);
        files.push(SourceFile { component, path, on_disk: entry.into_path(), kind });
    }
    Ok(())
}

/// Reads a whole file that may hold at most so many bytes.
pub(super) fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, BuildError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(BuildError::io("open", path))?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(BuildError::io("read", path))?;
    if bytes.len() as u64 > limit {
        return Err(BuildError::TooMuch { what: format!("bytes in {}", path.display()), limit });
    }
    Ok(bytes)
}
