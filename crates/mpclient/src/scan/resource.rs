//! What is to be scanned: files and folders, by their paths.

use crate::{Error, Hresult, error::Result};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

/// The scheme of files.
pub const FILE: &str = "file";
/// The scheme of folders. Both are taken for both: what stands at the path decides.
const FOLDER: &str = "dir";

/// The path that an `MPRESOURCE_INFO` names.
///
/// # Errors
/// `ERROR_MP_NOT_SUPPORTED` for a scheme that is neither empty nor that of files or folders,
/// `E_INVALIDARG` for an empty path.
pub fn path_of(scheme: &str, path: &str) -> Result<PathBuf> {
    if !["", FILE, FOLDER].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        let message = format!("resources of the scheme {scheme:?} cannot be scanned");
        return Err(Error::new(Hresult::ERROR_MP_NOT_SUPPORTED, message));
    }
    if path.is_empty() {
        return Err(Error::new(Hresult::E_INVALIDARG, "a resource has no path"));
    }
    Ok(PathBuf::from(path))
}

/// The absolute paths of what is to be scanned, each of which can be read.
///
/// # Errors
/// `E_INVALIDARG` where there are none, `ERROR_MP_NOT_SUPPORTED` for what is neither a file nor a folder,
/// and why one cannot be read.
pub(super) fn readable(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    if paths.is_empty() {
        return Err(Error::new(Hresult::E_INVALIDARG, "nothing is to be scanned"));
    }
    paths.iter().map(|path| check(path).map(|()| std::path::absolute(path))?.map_err(Into::into)).collect()
}

/// A scan of what cannot be read would find nothing, and that would be taken for good news.
fn check(path: &Path) -> Result<()> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_dir() {
        fs::read_dir(path)?;
    } else if kind.is_file() {
        File::open(path)?;
    } else {
        let message = format!("{} is neither a file nor a folder", path.display());
        return Err(Error::new(Hresult::ERROR_MP_NOT_SUPPORTED, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_folders_are_named_with_a_scheme_or_without() {
        for scheme in ["", "file", "FILE", "dir", "Dir"] {
            assert_eq!(path_of(scheme, "a b").unwrap(), Path::new("a b"), "{scheme}");
        }
        for scheme in ["regkey", "process", "file ", "files", "http"] {
            assert_eq!(path_of(scheme, "a").unwrap_err().code, Hresult::ERROR_MP_NOT_SUPPORTED, "{scheme}");
        }
        assert_eq!(path_of("file", "").unwrap_err().code, Hresult::E_INVALIDARG);
    }

    #[test]
    fn what_is_not_there_is_refused_and_what_is_there_is_made_absolute() {
        let code = |path: &str| readable(&[PathBuf::from(path)]).unwrap_err().code;
        assert_eq!(code("/nowhere/at/all"), Hresult::ERROR_FILE_NOT_FOUND);
        assert_eq!(code("Cargo.toml/inside"), Hresult::ERROR_PATH_NOT_FOUND);
        assert_eq!(readable(&[]).unwrap_err().code, Hresult::E_INVALIDARG);
        let paths = readable(&["Cargo.toml".into(), "src".into()]).unwrap();
        assert!(paths.iter().all(|path| path.is_absolute()) && paths.len() == 2);
    }

    #[test]
    #[cfg(unix)]
    fn a_device_is_no_file() {
        let error = readable(&[PathBuf::from("/dev/null")]).unwrap_err();
        assert_eq!(error.code, Hresult::ERROR_MP_NOT_SUPPORTED);
    }
}
