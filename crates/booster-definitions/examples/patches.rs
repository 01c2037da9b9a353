//! Measures patches over the versions of a set of definitions: what a machine that takes every
//! step downloads, and what one that jumps over all of them does.
//!
//! `cargo run --release --example patches -- DIR`, where DIR has a folder for each version whose
//! names are in order.
#![allow(clippy::print_stdout)]

use booster_definitions::{
    archive::{FileSet, Limits},
    patch::{Effort, apply, make},
};
use std::{
    error::Error,
    io::Read as _,
    path::{Path, PathBuf},
    time::Instant,
};

fn archive(folder: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut archive = Vec::new();
    FileSet::from_dir(folder, Limits::default())?.write(&mut archive)?;
    Ok(archive)
}

/// Makes and applies a patch, and says its size.
fn measure(name: &str, base: &[u8], new: &[u8], effort: Effort) -> Result<usize, Box<dyn Error>> {
    let begun = Instant::now();
    let patch = make(base, new, effort)?.ok_or("too much is new")?;
    let made = begun.elapsed();
    let begun = Instant::now();
    let mut result = Vec::with_capacity(new.len());
    apply(base, &patch, new.len() as u64)?.read_to_end(&mut result)?;
    let applied = begun.elapsed();
    if result != new {
        return Err(format!("{name}: the patch gives another archive").into());
    }
    println!("{name} {} bytes, made in {made:.2?}, applied in {applied:.2?}", patch.len());
    Ok(patch.len())
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args_os().nth(1).ok_or("the folder of the versions is missing")?;
    let entries = std::fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path()));
    let mut versions = entries.collect::<Result<Vec<PathBuf>, _>>()?;
    versions.sort();
    let archives = versions.iter().map(|version| archive(version)).collect::<Result<Vec<_>, _>>()?;
    for effort in [Effort::Thorough, Effort::Quick] {
        let mut sum = 0;
        for (n, pair) in archives.windows(2).enumerate() {
            sum += measure(&format!("{effort:?} step {}", n + 1), &pair[0], &pair[1], effort)?;
        }
        println!("{effort:?} steps together: {sum} bytes");
        if let [first, .., last] = archives.as_slice() {
            measure(&format!("{effort:?} jump over all"), first, last, effort)?;
        }
    }
    Ok(())
}
