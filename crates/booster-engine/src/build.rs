//! Builds an image of a generation's definitions, and proves it with the releases' self-tests.
//!
//! Rules are compiled in one thread while hash lists are indexed in another. Nothing outside the
//! image's folder is written; the caller makes the folder durable and visible.

use crate::{
    BuildError, BuildReport, RejectedRule, SelfTestFailure,
    hash::{HashIndex, IndexStatistics, IndexWriter, ListFormat, WriteError},
    image::{HASHES, Image, ImageFile, RuleFile},
    rules::{Engine, RuleInput, RuleSet, Yara},
    scan::{ScanLimits, Scanner},
};
use booster_definitions::{Component, Counts, DefinitionPath, Digest, FileKind, SelfTest, Version};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

/// Rejected rules that the report names; all are counted.
const KEPT_REJECTIONS: usize = 1000;

/// What to build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildRequest {
    /// The folder that holds a folder of unpacked definitions for each component.
    pub generation: PathBuf,
    /// The components to use, and the versions that are there.
    pub components: BTreeMap<Component, Version>,
    /// The folder that the image is written to. It is made where it is missing.
    pub image: PathBuf,
}

/// How to build.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildOptions {
    /// What becomes of rules that the engine cannot take.
    pub on_invalid: OnInvalid,
    /// How much one file may hold.
    pub limits: BuildLimits,
}

/// What becomes of a release with rules that the engine cannot take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnInvalid {
    /// The build fails and names them all.
    #[default]
    Refuse,
    /// They are left out and named in the report.
    LeaveOut,
}

/// How much one file may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildLimits {
    /// Bytes of a file of rules: it is read whole.
    pub rule_file_bytes: u64,
    /// Bytes of a self-test file: it is read whole.
    pub self_test_bytes: u64,
}

impl Default for BuildLimits {
    /// 64 MiB and 16 MiB.
    fn default() -> Self {
        Self { rule_file_bytes: 64 << 20, self_test_bytes: 16 << 20 }
    }
}

/// Compiles rules and hash lists into an image and runs the self-tests, in this process.
///
/// The image is complete when this returns `Ok`, and must be thrown away otherwise.
pub fn build(request: &BuildRequest, options: &BuildOptions) -> Result<BuildReport, BuildError> {
    build_with(&Yara, request, options)
}

fn build_with(
    engine: &dyn Engine,
    request: &BuildRequest,
    options: &BuildOptions,
) -> Result<BuildReport, BuildError> {
    fs::create_dir_all(&request.image).map_err(BuildError::io("make the folder", &request.image))?;
    let mut files = Vec::new();
    for component in request.components.keys() {
        list_files(&request.generation, *component, &mut files)?;
    }
    let (rules, hashes) = std::thread::scope(|scope| {
        let compile = || compile_rules(engine, &files, &options.limits);
        // A process that may not have a second thread builds with one.
        let rules = std::thread::Builder::new().spawn_scoped(scope, compile);
        let hashes = index_hashes(&files, &request.image.join(HASHES));
        let rules = match rules {
            Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(_) => compile(),
        };
        (rules, hashes)
    });
    let (rules, hashes) = (rules?, hashes?);
    let report = report(&files, &rules, &hashes);
    if options.on_invalid == OnInvalid::Refuse && report.rejected_total > 0 {
        return Err(BuildError::Rejected { rejected: report.rejected, total: report.rejected_total });
    }
    let mut image = Image::new(engine.key(), request.components.clone());
    image.rules = rules.files;
    image.hashes = hashes.image_file;
    let scanner = Scanner::new(rules.set, hashes.index, request.components.clone(), ScanLimits::default());
    let self_tests = run_self_tests(&scanner, &files, &options.limits)?;
    image.write(&request.image).map_err(BuildError::io("write the manifest in", &request.image))?;
    Ok(BuildReport { self_tests, ..report })
}

/// One file of a generation.
#[derive(Debug)]
struct SourceFile {
    component: Component,
    /// Inside the release.
    path: DefinitionPath,
    /// On this machine.
    on_disk: PathBuf,
    kind: FileKind,
}

/// Lists a component's files in the order of their paths.
fn list_files(
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
            .map_err(|error: booster_definitions::UnsafePath| unsafe_file(error.to_string()))?;
        let kind = FileKind::of(&path);
        files.push(SourceFile { component, path, on_disk: entry.into_path(), kind });
    }
    Ok(())
}

