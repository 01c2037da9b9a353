//! How many files this process may have open: each caller takes one, and updates need some even where callers come
//! in floods.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// What is kept for everything but callers, or half of all where that is less.
const RESERVE: usize = 128;

/// Raises the limit as far as this process may: what it is then.
pub(crate) fn raise() -> usize {
    let (soft, hard) = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok(limits) => limits,
        Err(error) => {
            tracing::warn!(%error, "the system does not say how many files may be open");
            return usize::MAX;
        }
    };
    let raised = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    let limit = match raised {
        Ok(()) => hard,
        Err(error) => {
            tracing::warn!(%error, soft, hard, "the limit of open files cannot be raised");
            soft
        }
    };
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// How many callers may be connected under a limit.
pub(crate) fn connections(wanted: usize, limit: usize) -> usize {
    wanted.min(limit - RESERVE.min(limit / 2))
}

/// Says so where fewer callers may be connected than the settings want.
pub(crate) fn warn_of_bound(wanted: usize, limit: usize) {
    let bound = connections(wanted, limit);
    if bound < wanted {
        tracing::warn!(
            max_connections = wanted,
            open_files = limit,
            "only {bound} callers may be connected at once: raise the limit of open files (LimitNOFILE= of the unit)"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_leave_some_of_the_open_files_for_updates() {
        for (wanted, limit, expected) in
            [(2048, 16384, 2048), (2048, 1024, 896), (2048, 64, 32), (20, 64, 20), (2048, usize::MAX, 2048)]
        {
            assert_eq!(connections(wanted, limit), expected, "{wanted} under {limit}");
        }
    }
}
