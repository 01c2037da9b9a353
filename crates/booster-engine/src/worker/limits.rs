//! Limits that a process puts on itself and cannot take back.

use super::WorkerLimits;
use rustix::{
    io,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

/// Between the signal that ends a process for its use of time and the one that nothing survives.
const GRACE_SECONDS: u64 = 5;

/// Puts the limits on this process.
pub(super) fn apply(limits: &WorkerLimits) -> io::Result<()> {
    // Whole seconds, at least one: zero would kill at once.
    let cpu = limits.cpu_time.as_secs().max(1);
    for (resource, limit) in [
        (Resource::As, limits.memory_bytes),
        (Resource::Data, limits.memory_bytes),
        (Resource::Cpu, cpu),
        (Resource::Nofile, limits.open_files),
        (Resource::Fsize, limits.file_bytes),
        // A dump would hold the definitions and fill the disk.
        (Resource::Core, 0),
    ] {
        // A limit that stands already is only made stricter: raising one needs privileges.
        let within =
            |limit: u64| Some(getrlimit(resource).maximum.map_or(limit, |maximum| maximum.min(limit)));
        // At the limit of time a signal of its own tells why; the maximum would kill without a word.
        let maximum = if resource == Resource::Cpu { limit + GRACE_SECONDS } else { limit };
        setrlimit(resource, Rlimit { current: within(limit), maximum: within(maximum) })?;
    }
    Ok(())
}