/// Reads a whole file that may hold at most so many bytes.
fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, BuildError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(BuildError::io("open", path))?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(BuildError::io("read", path))?;
    if bytes.len() as u64 > limit {
        return Err(BuildError::TooMuch { what: format!("bytes in {}", path.display()), limit });
    }
    Ok(bytes)
}

/// Rules, ready to scan.
struct CompiledRules {
    set: Box<dyn RuleSet>,
    files: Vec<RuleFile>,
    rejected: Vec<RejectedRule>,
}

fn compile_rules(
    engine: &dyn Engine,
    files: &[SourceFile],
    limits: &BuildLimits,
) -> Result<CompiledRules, BuildError> {
    let mut compiler = engine.compiler();
    let (mut sources, mut rejected) = (Vec::new(), Vec::new());
    for SourceFile { component, path, on_disk, kind } in files {
        if *kind != FileKind::Yara {
            continue;
        }
        let bytes = read_bounded(on_disk, limits.rule_file_bytes)?;
        sources.push(RuleFile { component: *component, path: path.to_string(), sha256: Digest::of(&bytes) });
        match str::from_utf8(&bytes) {
            Ok(source) => {
                compiler.add(RuleInput { component: *component, file: path.as_str(), source }, &mut rejected);
            }
            Err(error) => rejected.push(RejectedRule {
                component: *component,
                file: path.to_string(),
                line: bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() as u32 + 1,
                column: 0,
                rule: None,
                reason: "the file is not UTF-8".to_owned(),
            }),
        }
    }
    Ok(CompiledRules { set: compiler.finish(), files: sources, rejected })
}

/// Hash lists, ready to look up.
#[derive(Debug, Default)]
struct IndexedHashes {
    index: Option<HashIndex>,
    image_file: Option<ImageFile>,
    per_component: BTreeMap<Component, u64>,
    statistics: IndexStatistics,
}

fn index_hashes(files: &[SourceFile], path: &Path) -> Result<IndexedHashes, BuildError> {
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

fn report(files: &[SourceFile], rules: &CompiledRules, hashes: &IndexedHashes) -> BuildReport {
    let mut per_component: BTreeMap<Component, Counts> = BTreeMap::new();
    for file in files {
        per_component.entry(file.component).or_default().files += 1;
    }
    for (component, count) in rules.set.counts() {
        per_component.entry(component).or_default().rules += count;
    }
    for (component, count) in &hashes.per_component {
        per_component.entry(*component).or_default().hashes += count;
    }
    BuildReport {
        per_component,
        rejected: rules.rejected.iter().take(KEPT_REJECTIONS).cloned().collect(),
        rejected_total: rules.rejected.len() as u64,
        duplicate_hashes: hashes.statistics.duplicates,
        self_tests: 0,
    }
}

/// Scans every self-test file with the merged set and returns how many there are.
fn run_self_tests(scanner: &Scanner, files: &[SourceFile], limits: &BuildLimits) -> Result<u32, BuildError> {
    let (mut count, mut failures) = (0, Vec::new());
    for SourceFile { component, path, on_disk, kind } in files {
        let FileKind::SelfTest(test) = kind else { continue };
        count += 1;
        let content = read_bounded(on_disk, limits.self_test_bytes)?;
        if let Some(reason) = self_test_fault(scanner, *test, on_disk, &content) {
            failures.push(SelfTestFailure { component: *component, file: path.to_string(), reason });
        }
    }
    if failures.is_empty() { Ok(count) } else { Err(BuildError::SelfTest { failures }) }
}

fn self_test_fault(scanner: &Scanner, test: SelfTest, path: &Path, content: &[u8]) -> Option<String> {
    let report = match scanner.scan_content(path, content, "") {
        Ok(report) => report,
        Err(error) => return Some(error.to_string()),
    };
    match (test, report.detections.first()) {
        (SelfTest::MustDetect, None) if report.known_good => {
            Some("must be detected, but is listed as known good".into())
        }
        (SelfTest::MustDetect, None) => Some("must be detected, and is not".into()),
        (SelfTest::MustNotDetect, Some(found)) => Some(format!(
            "must not be detected, but {}/{} finds {} in it",
            found.component, found.file, found.threat
        )),
        _ => None,
    }
}
