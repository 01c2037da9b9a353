//! The rules of an image: loaded in parts at first, compiled to one set once that pays.
//!
//! Parts load three times faster than their sources compile, but every part passes over the content
//! once: on large files, six parts took 44 % longer than one set (`docs/decisions`). So a scan rents
//! and then buys: when the time lost to parts has reached the time that compiling takes, the set is
//! compiled, and no scan costs more than twice what it had to.

use crate::{
    image::{Image, ImageError, ImageFile, RuleFile, part_name},
    rules::{Engine, PartedRules, RuleInput, RuleSet, on_compiling_stack},
};
use booster_definitions::Digest;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// Bytes scanned in parts before the set is compiled. Six parts lost 4 ms a MiB against one set, and
/// compiling took 0.6 s.
const WHOLE_AFTER: u64 = 128 << 20;

/// The rules that scans use.
#[derive(Debug)]
pub(super) struct RulesInUse {
    rules: Box<dyn RuleSet>,
    /// How to make one set of the parts, where there are parts.
    sources: Option<Sources>,
    whole: OnceLock<Box<dyn RuleSet>>,
    scanned: AtomicU64,
}

/// What the image was built of.
struct Sources {
    engine: &'static dyn Engine,
    files: Vec<RuleFile>,
    generation: PathBuf,
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources").field("generation", &self.generation).finish_non_exhaustive()
    }
}

impl RulesInUse {
    /// Rules that stay as they are.
    pub fn fixed(rules: Box<dyn RuleSet>) -> Self {
        Self { rules, sources: None, whole: OnceLock::new(), scanned: AtomicU64::new(0) }
    }

    /// The rules of an image: loaded where this engine can, else compiled.
    pub fn open(
        engine: &'static dyn Engine,
        manifest: &Image,
        image: &Path,
        generation: &Path,
        threads: Threads,
    ) -> Result<Self, ImageError> {
        let sources = Sources { engine, files: manifest.rules.clone(), generation: generation.to_owned() };
        let usable = manifest.compiled.as_deref().filter(|_| manifest.rule_engine == engine.key());
        match usable.and_then(|parts| threads.load_parts(engine, parts, image)) {
            Some(parts) if parts.len() <= 1 => Ok(Self::fixed(Box::new(PartedRules(parts)))),
            Some(parts) => Ok(Self { sources: Some(sources), ..Self::fixed(Box::new(PartedRules(parts))) }),
            None => Ok(Self::fixed(sources.compile()?)),
        }
    }

    /// The rules for content of this length.
    pub fn for_content(&self, length: u64) -> &dyn RuleSet {
        let Some(sources) = &self.sources else { return self.rules.as_ref() };
        if let Some(whole) = self.whole.get() {
            return whole.as_ref();
        }
        let before = self.scanned.fetch_add(length, Relaxed);
        // One thread passes the mark and compiles; the others go on with the parts.
        if before < WHOLE_AFTER && before + length >= WHOLE_AFTER {
            match sources.compile() {
                Ok(whole) => return self.whole.get_or_init(|| whole).as_ref(),
                Err(error) => tracing::warn!(%error, "scanning goes on with the rules in parts"),
            }
        }
        self.rules.as_ref()
    }
}

/// On which threads parts are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Threads {
    /// One for each part.
    Many,
    /// The calling one.
    This,
}

impl Threads {
    /// Loads every part; `None` if one cannot be used.
    fn load_parts(
        self,
        engine: &dyn Engine,
        parts: &[ImageFile],
        image: &Path,
    ) -> Option<Vec<Box<dyn RuleSet>>> {
        let load =
            |part: usize, expected: ImageFile| load_part(engine, &image.join(part_name(part)), expected);
        if self == Self::This {
            return parts.iter().enumerate().map(|(part, expected)| load(part, *expected)).collect();
        }
        std::thread::scope(|scope| {
            let start = |(part, expected): (usize, &ImageFile)| {
                let expected = *expected;
                let thread = std::thread::Builder::new().spawn_scoped(scope, move || load(part, expected));
                thread.map_err(|_| (part, expected))
            };
            let threads: Vec<_> = parts.iter().enumerate().map(start).collect();
            let loaded = threads.into_iter().map(|thread| match thread {
                Ok(thread) => thread.join().ok().flatten(),
                // A process that may have no more threads, or no memory for them, does it by itself.
                Err((part, expected)) => load(part, expected),
            });
            loaded.collect()
        })
    }
}

