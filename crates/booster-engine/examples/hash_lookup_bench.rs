//! Measures the hash index beside what a program would use instead: a `HashMap` on the heap and a
//! binary search in a sorted list. All figures are processor time of the same run, so that other work
//! on the machine does not count; one that is over its limit fails the run.
//!
//! `cargo run --release -p booster-engine --example hash_lookup_bench [HASHES]`
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use booster_definitions::{Component, Digest};
use booster_engine::hash::{Algorithm, HashFile, HashIndex, IndexWriter};
use std::{
    collections::HashMap, error::Error, fmt::Write as _, hint::black_box, process::ExitCode, time::Duration,
};

/// What a lookup may take.
const LOOKUP_LIMIT: Duration = Duration::from_micros(1);
/// What a million lines may take to become an index.
const BUILD_LIMIT_PER_MILLION: Duration = Duration::from_millis(500);
const LOOKUPS: usize = 1_000_000;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let hashes: u32 = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse())?;
    let digest = |number: u32| *Digest::of(&number.to_le_bytes()).as_bytes();
    let digests: Vec<[u8; 32]> = (0..hashes).map(digest).collect();
    let mut text = String::new();
    for (number, digest) in digests.iter().enumerate() {
        writeln!(text, "{}:{}:Test.Sample-{number}", Digest::from(*digest), number % 100_000)?;
    }
    let folder = std::env::temp_dir().join(format!("hash-lookup-bench-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("antivirus"))?;
    let (path, list) = (folder.join("hashes.idx"), folder.join("antivirus/bench.hsb"));
    std::fs::write(&list, &text)?;
    let build = time(|| -> Result<(), Box<dyn Error>> {
        let mut writer = IndexWriter::create(&path)?;
        let file =
            HashFile { component: Component::Antivirus, path: "bench.hsb".to_owned(), known_good: false };
        writer.add(file, &list)?;
        writer.finish()?;
        Ok(())
    })?;
    let size = std::fs::metadata(&path)?.len();
    println!("{hashes} SHA-256 lines, {} MiB of text, {} MiB of index", text.len() >> 20, size >> 20);
    drop(text);

    // Every other lookup is of a hash that is not listed.
    let order: Vec<[u8; 32]> =
        (0..LOOKUPS as u32).map(|n| digest(n.wrapping_mul(0x9e37_79b1) % (2 * hashes))).collect();
    let before = processor_time();
    let index = HashIndex::open(&path, &folder)?;
    let opened = processor_time() - before;
    let find = |digest: &[u8; 32]| index.lookup(Algorithm::Sha256, digest, number_of(digest)).count();
    let first = each(&order[..1000], find);
    let ours = each(&order, find);

    let mut sorted = digests.clone();
    sorted.sort_unstable();
    let search = each(&order, |digest| usize::from(sorted.binary_search(digest).is_ok()));
    let map: HashMap<[u8; 32], u32> = digests.iter().copied().zip(0..).collect();
    let hashed = each(&order, |digest| usize::from(map.contains_key(digest)));
    drop(index);
    std::fs::remove_dir_all(&folder)?;

    println!("build                        {build:>12.2?}");
    println!("open                         {opened:>12.2?}");
    println!("lookup, first 1000           {first:>12.2?}  each, pages not mapped yet");
    println!("lookup                       {ours:>12.2?}  each");
    println!("  binary search on the heap  {search:>12.2?}  each");
    println!("  HashMap on the heap        {hashed:>12.2?}  each");
    let build_limit = BUILD_LIMIT_PER_MILLION.mul_f64((f64::from(hashes) / 1e6).max(1.0));
    let checks = [("lookup", ours, LOOKUP_LIMIT), ("build", build, build_limit)];
    let mut good = true;
    for (what, took, limit) in checks {
        let within = took <= limit;
        println!(
            "{what}: {took:.2?} of {limit:.2?}: {}",
            if within { "within the limit" } else { "OVER THE LIMIT" }
        );
        good &= within;
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A size that the index knows or not, cheap to tell from the digest: the lookup costs the same.
fn number_of(digest: &[u8; 32]) -> u64 {
    u64::from(digest[0])
}

/// What this process has used of the processor.
fn processor_time() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(spent.tv_sec.cast_unsigned(), spent.tv_nsec as u32)
}

fn time<E>(work: impl FnOnce() -> Result<(), E>) -> Result<Duration, E> {
    let before = processor_time();
    work()?;
    Ok(processor_time() - before)
}

/// Mean time of a lookup.
fn each(order: &[[u8; 32]], find: impl Fn(&[u8; 32]) -> usize) -> Duration {
    let before = processor_time();
    black_box(order.iter().map(&find).sum::<usize>());
    (processor_time() - before) / order.len() as u32
}
