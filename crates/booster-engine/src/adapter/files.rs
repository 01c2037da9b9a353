//! An engine's folder: which files of the definitions it gets, and how they come there.
//!
//! The engine may read its folder at any time, and others may keep files there. So every new file is first
//! written beside the old ones under a name that engines do not read, and flushed; then all take their places in
//! one row of renames, which takes microseconds for each file; then what is no longer part of the set goes. A
//! confirmation, where the engine has one, comes last of all, under a name that was never there: an engine that
//! has it in its list of the folder has made that list when all of the set was there, and no file of it is read
//! before the list is made. Only names that [`is_ours`] are ever touched.

use booster_definitions::{Component, DefinitionPath, FileKind};
use booster_durable::leftover;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

/// What the names of all files begin with that are placed in an engine's folder.
const PREFIX: &str = "booster-";
/// What follows in the name of a file that confirms a set.
const CONFIRMATION: &str = "confirmation-";

/// The files of one set of definitions that an engine reads, by the name that each has in its folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FileSet {
    files: BTreeMap<String, PathBuf>,
}

/// A file that is placed after all others, by which an engine shows that it has loaded them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Confirmation {
    /// Never the same twice.
    pub(super) id: String,
    pub(super) ending: &'static str,
    pub(super) bytes: Vec<u8>,
}

impl Confirmation {
    pub(super) fn name(&self) -> String {
        format!("{PREFIX}{CONFIRMATION}{}.{}", self.id, self.ending)
    }
}

impl FileSet {
    /// Finds the files of some components with one of these endings in a folder that has a folder for each
    /// component. Self-tests are for the built-in engine alone.
    pub(super) fn collect(root: &Path, components: &[Component], endings: &[String]) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        for component in components {
            let folder = root.join(component.as_str());
            if !folder.exists() {
                continue;
            }
            for entry in walkdir::WalkDir::new(&folder).min_depth(1) {
                let entry = entry?;
                let Some(path) = relative(entry.path(), &folder).filter(|_| entry.file_type().is_file())
                else {
                    continue;
                };
                if is_read(&path, endings) {
                    files.insert(placed_name(*component, &path), entry.into_path());
                }
            }
        }
        Ok(Self { files })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Where the files are now.
    pub(super) fn sources(&self) -> impl Iterator<Item = &Path> {
        self.files.values().map(PathBuf::as_path)
    }

