//! `booster quickstart`: the main job from end to end, in a fresh folder.
//!
//! It runs the commands that anyone would run, as this program's own child processes, and shows each
//! before its output. Only the server is part of this process, so that it cannot be left behind.

mod tour;

use crate::{
    context::Context,
    exit::{CommandResult, Exit, Usage},
    runtime,
};
use clap::Args;
use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tour::{Stop, Tour};

/// See all of it work in a few seconds: publish, serve, update, detect
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  booster quickstart
  booster quickstart --dir /tmp/trial

It makes keys, signs and publishes a small set of harmless test patterns, serves it on this machine,
updates from it, detects a test file, publishes a second release and updates again. It needs no
network and no special rights, writes to its own folder only, and shows every command that it runs.")]
pub struct QuickstartArgs {
    /// The folder to use; it must be empty or not exist [default: booster-quickstart]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// The folder's name when none is given.
const FOLDER: &str = "booster-quickstart";

/// Runs it all.
pub fn run(args: &QuickstartArgs, context: &Context) -> CommandResult {
    let folder = fresh_folder(args.dir.as_deref())?;
    runtime::run(|cancel| quickstart(folder, context, cancel))?
}

/// A folder with nothing in it.
fn fresh_folder(named: Option<&Path>) -> Result<PathBuf, Box<dyn Error>> {
    let folder = match named {
        Some(folder) => folder.to_owned(),
        None => free_name(Path::new(FOLDER)),
    };
    fs::create_dir_all(&folder)
        .map_err(|error| format!("the folder {} cannot be made: {error}", folder.display()))?;
    if fs::read_dir(&folder)?.next().is_some() {
        let message = format!("the folder {} is not empty: name another with --dir", folder.display());
        return Err(Usage(message).into());
    }
    Ok(fs::canonicalize(folder)?)
}

/// The name itself, or with the first free number.
fn free_name(name: &Path) -> PathBuf {
    let numbered = (2..).map(|n| PathBuf::from(format!("{}-{n}", name.display())));
    std::iter::once(name.to_owned()).chain(numbered).find(|path| !path.exists()).unwrap_or_default()
}

async fn quickstart(folder: PathBuf, context: &Context, cancel: CancellationToken) -> CommandResult {
    let started = Instant::now();
    let mut tour = Tour::new(folder, Arc::clone(&context.output), cancel);
    match tour.walk().await {
        Ok(()) => {
            tour.farewell(started.elapsed());
            Ok(Exit::Success)
        }
        Err(Stop::Cancelled) => {
            context
                .output
                .message(format!("\nCancelled. What there is so far is in {}", tour.folder.display()));
            Ok(Exit::Cancelled)
        }
        Err(Stop::Wrong(reason)) => {
            Err(format!("{reason}; everything up to here is in {}", tour.folder.display()).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_taken_gets_a_number() {
        let dir = tempfile::tempdir().unwrap();
        let name = dir.path().join("q");
        assert_eq!(free_name(&name), name);
        fs::create_dir(&name).unwrap();
        assert_eq!(free_name(&name), dir.path().join("q-2"));
    }

    #[test]
    fn a_folder_with_something_in_it_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(fresh_folder(Some(dir.path())).is_ok());
        fs::write(dir.path().join("x"), "").unwrap();
        let error = fresh_folder(Some(dir.path())).unwrap_err();
        assert_eq!(Exit::of(&*error), Exit::Usage);
    }
}
