//! Exit codes, and errors on their way to one.

use booster_publish::PublishError;
use booster_store::StoreError;
use std::error::Error;

/// What the process tells its caller. The numbers are documented and do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All went well: updated or current, clean, whole.
    Success = 0,
    /// The question was answered with "no": a threat was detected, the installed set is not whole,
    /// definitions are out of date where that was asked.
    Found = 1,
    /// It failed; the message says why.
    Failed = 2,
    /// Another operation holds the data folder.
    Busy = 3,
    /// It was cancelled, by Ctrl-C for example; nothing has changed.
    Cancelled = 4,
    /// The command line cannot be understood. The number is that of `EX_USAGE` in `sysexits.h`, so
    /// that it is no answer of any command.
    Usage = 64,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// How a command ends: with an exit code, or with an error that [`Exit::of`] finds the code for.
pub type CommandResult = Result<Exit, Box<dyn Error>>;

impl Exit {
    /// The code for an error.
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        let is_busy = |e: &(dyn Error + 'static)| {
            matches!(e.downcast_ref(), Some(StoreError::Busy { .. }))
                || matches!(e.downcast_ref(), Some(PublishError::Busy { .. }))
        };
        if causes(error).any(is_busy) {
            Self::Busy
        } else if causes(error).any(|e| e.is::<Usage>()) {
            Self::Usage
        } else {
            Self::Failed
        }
    }
}

/// A command line that is understood and makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error: &&'a (dyn Error + 'static)| error.source())
}

pub use booster_update::words as story;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);

    #[derive(Debug, thiserror::Error)]
    #[error("outer: {0}")]
    struct Repeating(#[source] io::Error);

    #[test]
    fn a_story_names_each_cause_once() {
        assert_eq!(story(&Outer(io::Error::other("inner"))), "outer: inner");
        assert_eq!(story(&Repeating(io::Error::other("inner"))), "outer: inner");
    }

    #[test]
    fn a_busy_data_folder_has_its_own_code_wherever_it_arises() {
        let busy = || StoreError::Busy { what: "update".into(), pid: 7, since: jiff::Timestamp::UNIX_EPOCH };
        assert_eq!(Exit::of(&busy()), Exit::Busy);
        assert_eq!(Exit::of(&Outer(io::Error::other(busy()))), Exit::Failed);
        assert_eq!(Exit::of(&Outer(io::Error::other("x"))), Exit::Failed);
        assert_eq!(Exit::of(&Usage("x".into())), Exit::Usage);
    }
}
