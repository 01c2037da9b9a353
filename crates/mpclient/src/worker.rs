//! Finding the engine's worker: the program that compiles and tests definitions in a process of its
//! own, see the decision on the engine's child process.
//!
//! Only folders that an installation or an administrator names are looked in; the working folder is
//! not one of them, also where `PATH` says so.

use crate::{Error, Hresult, error::Result};
use booster_config::Engine;
use std::{
    env::consts::EXE_SUFFIX,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

/// The programs that can do it, the one that can do nothing else first.
const NAMES: [&str; 2] = ["booster-engine-worker", "booster"];

/// Finds a worker, with its arguments; `library` is the file of the library that looks.
pub(crate) fn find(library: Option<PathBuf>) -> Result<(PathBuf, Vec<OsString>)> {
    let host = std::env::current_exe().ok();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = folders(library.as_deref(), host.as_deref(), &path);
    let found = candidates(&folders).find(|file| is_program(file)).map(Engine::command_of);
    found.ok_or_else(|| {
        let message = format!(
            "neither {} nor {} was found: install one beside the library, or name it with the setting engine.worker",
            NAMES[0], NAMES[1]
        );
        Error::new(Hresult::ERROR_MP_NOENGINE, message)
    })
}

/// Where to look, in order.
fn folders(library: Option<&Path>, host: Option<&Path>, path: &OsStr) -> Vec<PathBuf> {
    let beside_library = library.and_then(Path::parent);
    let libexec = beside_library.map(|folder| folder.join("../libexec/booster"));
    let beside_host = host.and_then(Path::parent);
    let in_path = std::env::split_paths(path).filter(|folder| folder.is_absolute());
    [beside_library.map(Path::to_owned), libexec, beside_host.map(Path::to_owned)]
        .into_iter()
        .flatten()
        .chain(in_path)
        .collect()
}

fn candidates(folders: &[PathBuf]) -> impl Iterator<Item = PathBuf> {
    folders.iter().flat_map(|folder| NAMES.map(|name| folder.join(format!("{name}{EXE_SUFFIX}"))))
}

#[cfg(unix)]
fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(file: &Path) -> bool {
    file.is_file()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt as _};

    #[test]
    fn places_are_looked_in_in_the_documented_order_and_the_working_folder_never() {
        let folders = folders(
            Some(Path::new("/opt/lib/libmpclient.so.1")),
            Some(Path::new("/opt/bin/host")),
            OsStr::new("/usr/bin::.:relative:/bin"),
        );
        let expected = ["/opt/lib", "/opt/lib/../libexec/booster", "/opt/bin", "/usr/bin", "/bin"];
        assert_eq!(folders, expected.map(PathBuf::from));
        assert_eq!(super::folders(None, None, OsStr::new("")), [] as [PathBuf; 0]);
        let files: Vec<_> = candidates(&folders[..1]).collect();
        assert_eq!(files, ["/opt/lib/booster-engine-worker", "/opt/lib/booster"].map(PathBuf::from));
    }

    #[test]
    fn what_cannot_be_run_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let (library, worker) = (dir.path().join("libmpclient.so"), dir.path().join(NAMES[0]));
        let command_line = dir.path().join(NAMES[1]);
        fs::write(&worker, "").unwrap();
        fs::write(&command_line, "").unwrap();
        fs::set_permissions(&worker, fs::Permissions::from_mode(0o644)).unwrap();
        fs::set_permissions(&command_line, fs::Permissions::from_mode(0o755)).unwrap();
        let (program, arguments) = find(Some(library.clone())).unwrap();
        assert_eq!((program, arguments), (command_line, vec!["engine-worker".into()]));
        fs::set_permissions(&worker, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find(Some(library)).unwrap(), (worker, vec![]));
    }
}
