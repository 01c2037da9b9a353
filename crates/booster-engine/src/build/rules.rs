//! Rules become sets, compiled and saved in parts, several at a time.

use super::{
    BuildLimits,
    files::{SourceFile, read_bounded},
};
use crate::{
    BuildError, RejectedRule,
    image::{ImageFile, RuleFile, part_name},
    rules::{COMPILING_STACK, Engine, PartedRules, RuleInput, RuleSet, in_pieces, partition},
};
use booster_definitions::{Component, Digest, FileKind};
use std::{
    fs,
    path::Path,
    sync::{Mutex, PoisonError},
};

/// Rules, ready to scan.
#[derive(Debug)]
pub(super) struct CompiledRules {
    pub set: PartedRules,
    pub sources: Vec<RuleFile>,
    /// The parts' files, if every part could be saved.
    pub saved: Option<Vec<ImageFile>>,
    pub rejected: Vec<RejectedRule>,
}

pub(super) fn compile_rules(
    engine: &dyn Engine,
    files: &[SourceFile],
    limits: &BuildLimits,
    image: &Path,
) -> Result<CompiledRules, BuildError> {
    let (mut sources, mut texts, mut rejected) = (Vec::new(), Vec::new(), Vec::new());
    for SourceFile { component, path, on_disk, .. } in files.iter().filter(|file| file.kind == FileKind::Yara)
    {
        let bytes = read_bounded(on_disk, limits.rule_file_bytes)?;
        sources.push(RuleFile { component: *component, path: path.to_string(), sha256: Digest::of(&bytes) });
        match String::from_utf8(bytes) {
            Ok(text) => {
                let pieces = in_pieces(text, engine.most_rules_saved());
                texts.extend(pieces.into_iter().map(|piece| (*component, path.as_str(), piece)));
            }
            Err(error) => rejected.push(not_utf8(*component, path.as_str(), &error)),
        }
    }
    let inputs: Vec<_> = texts
        .iter()
        .map(|(component, file, source)| RuleInput { component: *component, file, source })
        .collect();
    let mut set = Vec::new();
    let mut saved = Some(Vec::new());
    for part in compile_parts(engine, &inputs, image) {
        let part = part?;
        set.push(part.set);
        for rejection in part.rejected {
            // Every piece of a file reports a module that the engine does not have.
            if rejection.rule.is_some() || !rejected.contains(&rejection) {
                rejected.push(rejection);
            }
        }
        saved = saved.zip(part.saved).map(|(mut files, file)| {
            files.push(file);
            files
        });
    }
    Ok(CompiledRules { set: PartedRules(set), sources, saved, rejected })
}

fn not_utf8(component: Component, file: &str, error: &std::string::FromUtf8Error) -> RejectedRule {
    let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
    RejectedRule {
        component,
        file: file.to_owned(),
        line: memchr::memchr_iter(b'\n', before).count() as u32 + 1,
        column: 0,
        rule: None,
        reason: "the file is not UTF-8".to_owned(),
    }
}

/// One part, compiled, and saved where that is possible.
struct Part {
    set: Box<dyn RuleSet>,
    rejected: Vec<RejectedRule>,
    saved: Option<ImageFile>,
}

/// Compiles parts in as many threads as there are processors, and hands them out in their order.
fn compile_parts(
    engine: &dyn Engine,
    inputs: &[RuleInput<'_>],
    image: &Path,
) -> Vec<Result<Part, BuildError>> {
    let parts = partition(inputs, engine.most_rules_saved());
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(parts.len());
    let queue = Mutex::new(parts.into_iter().enumerate());
    let done = Mutex::new(Vec::new());
    let work = || {
        loop {
            let Some((number, files)) = queue.lock().unwrap_or_else(PoisonError::into_inner).next() else {
                return;
            };
            let part = compile_part(engine, &inputs[files], &image.join(part_name(number)));
            done.lock().unwrap_or_else(PoisonError::into_inner).push((number, part));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            // Where no thread can be had, this one does it all.
            _ = std::thread::Builder::new().stack_size(COMPILING_STACK).spawn_scoped(scope, work);
        }
        work();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, part)| part).collect()
}

fn compile_part(engine: &dyn Engine, inputs: &[RuleInput<'_>], path: &Path) -> Result<Part, BuildError> {
    let compiled = engine.compile(inputs);
    let rejected = compiled.rejected;
    let Some((set, bytes)) = loaded_again(engine, compiled.set.as_ref()) else {
        return Ok(Part { set: compiled.set, rejected, saved: None });
    };
    fs::write(path, &bytes).map_err(BuildError::io("write", path))?;
    Ok(Part { set, rejected, saved: Some(ImageFile::of_bytes(&bytes)) })
}

/// A set that was saved and loaded, and its bytes, provided that nothing was lost on the way: saved once more
/// it gives the same bytes. So the self-tests are run by what scanners will load.
fn loaded_again(engine: &dyn Engine, set: &dyn RuleSet) -> Option<(Box<dyn RuleSet>, Vec<u8>)> {
    let bytes = set.save()?;
    let loaded = match engine.load(&bytes) {
        Ok(loaded) => loaded,
        Err(error) => {
            tracing::warn!(%error, "rules will be compiled again by every process that scans");
            return None;
        }
    };
    (loaded.counts() == set.counts() && loaded.save().as_ref() == Some(&bytes)).then_some((loaded, bytes))
}
