//! The library as cargo has built it beside this test, arranged as an installation is.

use std::{
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// A folder with the library under the names by which linkers and loaders look for it.
pub struct Library {
    folder: TempDir,
}

impl Library {
    pub fn new() -> Self {
        let built = built();
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str, file: &Path| symlink(file, folder.path().join(name)).unwrap();
        place("libmpclient.so.1", &built.join("libmpclient.so"));
        place("libmpclient.so", Path::new("libmpclient.so.1"));
        // The static one is in a folder of its own: a linker that finds both takes the shared one.
        let folder_of_static = folder.path().join("static");
        std::fs::create_dir(&folder_of_static).unwrap();
        symlink(built.join("libmpclient.a"), folder_of_static.join("libmpclient.a")).unwrap();
        Self { folder }
    }

    /// The folder with the shared library.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The shared library, by the name that programs load.
    pub fn shared(&self) -> PathBuf {
        self.folder().join("libmpclient.so.1")
    }

    /// The static library.
    pub fn archive(&self) -> PathBuf {
        self.folder().join("static/libmpclient.a")
    }

    /// The folder with the headers.
    pub fn include() -> &'static str {
        concat!(env!("CARGO_MANIFEST_DIR"), "/include")
    }
}

/// Cargo links this test with the library and leaves the other forms of it in the same folder.
fn built() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().unwrap();
    for name in ["libmpclient.so", "libmpclient.a"] {
        assert!(folder.join(name).exists(), "{name} is not in {}", folder.display());
    }
    folder.to_owned()
}
