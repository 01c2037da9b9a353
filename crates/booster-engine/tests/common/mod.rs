//! Small sets of definitions for tests. Nothing here, nor in the compiled tests, is a pattern that a scanner flags.
#![allow(dead_code, reason = "each test file uses its share")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "test code outside test functions")]

use booster_definitions::{Component, Version};
use booster_engine::{BuildOptions, BuildReport, BuildRequest, OnInvalid, ScanLimits, Scanner, build};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The EICAR test file, kept with every byte's lowest bit turned over and turned back when a test runs.
pub fn eicar() -> Vec<u8> {
    let kept = b"Y4N Q$A@QZ5]Q[Y45)Q_(6BB(6|%DHB@S,RU@OE@SE,@OUHWHSTR,UDRU,GHMD %I*I+";
    kept.iter().map(|byte| byte ^ 1).collect()
}

/// A YARA rule that finds a text.
pub fn rule(name: &str, text: &str) -> String {
    format!("rule {name} {{ strings: $a = \"{text}\" condition: $a }}\n")
}

/// The version that a component has in these tests.
pub fn version(component: Component) -> Version {
    Version([1, 2, 3, component as u16])
}

/// A folder with definitions and an image.
pub struct Generation {
    pub folder: tempfile::TempDir,
}

impl Generation {
    pub fn new(files: &[(&str, &str)]) -> Self {
        let generation = Self { folder: tempfile::tempdir().unwrap() };
        for (path, content) in files {
            generation.put(path, content.as_bytes());
        }
        generation
    }

    pub fn put(&self, path: &str, content: &[u8]) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Asks for every component that has a folder.
    pub fn request(&self) -> BuildRequest {
        let there = |component: &Component| self.path(component.as_str()).is_dir();
        let components: BTreeMap<_, _> =
            Component::ALL.into_iter().filter(there).map(|c| (c, version(c))).collect();
        BuildRequest { generation: self.folder.path().to_owned(), components, image: self.path("image") }
    }

    pub fn build(&self) -> Result<BuildReport, booster_engine::BuildError> {
        build(&self.request(), &BuildOptions::default())
    }

    pub fn build_leaving_out(&self) -> Result<BuildReport, booster_engine::BuildError> {
        build(&self.request(), &BuildOptions { on_invalid: OnInvalid::LeaveOut, ..BuildOptions::default() })
    }

    pub fn scanner(&self) -> Scanner {
        Scanner::open(&self.path("image"), self.folder.path(), ScanLimits::default()).unwrap()
    }
}

/// The real rule sets, where they have been fetched: the folder of their archive.
pub fn test_data() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder =
        std::env::var_os("BOOSTER_TEST_DATA").map_or_else(|| workspace.join("../shared/data"), PathBuf::from);
    let found = folder.join("signature-base-history.tar.zst").is_file();
    if !found {
        println!("skipped: no test data in {}", folder.display());
    }
    found.then_some(folder)
}