fn load_part(engine: &dyn Engine, path: &Path, expected: ImageFile) -> Option<Box<dyn RuleSet>> {
    let unusable = |reason: String| {
        tracing::warn!(path = %path.display(), reason, "the compiled rules cannot be used; compiling them again");
    };
    let bytes = fs::read(path).map_err(|error| unusable(error.to_string())).ok()?;
    if ImageFile::of_bytes(&bytes) != expected {
        unusable("the file has changed since it was built".to_owned());
        return None;
    }
    engine.load(&bytes).map_err(|error| unusable(error.to_string())).ok()
}

impl Sources {
    /// Compiles all to one set. What the build left out is left out again.
    fn compile(&self) -> Result<Box<dyn RuleSet>, ImageError> {
        let mut texts = Vec::new();
        for file in &self.files {
            let name = format!("{}/{}", file.component, file.path);
            let bytes = fs::read(self.generation.join(&name)).map_err(ImageError::io(&name))?;
            if Digest::of(&bytes) != file.sha256 {
                return Err(ImageError::Changed(name));
            }
            texts.extend(String::from_utf8(bytes).map(|text| (file, text)));
        }
        let inputs: Vec<_> = texts
            .iter()
            .map(|(file, source)| RuleInput { component: file.component, file: &file.path, source })
            .collect();
        Ok(on_compiling_stack(&|| self.engine.compile(&inputs).set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        BuildOptions, BuildRequest, build,
        rules::{FileFacts, Yara},
    };
    use booster_definitions::{Component, Version};
    use std::{collections::BTreeMap, time::Duration};

    /// A generation with an image of three parts.
    fn generation() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let rules: String =
            (0..2500).map(|n| format!("rule R{n} {{ strings: $a = \"<{n}>\" condition: $a }}\n")).collect();
        fs::create_dir(folder.path().join("nis")).unwrap();
        fs::write(folder.path().join("nis/all.yar"), rules).unwrap();
        let request = BuildRequest {
            generation: folder.path().to_owned(),
            components: BTreeMap::from([(Component::Nis, Version([1, 0, 0, 0]))]),
            image: folder.path().join("image"),
        };
        build(&request, &BuildOptions::default()).unwrap();
        folder
    }

    fn open(generation: &Path) -> Result<RulesInUse, ImageError> {
        let image = generation.join("image");
        RulesInUse::open(&Yara, &Image::read(&image)?, &image, generation, Threads::Many)
    }

    fn finds(rules: &dyn RuleSet) -> bool {
        let found = rules.scan(b"<0> <1200> <2499>", &FileFacts::default(), Duration::from_secs(10)).unwrap();
        found.iter().map(|found| found.rule.as_str()).eq(["R0", "R1200", "R2499"])
    }

    #[test]
    fn a_large_scan_goes_on_with_one_set_that_finds_the_same() {
        let folder = generation();
        let rules = open(folder.path()).unwrap();
        assert!(rules.sources.is_some(), "the saved parts were not loaded");
        assert!(finds(rules.for_content(WHOLE_AFTER - 1)));
        assert!(rules.whole.get().is_none());
        assert!(finds(rules.for_content(1)));
        assert!(rules.whole.get().is_some());
        assert!(finds(rules.for_content(1)));
    }

    #[test]
    fn a_large_scan_goes_on_with_the_parts_when_the_sources_are_not_those() {
        let folder = generation();
        let rules = open(folder.path()).unwrap();
        fs::write(folder.path().join("nis/all.yar"), "rule Other { condition: true }").unwrap();
        assert!(finds(rules.for_content(WHOLE_AFTER)));
        assert!(rules.whole.get().is_none());
    }

    #[test]
    fn parts_that_are_missing_changed_or_of_another_engine_are_compiled_again() {
        let damage: [fn(&Path); 3] = [
            |image| fs::remove_file(image.join("rules-1.bin")).unwrap(),
            |image| {
                let mut bytes = fs::read(image.join("rules-2.bin")).unwrap();
                bytes[100] ^= 1;
                fs::write(image.join("rules-2.bin"), bytes).unwrap();
            },
            |image| {
                let manifest = fs::read_to_string(image.join("image.json")).unwrap();
                fs::write(image.join("image.json"), manifest.replace(Yara.key(), "boreal 1.3.0")).unwrap();
            },
        ];
        for damage in damage {
            let folder = generation();
            damage(&folder.path().join("image"));
            let rules = open(folder.path()).unwrap();
            assert!(rules.sources.is_none() && finds(rules.for_content(1)));
            fs::write(folder.path().join("nis/all.yar"), "rule Other { condition: true }").unwrap();
            let error = open(folder.path()).unwrap_err();
            assert!(matches!(&error, ImageError::Changed(name) if name == "nis/all.yar"), "{error}");
        }
    }
}