    /// Whether the folder holds just these files of ours, by their names and sizes, beside a confirmation.
    pub(super) fn lie_in(&self, folder: &Path) -> io::Result<bool> {
        let placed = ours(folder)?;
        let expected = |name: &String| self.files.contains_key(name) || is_confirmation(name);
        if !placed.iter().all(expected) {
            return Ok(false);
        }
        for (name, from) in &self.files {
            match fs::symlink_metadata(folder.join(name)) {
                Ok(there) if there.is_file() && there.len() == fs::metadata(from)?.len() => {}
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Makes the folder hold just these files of ours, and the confirmation.
    pub(super) fn place(&self, folder: &Path, confirmation: Option<&Confirmation>) -> io::Result<()> {
        remove_leftovers(folder)?;
        let placed = self.write_beside(folder, confirmation).and_then(|written| {
            // The bytes first: what has a name that engines read is whole, whatever happens.
            booster_durable::flush_tree(folder)?;
            for name in written {
                rename_new(folder, &name)?;
            }
            for name in ours(folder)? {
                if !self.files.contains_key(&name) {
                    fs::remove_file(folder.join(name))?;
                }
            }
            booster_durable::flush_folder(folder)?;
            let Some(confirmation) = confirmation else { return Ok(()) };
            rename_new(folder, &confirmation.name())?;
            booster_durable::flush_folder(folder)
        });
        placed.inspect_err(|_| {
            // The error that counts is the first one; what is left goes with the next placing.
            _ = remove_leftovers(folder);
        })
    }

    /// Writes what differs from the files in the folder beside them, and says what that is.
    fn write_beside(&self, folder: &Path, confirmation: Option<&Confirmation>) -> io::Result<Vec<String>> {
        let mut written = Vec::new();
        for (name, from) in &self.files {
            let target = folder.join(name);
            if !same_content(from, &target)? {
                io::copy(&mut File::open(from)?, &mut new_file(&leftover(&target))?)?;
                written.push(name.clone());
            }
        }
        if let Some(confirmation) = confirmation {
            new_file(&leftover(&folder.join(confirmation.name())))?.write_all(&confirmation.bytes)?;
        }
        Ok(written)
    }

    /// Puts the files under the names that they would have into a folder of our own, as links where they can
    /// be.
    pub(super) fn link_into(&self, folder: &Path) -> io::Result<()> {
        for (name, from) in &self.files {
            let target = folder.join(name);
            fs::hard_link(from, &target).or_else(|_| fs::copy(from, &target).map(drop))?;
        }
        Ok(())
    }
}

/// A path below a folder as releases write it; nothing for one that no release can hold.
fn relative(path: &Path, folder: &Path) -> Option<DefinitionPath> {
    let parts = path.strip_prefix(folder).ok()?.iter().map(|part| part.to_str());
    parts.collect::<Option<Vec<_>>>()?.join("/").parse().ok()
}

fn is_read(path: &DefinitionPath, endings: &[String]) -> bool {
    if matches!(FileKind::of(path), FileKind::SelfTest(_)) {
        return false;
    }
    let ending = Path::new(path.as_str()).extension().unwrap_or_default().to_ascii_lowercase();
    endings.is_empty() || endings.iter().any(|wanted| ending == wanted.as_str())
}

/// The name of a file in an engine's folder, which is flat. No two files of a set get the same.
fn placed_name(component: Component, path: &DefinitionPath) -> String {
    let flat = path.as_str().replace('%', "%25").replace('/', "%2F");
    format!("{PREFIX}{component}-{flat}")
}

/// Whether a name in an engine's folder is one that is given here.
pub(super) fn is_ours(name: &str) -> bool {
    let after_component = |rest: &str| {
        Component::ALL
            .iter()
            .any(|component| rest.strip_prefix(component.as_str()).is_some_and(|rest| rest.starts_with('-')))
    };
    name.strip_prefix(PREFIX).is_some_and(after_component) || is_confirmation(name)
}

fn is_confirmation(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|rest| rest.starts_with(CONFIRMATION))
}

/// Our files in an engine's folder, without those that are only being written.
fn ours(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = names(folder)?;
    names.retain(|name| !name.ends_with(booster_durable::LEFTOVER_ENDING));
    Ok(names)
}

/// Removes what a placing that did not come to its end has written beside.
fn remove_leftovers(folder: &Path) -> io::Result<()> {
    for name in names(folder)?.iter().filter(|name| name.ends_with(booster_durable::LEFTOVER_ENDING)) {
        fs::remove_file(folder.join(name))?;
    }
    Ok(())
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.file_name().to_str().filter(|name| is_ours(name)).map(str::to_owned));
    }
    Ok(names)
}

/// A new file that engines of other users may read. It follows no link, whoever put one there.
fn new_file(path: &Path) -> io::Result<File> {
    let file = File::create_new(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(fs::Permissions::from_mode(0o644))?;
    }
    Ok(file)
}

fn rename_new(folder: &Path, name: &str) -> io::Result<()> {
    let target = folder.join(name);
    fs::rename(leftover(&target), target)
}

/// Whether there is a file with the same bytes.
fn same_content(one: &Path, other: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(other) {
        Ok(there) if there.is_file() && there.len() == fs::metadata(one)?.len() => {}
        Ok(_) => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    }
    let (mut one, mut other) = (File::open(one)?, File::open(other)?);
    let (mut left, mut right) = (Vec::new(), Vec::new());
    loop {
        let read = (&mut one).take(64 << 10).read_to_end(&mut left)?;
        (&mut other).take(64 << 10).read_to_end(&mut right)?;
        if left != right || read == 0 {
            return Ok(left == right);
        }
        left.clear();
        right.clear();
    }
}

#[cfg(test)]
mod tests;
